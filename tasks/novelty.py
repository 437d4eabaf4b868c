"""Novelty as a task: counts over the whole table."""

from __future__ import annotations

from prefect import task

from limo_curation.config import ExecutionConfig
from limo_curation.novelty import NOVELTY
from limo_curation.problem_config import NoveltyConfig
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.reuse import STAGE_TASK, find_or_run, in_this_process


@task(name="novelty", **STAGE_TASK)
def count(plan: StagePlan) -> Artifact:
    """Run the stage, or what is missing of it."""
    return in_this_process(plan)


def novelty(
    problems: Artifact, references: Artifact | None, *, config: NoveltyConfig, execution: ExecutionConfig
) -> Artifact:
    """Return the problems that stand on no common template and, where a limit is set, near no public set."""
    inputs = {"problems": problems}
    if references is not None:
        inputs["references"] = references
    plan = plan_stage(NOVELTY, inputs, config=config, store=Store(execution.store), part_rows=execution.part_rows)
    return find_or_run(count, plan)
