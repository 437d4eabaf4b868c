"""The level of a chain, L1 to L5, by rules alone: what `data/rubric.toml` asks for, counted.

The rubric's features, each per chain:

    words_per_formula   words of prose around the formulas and figures, for each distinct sentence with a formula
    num_connected       sentences with a formula and a connecting word (since, therefore)
    check_points        one for each check with an equation, and one more for each that `check_steps` finds to hold;
                        none where it finds a false equation
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
from limo_curation.judging.structure import checks_of
from limo_curation.verification import Status, check_steps

LEVELS: Final = ("L1", "L2", "L3", "L4", "L5")
MAX_CHECKS: Final = 100
"""Ours: checks of one chain that are calculated; LIMO's chains have at most 18."""
FEATURES: Final = ("words_per_formula", "num_connected", "check_points", "num_turns", "soundness")


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
    num_checks, held, failed = (pl.col(name) for name in ("num_checks", "num_held", "num_failed"))
    counted = features.hstack(count_verified(chains)).select(
        words_per_formula=pl.col("num_prose_words") / pl.col("num_formulas").clip(lower_bound=1),
        num_connected=pl.col("num_connected"),
        check_points=(num_checks - failed).clip(lower_bound=0) + pl.min_horizontal(held, num_checks),
        num_turns=pl.col("num_paths") + pl.col("num_corrections"),
        soundness=pl.col("soundness"),
    )
    level, is_reached = pl.lit(LEVELS[0]), pl.lit(value=True)
    for step in read_rubric()[1:]:
        is_reached &= pl.all_horizontal(pl.col(feature) >= least for feature, least in step.minima.items())
        level = pl.when(is_reached).then(pl.lit(step.name)).otherwise(level)
    return counted.select(level.alias("level"), *FEATURES)


def count_verified(chains: pl.Series) -> pl.DataFrame:
    """Count the sentences that check something and whose equation holds (num_held) or is false (num_failed)."""
    counts = list[tuple[int, int]]()
    for batch in chains.to_frame().iter_slices(BATCH_ROWS):
        checks = checks_of(split_sentences(batch.to_series())).unique(["row", "formula"], maintain_order=True)
        checks = checks.group_by("row", maintain_order=True).head(MAX_CHECKS)
        found: dict[int, list[set[Status]]] = {}
        for row, sentence in checks.select("row", "sentence").iter_rows():
            found.setdefault(row, []).append({check.status for check in check_steps(sentence) if not check.corrected})
        for row in range(batch.height):
            statuses = found.get(row, [])
            num_failed = sum(Status.FAILS in each for each in statuses)
            num_held = sum(Status.HOLDS in each and Status.FAILS not in each for each in statuses)
            counts.append((num_held, num_failed))
    return pl.DataFrame(counts, schema={"num_held": pl.Int64, "num_failed": pl.Int64}, orient="row")
