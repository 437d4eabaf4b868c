"""A Prefect server of a test's own, with workers, driven by Prefect's own commands and its API."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.flows.prefect_runs import plain_name, wait_until

ROOT = Path(__file__).parent.parent.parent


class Prefect:
    """Prefect's own commands and API, on a server of the test's own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])
        self.folder = folder
        self.api = f"http://127.0.0.1:{self.port}/api"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
            **environment,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": self.api,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "DO_NOT_TRACK": "1",
            "NO_COLOR": "1",
        }

    @contextmanager
    def running(self, *arguments: str) -> Iterator[None]:
        """Keep a command running, in a process group of its own that ends with the block."""
        log = self.folder / f"{arguments[0]}-{arguments[-1]}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                ["prefect", *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                yield
            finally:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait(15)

    def do(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.api}/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def state(self, flow_run_id: str) -> dict[str, Any]:
        return httpx.get(f"{self.api}/flow_runs/{flow_run_id}", timeout=30).json()["state"]

    def wait_for(self, flow_run_id: str, state_type: str, *, seconds: float = 90) -> dict[str, Any]:
        def is_there() -> bool:
            state = self.state(flow_run_id)
            assert state["type"] in (state_type, "SCHEDULED", "PENDING", "RUNNING", "CANCELLING"), state
            return state["type"] == state_type

        wait_until(is_there, seconds=seconds, what=f"{flow_run_id} to be {state_type}")
        return self.state(flow_run_id)

    def start(self, deployment: str, **parameters: Any) -> str:
        """Start a run of a deployment and return its id."""
        given = [part for name, value in parameters.items() for part in ("--param", f"{name}={json.dumps(value)}")]
        printed = self.do("prefect", "--no-prompt", "deployment", "run", deployment, *given)
        (flow_run_id,) = set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", printed))
        return flow_run_id

    def cancel(self, flow_run_id: str) -> None:
        """Do what the button of the UI does."""
        body = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        httpx.post(f"{self.api}/flow_runs/{flow_run_id}/set_state", json=body, timeout=30).raise_for_status()

    def children(self, flow_run_id: str) -> list[dict[str, Any]]:
        """Return the flow runs that a flow run started."""
        body = {"flow_runs": {"parent_flow_run_id": {"any_": [flow_run_id]}}}
        return httpx.post(f"{self.api}/flow_runs/filter", json=body, timeout=30).json()

    def deployments(self) -> dict[str, dict[str, Any]]:
        """Return all deployments by the name that a run of theirs is started by, without times."""
        found = httpx.post(f"{self.api}/deployments/filter", json={}, timeout=30).json()
        flows = {
            flow["id"]: flow["name"] for flow in httpx.post(f"{self.api}/flows/filter", json={}, timeout=30).json()
        }
        return {f"{flows[one['flow_id']]}/{one['name']}": without_times(one) for one in found}

    def task_runs(self, flow_run_id: str, *, last: str) -> list[dict[str, Any]]:
        """Return a flow run's task runs, without Prefect's random endings of names, once `last` has ended."""
        found: list[dict[str, Any]] = []

        def have_ended() -> bool:
            body = {"flow_runs": {"id": {"any_": [flow_run_id]}}, "sort": "EXPECTED_START_TIME_ASC"}
            found[:] = httpx.post(f"{self.api}/task_runs/filter", json=body, timeout=30).json()
            for run in found:
                run["name"] = plain_name(run["name"])
            return last in names_of(found) and all(run["state_type"] == "COMPLETED" for run in found)

        wait_until(have_ended, what=f"the task runs up to {last}")
        return found


def without_times(value: Any) -> Any:
    if isinstance(value, list):
        return [without_times(item) for item in value]
    if not isinstance(value, dict):
        return value
    dropped = ("created", "updated", "last_polled", "status", "version_id", "version_info")
    return {key: without_times(item) for key, item in value.items() if key not in dropped}


def names_of(runs: list[dict[str, Any]]) -> list[str]:
    return [run["name"] for run in runs]
