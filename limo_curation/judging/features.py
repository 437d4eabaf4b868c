"""Everything that is counted in a chain: what the rule score, the soundness and the level rest on."""

from __future__ import annotations

from typing import Final

import polars as pl

from limo_curation.judging.sentences import WORD_AXES, count_distinct, formula_of, split_sentences
from limo_curation.judging.soundness import completeness, compressions
from limo_curation.judging.structure import COUNTS, count_structure
from limo_curation.verification.texture import language_share

BATCH_ROWS: Final = 2_000
"""Chains that are cut into sentences at a time: some 50 MB of text."""
WORD_COUNTS: Final = ("num_words", "num_sentences", "num_substance_words", *(f"num_{axis}" for axis in WORD_AXES))


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
    about = pl.col("has_substance")
    is_new = pl.struct("row", "phrasing").is_first_distinct()
    counts = (
        sentences.with_columns(is_new=is_new)
        .group_by("row", maintain_order=True)
        .agg(
            num_words=pl.col("num_words").sum(),
            num_sentences=pl.len().cast(pl.Int64),
            num_substance_words=pl.col("num_words").filter(about & pl.col("is_new")).sum(),
            text=pl.col("sentence").filter(about).str.join("\n"),
        )
    )
    marked = sentences.filter(pl.col("has_formula") & pl.any_horizontal(WORD_AXES))
    marked = marked.with_columns(formula=formula_of(pl.col("sentence")))
    words = marked.group_by("row").agg(count_distinct(f"num_{axis}", where=axis) for axis in WORD_AXES)
    rows = chains.alias("chain").to_frame().with_row_index("row")
    joined = rows.with_columns(language_share=language_share(pl.col("chain"))).drop("chain")
    for part in (counts, words, count_structure(sentences)):
        joined = joined.join(part, on="row", how="left", maintain_order="left")
    return joined.with_columns(
        completeness(chains),
        compressions(joined["text"]),
        substance_share=pl.col("num_substance_words") / pl.col("num_words"),
    ).select(
        *(pl.col(name).fill_null(0) for name in WORD_COUNTS),
        "completeness",
        "compression",
        pl.col("substance_share").fill_null(0.0),
        "language_share",
        *(pl.col(name).fill_null(0) for name in COUNTS),
    )
