"""Work on several items at the same time, in threads: kernels, Polars and files let go of the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_all(work: Callable[[Item], Result], items: Iterable[Item], *, num_threads: int | None = None) -> list[Result]:
    """Return the results of work on each item, in the order of the items.

    Each item is worked on in a copy of the caller's context, so that its log lines and its progress find the run that
    they belong to. After an error, items that are not begun are not worked on.

    Args:
        work: what is done with an item.
        items: any number of them.
        num_threads: items that are worked on at the same time; None: one for each core that this process may use.
    """
    with thread_pool(num_threads or len(os.sched_getaffinity(0))) as pool:
        futures = [pool.submit(copy_context().run, work, item) for item in items]
        return [future.result() for future in futures]


@contextmanager
def thread_pool(num_threads: int) -> Generator[ThreadPoolExecutor]:
    """Give a pool that does what it was given, or after an error only what is begun.

    After Ctrl-C, or the signal that cancels a flow run, what is begun is not waited for: an engine's chunk may take an
    hour. Whoever lets go of the engine ends it.
    """
    pool = ThreadPoolExecutor(num_threads)
    try:
        yield pool
    except Exception:
        pool.shutdown(cancel_futures=True)
        raise
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
