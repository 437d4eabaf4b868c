"""The section of the run file that says what is published, under which name, and where."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import ConfigDict, field_validator, model_validator

from limo_curation.problem_config import StageConfig


class PublishingConfig(StageConfig):
    """A folder, and with `repo_id` also a data set repository on the Hub."""

    model_config = ConfigDict(hide_input_in_errors=True)  # in case somebody puts the token here

    title: str = "LIMO-style reasoning samples"
    license: str = "other"
    """Of the set as a whole, as the Hub names licences; "other": each row has its own."""
    allow_licenses: tuple[str, ...] = ()
    """Licences, as the sources state them, that you have the right to publish under although they forbid it."""
    unstated_licenses: Literal["list", "refuse"] = "list"
    """Rows whose source states no licence: list them in the card, or refuse to publish."""
    repo_id: str | None = None
    private: bool = True
    tag: str | None = None
    create_pr: bool = False
    """Open a pull request instead of moving `main`; the tag is set by a run after it was merged."""
    token_block: str | None = None
    """Name of the Prefect Secret block that holds the token; None: `HF_TOKEN`."""

    @field_validator("token_block")
    @classmethod
    def _token_block_is_a_name(cls, value: str | None) -> str | None:
        # a token has capitals and an underscore
        if value is not None and not re.fullmatch(r"[a-z0-9][a-z0-9-]*", value):
            raise ValueError("the name of a Secret block is lower-case letters, digits and -; never put the token here")
        return value

    @model_validator(mode="after")
    def _options_of_the_hub_need_a_repo(self) -> Self:
        if self.repo_id is None and self.tag is not None:
            raise ValueError("tag is set, but repo_id is not: name the repository to tag")
        if self.repo_id is None and self.create_pr:
            raise ValueError("create_pr is set, but repo_id is not: name the repository to open it in")
        return self
