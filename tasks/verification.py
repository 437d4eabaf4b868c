"""Verification as a task: parts in parallel, symbolic work in processes of their own."""

from __future__ import annotations

from prefect import task

from limo_curation.config import ExecutionConfig, VerificationConfig
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from limo_curation.verification import VERIFICATION
from tasks.reuse import STAGE_TASK, find_or_run, in_parts


@task(name="verification", **STAGE_TASK)
def verify(plan: StagePlan) -> Artifact:
    """Run the stage, or what is missing of it."""
    return in_parts(plan)


def verification(chains: Artifact, *, config: VerificationConfig, execution: ExecutionConfig) -> Artifact:
    """Return the chains that reach the gold answer."""
    plan = plan_stage(
        VERIFICATION, {"chains": chains}, config=config, store=Store(execution.store), part_rows=execution.part_rows
    )
    return find_or_run(verify, plan)
