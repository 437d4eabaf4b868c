"""The level of a chain, L1 to L5, by rules alone: what `data/rubric.toml` asks for, counted.

The rubric's features, each per chain:

    words_per_formula   words of prose for each distinct sentence with a formula: the size of a step's explanation
    num_connected       sentences with a formula and a connecting word (since, therefore)
    num_checks          checks with an equation in the same sentence or the next
    num_verified        those of them in which `check_steps` finds an equation that holds
    num_turns           second ways with formulas of their own, and errors that are corrected with an equation
    soundness           whether the text arrives, moves on and keeps to the matter (`soundness.py`)

A judge's level stands beside this one (`quality.py`); where they are far apart, a person reads the chain.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final

import polars as pl

from limo_curation.judging.features import BATCH_ROWS, count_features
from limo_curation.judging.sentences import split_sentences
from limo_curation.judging.soundness import soundness
from limo_curation.judging.structure import equations_of
from limo_curation.verification import Status, check_steps

LEVELS: Final = ("L1", "L2", "L3", "L4", "L5")
FEATURES: Final = ("words_per_formula", "num_connected", "num_checks", "num_verified", "num_turns", "soundness")


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the rubric."""

    name: str
    meaning: str
    example: str
    minima: Mapping[str, float] = field(default_factory=dict[str, float])
    """Feature to the least value that the level needs, beside those of the levels below it."""


@functools.cache
def read_rubric() -> tuple[Level, ...]:
    """Return the levels in order, L1 first."""
    text = files("limo_curation.judging").joinpath("data", "rubric.toml").read_text(encoding="utf-8")
    return tuple(Level(**level) for level in tomllib.loads(text)["levels"])


def grade_level(chains: pl.DataFrame) -> pl.Series:
    """Grade chains by the rubric.

    Args:
        chains: needs `chain` (null counts as empty).

    Returns:
        `L1` to `L5`, one per chain, in order.
    """
    return level_features(count_features(chains["chain"]).with_columns(soundness()), chains["chain"])["level"]


def level_features(features: pl.DataFrame, chains: pl.Series) -> pl.DataFrame:
    """Say which level each chain has, and what it rests on.

    Args:
        features: what `score_rules` or `count_features` gives for the chains, with their soundness.
        chains: the texts, for the equations in their checks.

    Returns:
        One row per chain, in order: level, and the rubric's features.
    """
    counted = features.with_columns(count_verified(chains)).select(
        words_per_formula=pl.col("num_prose_words") / pl.col("num_formulas").clip(lower_bound=1),
        num_connected=pl.col("num_adaptive_granularity"),
        num_checks=pl.col("num_checks"),
        num_verified=pl.min_horizontal("num_verified", "num_checks"),
        num_turns=pl.col("num_paths") + pl.col("num_corrections"),
        soundness=pl.col("soundness"),
    )
    level, is_reached = pl.lit(LEVELS[0]), pl.lit(value=True)
    for step in read_rubric()[1:]:
        is_reached &= pl.all_horizontal(pl.col(feature) >= least for feature, least in step.minima.items())
        level = pl.when(is_reached).then(pl.lit(step.name)).otherwise(level)
    return counted.select(level.alias("level"), *FEATURES)


def count_verified(chains: pl.Series) -> pl.Series:
    """Count the distinct equations in a chain's checks that hold."""
    counts = list[int]()
    for batch in chains.to_frame().iter_slices(BATCH_ROWS):
        checks = equations_of(split_sentences(batch.to_series()), where="self_verification")
        equations = pl.col("equation").unique(maintain_order=True).str.join("\n")
        texts = dict(checks.group_by("row").agg(equations).iter_rows())
        counts += [num_holding(texts.get(row, "")) for row in range(batch.height)]
    return pl.Series("num_verified", counts, dtype=pl.Int64)


def num_holding(text: str) -> int:
    """Count the distinct equations of a text that hold."""
    return len({check.claim for check in check_steps(text) if check.status is Status.HOLDS})
