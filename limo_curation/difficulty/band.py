"""The rules of the band: which problem is dropped, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl
import polars_hash as plh

from limo_curation.config import DifficultyConfig
from limo_curation.ledger import DropRule

NOT_SAMPLED: Final = "not_sampled"
DROP_REASONS: Final = (NOT_SAMPLED, "unrated", "solved_by_weak", "solved_too_often", "gold_disputed", "never_solved")
SAMPLE_SEED: Final = 2025  # another one than those of random shares on demand


def is_in_sample(config: DifficultyConfig) -> pl.Expr:
    """Return whether a problem belongs to the random share that is rated: by its id, so in every run alike."""
    bound = min(int(config.sample_share * 2**64), 2**64 - 1)
    return plh.col("problem_id").nchash.xxhash64(seed=SAMPLE_SEED) <= pl.lit(bound, pl.UInt64)


def sample_rules(config: DifficultyConfig) -> Iterable[DropRule]:
    """Return the rule that drops what is outside of the random share."""
    if config.sample_share < 1:
        outside = pl.lit("outside of the random share that difficulty.sample_share rates")
        yield DropRule(NOT_SAMPLED, ~is_in_sample(config), threshold=config.sample_share, evidence=outside)


def band_rules(config: DifficultyConfig) -> Iterable[DropRule]:
    """Return the rules of the band, in the order in which they are tried."""
    solved = pl.col("band_solved")
    of_attempts = pl.format("{} of {} attempts of {}", "strong_num_solved", "strong_num_attempts", "strong_solver")
    is_sampled = pl.col("weak_num_attempts") + pl.col("strong_num_attempts").fill_null(0) > 0
    yield DropRule(
        "unrated", ~is_sampled & solved.is_null(), evidence=pl.lit("no published pass rate, and no solver to sample")
    )
    yield DropRule(
        "solved_by_weak",
        pl.col("weak_solved_at").is_not_null(),
        pl.col("weak_num_attempts"),
        evidence=pl.col("weak_solved_at"),
    )
    yield DropRule(
        "solved_too_often", solved > config.max_solved, solved, float(config.max_solved), evidence=of_attempts
    )
    yield DropRule(
        "gold_disputed", pl.col("is_disputed"), pl.col("other_share"), config.disputed_share, evidence=pl.col("vote")
    )
    # an attempt that could not be compared may have solved it: the problem stays, and its count of them tells
    at_most = solved + pl.col("strong_num_undecided").fill_null(0)
    yield DropRule(
        "never_solved",
        at_most < config.min_solved,
        solved,
        float(config.min_solved),
        evidence=of_attempts,
    )
