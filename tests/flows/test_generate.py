"""The flow `generate` on a real server with real workers: shared, killed, cancelled, and through real vLLM."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("prefect", reason="Prefect is not installed (extra `flows`)")

from limo_curation.run_record import RunRecord, load_record
from limo_curation.store import Store
from tests.fake_vllm_server import fake_engine
from tests.flows.prefect_runs import wait_until
from tests.flows.prefect_server import ROOT, Prefect
from tests.flows.solving_server import PATIENCE_SECONDS, SolvingServer, write_sampling_run
from tests.processes import is_running

pytestmark = [pytest.mark.prefect, pytest.mark.slow]

TAKEOVER_SECONDS = 6.0
MAX_UNDER_WAY = 4  # as the run file says

if not sys.platform.startswith("linux"):
    pytest.skip("engines are started on Linux only", allow_module_level=True)


@dataclass(frozen=True)
class Done:
    folder: Path

    @property
    def store(self) -> Store:
        return Store(str(self.folder / "store"))

    @property
    def record(self) -> RunRecord:
        (name,) = [path.stem for path in (self.folder / "store/runs").glob("*.json")]
        return load_record(self.store, name)

    @property
    def digests(self) -> dict[str, str]:
        return {stage: artifact.digest for stage, artifact in self.record.artifacts.items()}


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """Return a server with the deployments and a worker for each pool; that with GPUs does two runs at a time."""
    folder = tmp_path_factory.mktemp("server")
    prefect = Prefect(folder, {"LIMO_DATA": str(folder)})
    with prefect.running("server", "start", "--host", "127.0.0.1", "--port", prefect.port):
        wait_until(prefect.is_healthy, seconds=120, what="the server")
        prefect.do("sh", "docker/deploy.sh")
        deployment = httpx.get(f"{prefect.api}/deployments/name/generate/gpu", timeout=30).json()
        body = {"parameters": {"takeover_seconds": TAKEOVER_SECONDS}}
        httpx.patch(f"{prefect.api}/deployments/{deployment['id']}", json=body, timeout=30).raise_for_status()
        with (
            prefect.running("worker", "start", "--limit", "2", "--pool", "gpu"),
            prefect.running("worker", "start", "--pool", "cpu"),
        ):
            yield prefect


@pytest.fixture(scope="module")
def undisturbed(prefect: Prefect, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Return a finished run that did everything in its own process."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with SolvingServer() as server:
        run_file = write_sampling_run(folder, server.url)
        with curating(prefect, run_file) as process:
            assert process.wait(PATIENCE_SECONDS) == 0
    return Done(folder)


@pytest.fixture(scope="module")
def undisturbed_on_demand(prefect: Prefect, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Return the same of a run that rates problems on demand."""
    folder = tmp_path_factory.mktemp("on-demand")
    with SolvingServer() as server:
        run_file = write_sampling_run(folder, server.url, is_on_demand=True)
        with curating(prefect, run_file) as process:
            assert process.wait(PATIENCE_SECONDS) == 0, (folder / "curate.log").read_text()[-3_000:]
    return Done(folder)


@contextmanager
def curating(prefect: Prefect, run_file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the flow `curate` in a process of its own, which ends with the block."""
    command = [sys.executable, "-m", "flows.curate", str(run_file)]
    with (run_file.parent / "curate.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=prefect.environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def claims(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for file in folder.glob("store/*/*/work/claims/*.json"):
        try:
            found.append(json.loads(file.read_text()))
        except (OSError, ValueError):  # it is given back at this moment
            continue
    return found


def num_workers(folder: Path) -> int:
    return len({claim["worker"] for claim in claims(folder)})


def wait(holds: Callable[[], bool], what: str) -> None:
    wait_until(holds, seconds=PATIENCE_SECONDS, what=what)


def generate_runs(prefect: Prefect, folder: Path) -> list[dict[str, Any]]:
    """Return the runs of `generate` that work on a store."""
    found = httpx.post(f"{prefect.api}/flow_runs/filter", json={}, timeout=30).json()
    return [run for run in found if run["parameters"].get("store") == str(folder / "store")]


def kill_one(prefect: Prefect, folder: Path) -> None:
    """Kill a run of `generate`; its worker tells the server the process's number some time after it has started it."""

    def processes() -> list[str]:
        return [run["infrastructure_pid"] for run in generate_runs(prefect, folder) if run["infrastructure_pid"]]

    wait(lambda: bool(processes()), "the number of a run's process")
    os.kill(int(processes()[0].rpartition(":")[2]), signal.SIGKILL)


def test_two_runs_share_a_stages_chunks_and_each_is_sampled_once(
    prefect: Prefect, undisturbed: Done, tmp_path: Path
) -> None:
    with SolvingServer() as server:
        server.lets_go.clear()
        with curating(prefect, write_sampling_run(tmp_path, server.url, gpu_workers=2)) as curate:
            wait(lambda: num_workers(tmp_path) == 2, "two workers at the chunks of difficulty")
            server.lets_go.set()
            assert curate.wait(PATIENCE_SECONDS) == 0, (tmp_path / "curate.log").read_text()[-3_000:]
        assert server.num_repeated() == 0

    assert Done(tmp_path).digests == undisturbed.digests
    assert not claims(tmp_path)
    runs = generate_runs(prefect, tmp_path)
    assert {run["parameters"]["stage"] for run in runs} == {"difficulty", "generation"}
    assert all(run["parent_task_run_id"] for run in runs)  # the UI shows them below the run that waits


def test_chunk_of_a_killed_run_is_taken_over_and_no_byte_is_another_one(
    prefect: Prefect, undisturbed: Done, tmp_path: Path
) -> None:
    with SolvingServer() as server:
        server.lets_go.clear()
        with curating(prefect, write_sampling_run(tmp_path, server.url, gpu_workers=2)) as curate:
            wait(lambda: num_workers(tmp_path) == 2, "two workers at the chunks of difficulty")
            kill_one(prefect, tmp_path)
            server.lets_go.set()
            assert curate.wait(PATIENCE_SECONDS) == 0, (tmp_path / "curate.log").read_text()[-3_000:]
        assert server.num_repeated() <= MAX_UNDER_WAY  # what the killed one had asked and not recorded

    assert Done(tmp_path).digests == undisturbed.digests


def test_stage_on_demand_is_done_by_one_run_and_another_one_goes_on_where_it_was_killed(
    prefect: Prefect, undisturbed_on_demand: Done, tmp_path: Path
) -> None:
    def num_rounds() -> int:
        return len(list(tmp_path.glob("store/difficulty/*/work/round-*-strong.json")))

    def raters() -> list[dict[str, Any]]:
        return [run for run in generate_runs(prefect, tmp_path) if run["parameters"]["stage"] == "difficulty"]

    with SolvingServer() as server:
        server.holds = lambda: num_rounds() > 0
        server.lets_go.clear()
        with curating(prefect, write_sampling_run(tmp_path, server.url, gpu_workers=2, is_on_demand=True)) as curate:
            wait(lambda: num_rounds() == 1, "the first round to be done")
            assert len(raters()) == 1
            kill_one(prefect, tmp_path)
            server.lets_go.set()
            assert curate.wait(PATIENCE_SECONDS) == 0, (tmp_path / "curate.log").read_text()[-3_000:]
        assert server.num_repeated() <= MAX_UNDER_WAY

    assert Done(tmp_path).digests == undisturbed_on_demand.digests
    assert sorted(run["state_type"] for run in raters()) == ["COMPLETED", "CRASHED"]


def test_runs_that_can_not_work_as_they_are_set_up_end_the_one_that_waits_without_a_retry(
    prefect: Prefect, tmp_path: Path
) -> None:
    run_file = write_sampling_run(tmp_path, "http://127.0.0.1:9", gpu_workers=2)
    servers = ", ".join(f'{{ model = "{model}", python = "{tmp_path}/nowhere" }}' for model in ("weak", "strong"))
    text = run_file.read_text().replace('kind = "endpoint"', f'kind = "vllm"\nvllm = [{servers}]')
    run_file.write_text(text.replace("urls = ", "# "))
    with curating(prefect, run_file) as curate:
        assert curate.wait(PATIENCE_SECONDS) == 1
    told = (tmp_path / "curate.log").read_text()
    assert "ConfigError: difficulty: 6 of 6 chunks are missing: vLLM's environment is missing: there is no" in told
    assert "Retry" not in told
    assert {run["state_name"] for run in generate_runs(prefect, tmp_path)} == {"Unfit"}


def test_cancelled_run_leaves_no_engine_gives_its_claims_back_and_frees_its_slot(
    prefect: Prefect, undisturbed: Done, tmp_path: Path
) -> None:
    shutil.copytree(undisturbed.folder, tmp_path, dirs_exist_ok=True)
    for stage in ("difficulty", "requests"):
        shutil.rmtree(tmp_path / "store" / stage)
    done = Done(tmp_path)
    hung = tmp_path / "hung"
    interpreter, servers = fake_engine(tmp_path), []
    for name in ("first", "second", "third"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "hangs").symlink_to(hung)
        extra = [f"--fake-folder={tmp_path / name}"]
        servers.append(
            {
                "kind": "vllm",
                "models_at_once": 1,
                "vllm": [
                    {"model": model, "device": "cpu", "python": interpreter, "extra_arguments": extra}
                    for model in ("weak", "strong")
                ],
            }
        )

    def start(number: int) -> str:
        store = str(tmp_path / "store")
        return prefect.start(
            "generate/gpu", run=done.record.name, stage="difficulty", store=store, engine=servers[number]
        )

    def engines(name: str) -> list[int]:
        file = tmp_path / name / "processes"
        return [int(line) for line in file.read_text().split() if is_running(int(line))] if file.exists() else []

    hung.touch()
    first, second = start(0), start(1)
    wait(lambda: num_workers(tmp_path) == 2 and bool(engines("first")) and bool(engines("second")), "both to sample")
    third = start(2)  # no slot is free for it
    prefect.cancel(first)
    prefect.wait_for(first, "CANCELLED")
    wait(lambda: not engines("first"), "the engine of the cancelled run to be gone")
    wait(lambda: bool(engines("third")), "the next run to get the slot")
    hung.unlink()
    prefect.wait_for(second, "COMPLETED", seconds=PATIENCE_SECONDS)
    prefect.wait_for(third, "COMPLETED", seconds=PATIENCE_SECONDS)
    assert not claims(tmp_path)
    assert not engines("second") + engines("third")


def test_cancelling_the_run_that_waits_cancels_its_workers(prefect: Prefect, tmp_path: Path) -> None:
    with SolvingServer() as server:
        server.lets_go.clear()
        run_file = write_sampling_run(tmp_path, server.url, gpu_workers=2)
        parent = prefect.start("curate/recorded", profile=str(run_file))
        wait(lambda: num_workers(tmp_path) == 2, "two workers at the chunks of difficulty")
        workers = [run["id"] for run in prefect.children(parent)]
        assert len(workers) == 2
        prefect.cancel(parent)
        for one in (parent, *workers):
            prefect.wait_for(one, "CANCELLED", seconds=PATIENCE_SECONDS)
        wait(lambda: not claims(tmp_path), "the claims to be given back")
