"""Deduplication as a task: needs the whole table."""

from __future__ import annotations

from prefect import task

from limo_curation.config import ExecutionConfig
from limo_curation.deduplication import DEDUPLICATION
from limo_curation.problem_config import DeduplicationConfig
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.reuse import STAGE_TASK, find_or_run, in_this_process


@task(name="deduplication", **STAGE_TASK)
def deduplicate(plan: StagePlan) -> Artifact:
    """Run the stage, or what is missing of it."""
    return in_this_process(plan)


def deduplication(problems: Artifact, *, config: DeduplicationConfig, execution: ExecutionConfig) -> Artifact:
    """Return one representative of each group of duplicates."""
    plan = plan_stage(
        DEDUPLICATION,
        {"problems": problems},
        config=config,
        store=Store(execution.store),
        part_rows=execution.part_rows,
    )
    return find_or_run(deduplicate, plan)
