"""Servers of several models as real processes with a fake engine: who runs when, and what is left."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from limo_curation.errors import ConfigError, TransientError
from limo_curation.sampling import vllm_server
from limo_curation.sampling.protocol import Completion, SampleRequest
from limo_curation.sampling.transformers_engine import TransformersSampler
from limo_curation.sampling.vllm_fleet import IDLE_SECONDS, VllmFleet, file_name
from limo_curation.vllm_config import VllmConfig
from tests.counting_engine import request
from tests.fake_vllm_server import fake_engine
from tests.processes import is_running, wait_until

WEAK = "limo_curation/demo/models/tiny-weak"

if not sys.platform.startswith("linux"):
    pytest.skip("engines are started on Linux only", allow_module_level=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_server, "SECONDS_BETWEEN_LOOKS", 0.05)
    monkeypatch.setattr(vllm_server, "FIRST_BACK_OFF_SECONDS", 0.1)
    monkeypatch.delenv("LIMO_ENGINE_API_KEY", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture
def one_at_a_time(tmp_path: Path) -> Iterator[VllmFleet]:
    with fleet_of(tmp_path, "ada", "bob", models_at_once=1) as fleet:
        yield fleet
    assert not running(tmp_path, "ada") + running(tmp_path, "bob")


def fleet_of(
    folder: Path,
    *models: str,
    models_at_once: int | None = None,
    patience_seconds: float = 20,
    idle_seconds: float = IDLE_SECONDS,
    wrong: tuple[str, ...] = (),
    **changes: Any,
) -> VllmFleet:
    interpreter = fake_engine(folder)
    for model in models:
        (folder / model).mkdir()
    return VllmFleet(
        [
            VllmConfig(
                model=model,
                device="cpu",
                python=interpreter,
                extra_arguments=(f"--fake-folder={folder / model}", *wrong),
                start_timeout_seconds=20,
                stop_timeout_seconds=5,
                **changes,
            )
            for model in models
        ],
        models_at_once=models_at_once,
        log_folder=folder / "logs",
        max_concurrency=4,
        timeout_seconds=20,
        patience_seconds=patience_seconds,
        idle_seconds=idle_seconds,
    )


def running(folder: Path, model: str) -> list[int]:
    file = folder / model / "processes"
    return [int(line) for line in file.read_text().split() if is_running(int(line))] if file.exists() else []


def num_starts(folder: Path, model: str) -> int:
    return sum(len(file.read_text().splitlines()) for file in (folder / model).glob("starts-*"))


def texts(completions: Iterator[Completion]) -> list[str]:
    return [one.text for one in completions]


def asked(*models: str) -> list[SampleRequest]:
    return [request(f"{model} {place}", model=model) for place, model in enumerate(models)]


# -- who runs when -----------------------------------------------------------------------------------------------------


def test_model_is_started_when_it_is_first_asked_and_gone_after_the_block(tmp_path: Path) -> None:
    with fleet_of(tmp_path, "ada", "bob") as fleet:
        assert not (tmp_path / "logs").exists()
        assert texts(fleet.sample(asked("ada"))) == ["ADA 0"]
        assert texts(fleet.sample(asked("ada"))) == ["ADA 0"]
        assert num_starts(tmp_path, "ada") == 1
        assert running(tmp_path, "ada")
    assert not running(tmp_path, "ada")
    assert num_starts(tmp_path, "bob") == 0
    assert "the server starts" in (tmp_path / "logs" / "ada" / "replica-0.log").read_text()


@pytest.mark.parametrize("draw", [VllmFleet.sample, VllmFleet.stream])
def test_models_take_turns_where_only_one_has_room(
    one_at_a_time: VllmFleet, tmp_path: Path, draw: Callable[..., Iterator[Completion]]
) -> None:
    found = texts(draw(one_at_a_time, asked(*["ada"] * 9, *["bob"] * 9)))

    assert sorted(found) == sorted(one.question.upper() for one in asked(*["ada"] * 9, *["bob"] * 9))
    assert (num_starts(tmp_path, "ada"), num_starts(tmp_path, "bob")) == (1, 1)
    assert not running(tmp_path, "ada")
    assert running(tmp_path, "bob")


def test_two_threads_that_ask_two_models_neither_wait_for_ever_nor_take_the_room_from_each_other(
    one_at_a_time: VllmFleet, tmp_path: Path
) -> None:
    begin = threading.Barrier(2)

    def ask(model: str) -> list[str]:
        begin.wait(20)
        return texts(one_at_a_time.sample(asked(*[model] * 40)))

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(ask, ["ada", "bob"]))

    assert [len(one) for one in found] == [40, 40]
    assert (num_starts(tmp_path, "ada"), num_starts(tmp_path, "bob")) == (1, 1)


def test_call_that_asks_two_models_in_turn_ends_though_another_one_does_the_same(one_at_a_time: VllmFleet) -> None:
    def ask(order: tuple[str, str]) -> list[str]:
        return texts(one_at_a_time.sample(asked(*order)))

    with ThreadPoolExecutor(2) as pool:
        both = pool.map(ask, [("ada", "bob"), ("bob", "ada")])

    assert list(both) == [["ADA 0", "BOB 1"], ["BOB 0", "ADA 1"]]


def test_least_recently_used_model_makes_room(tmp_path: Path) -> None:
    with fleet_of(tmp_path, "ada", "bob", "eve", models_at_once=2) as fleet:
        for model in ("ada", "bob", "ada", "eve"):
            texts(fleet.sample(asked(model)))
        assert running(tmp_path, "ada")
        assert running(tmp_path, "eve")
        assert not running(tmp_path, "bob")


def test_models_that_have_room_together_answer_one_stream_side_by_side(tmp_path: Path) -> None:
    with fleet_of(tmp_path, "ada", "bob") as fleet:
        order = ["ada", "bob"] * 20
        assert texts(fleet.sample(asked(*order))) == [one.question.upper() for one in asked(*order)]
    assert (num_starts(tmp_path, "ada"), num_starts(tmp_path, "bob")) == (1, 1)


def test_model_that_nobody_asks_is_stopped_and_started_again_when_it_is_asked(tmp_path: Path) -> None:
    with fleet_of(tmp_path, "ada", idle_seconds=1.0) as fleet:
        for start in (1, 2):
            assert texts(fleet.sample(asked("ada"))) == ["ADA 0"]
            assert num_starts(tmp_path, "ada") == start
            wait_until(lambda: not running(tmp_path, "ada"))


def test_model_that_is_being_asked_is_not_idle_however_long_it_thinks(tmp_path: Path) -> None:
    with fleet_of(tmp_path, "ada", "bob", idle_seconds=1.0) as fleet, ThreadPoolExecutor(1) as pool:
        (tmp_path / "ada" / "hangs").touch()
        thinking = pool.submit(lambda: texts(fleet.sample(asked("ada"))))
        wait_until(lambda: bool(running(tmp_path, "ada")))
        texts(fleet.sample(asked("bob")))
        wait_until(lambda: not running(tmp_path, "bob"))  # later than ada would be, if it idled
        assert running(tmp_path, "ada")
        (tmp_path / "ada" / "hangs").unlink()
        assert thinking.result(timeout=20) == ["ADA 0"]
    assert num_starts(tmp_path, "ada") == 1


# -- what is known without a server ------------------------------------------------------------------------------------


def test_revision_starts_nothing_and_is_the_one_of_the_transformers_engine(tmp_path: Path) -> None:
    configs = [VllmConfig(model=WEAK), VllmConfig(model=WEAK, served_name="w"), VllmConfig(model="owner/name@abc")]
    fleet = VllmFleet(configs, models_at_once=1, log_folder=tmp_path / "logs", max_concurrency=1, timeout_seconds=1)

    assert fleet.revision(WEAK) == fleet.revision("w") == TransformersSampler(batch_size=1).revision(WEAK)
    assert fleet.revision("owner/name@abc") == "owner/name@abc"
    assert fleet.num_gpus == 0
    assert not (tmp_path / "logs").exists()


def test_model_that_no_table_names_is_told(tmp_path: Path) -> None:
    with fleet_of(tmp_path, "ada") as fleet:
        with pytest.raises(ConfigError, match=r"engine\.vllm names no server of bob"):
            fleet.revision("bob")
        with pytest.raises(ConfigError, match=r"engine\.vllm names no server of bob"):
            texts(fleet.sample(asked("bob")))


@pytest.mark.parametrize(
    ("model", "folder"), [("Qwen/Qwen3-8B@abc", "Qwen_Qwen3-8B@abc"), ("../models/x", "models_x"), ("/m/x", "m_x")]
)
def test_folder_of_logs_is_named_for_the_model_and_stays_in_its_place(model: str, folder: str) -> None:
    assert file_name(model) == folder


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_failed_start_is_the_calls_error_and_the_next_call_tries_again(tmp_path: Path) -> None:
    with fleet_of(tmp_path, "ada", wrong=("--fake-starts=0",)) as fleet:
        for _ in range(2):
            with pytest.raises(ConfigError, match=r"(?s)before it was healthy.*no room for the KV cache"):
                texts(fleet.sample(asked("ada")))
    assert num_starts(tmp_path, "ada") == 2


def test_server_that_failed_for_good_is_the_calls_error_and_the_next_call_starts_it_anew(tmp_path: Path) -> None:
    with fleet_of(tmp_path, "ada", max_restarts=0, patience_seconds=0.2) as fleet:
        completions = fleet.sample(request(f"question {place}", model="ada") for place in range(10_000))
        next(completions)
        os.kill(running(tmp_path, "ada")[0], signal.SIGKILL)
        with pytest.raises(TransientError, match=r"replica 0 of ada ended with exit status 137, after 0 restarts"):
            texts(completions)
        assert texts(fleet.sample(asked("ada"))) == ["ADA 0"]
    assert num_starts(tmp_path, "ada") == 2


def test_leaving_the_block_ends_calls_that_sample(tmp_path: Path) -> None:
    fleet, all_taken = fleet_of(tmp_path, "ada"), threading.Event()

    def two_requests() -> Iterator[SampleRequest]:
        yield from asked("ada", "ada")
        all_taken.set()

    with ThreadPoolExecutor(1) as pool:
        with fleet:
            texts(fleet.sample(asked("ada")))
            (tmp_path / "ada" / "hangs").touch()
            hanging = pool.submit(lambda: texts(fleet.sample(two_requests())))
            assert all_taken.wait(20)
        with pytest.raises(TransientError):
            hanging.result(timeout=20)
    assert not running(tmp_path, "ada")


def test_leaving_the_block_ends_a_start(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, "ada", wrong=("--fake-never-answers",))
    with ThreadPoolExecutor(1) as pool:
        with fleet:
            starting = pool.submit(lambda: texts(fleet.sample(asked("ada"))))
            wait_until(lambda: bool(running(tmp_path, "ada")))
        with pytest.raises(TransientError, match="the servers of ada were stopped while they started"):
            starting.result(timeout=20)
    assert not running(tmp_path, "ada")
    with pytest.raises(TransientError, match="the fleet of vLLM servers was stopped"):
        texts(fleet.sample(asked("ada")))
