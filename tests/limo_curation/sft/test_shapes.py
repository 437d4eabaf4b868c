"""A student's shape: its parameters are those of its card, whichever way the shape is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from limo_curation.errors import ConfigError
from limo_curation.sft.shapes import known_shapes, shape_of
from tests.published_set import TINY

ON_THE_CARD = {"0.5B": 0.49, "1.5B": 1.54, "3B": 3.09, "7B": 7.61, "14B": 14.7, "32B": 32.5, "72B": 72.7}
QWEN3_NORMS = 3 * 2 * 32
"""Of the queries and keys in three layers, which Qwen2.5 lacks and we leave out."""


@pytest.mark.parametrize("size", ON_THE_CARD)
def test_parameters_follow_from_the_shape(size: str) -> None:
    shape = known_shapes()[f"Qwen/Qwen2.5-{size}-Instruct"]
    assert shape.num_parameters / 1e9 == pytest.approx(ON_THE_CARD[size], rel=0.01)


def test_folder_tells_its_own_shape() -> None:
    report = json.loads((Path(TINY).parent / "training_report.json").read_text())
    assert shape_of(TINY).num_parameters + QWEN3_NORMS == report["solvers"]["tiny-weak"]["num_parameters"]


def test_pinned_student_has_the_shape_of_its_name() -> None:
    assert shape_of("Qwen/Qwen2.5-7B-Instruct@main") == known_shapes()["Qwen/Qwen2.5-7B-Instruct"]


def test_low_rank_updates_have_both_sides_of_each_matrix() -> None:
    shape = shape_of(TINY)
    # 128 hidden, 128 of queries, 64 of keys and values, 256 between
    sides = (128 + 128) + 2 * (128 + 64) + (128 + 128) + 3 * (128 + 256)
    assert shape.low_rank_parameters(8) == 3 * 8 * sides


def test_unknown_student_is_refused_with_what_is_known() -> None:
    with pytest.raises(ConfigError, match=r"owner/name is not known here; known are .*Qwen2.5-32B"):
        shape_of("owner/name")


@pytest.mark.parametrize(
    "change", [{"num_attention_heads": 0}, {"hidden_size": "wide"}, {"intermediate_size": None}, {"vocab_size": -1}]
)
def test_config_of_another_kind_of_model_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    config = json.loads((Path(TINY) / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"head_dim": None} | change))
    with pytest.raises(ConfigError, match="no dense decoder's shape"):
        shape_of(str(tmp_path))
