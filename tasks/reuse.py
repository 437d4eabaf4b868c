"""How a stage becomes a Prefect task: found by its key, retried when that may help, its parts as tasks of their own.

A task's cache key is the stage's key in the store, so a stage that was done before, by any run, shows as Cached in
the UI. Prefect keeps only the reference; before it is believed, the store is asked whether the table behind it is
still whole, and if not the task runs again.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE, CacheKeyFnPolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext
from prefect.futures import as_completed
from prefect.tasks import Task
from prefect.utilities.annotations import quote, unmapped

from limo_curation.engine_config import EngineConfig
from limo_curation.errors import BudgetError, TransientError
from limo_curation.parts import InputPart, all_parts
from limo_curation.progress import Progress, shown_in_terminal_or_log
from limo_curation.runner import commit_parts, missing_parts, run_part, run_stage
from limo_curation.sampling import Sampler
from limo_curation.sampling_passes import run_in_passes
from limo_curation.stage import RowStage, StagePlan
from limo_curation.store import Artifact, Manifest, Store
from tasks.progress import ProgressArtifact

NUM_RETRIES: Final = 3
RETRY_DELAYS: Final = [10.0, 60.0, 300.0]  # seconds: an engine that restarts needs minutes, not moments

# Prefect gives an extra logger its handler but not its level: the root's, WARNING, would hide the core's lines
logging.getLogger("limo_curation").setLevel(logging.INFO)


def stage_key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """Return the key under which Prefect and the store know a stage's result."""
    del context
    plan: StagePlan = parameters["plan"]
    return f"{plan.stage.name}-{plan.key}"


async def may_be_retried(task: Task[Any, Any], task_run: TaskRun, state: State[Any]) -> bool:
    """Return whether an engine or the Hub failed for the moment; no other error goes away by itself."""
    del task, task_run
    failure = await state.aresult(raise_on_failure=False)
    return isinstance(failure, TransientError)


RETRIED: Final[dict[str, Any]] = {
    "retries": NUM_RETRIES,
    "retry_delay_seconds": RETRY_DELAYS,
    "retry_condition_fn": may_be_retried,
}
STAGE_TASK: Final[dict[str, Any]] = {
    "cache_policy": CacheKeyFnPolicy(cache_key_fn=stage_key),
    "persist_result": True,
    "result_serializer": "json",
    **RETRIED,
}
"""Options of every stage's task."""
UNCACHED_TASK: Final[dict[str, Any]] = {"cache_policy": NO_CACHE, "persist_result": False, **RETRIED}
"""Options of a task that finds in the store, or where it publishes, what is done."""


@task(name="part", task_run_name="{stage} {start}-{stop}", **UNCACHED_TASK)
def do_part(plan: StagePlan, stage: str, start: int, stop: int) -> None:
    """Do and commit rows [start, stop) of a row stage."""
    del stage  # stands in the task run's name
    run_part(plan, start, stop)


def in_parts(plan: StagePlan) -> Artifact:
    """Do a row stage's missing parts as mapped tasks, on whatever task runner the flow has, and commit it."""
    artifact = plan.store.artifact(plan.stage.name, plan.key)
    if artifact is not None:  # finished before, by a Prefect that this one knows nothing of
        return artifact
    missing = missing_parts(plan)
    if missing:
        with shown_in_terminal_or_log(ProgressArtifact()):
            do_parts(plan, missing)
    return commit_parts(plan)


def do_parts(plan: StagePlan, parts: list[InputPart]) -> None:
    """Do parts as mapped tasks and wait for all of them; then the first error of any is raised."""
    progress = Progress(plan.stage.name)
    progress.start(sum(part.rows for part in parts))
    starts, stops = [part.start for part in parts], [part.stop for part in parts]
    futures = list(do_part.map(unmapped(plan), unmapped(plan.stage.name), starts, stops))
    rows_of = {future.task_run_id: part.rows for future, part in zip(futures, parts, strict=True)}
    for future in as_completed(futures):
        progress.advance(rows_of[future.task_run_id])
    for future in futures:
        future.result()


def in_this_process(plan: StagePlan, **resources: Any) -> Artifact:
    """Do a stage here: table stages, and stages that hold an engine."""
    with shown_in_terminal_or_log(ProgressArtifact()):
        return run_stage(plan, **resources)


def in_passes(plan: StagePlan, *, sampler: Sampler | None, engine: EngineConfig, num_workers: int) -> Artifact:
    """Do a stage that samples here, model by model where the engine can't serve all of them at once.

    Raises:
        BudgetError: the run's budget is spent; it says how many chunks are left.
    """
    try:
        with shown_in_terminal_or_log(ProgressArtifact()):
            return run_in_passes(plan, models_at_once=models_at_once(engine), num_workers=num_workers, sampler=sampler)
    except BudgetError as error:
        raise BudgetError(f"{what_is_left(plan)}: {error}") from error


def models_at_once(engine: EngineConfig) -> int | None:
    """Return how many models the engine serves at the same time; None: all."""
    return engine.models_at_once if engine.kind == "vllm" else None


def what_is_left(plan: StagePlan) -> str:
    """Say how much of a stage is not done yet."""
    if not isinstance(plan.stage, RowStage):
        return f"{plan.stage.name} is not done"
    return f"{plan.stage.name}: {len(missing_parts(plan))} of {len(all_parts(plan))} chunks are left"


def find_or_run(stage_task: Task[..., Artifact], plan: StagePlan, **resources: Any) -> Artifact:
    """Return a stage's artifact from Prefect's cache where the store still holds it, else run the task.

    Args:
        stage_task: the stage's task.
        plan: what it is called with.
        resources: more arguments, hidden from Prefect's parameter checks (a sampler).
    """
    found = plan.store.artifact(plan.stage.name, plan.key)
    hidden = {name: quote(resource) for name, resource in resources.items()}
    done = stage_task.with_options(refresh_cache=found is None)(plan, **hidden)
    artifact = found or done  # Prefect may keep a reference to the same table in another store
    report_counts(plan.store, artifact, reused=found is not None)
    return artifact


def report_counts(store: Store, artifact: Artifact, *, reused: bool) -> None:
    """Log a stage's counts in one line."""
    manifest = store.manifest(artifact.stage, artifact.key)
    if manifest is not None:
        get_run_logger().info(counts_line(manifest, reused=reused))


def counts_line(manifest: Manifest, *, reused: bool) -> str:
    """Say what a stage did: `screening: 83,189 in, 75,770 kept, 7,419 dropped (needs_figure 3,247, ...), 2.3 s`."""
    reasons = ", ".join(
        f"{reason} {rows:,}" for reason, rows in sorted(manifest.reasons.items(), key=lambda one: -one[1])
    )
    dropped = f"{manifest.rows_dropped:,} dropped" + (f" ({reasons})" if reasons else "")
    duration = "found in the store" if reused else f"{manifest.wall_seconds:.1f} s"
    taken_over = sum(part.reused for part in manifest.parts)
    parts = f", {taken_over} of {len(manifest.parts)} parts taken over" if taken_over and not reused else ""
    return f"{manifest.stage}: {manifest.rows_in:,} in, {manifest.rows_kept:,} kept, {dropped}; {duration}{parts}"
