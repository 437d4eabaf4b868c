"""Presets of fine-tunings: how a TOML in `deployments/sft/` becomes a checked `SftConfig`."""

from __future__ import annotations

from typing import Any, Final

from pydantic import ValidationError

from limo_curation.errors import ConfigError
from limo_curation.presets import PRESETS_FOLDER, load_preset, readable
from limo_curation.sft.config import HardwareConfig, SftConfig, TrainingConfig

SFT_PRESETS: Final = PRESETS_FOLDER / "sft"


def load_sft_config(
    profile: str,
    *,
    training: TrainingConfig | None = None,
    hardware: HardwareConfig | None = None,
    **values: str | None,
) -> SftConfig:
    """Read a preset and replace parts of it.

    Args:
        profile: a preset's name (a TOML in `deployments/sft/`) or the path of a TOML file.
        training: takes the place of the preset's whole section, as does `hardware`; None keeps it.
        hardware: as above.
        values: by name, what takes the place of the preset's `dataset`, `student` or `output`; None keeps it.

    Raises:
        ConfigError: no such preset, no TOML, an unknown key, a value out of bounds, an impossible combination.
    """
    config = load_preset(profile, SftConfig, folder=SFT_PRESETS, training=training, hardware=hardware)
    given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    try:
        return SftConfig.model_validate(config.model_dump() | given)
    except ValidationError as error:
        raise ConfigError(f"{profile}: {readable(error)}") from None


def all_presets() -> list[SftConfig]:
    """Return every preset of the project, by name."""
    return [load_sft_config(name) for name in sorted(path.stem for path in SFT_PRESETS.glob("*.toml"))]
