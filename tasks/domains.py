"""Domains as a task: parts in parallel."""

from __future__ import annotations

from prefect import task

from limo_curation.config import ExecutionConfig
from limo_curation.domains import DOMAIN_STAGE
from limo_curation.problem_config import DomainsConfig
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.reuse import STAGE_TASK, find_or_run, in_parts


@task(name="domains", **STAGE_TASK)
def classify(plan: StagePlan) -> Artifact:
    """Run the stage, or what is missing of it."""
    return in_parts(plan)


def domains(problems: Artifact, *, config: DomainsConfig, execution: ExecutionConfig) -> Artifact:
    """Return the problems with their domain."""
    plan = plan_stage(
        DOMAIN_STAGE, {"problems": problems}, config=config, store=Store(execution.store), part_rows=execution.part_rows
    )
    return find_or_run(classify, plan)
