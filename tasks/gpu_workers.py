"""A stage's chunks on the work pool `gpu`: the runs of the flow `generate` that do them, started and awaited.

They are subflow runs of the run that waits, so the UI shows them below it, and cancelling it cancels them. It commits
the stage when all chunks are there. A run that was not begun or that died is no loss: the others do its chunks.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.client.schemas.objects import FlowRun, State
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow
from prefect.states import Cancelling

from limo_curation.errors import BudgetError, ConfigError, TransientError
from limo_curation.progress import Progress, shown_in_terminal_or_log
from limo_curation.runner import commit_parts, missing_parts
from limo_curation.shared_stage import done_for_good
from limo_curation.stage import InputPart, RowStage, StagePlan
from limo_curation.store import Artifact
from tasks.progress import ProgressArtifact

DEPLOYMENT: Final = "generate/gpu"
BUDGET_SPENT: Final = "BudgetSpent"
"""Name of the failed state of a run that has spent its budget."""
UNFIT: Final = "Unfit"
"""Name of the failed state of a run whose machine, code or config does not fit: another one would fail alike."""
SECONDS_BETWEEN_LOOKS: Final = 5.0  # ours: a chunk takes minutes
SECONDS_BEFORE_WARNING: Final = 120.0

logger = logging.getLogger(__name__)


def on_gpu_workers(plan: StagePlan, *, run: str, num_workers: int) -> Artifact:
    """Let runs of the flow `generate` do a stage's missing chunks, and commit it.

    Args:
        plan: the stage.
        run: the name of the run, whose record tells the workers what to do.
        num_workers: how many runs share the chunks; a stage that needs the whole table is done by one.

    Raises:
        BudgetError: the workers have spent the run's budget.
        ConfigError: the deployment is not registered, or none of the workers can work as it is set up.
        TransientError: all of them have ended, and chunks are missing. A retry starts new ones.
    """
    artifact = plan.store.artifact(plan.stage.name, plan.key)
    if artifact is not None:
        return artifact
    left = set(missing_parts(plan)) if isinstance(plan.stage, RowStage) else set[InputPart]()
    num_needed = min(num_workers, len(left)) if isinstance(plan.stage, RowStage) else 1
    workers = [start_worker(plan, run) for _ in range(num_needed)]
    logger.info("%s: %d runs of %s share %d chunks", plan.stage.name, num_needed, DEPLOYMENT, len(left))
    with shown_in_terminal_or_log(ProgressArtifact()), get_client(sync_client=True) as client:
        if isinstance(plan.stage, RowStage):
            await_parts(plan, left, workers, client)
            artifact = commit_parts(plan)
        else:
            artifact = await_table(plan, workers, client)
        with contextlib.suppress(httpx.HTTPError):  # nothing is left for them to do, if they begin all the same
            cancel(client, (one for one in flow_runs(client, workers) if not is_begun(one)))
    return artifact


def start_worker(plan: StagePlan, run: str) -> UUID:
    """Start one run of the flow `generate`, without waiting for it, and return its id."""
    parameters = {"run": run, "stage": plan.stage.name, "store": plan.store.url, "key": plan.key}
    try:
        started: Any = run_deployment(DEPLOYMENT, parameters=parameters, timeout=0)
    except ObjectNotFound:
        raise ConfigError(
            f"execution.gpu_workers needs the deployment {DEPLOYMENT}, which the server does not know: `make deploy`"
        ) from None
    return started.id


def await_parts(plan: StagePlan, left: set[InputPart], workers: Sequence[UUID], client: SyncPrefectClient) -> None:
    """Wait until all parts are written, by whomever.

    Raises:
        BudgetError, ConfigError, TransientError: as `on_gpu_workers`.
    """
    progress = Progress(plan.stage.name)
    progress.start(sum(part.rows for part in left))
    num_chunks = len(left)
    for have_ended in looks(client, workers):
        for part in done_for_good(plan, left):
            left.remove(part)
            progress.advance(part.rows)
        if not left:
            return
        if have_ended:
            raise ended_early(f"{plan.stage.name}: {len(left)} of {num_chunks} chunks are missing", client, workers)


def await_table(plan: StagePlan, workers: Sequence[UUID], client: SyncPrefectClient) -> Artifact:
    """Wait until a stage that needs the whole table is committed.

    Raises:
        BudgetError, ConfigError, TransientError: as `on_gpu_workers`.
    """
    for have_ended in looks(client, workers):
        artifact = plan.store.artifact(plan.stage.name, plan.key)
        if artifact is not None:
            return artifact
        if have_ended:
            break
    raise ended_early(f"{plan.stage.name} is not done", client, workers)


def looks(client: SyncPrefectClient, workers: Sequence[UUID]) -> Iterator[bool]:
    """Yield every few seconds whether all workers have ended, however, until somebody has seen enough.

    The caller looks at the store afterwards, since a worker may write its last part between two looks.
    """
    began = time.monotonic()
    is_warned = False
    while True:
        try:
            runs = flow_runs(client, workers)
        except httpx.HTTPError as error:  # a server that restarts must not end hours of work
            logger.debug("the workers' states are not known: %s", error)
            runs = []
        if (
            runs
            and not is_warned
            and time.monotonic() - began > SECONDS_BEFORE_WARNING
            and not any(map(is_begun, runs))
        ):
            logger.warning("no run of %s has begun: is a worker started for the pool gpu?", DEPLOYMENT)
            is_warned = True
        yield bool(runs) and all(one.state is not None and one.state.is_final() for one in runs)
        time.sleep(SECONDS_BETWEEN_LOOKS)


def ended_early(
    missing: str, client: SyncPrefectClient, workers: Sequence[UUID]
) -> BudgetError | ConfigError | TransientError:
    """Return the error that says what is missing and how the workers ended."""
    runs = flow_runs(client, workers)
    for one in runs:
        if one.state_name == BUDGET_SPENT:
            return BudgetError(f"{missing}: {one.state.message if one.state else ''}")
    if all(one.state_name == UNFIT for one in runs):
        return ConfigError(f"{missing}: {runs[0].state.message if runs[0].state else ''}")
    ends = "; ".join(f"{one.name} {one.state_name}: {one.state.message if one.state else ''}" for one in runs)
    return TransientError(f"{missing}, and all runs of {DEPLOYMENT} have ended: {ends}")


def flow_runs(client: SyncPrefectClient, ids: Sequence[UUID]) -> list[FlowRun]:
    """Return what the server knows of some flow runs."""
    return [client.read_flow_run(one) for one in ids]


def is_begun(flow_run: FlowRun) -> bool:
    """Return whether a flow run has a process by now, or has had one."""
    return flow_run.state is not None and not (flow_run.state.is_scheduled() or flow_run.state.is_pending())


# -- when the run that waits ends --------------------------------------------------------------------------------------


def cancel_workers(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Cancel the workers that a flow run has started: the hook for one that fails, crashes or is cancelled."""
    del flow, state
    children = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[flow_run.id]))
    with get_client(sync_client=True) as client:
        cancel(client, client.read_flow_runs(flow_run_filter=children))


def cancel(client: SyncPrefectClient, runs: Iterable[FlowRun]) -> None:
    """Cancel those flow runs that have not ended."""
    for one in runs:
        if one.state is None or not one.state.is_final():
            client.set_flow_run_state(one.id, Cancelling())
