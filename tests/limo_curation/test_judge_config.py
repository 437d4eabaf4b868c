"""Judges as a run file sets them: what the documentation adds to a preset is a run, and none decides unvouched for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from limo_curation.errors import ConfigError
from limo_curation.judging.calibration import may_decide
from limo_curation.presets import PRESETS_FOLDER, load_config
from tests.limo_curation.judging.judges import Judge


def with_judges(folder: Path) -> str:
    """Write the preset `full` with what the README of presets adds to it."""
    text = (PRESETS_FOLDER / "README.md").read_text(encoding="utf-8")
    section = re.search(r"## Judges\n.*?```toml\n(.*?)```", text, re.DOTALL)
    assert section is not None, "deployments/README.md has no TOML under `## Judges`"
    full = (PRESETS_FOLDER / "full.toml").read_text(encoding="utf-8")
    path = folder / "mine.toml"
    path.write_text(f"{full}\n{section[1]}", encoding="utf-8")
    return str(path)


def test_what_the_readme_adds_to_the_full_preset_is_a_run_with_judges(tmp_path: Path) -> None:
    config = load_config(with_judges(tmp_path))
    full = load_config("full")
    judge = config.judging.judge
    assert judge is not None
    assert {one.model for one in judge.models} <= config.engine.served_models - full.engine.served_models
    assert not {one.model for one in judge.models} & {one.model for one in config.generation.teachers}
    [served] = [one for one in config.engine.vllm if one.model == judge.models[0].model]
    assert served.max_model_len is not None
    # some 3 characters of mathematics to a token, 1,000 tokens of rubric
    assert served.max_model_len > judge.max_chain_characters // 3 + judge.models[0].max_tokens + 1_000
    assert config.judging.weights == full.judging.weights


def test_its_judges_decide_nothing_before_they_are_calibrated(tmp_path: Path) -> None:
    judge = load_config(with_judges(tmp_path)).judging.judge
    assert judge is not None
    with pytest.raises(ConfigError, match=r"calibrations/qwen3-32b\.json can't be read"):
        may_decide(judge, Judge())
