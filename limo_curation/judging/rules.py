"""LIMO's rule score: length and three kinds of words per length, weighted 30, 20, 25 and 25 percent.

Words alone reward chains that are stuffed with them, so a repeated sentence counts once (for the length and for the
words; sentences that differ in their digits only are the same for the words), a sentence counts once for each axis, and
each axis is capped at the config's "full" value. The score ranks chains that passed verification; it never rescues one.
"""

from __future__ import annotations

import functools
import re
import tomllib
from importlib.resources import files
from typing import Final

import polars as pl

from limo_curation.judging_config import JudgingConfig
from limo_curation.ledger import StageResult
from limo_curation.stage import RowStage
from limo_curation.tables import DROPPED, JUDGED_CHAINS, VERIFIED_CHAINS

WORD_AXES: Final = ("self_verification", "exploration", "adaptive_granularity")
WORD: Final = r"\p{Han}|[^\s\p{Han}]+"
SENTENCE_END: Final = r"([.!?;])\s|([。！？；])"
BATCH_ROWS: Final = 2_000  # chains that are split into sentences at a time: some 100 MB of text


def score_rules(chains: pl.DataFrame, *, config: JudgingConfig = JudgingConfig()) -> pl.DataFrame:  # noqa: B008 (frozen)
    """Score chains on the four axes.

    Args:
        chains: needs `chain_id` and `chain` (null counts as empty).
        config: weights of the axes and the values from which each is full.

    Returns:
        One row per chain, in order: chain_id; elaboration, self_verification, exploration, adaptive_granularity and
        rule_score, each in [0, 1]; and what they come from: num_words (words of distinct sentences, a Han character
        is one), num_sentences (distinct), and num_<axis> (distinct sentences that hold a word of the axis).
    """
    batches = [features(batch["chain"]) for batch in chains.select("chain").iter_slices(BATCH_ROWS)]
    counted = pl.concat(batches) if batches else features(pl.Series("chain", [], pl.String))
    full = {axis: getattr(config, f"full_{axis}") for axis in WORD_AXES}
    axes = counted.select(
        elaboration=capped(pl.col("num_words") / config.full_elaboration_words),
        **{axis: capped(pl.col(f"num_{axis}") * 1_000 / pl.col("num_words") / full[axis]) for axis in WORD_AXES},
    )
    weights = config.weights.model_dump()
    score = pl.sum_horizontal(pl.col(axis) * weight for axis, weight in weights.items())
    scored = axes.with_columns(rule_score=capped(score))
    return pl.concat([chains.select("chain_id"), scored, counted], how="horizontal")


def capped(value: pl.Expr) -> pl.Expr:
    """Return a value cut to [0, 1]; zero where there are no words to divide by."""
    return value.fill_nan(0.0).clip(0.0, 1.0)


def features(chains: pl.Series) -> pl.DataFrame:
    """Count distinct sentences, their words, and those that hold a word of each axis."""
    sentences = (
        chains.rename("sentence")
        .to_frame()
        .with_row_index("row")
        .with_columns(pl.col("sentence").fill_null("").str.to_lowercase().str.replace_all(SENTENCE_END, "$1$2\n"))
        .with_columns(pl.col("sentence").str.split("\n"))
        .explode("sentence")
        .with_columns(pl.col("sentence").str.strip_chars())
        .filter(pl.col("sentence") != "")
        .unique(["row", "sentence"])
    )
    masked = pl.col("sentence").str.replace_all(r"[\d\s\p{P}]+", " ")
    lengths = sentences.group_by("row").agg(
        num_words=pl.col("sentence").str.count_matches(WORD).cast(pl.Int64).sum(),
        num_sentences=pl.len().cast(pl.Int64),
    )
    hits = sentences.group_by("row", masked.alias("masked")).agg(
        pl.col("sentence").str.contains(lexicon_pattern(axis)).any().alias(f"num_{axis}") for axis in WORD_AXES
    )
    totals = hits.group_by("row").agg(pl.col(f"num_{axis}").sum().cast(pl.Int64) for axis in WORD_AXES)
    joined = (
        chains.to_frame().with_row_index("row").select("row").join(lengths, on="row", how="left", maintain_order="left")
    )
    return joined.join(totals, on="row", how="left", maintain_order="left").drop("row").fill_null(0)


@functools.cache
def lexicon_pattern(axis: str) -> str:
    """Return the regular expression that finds any word of an axis in lower-case text."""
    text = files("limo_curation.judging").joinpath("data", f"{axis}.toml").read_text(encoding="utf-8")
    words: dict[str, list[str]] = tomllib.loads(text)
    english = "|".join(re.escape(word).replace(r"\ ", " ") for word in words["en"])
    return rf"\b(?:{english})\b|" + "|".join(words["zh"])


def judge_chains(chains: pl.DataFrame, *, config: JudgingConfig) -> StageResult:
    """Add the four axes and the rule score; every chain is kept.

    Args:
        chains: a VERIFIED_CHAINS table.
        config: weights and scales of the score.
    """
    scores = score_rules(chains, config=config)
    judged = chains.with_columns(scores.get_column(name) for name in JUDGED_CHAINS.columns if name in scores.columns)
    mean = scores["rule_score"].mean()
    metrics = {"mean_rule_score_fraction": mean} if isinstance(mean, float) else {}
    return StageResult(JUDGED_CHAINS.check(judged), DROPPED.empty(), metrics)


JUDGING = RowStage("judging", reads=VERIFIED_CHAINS, writes=JUDGED_CHAINS, drop_reasons=(), run=judge_chains)
