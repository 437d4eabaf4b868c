"""Publishing as a task: the released set as a folder, and on the Hub where a repository is named."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from prefect import get_run_logger, task
from prefect.blocks.system import Secret
from pydantic import SecretStr

from limo_curation.config import ExecutionConfig
from limo_curation.errors import ConfigError
from limo_curation.publishing.dataset import write_dataset
from limo_curation.publishing.hub import HubCommit, publish_to_hub
from limo_curation.publishing.hub_access import checked_endpoint, token_from_environment
from limo_curation.publishing_config import PublishingConfig
from limo_curation.run_record import RunRecord
from limo_curation.store import Store
from tasks.reuse import UNCACHED_TASK


# not cached: the folder and the Hub are compared with what should be there, and only mended
@task(name="publishing", **UNCACHED_TASK)
def publishing(record: RunRecord, *, config: PublishingConfig, execution: ExecutionConfig) -> Path:
    """Write the released set, push it where `repo_id` says so, and return its folder."""
    store = Store(execution.store)
    folder = Path(execution.output) / record.name / "dataset"
    files = write_dataset(store, record, folder, config=config)
    get_run_logger().info("publishing: %d files, %s", len(files), folder)
    if config.repo_id is not None:
        commit = publish_to_hub(folder, config=config, token=hub_token(config))
        get_run_logger().info("publishing: %s", outcome_line(commit, tag=config.tag))
    return folder.resolve()


def check_hub_access(config: PublishingConfig) -> None:
    """Look for what a publication will need: a missing token is better found now than after the GPU hours.

    Raises:
        ConfigError: no token, or one that must not be sent to the Hub's address.
    """
    if config.enabled and config.repo_id is not None:
        checked_endpoint()
        hub_token(config)


def hub_token(config: PublishingConfig) -> SecretStr:
    """Return the Hub's token, from the Secret block that the config names, or from the environment.

    It is loaded where it is used and passed to no task, so Prefect never stores it as a parameter or a result.

    Raises:
        ConfigError: there is none.
    """
    if config.token_block is None:
        return token_from_environment()
    try:
        block = cast("Secret[str]", Secret.load(config.token_block))  # pyright: ignore[reportUnknownMemberType]
    except ValueError:
        raise ConfigError(
            f"publishing.token_block: this Prefect server has no Secret block {config.token_block!r}; make one "
            "(Blocks, Secret) from a token with the right to write, or set HF_TOKEN instead"
        ) from None
    token = str(block.get()).strip()
    if not token:
        raise ConfigError(f"publishing.token_block: the Secret block {config.token_block!r} is empty")
    return SecretStr(token)


def outcome_line(commit: HubCommit, *, tag: str | None) -> str:
    """Say what became of a publication on the Hub."""
    done = "published" if commit.is_new else "found as it should be"
    if commit.pull_request is None:
        return f"{commit.repo_id} at {commit.revision[:12]}, tag {commit.tag}, {done}: {commit.url}"
    wait = f"; once it is merged, the next run sets the tag {tag}" if tag is not None else ""
    return f"{commit.repo_id}, pull request {done}: {commit.pull_request}{wait}"
