"""What a flow run did, read back from the Prefect server."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import TaskRun
from prefect.client.schemas.sorting import FlowRunSort

WAIT_SECONDS = 180.0  # the server learns of task runs and logs by events; on a busy machine long after they happened


def wait_until(holds: Callable[[], bool], *, seconds: float = WAIT_SECONDS, what: str = "") -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for: {what}"
        time.sleep(0.25)


def plain_name(name: str) -> str:
    """Return a task run's name without Prefect's random ending, which parts such as `screening 0-100` do not have."""
    return re.sub(r"^(\S+)-[0-9a-f]{3}$", r"\1", name)


def task_runs_of(client: SyncPrefectClient, flow_run_id: UUID, *, last: str) -> list[TaskRun]:
    """Return a flow run's task runs in order, once all have ended and the one named `last` is among them."""
    found: list[TaskRun] = []

    def all_ended() -> bool:
        found[:] = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])))
        names = {plain_name(run.name) for run in found}
        return last in names and all(run.state is not None and run.state.is_final() for run in found)

    wait_until(all_ended, what=f"all task runs of {flow_run_id} to end, {last} the last")
    return sorted(found, key=lambda run: run.expected_start_time or run.created)


def outcomes(flow_run_id: UUID, *, last: str = "report") -> dict[str, str]:
    """Return the state's name (Completed, Cached, Failed) of each task run."""
    with get_client(sync_client=True) as client:
        return {plain_name(run.name): run.state_name or "" for run in task_runs_of(client, flow_run_id, last=last)}


def executed(flow_run_id: UUID, *, last: str = "report") -> list[str]:
    """Return the task runs that did something, without their parts."""
    return [name for name, state in outcomes(flow_run_id, last=last).items() if state != "Cached" and " " not in name]


def log_lines(flow_run_id: UUID, *, containing: str) -> list[str]:
    """Return a flow run's log lines, its tasks' among them, once one contains the text."""
    lines: list[str] = []

    def has_line() -> bool:
        filters = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[flow_run_id]))
        with get_client(sync_client=True) as client:
            lines[:] = [log.message for log in client.read_logs(log_filter=filters, limit=200)]
        return any(containing in line for line in lines)

    wait_until(has_line, what=f"a log line with {containing!r}")
    return lines


def latest_flow_run_id() -> UUID:
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=1)[0].id


def artifacts_of(flow_run_id: UUID) -> dict[str, Any]:
    """Return the data of the artifacts that a flow run made, by key; stored results, which have none, are left out."""
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])))
    return {artifact.key: artifact.data for artifact in found if artifact.key is not None}
