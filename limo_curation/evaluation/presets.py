"""Presets of evaluations: how a TOML in `deployments/evaluation/` becomes a checked `EvaluationConfig`."""

from __future__ import annotations

from typing import Any, Final

from pydantic import ValidationError

from limo_curation.errors import ConfigError
from limo_curation.evaluation.config import EvaluationConfig
from limo_curation.presets import PRESETS_FOLDER, load_preset, readable

EVALUATION_PRESETS: Final = PRESETS_FOLDER / "evaluation"


def load_evaluation(profile: str, **values: Any) -> EvaluationConfig:
    """Read a preset and replace parts of it.

    Args:
        profile: a preset's name (a TOML in `deployments/evaluation/`) or the path of a run file.
        values: by name, what takes the place of the preset's whole section or list; None keeps it. Where other models
            are given without a `baseline`, it is the first of them.

    Raises:
        ConfigError: no such preset, an unknown key, a value out of bounds, an impossible combination.
    """
    config = load_preset(profile, EvaluationConfig, folder=EVALUATION_PRESETS)
    given = {name: value for name, value in values.items() if value is not None}
    if "models" in given:
        given.setdefault("baseline", None)
    try:
        return EvaluationConfig.model_validate(config.model_dump() | given)
    except ValidationError as error:
        raise ConfigError(f"{profile}: {readable(error)}") from None
