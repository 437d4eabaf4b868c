"""Judging as a task: parts in parallel by rules; with judges the whole table, here or on the work pool `gpu`."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from prefect import get_run_logger, task

from limo_curation.config import ExecutionConfig
from limo_curation.engine_config import EngineConfig
from limo_curation.errors import ConfigError
from limo_curation.judging.panel import JUDGING_BY_PANEL, panel_inputs
from limo_curation.judging.quality import write_contested
from limo_curation.judging.rules import JUDGING
from limo_curation.judging_config import JudgingConfig
from limo_curation.sampling import Sampler
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.gpu_workers import on_gpu_workers
from tasks.reuse import STAGE_TASK, find_or_run, in_parts, in_passes


@task(name="judging", **STAGE_TASK)
def judge(plan: StagePlan) -> Artifact:
    """Run the stage by rules alone, or what is missing of it."""
    return in_parts(plan)


@task(name="judging", **STAGE_TASK)
def judge_by_panel(plan: StagePlan, sampler: Sampler, engine: EngineConfig) -> Artifact:
    """Run the stage with judges, or what is missing of it."""
    return in_passes(plan, sampler=sampler, engine=engine, num_workers=1)


@task(name="judging", **STAGE_TASK)
def judge_elsewhere(plan: StagePlan, run: str, num_workers: int) -> Artifact:
    """Let a run of the flow `generate` do the stage with judges, or what is missing of it."""
    return on_gpu_workers(plan, run=run, num_workers=num_workers)


def judging(
    chains: Artifact,
    *,
    config: JudgingConfig,
    sampler: Sampler | None,
    engine: EngineConfig,
    execution: ExecutionConfig,
    run: str,
) -> Artifact:
    """Return the chains with what rules and judges say of them, and list the contested ones in the run's folder.

    Raises:
        ConfigError: judges without an engine, a file of theirs that can't be read, or judges that shall decide and
            that no calibration vouches for.
        TableError: the file of people's decisions is not as it should be.
        BudgetError: the run's budget is spent.
    """
    plan = plan_judging(chains, config=config, sampler=sampler, execution=execution)
    if config.judge is None or not config.enabled:
        return find_or_run(judge, plan)
    if execution.gpu_workers:
        judged = find_or_run(judge_elsewhere, plan, run=run, num_workers=execution.gpu_workers)
    else:
        judged = find_or_run(judge_by_panel, plan, sampler=sampler, engine=engine)
    list_contested(judged, store=plan.store, folder=Path(execution.output) / run)
    return judged


def plan_judging(
    chains: Artifact, *, config: JudgingConfig, sampler: Sampler | None, execution: ExecutionConfig
) -> StagePlan:
    """Return the stage's plan, the same wherever it is made.

    Raises:
        ConfigError: judges without an engine, or a file of theirs that can't be read.
        TableError: the file of people's decisions is too large.
    """
    store, inputs = Store(execution.store), {"chains": chains}
    if config.judge is None or not config.enabled:
        return plan_stage(JUDGING, inputs, config=config, store=store, part_rows=execution.part_rows)
    if sampler is None:
        raise ConfigError("judging.judge is set, but no engine was given")
    return plan_stage(
        JUDGING_BY_PANEL,
        inputs,
        config=config,
        store=store,
        part_rows=execution.chunk_rows,
        extra_inputs=panel_inputs(config.judge, sampler),
    )


def list_contested(chains: Artifact, *, store: Store, folder: Path) -> None:
    """Write the contested chains for people to read, and say where."""
    contested = store.scan(chains).filter(pl.col("is_contested")).collect()
    table, page = write_contested(contested, folder)
    get_run_logger().info("%d contested chains: read %s, decide in %s", contested.height, page, table)
