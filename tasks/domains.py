"""Domains as a task: parts in parallel; with a language model that is asked, in the engine's process."""

from __future__ import annotations

from prefect import task

from limo_curation.config import ExecutionConfig
from limo_curation.domains import DOMAIN_STAGE
from limo_curation.problem_config import DomainsConfig
from limo_curation.sampling import Sampler
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.reuse import STAGE_TASK, find_or_run, in_parts, in_this_process


@task(name="domains", **STAGE_TASK)
def classify(plan: StagePlan, sampler: Sampler | None = None, num_workers: int = 1) -> Artifact:
    """Run the stage, or what is missing of it."""
    if sampler is None:
        return in_parts(plan)
    return in_this_process(plan, sampler=sampler, num_workers=num_workers)


def domains(
    problems: Artifact, *, config: DomainsConfig, sampler: Sampler | None, execution: ExecutionConfig
) -> Artifact:
    """Return the problems with their domain."""
    store, inputs = Store(execution.store), {"problems": problems}
    classifier = config.classifier if config.enabled else None
    if classifier is None or sampler is None:
        plan = plan_stage(DOMAIN_STAGE, inputs, config=config, store=store, part_rows=execution.part_rows)
        return find_or_run(classify, plan)
    plan = plan_stage(
        DOMAIN_STAGE,
        inputs,
        config=config,
        store=store,
        part_rows=execution.chunk_rows,
        extra_inputs={classifier.model: sampler.revision(classifier.model)},
    )
    return find_or_run(classify, plan, sampler=sampler, num_workers=execution.parallel_chunks)
