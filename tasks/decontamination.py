"""Decontamination as a task: parts in parallel, each against all benchmarks."""

from __future__ import annotations

from prefect import task

from limo_curation.config import ExecutionConfig
from limo_curation.decontamination import DECONTAMINATION
from limo_curation.problem_config import DecontaminationConfig
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.reuse import STAGE_TASK, find_or_run, in_parts


@task(name="decontamination", **STAGE_TASK)
def decontaminate(plan: StagePlan) -> Artifact:
    """Run the stage, or what is missing of it."""
    return in_parts(plan)


def decontamination(
    problems: Artifact, benchmarks: Artifact | None, *, config: DecontaminationConfig, execution: ExecutionConfig
) -> Artifact:
    """Return the problems that stand in no benchmark."""
    inputs = {"problems": problems} if benchmarks is None else {"problems": problems, "benchmarks": benchmarks}
    plan = plan_stage(
        DECONTAMINATION, inputs, config=config, store=Store(execution.store), part_rows=execution.part_rows
    )
    return find_or_run(decontaminate, plan)
