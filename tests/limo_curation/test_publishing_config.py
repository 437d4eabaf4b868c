"""The section of publishing: what only makes sense with a repository, and a token that must not stand in it."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from limo_curation.errors import ConfigError
from limo_curation.presets import PRESETS_FOLDER, load_config
from limo_curation.publishing_config import PublishingConfig
from limo_curation.run_record import run_name

PASTED = "hf_" + "MadeUpForThisTest" * 2


@pytest.mark.parametrize("option", [{"tag": "v1"}, {"create_pr": True}])
def test_option_of_the_hub_without_a_repository_is_refused(option: dict[str, Any]) -> None:
    (name,) = option
    with pytest.raises(ValidationError, match=f"{name} is set, but repo_id is not"):
        PublishingConfig(**option)
    PublishingConfig(repo_id="owner/samples", **option)


@pytest.mark.parametrize("name", ["hub-token", "hub2", "0"])
def test_name_of_a_block_is_taken(name: str) -> None:
    assert PublishingConfig(token_block=name).token_block == name


@pytest.mark.parametrize("name", [PASTED, "", "Hub", "hub token", "-hub", "hub/token"])
def test_token_in_the_place_of_a_blocks_name_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(ValidationError, match="never put the token here") as caught:
        PublishingConfig(token_block=name)
    assert PASTED not in str(caught.value)


def test_token_in_a_run_file_is_not_repeated_either(tmp_path: Path) -> None:
    run_file = tmp_path / "mine.toml"
    preset = (PRESETS_FOLDER / "recorded.toml").read_text(encoding="utf-8")
    run_file.write_text(preset.replace("[publishing]", f'[publishing]\ntoken_block = "{PASTED}"'), encoding="utf-8")
    with pytest.raises(ConfigError, match="never put the token here") as caught:
        load_config(str(run_file))
    assert PASTED not in str(caught.value)


def test_where_a_set_goes_makes_no_other_run_of_it() -> None:
    here = load_config("recorded")
    place = {"repo_id": "owner/samples", "private": False, "tag": "v1", "create_pr": True, "token_block": "hub"}
    there = load_config("recorded", publishing=here.publishing.model_copy(update=place))
    assert run_name(there) == run_name(here)
    entitled = load_config("recorded", publishing=here.publishing.model_copy(update={"title": "Another title"}))
    assert run_name(entitled) != run_name(here)
