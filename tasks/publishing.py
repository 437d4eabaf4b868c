"""Publishing as a task: the released set as a folder, and on the Hub where a repository is named."""

from __future__ import annotations

from pathlib import Path

from prefect import get_run_logger, task

from limo_curation.config import ExecutionConfig
from limo_curation.publishing.card import render_card
from limo_curation.publishing.folder import write_dataset
from limo_curation.publishing.hub import publish_to_hub
from limo_curation.publishing_config import PublishingConfig
from limo_curation.run_record import RunRecord, drop_reasons, load_samples
from limo_curation.store import Store
from tasks.reuse import UNCACHED_TASK


# not cached: the folder and the Hub are compared with what should be there, and only mended
@task(name="publishing", **UNCACHED_TASK)
def publishing(record: RunRecord, *, config: PublishingConfig, execution: ExecutionConfig) -> Path:
    """Write the released set, push it where `repo_id` says so, and return its folder."""
    store = Store(execution.store)
    samples = load_samples(store, record)
    folder = Path(execution.output) / record.name / "dataset"
    card = render_card(store, record, samples, config=config)
    files = write_dataset(samples, folder, config=config, card=card, ledger=drop_reasons(store, record))
    get_run_logger().info("publishing: %d samples in %d files, %s", samples.height, len(files), folder)
    if config.repo_id is not None:
        commit = publish_to_hub(folder, config=config)
        get_run_logger().info("publishing: %s", commit)
    return folder.resolve()
