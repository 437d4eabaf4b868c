"""An event loop in a thread of its own, for as long as somebody uses it: no thread is left when the last one goes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Held = TypeVar("Held")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class LoopThread:
    """A running loop, and how to get work into it."""

    loop: asyncio.AbstractEventLoop
    thread: threading.Thread

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine in the loop and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task in the loop."""

        async def create() -> asyncio.Task[None]:
            return asyncio.get_running_loop().create_task(work)

        return self.run(create())

    def cancel(self, task: asyncio.Task[None]) -> None:
        """Cancel a task, and wait until it has let go of all that it held."""

        async def cancel() -> None:
            task.cancel()
            await asyncio.wait([task])

        self.run(cancel())

    def end(self) -> None:
        """End the loop and its thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@dataclass(frozen=True, slots=True)
class Open(Generic[Held]):
    """A loop with what lives in it."""

    thread: LoopThread
    manager: AbstractAsyncContextManager[Held]
    held: Held


class SharedLoop(Generic[Held]):
    """One loop for all that use it at a time, with something that lives in it: a session of connections."""

    def __init__(self, open_held: Callable[[], AbstractAsyncContextManager[Held]]) -> None:
        self._open_held = open_held
        self._lock = threading.Lock()
        self._num_users = 0
        self._open: Open[Held] | None = None

    @contextmanager
    def use(self) -> Generator[tuple[LoopThread, Held]]:
        """Give the loop and what lives in it; the first user starts them, the last one stops them."""
        with self._lock:
            shared = self._open = self._open or start(self._open_held)
            self._num_users += 1
        try:
            yield shared.thread, shared.held
        finally:
            with self._lock:
                self._num_users -= 1
                if self._num_users == 0:
                    self._open = None
                    stop(shared)


def start(open_held: Callable[[], AbstractAsyncContextManager[Held]]) -> Open[Held]:
    """Start a loop and open in it what is to live there."""
    loop = asyncio.new_event_loop()
    # a daemon: a generator that nobody closed must not keep the interpreter from ending
    thread = LoopThread(loop, threading.Thread(target=loop.run_forever, name="sampling", daemon=True))
    thread.thread.start()

    async def enter() -> Open[Held]:
        manager = open_held()
        return Open(thread, manager, await manager.__aenter__())

    try:
        return thread.run(enter())
    except BaseException:
        thread.end()
        raise


def stop(shared: Open[Held]) -> None:
    """Close what lives in a loop, and end its thread."""

    async def leave() -> None:
        await shared.manager.__aexit__(None, None, None)

    try:
        shared.thread.run(leave())
    finally:
        shared.thread.end()
