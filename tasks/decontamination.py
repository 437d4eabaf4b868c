"""Decontamination as a task: parts in parallel, each against all benchmarks; with a judge, in the engine's process."""

from __future__ import annotations

from prefect import task

from limo_curation.config import ExecutionConfig
from limo_curation.decontamination import DECONTAMINATION, require_items
from limo_curation.problem_config import DecontaminationConfig
from limo_curation.sampling import Sampler
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.reuse import STAGE_TASK, find_or_run, in_parts, in_this_process


@task(name="decontamination", **STAGE_TASK)
def decontaminate(plan: StagePlan, sampler: Sampler | None = None, num_workers: int = 1) -> Artifact:
    """Run the stage, or what is missing of it."""
    if sampler is None:
        return in_parts(plan)
    return in_this_process(plan, sampler=sampler, num_workers=num_workers)


def decontamination(
    problems: Artifact,
    benchmarks: Artifact | None,
    *,
    config: DecontaminationConfig,
    sampler: Sampler | None,
    execution: ExecutionConfig,
) -> Artifact:
    """Return the problems that stand in no benchmark.

    Raises:
        TableError: a benchmark has no item at all, so nothing could be found in it.
    """
    store = Store(execution.store)
    inputs = {"problems": problems}
    if benchmarks is not None:
        inputs["benchmarks"] = benchmarks
        require_items(store.scan(benchmarks), config.benchmarks)
    judge = config.paraphrase if config.enabled else None
    if judge is None or sampler is None:
        plan = plan_stage(DECONTAMINATION, inputs, config=config, store=store, part_rows=execution.part_rows)
        return find_or_run(decontaminate, plan)
    plan = plan_stage(
        DECONTAMINATION,
        inputs,
        config=config,
        store=store,
        part_rows=execution.chunk_rows,
        extra_inputs={judge.model: sampler.revision(judge.model)},
    )
    return find_or_run(decontaminate, plan, sampler=sampler, num_workers=execution.parallel_chunks)
