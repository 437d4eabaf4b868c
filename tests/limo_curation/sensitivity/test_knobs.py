"""The knobs: every number of the run file is moved, can only be sampled, or is left alone for a stated reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from limo_curation.config import RunConfig
from limo_curation.presets import load_config
from limo_curation.problem_config import StageConfig
from limo_curation.sensitivity.knobs import MOVED, NOT_MOVED, SAMPLED, Knob, knobs_of, moved, positions, scaled


def numbers_in(model: type[BaseModel], path: str) -> Iterator[str]:
    """Yield the names of a section's numbers, and of those in the sections within it."""
    for name, field in model.model_fields.items():
        for kind in kinds_of(field.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from numbers_in(kind, f"{path}.{name}")
            elif kind in (int, float):
                yield f"{path}.{name}"


def kinds_of(annotation: Any) -> Iterator[Any]:
    if not get_args(annotation):
        yield annotation
    for part in get_args(annotation):
        yield from kinds_of(part)


def test_no_number_of_a_stage_is_forgotten() -> None:
    stages = {
        name: field.annotation
        for name, field in RunConfig.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, StageConfig) and name != "publishing"
    }
    dealt_with = {
        *(f"{stage}.{name}" for table in (MOVED, SAMPLED) for stage, names in table.items() for name in names),
        *NOT_MOVED,
    }
    sources = ("ingestion.sources", "decontamination.benchmarks", "novelty.reference", "generation.recorded")
    for stage, section in stages.items():
        for name in numbers_in(section, stage):
            holders = [name[:place] for place in range(len(name) + 1) if name[place : place + 1] in (".", "")]
            assert {*holders} & {*dealt_with, *sources}, f"{name}: say in knobs.py what becomes of it"


@pytest.mark.parametrize("profile", ["demo", "recorded", "limo-v1", "limo-v2", "full"])
def test_every_knob_of_a_preset_moves_or_says_why_not(profile: str) -> None:
    config = load_config(profile)
    names = {knob.name for knob in knobs_of(config)}
    assert {"judging.weights.exploration", "selection.target_size", "difficulty.max_solved"} <= names
    for knob in knobs_of(config):
        for position in positions(knob.value, 0.1):
            told = outcome_of(config, knob, position)
            assert told != config
            assert isinstance(told, RunConfig) or knob.path[-1] in told, "the message names the key"


def outcome_of(config: RunConfig, knob: Knob, position: float) -> RunConfig | str:
    try:
        return moved(config, knob, position)
    except ValueError as error:
        return str(error)


def test_whole_numbers_move_by_one_at_least_and_zero_moves_to_the_step() -> None:
    assert positions(3, 0.1) == [2, 4]
    assert positions(817, 0.1) == [735, 899]
    assert positions(0.7, 0.1) == pytest.approx([0.63, 0.77])
    assert positions(0.0, 0.1) == [0.1]


def test_other_weights_share_what_is_left_of_one() -> None:
    config = load_config("demo")
    weights = moved(config, Knob("judging", ("weights", "elaboration"), 0.3), 0.37).judging.weights
    assert weights.elaboration == 0.37
    assert weights.exploration == pytest.approx(0.25 * 0.63 / 0.7)
    assert sum(weights.model_dump().values()) == pytest.approx(1)


def test_quotas_follow_the_target_and_the_target_follows_each_quota() -> None:
    config = load_config("full")
    smaller = moved(config, Knob("selection", ("target_size",), 817), 735).selection
    assert sum(smaller.quotas.values()) == smaller.target_size == 735
    more = moved(config, Knob("selection", ("quotas", "geometry"), 136), 150).selection
    assert (more.target_size, more.quotas["geometry"]) == (831, 150)


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 500), min_size=1, max_size=6), st.integers(1, 3_000))
def test_scaled_quotas_add_up_and_stay_in_proportion(quotas: dict[str, int], total: int) -> None:
    found = scaled(quotas, total)
    assert sum(found.values()) == total
    for name, quota in quotas.items():
        assert abs(found.get(name, 0) - quota * total / sum(quotas.values())) < 1
