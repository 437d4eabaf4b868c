"""One way to compile a kernel: Numba without the GIL, cached on disk, and typed for the reader."""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, cast

PACKAGE: Final = Path(__file__).resolve().parent


def kernel_digest() -> str:
    """Return a digest of all modules that hold kernels.

    Numba compiles a kernel again when its own file changes, but not when one that it calls changes in another file.
    So the code of all kernels together names the folder that holds them.
    """
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_bytes()
        if b"import Scalar, compiled" in text or b"import compiled" in text:
            digest.update(str(path.relative_to(PACKAGE)).encode() + b"\0" + text + b"\0")
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Return the folder of the machine code: below NUMBA_CACHE_DIR, beside this module, or in the user's cache.

    No folder that others may write to is taken: what is loaded from there is run.
    """
    named = os.environ.get("NUMBA_CACHE_DIR")
    beside = PACKAGE / "__pycache__"
    users = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "limo-curation"
    base = Path(named) if named else beside if os.access(PACKAGE, os.W_OK) else users
    return base / f"kernels-{kernel_digest()}"


numba: Any = importlib.import_module("numba")  # ships no types
numba.config.CACHE_DIR = str(cache_folder())

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Scalar = Any
"""A number inside a kernel, where Python's and NumPy's types mix in ways that no type checker follows."""


def compiled(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Return a function compiled at its first call; it runs without the GIL, so threads do it side by side.

    The first call ever takes seconds; later processes load the machine code from `cache_folder`.
    """
    return cast("Callable[Arguments, Result]", numba.njit(nogil=True, cache=True)(function))
