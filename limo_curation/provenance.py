"""Where a result comes from: a digest of the source code behind a stage, and the versions of the libraries.

A stage's key must change when its code changes, and only then. Its code is its module and every module of the core
that this one imports, in turn; the floor that all stages stand on (`SHARED_FLOOR`) is left out, since a new error
class must not make tens of GPU hours stale. Data files beside a package's modules (lexicons, prompts) count as code.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable, Iterator
from modulefinder import ModuleFinder
from pathlib import Path
from types import CodeType
from typing import Final

PACKAGE: Final = "limo_curation"
FLOOR_MODULES: Final = (
    "catalogue",
    "config",
    "digests",
    "engine_config",
    "errors",
    "files",
    "judge_config",
    "judging_config",
    "ledger",
    "parts",
    "plan",
    "problem_config",
    "progress",
    "provenance",
    "publishing_config",
    "runner",
    "selection_config",
    "source_config",
    "stage",
    "store",
    "tables",
    "threads",
    "vllm_config",
)
SHARED_FLOOR: Final = frozenset({PACKAGE, *(f"{PACKAGE}.{name}" for name in FLOOR_MODULES)})
LIBRARIES: Final = (
    "polars",
    "polars-hash",
    "datasketch",
    "pydantic",
    "sympy",
    "math-verify",
    "huggingface-hub",
    "tokenizers",
    "transformers",
    "torch",
)


@functools.cache
def source_digest(module: str) -> str:
    """Return the SHA-256 over the source of a module and of the core's modules behind it.

    Args:
        module: full name, such as `limo_curation.screening`.
    """
    return digest_of_files(code_files(module))


def digest_of_files(files: Iterable[Path]) -> str:
    """Return the SHA-256 over names and bytes of files, whatever folder they stand in."""
    digest = hashlib.sha256()
    for name, data in sorted((file.name, file.read_bytes()) for file in files):
        digest.update(name.encode() + b"\0" + data + b"\0")
    return digest.hexdigest()


def code_files(module: str) -> set[Path]:
    """Return the files that make up a module and, in turn, the modules of the core that it imports."""
    seen: set[str] = set()
    files: set[Path] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen or name in SHARED_FLOOR:
            continue
        seen.add(name)
        path = module_file(name)
        if path is None:
            continue
        files |= {path} | data_files(path.parent)
        waiting.extend(imported_modules(path, package=name if path.name == "__init__.py" else name.rpartition(".")[0]))
    return files


def module_file(name: str) -> Path | None:
    """Return the file that a module of the core is loaded from; None for a name that is no module."""
    spec = importlib.util.find_spec(name) if name.startswith(PACKAGE) and is_importable(name) else None
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


def is_importable(name: str) -> bool:
    """Return whether the parent of a dotted name is a package (a name inside a module is none)."""
    parent = name.rpartition(".")[0]
    if not parent:
        return True
    spec = importlib.util.find_spec(parent) if is_importable(parent) else None
    return spec is not None and spec.submodule_search_locations is not None


def imported_modules(path: Path, *, package: str) -> set[str]:
    """Return the modules of the core that a file imports, also inside functions, as full names."""
    names: set[str] = set()
    # compiled, not `ast.parse`d: with another thread at it that fails, seldom, with a SystemError (Python 3.11.7)
    for level, module, imported in import_statements(compile(path.read_bytes(), path, "exec", dont_inherit=True)):
        parent = ".".join(package.split(".")[: len(package.split(".")) - level + 1]) if level else ""
        base = ".".join(part for part in (parent, module) if part)
        names.add(base)
        names.update(f"{base}.{name}" for name in imported)
    return {name for name in names if name.split(".")[0] == PACKAGE}


def import_statements(code: CodeType) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Give of each import its level (0: absolute), its module, and the names that it takes from there."""
    for kind, found in ModuleFinder().scan_opcodes(code):
        if kind == "absolute_import":
            yield 0, found[1], found[0] or ()
        elif kind == "relative_import":
            yield found[0], found[2], found[1] or ()
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from import_statements(constant)


def data_files(folder: Path) -> set[Path]:
    """Return the data files that stand in a module's folder or in the folders `data` and `prompts` below it."""
    folders = [folder, folder / "data", folder / "prompts"]
    return {file for place in folders if place.is_dir() for file in place.iterdir() if is_data_file(file)}


def is_data_file(file: Path) -> bool:
    """Return whether a file holds data that a stage's result depends on."""
    return file.is_file() and file.suffix in {".txt", ".toml", ".json", ".jinja", ".parquet", ".npz"}


@functools.cache
def library_versions() -> dict[str, str]:
    """Return the installed versions of the libraries that results may depend on."""
    return versions_of(LIBRARIES)


def versions_of(libraries: Iterable[str]) -> dict[str, str]:
    """Return the installed versions of libraries; those that are not installed are left out."""
    versions: dict[str, str] = {}
    for name in libraries:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
