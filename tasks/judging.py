"""Judging as a task: parts in parallel by rules; with judges the whole table, where the engine is."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from prefect import get_run_logger, task

from limo_curation.config import ExecutionConfig
from limo_curation.errors import ConfigError
from limo_curation.judging.panel import JUDGING_BY_PANEL, panel_inputs
from limo_curation.judging.quality import write_contested
from limo_curation.judging.rules import JUDGING
from limo_curation.judging_config import JudgingConfig
from limo_curation.sampling import Sampler
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.reuse import STAGE_TASK, find_or_run, in_parts, in_this_process


@task(name="judging", **STAGE_TASK)
def judge(plan: StagePlan, sampler: Sampler | None = None) -> Artifact:
    """Run the stage, or what is missing of it."""
    if sampler is None:
        return in_parts(plan)
    return in_this_process(plan, sampler=sampler)


def judging(
    chains: Artifact, *, config: JudgingConfig, sampler: Sampler | None, execution: ExecutionConfig, run: str
) -> Artifact:
    """Return the chains with what rules and judges say of them, and list the contested ones in the run's folder.

    Raises:
        ConfigError: judges without an engine, a file of theirs that can't be read, or judges that shall decide and
            that no calibration vouches for.
        TableError: the file of people's decisions is not as it should be.
    """
    store, inputs = Store(execution.store), {"chains": chains}
    if config.judge is None or not config.enabled:
        plan = plan_stage(JUDGING, inputs, config=config, store=store, part_rows=execution.part_rows)
        return find_or_run(judge, plan)
    if sampler is None:
        raise ConfigError("judging.judge is set, but no engine was given")
    plan = plan_stage(
        JUDGING_BY_PANEL,
        inputs,
        config=config,
        store=store,
        part_rows=execution.chunk_rows,
        extra_inputs=panel_inputs(config.judge, sampler),
    )
    judged = find_or_run(judge, plan, sampler=sampler)
    list_contested(judged, store=store, folder=Path(execution.output) / run)
    return judged


def list_contested(chains: Artifact, *, store: Store, folder: Path) -> None:
    """Write the contested chains for people to read, and say where."""
    contested = store.scan(chains).filter(pl.col("is_contested")).collect()
    table, page = write_contested(contested, folder)
    get_run_logger().info("%d contested chains: read %s, decide in %s", contested.height, page, table)
