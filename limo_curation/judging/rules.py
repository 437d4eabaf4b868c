"""LIMO's rule score: length and three kinds of words per length, weighted 30, 20, 25 and 25 percent.

Words alone reward chains that are stuffed with them. So a word counts only where a clause begins, in a sentence with a
new formula; a sentence counts for one axis, a wording and a formula count once, and the first of an axis not at all; a
check has to take up numbers from before it and adds no length; all rates count less where one is far above what good
chains have; and every axis is multiplied by the chain's soundness (`soundness.py`), of which nothing is left where
words are strewn between words. A law follows that the tests hold: a sentence without a formula or a figure, put in
anywhere, never raises a score. Words that are put before the chain's own sentences in their grammar, and sentences that
calculate with its numbers, still can; how much is printed by `measurements/judging.py`. The scales are percentiles of a
reference set (`reference.py`). The score ranks chains that passed verification; it never rescues one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from limo_curation.judging.features import count_features
from limo_curation.judging.levels import level_features
from limo_curation.judging.reference import Reference, read_reference
from limo_curation.judging.sentences import WORD_AXES
from limo_curation.judging.soundness import soundness
from limo_curation.judging_config import JudgingConfig
from limo_curation.ledger import StageResult
from limo_curation.stage import RowStage
from limo_curation.tables import DROPPED, JUDGED_CHAINS, VERIFIED_CHAINS

AXES: Final = ("elaboration", *WORD_AXES)
MIN_RATED_WORDS: Final = 2_500
"""Ours: a shorter chain's rates are per so many words, or one "since" in a line of ten words would be a record."""
BY_CHANCE: Final = 1
"""Ours: sentences of an axis that don't count, as a single word says little."""
EXCESS: Final = 2.5
"""Full values per 1,000 words with substance from which a rate is too high to be natural, so that all three rates count
less; at twice that they count nothing. The 99th percentile of the reference set is 1.5 to 2.3."""
SCORED: Final = (*AXES, "rule_score", "soundness")


def score_rules(chains: pl.DataFrame, *, config: JudgingConfig = JudgingConfig()) -> pl.DataFrame:  # noqa: B008 (frozen)
    """Score chains on the four axes.

    Args:
        chains: needs `chain_id` and `chain` (null counts as empty).
        config: weights of the axes and the values from which each is full.

    Returns:
        One row per chain, in order: chain_id; elaboration, self_verification, exploration, adaptive_granularity,
        rule_score (their weighted sum) and soundness (already in each of them), all in [0, 1]; then what they come
        from: num_words (a Han character is one), num_sentences, num_substance_words (of distinct sentences with a
        formula or a figure that are no checks), num_stuffed (distinct sentences with a formula in which words of the
        axes are strewn), num_<axis> (distinct sentences with a new formula and a word of the axis, each for the first
        of its axes), completeness, compression, substance_share, num_derivations (`soundness.py`), language_share
        (share of the rarer script in the prose, in [0, 0.5]), and num_connected, num_checks, num_corrections,
        num_paths, num_formulas, num_prose_words (`structure.py`).
    """
    scored = score_features(count_features(chains["chain"]), config=config, reference=read_reference())
    return pl.concat([chains.select("chain_id"), scored], how="horizontal")


def score_features(features: pl.DataFrame, *, config: JudgingConfig, reference: Reference) -> pl.DataFrame:
    """Scale what `count_features` counted: the score of `score_rules` on another reference set.

    Returns:
        One row per row, in order: the axes, rule_score and soundness, and behind them the features.
    """
    values = axis_values(reference.full_values() | config.full_values())
    axes = features.with_columns(soundness()).with_columns(
        (pl.col("soundness") * value).alias(axis) for axis, value in values.items()
    )
    weighted = (pl.col(axis) * weight for axis, weight in config.weights.model_dump().items())
    scored = axes.with_columns(rule_score=pl.sum_horizontal(weighted).clip(0.0, 1.0))
    return scored.select(*SCORED, pl.exclude(SCORED))


def axis_values(full: Mapping[str, float]) -> dict[str, pl.Expr]:
    """Return each axis on its scale of [0, 1], before the soundness."""
    rates, dense_rates = (
        {
            axis: (pl.col(f"num_{axis}") - BY_CHANCE).clip(lower_bound=0)
            * (1_000 / full[axis])
            / pl.col(words).clip(lower_bound=MIN_RATED_WORDS)
            for axis in WORD_AXES
        }
        for words in ("num_words", "num_substance_words")
    )
    moderation = pl.min_horizontal((2 - rate * (1 / EXCESS)).clip(0.0, 1.0) for rate in dense_rates.values())
    values = {"elaboration": (pl.col("num_substance_words") * (1 / full["elaboration"])).clip(0.0, 1.0)}
    return values | {axis: rate.clip(0.0, 1.0) * moderation for axis, rate in rates.items()}


def judge_chains(chains: pl.DataFrame, *, config: JudgingConfig) -> StageResult:
    """Add the four axes, the rule score and the rules' level; every chain is kept, what judges say stays null.

    Args:
        chains: a VERIFIED_CHAINS table.
        config: weights and scales of the score.
    """
    scores = score_rules(chains, config=config)
    scores = scores.with_columns(rule_level=level_features(scores, chains["chain"])["level"])
    judged = chains.with_columns(
        scores.get_column(name) if name in scores.columns else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in JUDGED_CHAINS.schema.items()
        if name not in VERIFIED_CHAINS.columns
    )
    mean = scores["rule_score"].mean()
    metrics = {"mean_rule_score_fraction": mean} if isinstance(mean, float) else {}
    return StageResult(JUDGED_CHAINS.check(judged), DROPPED.empty(), metrics)


JUDGING = RowStage("judging", reads=VERIFIED_CHAINS, writes=JUDGED_CHAINS, drop_reasons=(), run=judge_chains)
