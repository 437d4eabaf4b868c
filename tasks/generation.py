"""Generation as a task: chunk by chunk where the engine is, in this process or on the work pool `gpu`."""

from __future__ import annotations

from prefect import task

from limo_curation.config import ExecutionConfig, GenerationConfig
from limo_curation.engine_config import EngineConfig
from limo_curation.generation import GENERATION, student_revision
from limo_curation.sampling import Sampler
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.gpu_workers import on_gpu_workers
from tasks.reuse import STAGE_TASK, find_or_run, in_passes


@task(name="generation", **STAGE_TASK)
def generate(plan: StagePlan, sampler: Sampler | None, engine: EngineConfig, num_workers: int) -> Artifact:
    """Run the stage, or what is missing of it."""
    return in_passes(plan, sampler=sampler, engine=engine, num_workers=num_workers)


@task(name="generation", **STAGE_TASK)
def generate_elsewhere(plan: StagePlan, run: str, num_workers: int) -> Artifact:
    """Let runs of the flow `generate` do the stage, or what is missing of it."""
    return on_gpu_workers(plan, run=run, num_workers=num_workers)


def generation(
    problems: Artifact,
    recorded: Artifact | None,
    *,
    config: GenerationConfig,
    sampler: Sampler | None,
    engine: EngineConfig,
    execution: ExecutionConfig,
    run: str,
) -> Artifact:
    """Return the chains of the problems, from teachers and from sources."""
    plan = plan_generation(problems, recorded, config=config, sampler=sampler, execution=execution)
    if execution.gpu_workers and config.teachers:
        return find_or_run(generate_elsewhere, plan, run=run, num_workers=execution.gpu_workers)
    return find_or_run(generate, plan, sampler=sampler, engine=engine, num_workers=execution.parallel_chunks)


def plan_generation(
    problems: Artifact,
    recorded: Artifact | None,
    *,
    config: GenerationConfig,
    sampler: Sampler | None,
    execution: ExecutionConfig,
) -> StagePlan:
    """Return the stage's plan, the same wherever it is made."""
    inputs = {"problems": problems} if recorded is None else {"problems": problems, "recorded": recorded}
    revisions = {one.model: sampler.revision(one.model) for one in config.teachers} if sampler else {}
    tokenizer = {} if config.student is None else {"tokenizer of the student": student_revision(config.student)}
    return plan_stage(
        GENERATION,
        inputs,
        config=config,
        store=Store(execution.store),
        part_rows=execution.chunk_rows,
        extra_inputs=revisions | tokenizer,
    )
