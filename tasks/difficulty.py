"""Difficulty as a task: chunk by chunk where the engine is, in this process or on the work pool `gpu`."""

from __future__ import annotations

from prefect import task

from limo_curation.config import DifficultyConfig, ExecutionConfig
from limo_curation.difficulty import DIFFICULTY
from limo_curation.difficulty.demand import DIFFICULTY_ON_DEMAND
from limo_curation.engine_config import EngineConfig
from limo_curation.sampling import Sampler
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.gpu_workers import on_gpu_workers
from tasks.reuse import STAGE_TASK, find_or_run, in_passes


@task(name="difficulty", **STAGE_TASK)
def rate(plan: StagePlan, sampler: Sampler | None, engine: EngineConfig, num_workers: int) -> Artifact:
    """Run the stage, or what is missing of it."""
    return in_passes(plan, sampler=sampler, engine=engine, num_workers=num_workers)


@task(name="difficulty", **STAGE_TASK)
def rate_elsewhere(plan: StagePlan, run: str, num_workers: int) -> Artifact:
    """Let runs of the flow `generate` do the stage, or what is missing of it."""
    return on_gpu_workers(plan, run=run, num_workers=num_workers)


def difficulty(
    problems: Artifact,
    *,
    config: DifficultyConfig,
    sampler: Sampler | None,
    engine: EngineConfig,
    execution: ExecutionConfig,
    run: str,
) -> Artifact:
    """Return the problems that the strong solver solves rarely and the weak ones never."""
    plan = plan_difficulty(problems, config=config, sampler=sampler, execution=execution)
    if execution.gpu_workers and config.enabled and (config.weak or config.strong):
        return find_or_run(rate_elsewhere, plan, run=run, num_workers=execution.gpu_workers)
    return find_or_run(rate, plan, sampler=sampler, engine=engine, num_workers=execution.parallel_chunks)


def plan_difficulty(
    problems: Artifact, *, config: DifficultyConfig, sampler: Sampler | None, execution: ExecutionConfig
) -> StagePlan:
    """Return the stage's plan, the same wherever it is made."""
    solvers = [*config.weak, *([config.strong] if config.strong else [])]
    return plan_stage(
        DIFFICULTY if config.demand is None else DIFFICULTY_ON_DEMAND,
        {"problems": problems},
        config=config,
        store=Store(execution.store),
        part_rows=execution.chunk_rows,
        extra_inputs={solver.model: sampler.revision(solver.model) for solver in solvers} if sampler else {},
    )
