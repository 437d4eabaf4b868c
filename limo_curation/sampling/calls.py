"""One call of the endpoint engine: requests that go into its loop, completions that come out, and neither piles up."""

from __future__ import annotations

import asyncio
import contextlib
import queue
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from limo_curation.errors import TransientError
from limo_curation.sampling.loop_thread import LoopThread
from limo_curation.sampling.protocol import Completion, SampleRequest

WAKE_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Finished:
    """One completion, with its request's place in the call."""

    place: int
    completion: Completion


@dataclass(frozen=True, slots=True)
class End:
    """No more completions come; the error that ended the call, if any."""

    error: BaseException | None


@dataclass(slots=True)
class Call:
    """What the loop's thread and the caller's share; each field is written by one of them only."""

    requests: Iterator[SampleRequest]
    window: int
    """Requests that the loop may have taken beyond those whose completions the caller has."""
    results: queue.SimpleQueue[Finished | End] = field(default_factory=lambda: queue.SimpleQueue[Finished | End]())
    has_room: asyncio.Event = field(default_factory=asyncio.Event)
    num_taken: int = 0
    """Requests that the loop took."""
    num_handed_out: int = 0
    """Completions that the caller has."""
    is_waiting: bool = False
    failure: TransientError | None = None

    def take(self) -> tuple[int, SampleRequest] | None:
        """Take the next request, with its place; None after the last one, or after a failure."""
        request = None if self.failure else next(self.requests, None)
        if request is None:
            return None
        self.num_taken += 1
        return self.num_taken - 1, request

    async def wait_for_room(self) -> None:
        """Wait until the caller has taken enough of what is finished, or a request has failed."""
        while self.failure is None and self._is_full():
            self.has_room.clear()
            self.is_waiting = True
            if self._is_full():  # else the caller came in between, and did not see that somebody waits
                await self.has_room.wait()
            self.is_waiting = False

    def fail(self, error: TransientError) -> None:
        """Take no further request. Those under way are paid for: they are finished."""
        self.failure = self.failure or error
        self.has_room.set()

    def completions(self) -> Iterator[Finished]:
        """Yield what is finished, as it comes, and raise what ended the call."""
        while isinstance(result := self._next_result(), Finished):
            yield result
        if result.error is not None:
            raise result.error

    def hand_out(self, thread: LoopThread) -> None:
        """Count a completion as the caller's, and wake the loop if it waits for that."""
        self.num_handed_out += 1
        if self.is_waiting:
            thread.loop.call_soon_threadsafe(self.has_room.set)

    def _next_result(self) -> Finished | End:
        while True:
            # Polars replaces the handler of Ctrl-C by one that restarts system calls: no wait without an end may block
            with contextlib.suppress(queue.Empty):
                return self.results.get(timeout=WAKE_SECONDS)

    def _is_full(self) -> bool:
        return self.num_taken - self.num_handed_out >= self.window
