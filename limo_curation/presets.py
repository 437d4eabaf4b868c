"""Presets: how a TOML in `deployments/`, or the JSON that a published set carries, becomes a checked `RunConfig`."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from pydantic import ValidationError

from limo_curation.config import RunConfig
from limo_curation.errors import ConfigError
from limo_curation.source_config import Section

PRESETS_FOLDER: Final = Path(__file__).resolve().parent.parent / "deployments"
AnyConfig = TypeVar("AnyConfig", bound=Section)


def load_config(profile: str, **sections: Section | None) -> RunConfig:
    """Read a preset and replace whole sections of it.

    Args:
        profile: a preset's name (a TOML in `deployments/`) or the path of a run file, `.toml` or `.json`.
        sections: by stage name, sections that take the place of the preset's; None keeps the preset's.

    Raises:
        ConfigError: no such preset, neither TOML nor JSON, an unknown key, a value out of bounds, an impossible
            combination.
    """
    return load_preset(profile, RunConfig, folder=PRESETS_FOLDER, **sections)


def load_preset(profile: str, model: type[AnyConfig], *, folder: Path, **sections: Section | None) -> AnyConfig:
    """Read a preset of any kind of run; see `load_config`, of which this is the form with the model and its folder."""
    path = Path(profile) if profile.endswith((".toml", ".json")) else folder / f"{profile}.toml"
    try:
        data = read_run_file(path)
    except FileNotFoundError:
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise ConfigError(f"no run file {path}; the presets are {known}") from None
    data.setdefault("profile", path.stem)
    data.update({name: section.model_dump(mode="json") for name, section in sections.items() if section is not None})
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {readable(error)}") from None


def read_run_file(path: Path) -> dict[str, Any]:
    """Return the sections of a run file, unchecked.

    Raises:
        ConfigError: it is neither TOML nor JSON, as its ending says.
        FileNotFoundError: there is none.
    """
    format_name = path.suffix[1:].upper()
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if format_name == "JSON" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of both decoders, and of UTF-8
        raise ConfigError(f"{path} is no {format_name}: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path} is no run file: it has to be an object with a section for each stage")
    return cast("dict[str, Any]", data)


def pilot_of(config: RunConfig, share: float) -> RunConfig:
    """Return a run's config with a random share of its problems to be rated, all of which are tried.

    Raises:
        ConfigError: the share is not above 0 and below 1, or difficulty is switched off.
    """
    if not (0 < share < 1 and config.difficulty.enabled):
        raise ConfigError("a pilot rates a share of the problems above 0 and below 1, and needs difficulty.enabled")
    difficulty = config.difficulty.model_copy(update={"sample_share": share, "demand": None})
    return config.model_copy(update={"difficulty": difficulty})


def readable(error: ValidationError) -> str:
    """Say each problem of a run file in one line that begins with the key."""
    lines: list[str] = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"]) or "run file"
        message = "unknown key; remove it or mend its spelling" if item["type"] == "extra_forbidden" else item["msg"]
        lines.append(f"{key}: {message.removeprefix('Value error, ')}")
    return "; ".join(lines)
