"""Everything that is counted in a chain: what the rule score, the soundness and the level rest on."""

from __future__ import annotations

from typing import Final

import polars as pl

from limo_curation.judging.sentences import WORD_AXES, count_distinct, split_sentences
from limo_curation.judging.soundness import completeness, compressions, count_derivations
from limo_curation.judging.structure import COUNTS, count_structure
from limo_curation.verification.texture import language_share

BATCH_ROWS: Final = 2_000
"""Chains that are cut into sentences at a time: some 50 MB of text."""
WORD_COUNTS: Final = (
    "num_words",
    "num_sentences",
    "num_substance_words",
    "num_stuffed",
    *(f"num_{axis}" for axis in WORD_AXES),
)


def count_features(chains: pl.Series) -> pl.DataFrame:
    """Count what stands in chains.

    Args:
        chains: texts; null counts as empty.

    Returns:
        One row per chain, in order, with the counts and shares that `score_rules` names.
    """
    batches = [batch.to_series() for batch in chains.to_frame().iter_slices(BATCH_ROWS)]
    return pl.concat([count_batch(batch) for batch in batches or [chains]])


def count_batch(chains: pl.Series) -> pl.DataFrame:
    """Count what the axes of some chains come from."""
    sentences = split_sentences(chains)
    sentences = sentences.with_columns(
        is_new=pl.struct("row", "phrasing").is_first_distinct(),
        is_new_formula=pl.col("has_formula") & pl.struct("row", "formula").is_first_distinct(),
    )
    is_marked = pl.any_horizontal(WORD_AXES)
    about = pl.col("has_substance")
    is_counted = about & pl.col("is_new") & ~pl.col("self_verification") & (pl.col("is_new_formula") | ~is_marked)
    counts = sentences.group_by("row", maintain_order=True).agg(
        num_words=pl.col("num_words").sum(),
        num_sentences=pl.len().cast(pl.Int64),
        num_substance_words=(pl.col("num_words") - pl.col("num_axis_words")).filter(is_counted).sum(),
        num_stuffed=pl.col("phrasing").filter("has_formula", "is_stuffed").n_unique().cast(pl.Int64),
        text=pl.col("sentence").filter(about).str.join("\n"),
        derivation=pl.col("sentence").filter(about & pl.col("is_new_formula")).str.join("\n"),
    )
    marked = sentences.filter(about & pl.col("is_new_formula") & is_marked).with_columns(first_axis())
    words = marked.group_by("row").agg(count_distinct(f"num_{axis}", where=axis) for axis in WORD_AXES)
    rows = chains.alias("chain").to_frame().with_row_index("row")
    joined = rows.with_columns(language_share=language_share(pl.col("chain"))).drop("chain")
    for part in (counts, words, count_structure(sentences)):
        joined = joined.join(part, on="row", how="left", maintain_order="left")
    return joined.with_columns(
        completeness(chains),
        compressions(joined["text"]),
        count_derivations(joined["derivation"]),
        substance_share=pl.col("num_substance_words") / pl.col("num_words"),
    ).select(
        *(pl.col(name).fill_null(0) for name in WORD_COUNTS),
        "completeness",
        "compression",
        pl.col("substance_share").fill_null(0.0),
        "language_share",
        "num_derivations",
        *(pl.col(name).fill_null(0) for name in COUNTS),
    )


def first_axis() -> list[pl.Expr]:
    """Return the columns of the axes so that each sentence belongs to the first one alone of which it has a word."""
    return [
        pl.all_horizontal(pl.col(axis), *(~pl.col(before) for before in WORD_AXES[:at])).alias(axis)
        for at, axis in enumerate(WORD_AXES)
    ]
