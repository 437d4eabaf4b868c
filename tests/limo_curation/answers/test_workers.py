"""Worker processes: the same verdicts from anywhere, within their limits, and none that outlives its parent."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from limo_curation.answers import Comparison, Reason, Verdict, explain_answers, explain_many, workers
from limo_curation.answers.bounds import is_within_bounds
from limo_curation.answers.expressions import parse_expression
from limo_curation.answers.workers import Worker, compare_leaves

PROJECT = Path(__file__).parents[3]
PAIRS = [
    (r"\sqrt{8}", r"2\sqrt{2}"),
    ("(x+1)^2", "x^2+3x+1"),
    ("(x+1)^2", "x^2+2x+1"),
    (r"\sin^2 x+\cos^2 x", "1"),
    ("2a", "2b"),
    ("42", "42.0"),
    ("x^{1000000}", "x^{999999}x"),
]
TOO_LONG = Comparison(Verdict.UNDECIDED, Reason.TOO_LONG)
DEADLINE = Comparison(Verdict.UNDECIDED, Reason.DEADLINE)

# a worker whose algebra never ends for one text, sleeps for another, and fills the memory for a third
FAKE_WORKER = f"""
import time
from limo_curation.answers import symbolic
real = symbolic.compare_expressions
def fake(left, right):
    while left == "spin":
        pass
    if left == "sleep":
        time.sleep(600)
    if left == "memory":
        bytearray(4 << 30)
    return real(left, right)
symbolic.compare_expressions = fake
{workers.COMMAND}
"""


@pytest.fixture
def fake_worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    monkeypatch.setattr(workers, "COMMAND", FAKE_WORKER)
    worker = Worker()
    worker.ask([("x", "y")], 30)
    yield worker
    worker.stop()


def test_verdicts_are_the_same_from_threads_and_processes_in_any_order() -> None:
    expected = explain_many(*zip(*PAIRS, strict=True))
    assert expected[:2] == [(Verdict.EQUAL, Reason.SYMBOLIC), (Verdict.DIFFERENT, Reason.SYMBOLIC)]
    backwards = explain_many(*zip(*reversed(PAIRS), strict=True), num_workers=1)
    assert backwards == expected[::-1]
    left, right = zip(*PAIRS, strict=True)
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(explain_answers, left, right)) == expected
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        assert list(processes.map(explain_answers, left, right)) == expected


def test_a_forked_child_gets_its_own_workers() -> None:
    expected = explain_answers(*PAIRS[0])
    child = os.fork()
    if child == 0:
        os._exit(0 if explain_answers(*PAIRS[0]) == expected else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert explain_answers(*PAIRS[1]).verdict is Verdict.DIFFERENT


# -- limits ------------------------------------------------------------------------------------------------------------


def test_processor_time_is_limited_before_the_clock(fake_worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "CPU_SHARE", 0.05)
    started = time.perf_counter()
    assert fake_worker.ask([("x", "x"), ("spin", "x")], 20.0) == [DEADLINE] * 2
    assert time.perf_counter() - started < 15.0
    assert fake_worker.ask([("x", "x")], 5.0)[0].verdict is Verdict.EQUAL


def test_worker_that_sleeps_is_killed_by_the_clock(fake_worker: Worker) -> None:
    started = time.perf_counter()
    assert fake_worker.ask([("sleep", "x")], 0.5) == [DEADLINE]
    assert 0.5 <= time.perf_counter() - started < 10  # not the 600 s of its sleep; a loaded machine needs some


def test_worker_at_its_memory_limit_gives_up_the_question_only(fake_worker: Worker) -> None:
    assert fake_worker.ask([("memory", "x")], 5.0) == [DEADLINE]
    assert fake_worker.ask([("x", "x")], 5.0)[0].verdict is Verdict.EQUAL


def test_worker_that_was_killed_from_outside_is_replaced(fake_worker: Worker) -> None:
    process = fake_worker._process
    assert process is not None
    process.kill()
    process.wait()
    assert fake_worker.ask([("x", "x")], 5.0)[0].verdict is Verdict.EQUAL


def test_interrupting_the_parent_leaves_its_workers_at_work(fake_worker: Worker) -> None:
    process = fake_worker._process
    assert process is not None
    process.send_signal(signal.SIGINT)
    assert fake_worker.ask([("x", "x")], 5.0)[0].verdict is Verdict.EQUAL
    assert fake_worker._process is process


@pytest.mark.parametrize(
    "text",
    [
        "x^{1000000}",
        r"\sqrt{2}^{1000000000}",
        "(x+y+z)^{999}",
        "(x+1)^{5000}",
        "e^{e^{e^{e^{x}}}}",
        "((x+1)^{60}+y)^{60}",
    ],
)
def test_what_algebra_can_not_afford_is_too_long_on_any_machine(text: str) -> None:
    started = time.perf_counter()
    assert compare_leaves([[(text, "x")], [("x", text)]], num_workers=1, timeout_seconds=20) == [[TOO_LONG]] * 2
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("text", ["x^{100}", "(x+y)^{20}", "e^{e^{x}}", r"\frac{2^{999}\pi}{x}", "(a+b+c)(d+e)(f+g)"])
def test_what_answers_hold_is_within_bounds(text: str) -> None:
    expression = parse_expression(text)
    assert expression is not None
    assert is_within_bounds(expression)


# -- life and death ----------------------------------------------------------------------------------------------------

PARENT = """
import sys, time
from limo_curation.answers import workers
workers.COMMAND = sys.argv[1]
workers.compare_leaves([[("x", "y")]] * 2, num_workers=2, timeout_seconds=30)
print(*(worker._process.pid for worker in workers.idle_workers), flush=True)
if sys.argv[2] == "busy":
    workers.compare_leaves([[("sleep", "y")]] * 2, num_workers=2, timeout_seconds=1)
if sys.argv[2] != "exit":
    time.sleep(600)
"""


def start_parent(state: str) -> tuple[subprocess.Popen[str], list[int]]:
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PARENT), FAKE_WORKER, state],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    assert parent.stdout is not None
    return parent, [int(number) for number in parent.stdout.readline().split()]


def wait_until_gone(process_ids: list[int], seconds: float) -> list[int]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(map(is_alive, process_ids)):
        time.sleep(0.05)
    return [process_id for process_id in process_ids if is_alive(process_id)]


def is_alive(process_id: int) -> bool:
    """Whether a process runs; an orphan that nobody reaps is dead all the same."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(") ")[2][:1]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(("state", "seconds"), [("exit", 2), ("idle", 2), ("busy", 6)])
def test_no_worker_outlives_a_parent_that_ends_or_is_killed(state: str, seconds: float) -> None:
    parent, process_ids = start_parent(state)
    with parent:
        assert process_ids
        if state == "exit":
            assert parent.wait(10) == 0
        else:
            time.sleep(0.3)
            parent.send_signal(signal.SIGKILL)
            parent.wait()
        assert wait_until_gone(process_ids, seconds) == []
