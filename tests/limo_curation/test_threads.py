"""Threads: results in order, the caller's context in each, and no work after an error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar

import pytest

from limo_curation.threads import run_all, thread_pool

RUN: ContextVar[str] = ContextVar("run", default="none")


def test_results_stand_in_the_order_of_the_items() -> None:
    assert run_all(lambda item: item * item, range(50), num_threads=3) == [item * item for item in range(50)]
    assert run_all(lambda item: item, [], num_threads=2) == []


def test_work_sees_the_callers_context() -> None:
    token = RUN.set("mine")
    try:
        assert set(run_all(lambda _: RUN.get(), range(5))) == {"mine"}
    finally:
        RUN.reset(token)


def test_items_are_worked_on_at_the_same_time() -> None:
    both_began = threading.Barrier(2, timeout=30)
    assert run_all(lambda _: both_began.wait() >= 0, range(2), num_threads=2) == [True, True]


def test_error_ends_the_work() -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise ValueError(f"item {item} is bad")
        time.sleep(0.01)  # Ten seconds for all of them, in which the caller sees the error and ends the work.

    with pytest.raises(ValueError, match="item 0 is bad"):
        run_all(work, range(1_000), num_threads=1)
    assert len(begun) < 1_000


def test_interrupt_waits_for_nothing_and_begins_nothing() -> None:
    let_go, begun = threading.Event(), threading.Event()
    others: list[int] = []

    def work(item: int) -> None:
        if item:
            others.append(item)
        begun.set()
        let_go.wait(30)

    with pytest.raises(KeyboardInterrupt):
        interrupt_when(begun, work)
    assert not let_go.is_set()
    let_go.set()
    assert not others


def interrupt_when(begun: threading.Event, work: Callable[[int], None]) -> None:
    with thread_pool(1) as pool:
        for item in range(3):
            pool.submit(work, item)
        assert begun.wait(30)
        raise KeyboardInterrupt
