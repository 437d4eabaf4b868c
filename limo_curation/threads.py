"""Work on several items at the same time, in threads: kernels, Polars and files let go of the interpreter's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
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
    with ThreadPoolExecutor(num_threads or len(os.sched_getaffinity(0))) as pool:
        futures = [pool.submit(copy_context().run, work, item) for item in items]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()
