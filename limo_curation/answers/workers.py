"""Compare expressions in worker processes that can be killed.

The text of an answer is hostile input: a tower of powers can take a process's time and memory for hours. So what goes
to sympy is bounded first (`bounds.py`), each worker has a memory limit, and each question a deadline; a worker that
misses it is killed and replaced; what can't be answered is undecided.

Half of the deadline is the worker's own processor time, the whole is the clock's, so that a verdict depends on the load
of a machine only where that more than doubles a question's time; on its speed it depends where a proof takes seconds
(of 4,770 questions that real answers led to, the slowest took 0.2 s). Everything else is the same on every run: hashes
and random values in a worker are fixed.

A worker is a fresh interpreter on two pipes rather than a multiprocessing pool, whose workers import the
caller's main module first: with a script without a main guard they all die (seen with pebble), and each call pays for
new ones. Here idle workers wait for the next call, and end with their parent: their input closes.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final

from limo_curation.answers import symbolic
from limo_curation.answers.verdicts import Comparison, Reason, Verdict, undecided
from limo_curation.errors import StageError, TransientError

LeafPair = tuple[str, str]

CPU_SHARE: Final = 0.5  # ours: of the deadline
START_SECONDS: Final = 60.0  # importing sympy on a busy machine
COMMAND: Final = f"from {symbolic.__name__} import serve; serve()"
PACKAGE_ROOT: Final = str(Path(__file__).resolve().parents[2])


def compare_leaves(
    questions: Sequence[Sequence[LeafPair]], *, num_workers: int, timeout_seconds: float
) -> list[list[Comparison]]:
    """Compare pairs of expressions.

    Args:
        questions: the pairs of one answer each; they share one deadline.
        num_workers: processes at work at the same time.
        timeout_seconds: wall time for one question; half of it is its worker's processor time.

    Returns:
        For each question, one comparison per pair; all undecided where the worker was killed or crashed.
    """
    if not questions:
        return []

    def ask_all(part: Iterator[tuple[int, Sequence[LeafPair]]]) -> list[tuple[int, list[Comparison]]]:
        with borrowed_worker() as worker:
            return [(index, worker.ask(pairs, timeout_seconds)) for index, pairs in part]

    shared = SharedIterator(enumerate(questions))
    num_threads = min(num_workers, len(questions))
    with ThreadPoolExecutor(num_threads) as threads:
        answers = dict(pair for part in threads.map(ask_all, [iter(shared)] * num_threads) for pair in part)
    return [answers[index] for index in range(len(questions))]


class SharedIterator:
    """Hands the items of one iterator to several threads, each item once."""

    def __init__(self, items: Iterator[tuple[int, Sequence[LeafPair]]]) -> None:
        self._items = items
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[tuple[int, Sequence[LeafPair]]]:
        return self

    def __next__(self) -> tuple[int, Sequence[LeafPair]]:
        with self._lock:
            return next(self._items)


# -- the parent's side -------------------------------------------------------------------------------------------------


class Worker:
    """One process that compares expressions; it is started on the first question and again after each kill."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, pairs: Sequence[LeafPair], timeout_seconds: float) -> list[Comparison]:
        """Return one comparison per pair."""
        process = self._running()
        limits = {"cpu_seconds": timeout_seconds * CPU_SHARE, "wall_seconds": timeout_seconds}
        question = json.dumps({"pairs": pairs, **limits}).encode() + b"\n"
        try:
            write_all(process, question)
        except BrokenPipeError:
            reply = None
        else:
            reply = read_line(process, timeout_seconds)
        if reply is None:
            self.stop()
            return [undecided(Reason.DEADLINE)] * len(pairs)
        return [Comparison(Verdict(verdict), Reason(reason)) for verdict, reason in json.loads(reply)]

    def stop(self) -> None:
        """Kill the process."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._process = None

    def forget(self) -> None:
        """Close this process's copies of the pipes, without a word to the worker, which belongs to another process."""
        if self._process is not None:
            pipe_of(self._process.stdin).close()
            pipe_of(self._process.stdout).close()
            self._process.returncode = 0

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.stop()
        path = os.pathsep.join(filter(None, [PACKAGE_ROOT, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and a fixed command)
            [sys.executable, "-P", "-c", COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0"},
        )
        if read_line(self._process, START_SECONDS) is None:
            self.stop()
            raise TransientError(
                f"the comparison worker ({sys.executable}) did not start in {START_SECONDS:g} s; try again"
            )
        return self._process


def write_all(process: subprocess.Popen[bytes], data: bytes) -> None:
    """Write a whole question (at most some 100 kB, so one write to an unread pipe may be short)."""
    pipe = pipe_of(process.stdin)
    view = memoryview(data)
    while view:
        view = view[pipe.write(view) :]


def read_line(process: subprocess.Popen[bytes], timeout_seconds: float) -> bytes | None:
    """Return the next line that a worker writes; None where it ends or the time is up."""
    pipe = pipe_of(process.stdout)
    deadline = time.monotonic() + timeout_seconds
    line = b""
    while not line.endswith(b"\n"):
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1_000):
            return None
        block = os.read(pipe.fileno(), 1 << 16)
        if not block:
            return None
        line += block
    return line


def pipe_of(pipe: IO[bytes] | None) -> IO[bytes]:
    """Return a pipe that is known to exist."""
    if pipe is None:
        raise StageError("the comparison worker was started without pipes")
    return pipe


idle_workers: list[Worker] = []
lent_workers: set[Worker] = set()
idle_lock = threading.Lock()


@contextlib.contextmanager
def borrowed_worker() -> Generator[Worker]:
    """Lend an idle worker, or a new one."""
    with idle_lock:
        worker = idle_workers.pop() if idle_workers else Worker()
        lent_workers.add(worker)
    try:
        yield worker
    except BaseException:
        worker.stop()  # it may still be writing the answer to a question that nobody waits for
        raise
    finally:
        lent_workers.discard(worker)
    with idle_lock:
        idle_workers.append(worker)


@atexit.register
def stop_idle_workers() -> None:
    """End the processes of all idle workers."""
    with idle_lock:
        while idle_workers:
            idle_workers.pop().stop()


def forget_workers() -> None:
    """Drop the parent's workers in a forked child, which would keep them alive; its lock may be held there for good."""
    global idle_lock
    idle_lock = threading.Lock()
    for worker in (*idle_workers, *lent_workers):
        worker.forget()
    idle_workers.clear()
    lent_workers.clear()


os.register_at_fork(after_in_child=forget_workers)
