"""Where the Hub's token comes from, and that it is looked for before anything else is done."""

from collections.abc import Callable

import pytest

pytest.importorskip("prefect", reason="Prefect is not installed (extra `flows`)")

from prefect.blocks.system import Secret
from pydantic import SecretStr

from limo_curation.errors import ConfigError
from limo_curation.publishing.hub import HubCommit
from limo_curation.publishing_config import PublishingConfig
from tasks.publishing import check_hub_access, hub_token, outcome_line

TOKEN = "hf_" + "MadeUpForThisTest" * 2
FROM_BLOCK = PublishingConfig(repo_id="owner/samples", token_block="hub-of-tests")
PAGE = "https://huggingface.co/datasets/owner/samples"
PULL_REQUEST = f"{PAGE}/discussions/1"


@pytest.fixture
def block(prefect_server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Save the token as a Secret block; the environment has another one."""
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_environment")
    Secret(value=SecretStr(f" {TOKEN}\n")).save("hub-of-tests", overwrite=True)


@pytest.mark.prefect
def test_token_of_the_named_block_comes_before_the_environments(block: None) -> None:
    token = hub_token(FROM_BLOCK)
    assert token.get_secret_value() == TOKEN
    assert TOKEN not in f"{token} {token!r}"


@pytest.mark.prefect
@pytest.mark.parametrize("check", [hub_token, check_hub_access])
def test_block_that_does_not_exist_is_named_with_what_to_do(
    block: None, check: Callable[[PublishingConfig], object]
) -> None:
    absent = FROM_BLOCK.model_copy(update={"token_block": "absent"})
    with pytest.raises(ConfigError, match=r"no Secret block 'absent'; make one .* or set HF_TOKEN"):
        check(absent)


@pytest.mark.prefect
def test_empty_block_is_refused(block: None) -> None:
    Secret(value=SecretStr(" ")).save("empty", overwrite=True)
    with pytest.raises(ConfigError, match="'empty' is empty"):
        hub_token(FROM_BLOCK.model_copy(update={"token_block": "empty"}))


def test_token_is_looked_for_only_where_something_goes_to_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    check_hub_access(PublishingConfig())
    check_hub_access(PublishingConfig(repo_id="owner/samples", enabled=False))
    with pytest.raises(ConfigError, match="HF_TOKEN is not set"):
        check_hub_access(PublishingConfig(repo_id="owner/samples"))


def test_unsafe_address_is_found_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example")
    with pytest.raises(ConfigError, match="use an https:// address"):
        check_hub_access(PublishingConfig(repo_id="owner/samples"))


@pytest.mark.parametrize(
    ("is_new", "pull_request", "line"),
    [
        (True, None, f"owner/samples at 0123456789ab, tag v1, published: {PAGE}/tree/v1"),
        (False, None, f"owner/samples at 0123456789ab, tag v1, found as it should be: {PAGE}/tree/v1"),
        (
            True,
            PULL_REQUEST,
            f"owner/samples, pull request published: {PULL_REQUEST}; once it is merged, the next run sets the tag v1",
        ),
    ],
)
def test_log_says_what_became_of_a_publication(is_new: bool, pull_request: str | None, line: str) -> None:
    commit = HubCommit(
        repo_id="owner/samples",
        revision="0123456789abcdef",
        url=f"{PAGE}/tree/v1",
        is_new=is_new,
        tag="v1" if pull_request is None else None,
        pull_request=pull_request,
    )
    assert outcome_line(commit, tag="v1") == line
