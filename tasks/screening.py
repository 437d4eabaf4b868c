"""Screening as a task: parts in parallel."""

from __future__ import annotations

from prefect import task

from limo_curation.config import ExecutionConfig
from limo_curation.problem_config import ScreeningConfig
from limo_curation.screening import SCREENING
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.reuse import STAGE_TASK, find_or_run, in_parts


@task(name="screening", **STAGE_TASK)
def screen(plan: StagePlan) -> Artifact:
    """Run the stage, or what is missing of it."""
    return in_parts(plan)


def screening(problems: Artifact, *, config: ScreeningConfig, execution: ExecutionConfig) -> Artifact:
    """Return the problems that are usable at all."""
    plan = plan_stage(
        SCREENING, {"problems": problems}, config=config, store=Store(execution.store), part_rows=execution.part_rows
    )
    return find_or_run(screen, plan)
