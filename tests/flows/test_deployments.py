"""The deployments: what they name exists, and one of them is run, failed and retried on a real server and worker."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

pytest.importorskip("prefect", reason="Prefect is not installed (extra `flows`)")

from limo_curation.config import RunConfig
from limo_curation.presets import PRESETS_FOLDER, load_config
from tests.flows.prefect_runs import plain_name, wait_until
from tests.flows.small_files import write_files

ROOT = Path(__file__).parent.parent.parent
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((PRESETS_FOLDER / "prefect.yaml").read_text(encoding="utf-8"))[
    "deployments"
]
STAGES_BEFORE_CHAINS = [
    "ingestion",
    "screening",
    "deduplication",
    "benchmarks",
    "decontamination",
    "novelty",
    "domains",
    "difficulty",
]
FAILED_STAGE_AND_WHAT_FOLLOWS = [
    "recorded_chains",
    "generation",
    "verification",
    "judging",
    "selection",
    "publishing",
    "report",
]


def name_of(deployment: dict[str, Any]) -> str:
    return deployment["name"]


def load_entrypoint(entrypoint: str) -> Any:
    module, _, function = entrypoint.partition(":")
    return getattr(import_module(module), function)


# -- what the file says ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name_of)
def test_deployment_runs_a_flow_that_exists_with_a_preset_that_loads(deployment: dict[str, Any]) -> None:
    flow = load_entrypoint(deployment["entrypoint"])

    assert flow.name == "curate"
    assert set(deployment["parameters"]) <= set(signature(flow.fn).parameters)
    profile = "full" if deployment["name"] == "delta" else deployment["name"]
    assert load_config(deployment["parameters"]["profile"]).profile == profile


def test_every_preset_has_a_deployment_and_full_a_second_one() -> None:
    presets = {path.stem for path in PRESETS_FOLDER.glob("*.toml")}
    assert presets | {"delta"} == {deployment["name"] for deployment in DEPLOYMENTS}


def test_full_runs_once_a_week_and_delta_on_the_other_nights() -> None:
    schedules = {deployment["name"]: deployment["schedules"] for deployment in DEPLOYMENTS if deployment["schedules"]}

    assert set(schedules) == {"full", "delta"}
    (weekly,), (nightly,) = schedules["full"], schedules["delta"]
    assert re.fullmatch(r"\d+ \d+ \* \* 0", weekly["cron"])  # one minute of one weekday
    assert re.fullmatch(r"\d+ \d+ \* \* 1-6", nightly["cron"])
    assert weekly["timezone"]
    assert nightly["timezone"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name_of)
def test_deployment_never_runs_twice_at_once(deployment: dict[str, Any]) -> None:
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}


def test_flow_has_one_typed_parameter_for_each_section() -> None:
    schema = load_entrypoint("flows.curate:curate").parameters.model_dump()

    # `demo` is left out on purpose: only the demo's own run file writes its source
    assert set(schema["properties"]) == set(RunConfig.model_fields) - {"demo"}
    assert schema["properties"]["profile"]["type"] == "string"
    for name in set(schema["properties"]) - {"profile"}:
        section, nothing = schema["properties"][name]["anyOf"]
        assert section["$ref"].startswith("#/definitions/")
        assert nothing == {"type": "null"}
        assert schema["properties"][name]["description"]


# -- a server, a worker, a failure and its retry -----------------------------------------------------------------------


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
        log = self.folder / f"{arguments[0]}.log"
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

    def wait_for(self, flow_run_id: str, state_type: str) -> dict[str, Any]:
        def is_there() -> bool:
            state = self.state(flow_run_id)
            assert state["type"] in (state_type, "SCHEDULED", "PENDING", "RUNNING"), state
            return state["type"] == state_type

        wait_until(is_there, seconds=90, what=f"{flow_run_id} to be {state_type}")
        return self.state(flow_run_id)

    def deployments(self) -> dict[str, dict[str, Any]]:
        """Return all deployments by name, without times."""
        found = httpx.post(f"{self.api}/deployments/filter", json={}, timeout=30).json()
        return {deployment["name"]: without_times(deployment) for deployment in found}

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


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """Return a server with the deployments and a worker for the pool `cpu`, all of it gone afterwards."""
    folder = tmp_path_factory.mktemp("server")
    prefect = Prefect(folder, {"LIMO_DATA": str(folder)})
    with prefect.running("server", "start", "--host", "127.0.0.1", "--port", prefect.port):
        wait_until(prefect.is_healthy, seconds=120, what="the server")
        prefect.do("sh", "docker/deploy.sh")
        with prefect.running("worker", "start", "--pool", "cpu"):
            yield prefect


@pytest.mark.prefect
@pytest.mark.slow
def test_deploying_again_changes_nothing_but_the_time(prefect: Prefect) -> None:
    before = prefect.deployments()
    prefect.do("sh", "docker/deploy.sh")

    assert prefect.deployments() == before
    assert set(before) == {deployment["name"] for deployment in DEPLOYMENTS}
    assert {deployment["work_pool_name"] for deployment in before.values()} == {"cpu"}
    (weekly,), (nightly,) = before["full"]["schedules"], before["delta"]["schedules"]
    assert (weekly["schedule"]["cron"], nightly["schedule"]["cron"]) == ("0 2 * * 0", "0 2 * * 1-6")
    assert {schedule["schedule"]["timezone"] for schedule in (weekly, nightly)} == {"UTC"}
    assert {name for name, deployment in before.items() if deployment["schedules"]} == {"full", "delta"}


@pytest.mark.prefect
@pytest.mark.slow
def test_retried_flow_run_redoes_the_failed_stage_and_what_follows(prefect: Prefect) -> None:
    folder = prefect.folder
    write_files(folder)
    chains = folder / "chains.jsonl.zst"
    chains.rename(folder / "not-yet-here")
    execution = f'{{"store": "{folder}/store", "output": "{folder}/runs", "part_rows": 20}}'

    printed = prefect.do(
        *("prefect", "--no-prompt", "deployment", "run", "curate/recorded"),
        *("--param", 'selection={"target_size": 6, "when_short": "redistribute"}'),
        *("--param", f"execution={execution}"),
    )
    (flow_run_id,) = set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", printed))
    failed = prefect.wait_for(flow_run_id, "FAILED")
    before = prefect.task_runs(flow_run_id, last="difficulty")
    (folder / "not-yet-here").rename(chains)
    prefect.do("prefect", "--no-prompt", "flow-run", "retry", flow_run_id)
    prefect.wait_for(flow_run_id, "COMPLETED")
    after = prefect.task_runs(flow_run_id, last="report")

    known = {run["id"]: run for run in before}
    reused = [run for run in after if run["id"] not in known and run["state_name"] == "Cached"]
    done = [run for run in after if run["id"] not in known and run["state_name"] != "Cached"]
    print_runs("the first attempt", before)
    print_runs("the retry", reused + done)
    assert f"no file {chains}; mend the path or fetch the file" in failed["message"]
    assert whole_stages(before) == STAGES_BEFORE_CHAINS
    assert [when(run) for run in after if run["id"] in known] == [
        when(run) for run in before
    ]  # none was executed again
    assert names_of(reused) == STAGES_BEFORE_CHAINS
    assert whole_stages(done) == FAILED_STAGE_AND_WHAT_FOLLOWS
    assert len(list((folder / "runs").glob("recorded-*/report.html"))) == 1


def without_times(value: Any) -> Any:
    if isinstance(value, list):
        return [without_times(item) for item in value]
    if not isinstance(value, dict):
        return value
    dropped = ("created", "updated", "last_polled", "status", "version_id", "version_info")
    return {key: without_times(item) for key, item in value.items() if key not in dropped}


def when(run: dict[str, Any]) -> tuple[str, int, str, str]:
    """Return what would differ if a task run had been executed once more."""
    return run["id"], run["run_count"], run["start_time"], run["end_time"]


def names_of(runs: list[dict[str, Any]]) -> list[str]:
    return [run["name"] for run in runs]


def whole_stages(runs: list[dict[str, Any]]) -> list[str]:
    """Return the names without those of parts, such as `screening 0-20`."""
    return [name for name in names_of(runs) if " " not in name]


def print_runs(title: str, runs: list[dict[str, Any]]) -> None:
    print(f"\n{title}:")
    for run in runs:
        print(f"  {run['name']:<22} {run['state_name']:<10} begun {run['start_time'][11:23]}  id {run['id'][-12:]}")
