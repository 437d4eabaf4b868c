"""Difficulty as a task: chunk by chunk in this process, which holds the engine."""

from __future__ import annotations

from prefect import task

from limo_curation.config import DifficultyConfig, ExecutionConfig
from limo_curation.difficulty import DIFFICULTY
from limo_curation.sampling import Sampler
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.reuse import STAGE_TASK, find_or_run, in_this_process


@task(name="difficulty", **STAGE_TASK)
def rate(plan: StagePlan, sampler: Sampler | None, num_workers: int) -> Artifact:
    """Run the stage, or what is missing of it."""
    return in_this_process(plan, sampler=sampler, num_workers=num_workers)


def difficulty(
    problems: Artifact, *, config: DifficultyConfig, sampler: Sampler | None, execution: ExecutionConfig
) -> Artifact:
    """Return the problems that the strong solver solves rarely and the weak ones never."""
    solvers = [*config.weak, *([config.strong] if config.strong else [])]
    plan = plan_stage(
        DIFFICULTY,
        {"problems": problems},
        config=config,
        store=Store(execution.store),
        part_rows=execution.chunk_rows,
        extra_inputs={solver.model: sampler.revision(solver.model) for solver in solvers} if sampler else {},
    )
    return find_or_run(rate, plan, sampler=sampler, num_workers=execution.parallel_chunks)
