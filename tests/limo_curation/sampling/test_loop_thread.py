"""A loop lives as long as somebody uses it, and not a moment longer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from limo_curation.sampling.loop_thread import SharedLoop


class Session:
    """Counts how often it was opened and closed."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.opened = self.closed = 0

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[int]:
        if self.fails:
            raise OSError("no session")
        self.opened += 1
        yield self.opened
        self.closed += 1


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sampling"]


def test_users_at_a_time_share_one_loop_and_the_last_one_ends_it() -> None:
    session = Session()
    shared = SharedLoop(session.open)
    with shared.use() as (first, held):
        with shared.use() as (second, also_held):
            assert (first, held) == (second, also_held)
            assert len(threads()) == 1
        assert session.closed == 0
    assert (session.opened, session.closed, threads()) == (1, 1, [])
    with shared.use() as (third, held):
        assert third is not first
        assert held == 2
    assert threads() == []


def test_error_of_a_user_ends_the_loop_too() -> None:
    session = Session()
    with pytest.raises(ZeroDivisionError), SharedLoop(session.open).use():
        raise ZeroDivisionError
    assert (session.closed, threads()) == (1, [])


def test_session_that_can_not_be_opened_leaves_no_thread() -> None:
    session = Session(fails=True)
    shared = SharedLoop(session.open)
    with pytest.raises(OSError, match="no session"), shared.use():
        pass
    assert threads() == []
    session.fails = False
    with shared.use() as (_, held):
        assert held == 1


def test_cancelled_task_has_let_go_when_cancel_returns() -> None:
    held: list[str] = []

    async def hold() -> None:
        held.append("held")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            held.clear()

    with SharedLoop(Session().open).use() as (thread, _):
        task = thread.start(hold())
        thread.run(asyncio.sleep(0.01))
        assert held == ["held"]
        thread.cancel(task)
        assert held == []
        thread.cancel(task)  # one that is done already
