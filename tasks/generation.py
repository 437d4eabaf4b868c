"""Generation as a task: chunk by chunk in this process, which holds the engine."""

from __future__ import annotations

from prefect import task

from limo_curation.config import ExecutionConfig, GenerationConfig
from limo_curation.generation import GENERATION
from limo_curation.sampling import Sampler
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.reuse import STAGE_TASK, find_or_run, in_this_process


@task(name="generation", **STAGE_TASK)
def generate(plan: StagePlan, sampler: Sampler | None, num_workers: int) -> Artifact:
    """Run the stage, or what is missing of it."""
    return in_this_process(plan, sampler=sampler, num_workers=num_workers)


def generation(
    problems: Artifact,
    recorded: Artifact | None,
    *,
    config: GenerationConfig,
    sampler: Sampler | None,
    execution: ExecutionConfig,
) -> Artifact:
    """Return the chains of the problems, from teachers and from sources."""
    inputs = {"problems": problems} if recorded is None else {"problems": problems, "recorded": recorded}
    plan = plan_stage(
        GENERATION,
        inputs,
        config=config,
        store=Store(execution.store),
        part_rows=execution.chunk_rows,
        extra_inputs={one.model: sampler.revision(one.model) for one in config.teachers} if sampler else {},
    )
    return find_or_run(generate, plan, sampler=sampler, num_workers=execution.parallel_chunks)
