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
from limo_curation.sampling.protocol import Completion, SampleRequest, held_back_for_ever

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

    requests: Iterator[SampleRequest | None]
    window: int
    """Requests that the loop may have taken beyond those whose completions the caller has."""
    results: queue.SimpleQueue[Finished | End] = field(default_factory=lambda: queue.SimpleQueue[Finished | End]())
    caller_came: asyncio.Event = field(default_factory=asyncio.Event)
    num_taken: int = 0
    """Requests that the loop took."""
    num_handed_out: int = 0
    """Completions that the caller has had, and has come back from: what it asks next may depend on them."""
    is_waiting: bool = False
    failure: TransientError | None = None

    async def take(self) -> tuple[int, SampleRequest] | None:
        """Take the next request, with its place, as soon as there is one that may be taken.

        Waits while the caller has not taken enough of what is finished, and, where the next request depends on
        completions that it has not seen, until it has seen another one.

        Returns:
            None after the last request, or after a failure.

        Raises:
            StageError: the next request is held back although every completion was handed out.
        """
        await self._wait_until_handed_out(self.num_taken - self.window + 1)
        while self.failure is None:
            num_seen = self.num_handed_out  # before asking: what is handed out in between may be what it waits for
            try:
                request = next(self.requests)
            except StopIteration:
                return None
            if request is not None:
                self.num_taken += 1
                return self.num_taken - 1, request
            if num_seen == self.num_taken:
                raise held_back_for_ever()
            await self._wait_until_handed_out(num_seen + 1)
        return None

    def fail(self, error: TransientError) -> None:
        """Take no further request. Those under way are paid for: they are finished."""
        self.failure = self.failure or error
        self.caller_came.set()

    def completions(self) -> Iterator[Finished]:
        """Yield what is finished, as it comes, and raise what ended the call."""
        while isinstance(result := self._next_result(), Finished):
            yield result
        if result.error is not None:
            raise result.error

    def count_handed_out(self, thread: LoopThread) -> None:
        """Count a completion that the caller has come back from, and wake the loop if it waits for that."""
        self.num_handed_out += 1
        if self.is_waiting:
            thread.loop.call_soon_threadsafe(self.caller_came.set)

    async def _wait_until_handed_out(self, number: int) -> None:
        """Wait until the caller has had so many completions, or a request has failed."""
        while self.failure is None and self.num_handed_out < number:
            self.caller_came.clear()
            self.is_waiting = True
            if self.num_handed_out < number:  # else the caller came in between, and did not see that somebody waits
                await self.caller_came.wait()
            self.is_waiting = False

    def _next_result(self) -> Finished | End:
        while True:
            # Polars replaces the handler of Ctrl-C by one that restarts system calls: no wait without an end may block
            with contextlib.suppress(queue.Empty):
                return self.results.get(timeout=WAKE_SECONDS)
