"""One way to compile a kernel: Numba without the GIL, cached on disk, and typed for the reader."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

numba: Any = importlib.import_module("numba")  # ships no types

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Scalar = Any
"""A number inside a kernel, where Python's and NumPy's types mix in ways that no type checker follows."""


def compiled(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Return a function compiled at its first call; it runs without the GIL, so threads do it side by side.

    The machine code is cached beside the module (or in NUMBA_CACHE_DIR): the first call ever takes seconds, later
    processes load it.
    """
    return cast("Callable[Arguments, Result]", numba.njit(nogil=True, cache=True)(function))
