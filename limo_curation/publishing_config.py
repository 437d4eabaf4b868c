"""The section of the run file that says what is published, under which name, and where."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from limo_curation.problem_config import StageConfig


class PublishingConfig(StageConfig):
    """A folder, and with `repo_id` also a data set repository on the Hub."""

    title: str = "LIMO-style reasoning samples"
    license: str = "other"
    repo_id: str | None = None
    private: bool = True
    tag: str | None = None

    @model_validator(mode="after")
    def _tag_needs_repo(self) -> Self:
        if self.tag is not None and self.repo_id is None:
            raise ValueError("tag is set, but repo_id is not: name the repository to tag")
        return self
