"""Judging as a task: parts in parallel."""

from __future__ import annotations

from prefect import task

from limo_curation.config import ExecutionConfig
from limo_curation.judging.rules import JUDGING
from limo_curation.judging_config import JudgingConfig
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.reuse import STAGE_TASK, find_or_run, in_parts


@task(name="judging", **STAGE_TASK)
def judge(plan: StagePlan) -> Artifact:
    """Run the stage, or what is missing of it."""
    return in_parts(plan)


def judging(chains: Artifact, *, config: JudgingConfig, execution: ExecutionConfig) -> Artifact:
    """Return the chains with their scores."""
    plan = plan_stage(
        JUDGING, {"chains": chains}, config=config, store=Store(execution.store), part_rows=execution.part_rows
    )
    return find_or_run(judge, plan)
