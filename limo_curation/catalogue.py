"""The catalogue: sources that a run file names by a word instead of spelling out path and columns.

`deployments/sources/deepscaler.toml` holds one source, so `sources = ["deepscaler"]` means that table; strings and
inline tables may stand beside each other. Benchmarks have a folder of their own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, cast

from pydantic import BeforeValidator, ValidationError

from limo_curation.errors import ConfigError
from limo_curation.source_config import Source

DEPLOYMENTS: Final = Path(__file__).resolve().parent.parent / "deployments"  # beside the package, also when installed
SOURCES_FOLDER: Final = DEPLOYMENTS / "sources"
BENCHMARKS_FOLDER: Final = DEPLOYMENTS / "benchmarks"
CHAINS_FOLDER: Final = DEPLOYMENTS / "chains"


def load_sources(names: Sequence[str], folder: Path = SOURCES_FOLDER) -> tuple[Source, ...]:
    """Return sources of the catalogue.

    Args:
        names: names of TOML files in the folder, without their ending.
        folder: `SOURCES_FOLDER`, `BENCHMARKS_FOLDER` or `CHAINS_FOLDER`.

    Raises:
        ConfigError: no such name, or its file does not hold a source. The message lists the known names.
    """
    return tuple(load_source(name, folder) for name in names)


def load_source(name: str, folder: Path) -> Source:
    """Return one source of the catalogue.

    Raises:
        ConfigError: as `load_sources`.
    """
    path = folder / f"{name}.toml"
    if name not in known_names(folder):
        known = ", ".join(known_names(folder)) or "none"
        raise ConfigError(f"{name!r} is not in the catalogue {folder.name}; known are {known}, or give a table")
    try:
        return Source.model_validate({"name": name} | tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "source"
        raise ConfigError(f"{path}: {key}: {first['msg'].removeprefix('Value error, ')}") from None


def known_names(folder: Path) -> list[str]:
    """Return the names that a folder of the catalogue knows, sorted."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def named_sources(value: Any, *, folder: Path) -> Any:
    """Replace the names in a list of names and tables by the catalogue's sources.

    Raises:
        ValueError: a name that the catalogue does not know (pydantic puts the key in front).
    """
    if not isinstance(value, (list, tuple)):
        return value
    items = cast("Sequence[Any]", value)
    try:
        return tuple(load_source(item, folder) if isinstance(item, str) else item for item in items)
    except ConfigError as error:
        raise ValueError(str(error)) from None


NamedSources = Annotated[
    tuple[Source, ...],
    BeforeValidator(partial(named_sources, folder=SOURCES_FOLDER), json_schema_input_type=tuple[Source | str, ...]),
]
NamedBenchmarks = Annotated[
    tuple[Source, ...],
    BeforeValidator(partial(named_sources, folder=BENCHMARKS_FOLDER), json_schema_input_type=tuple[Source | str, ...]),
]
NamedChains = Annotated[
    tuple[Source, ...],
    BeforeValidator(partial(named_sources, folder=CHAINS_FOLDER), json_schema_input_type=tuple[Source | str, ...]),
]
"""What a section of the run file takes: sources as names of the catalogue, as tables, or both."""
