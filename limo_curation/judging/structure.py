"""What a chain does, beyond the words it uses: checks that calculate, second ways, corrections, the size of its steps.

    "Let me check: 3 + 4 = 7."                        a check: an equation stands in the sentence, or in the next one
    "Let me check. I am careful. All is well."        none
    "Another way: ..." and three new formulas         a second way
    "That is wrong. The sum is 3 + 4 = 7."            a correction

Each counts as often as both its wording and its formula are new, so that neither 200 phrases around one formula nor 200
formulas in one phrase add up.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from limo_curation.judging.sentences import formula_of

MIN_PATH_FORMULAS: Final = 3
"""Ours: sentences with a new formula that make what follows an announcement a way of its own."""
COUNTS: Final = ("num_checks", "num_corrections", "num_paths", "num_formulas", "num_prose_words")


def count_structure(sentences: pl.DataFrame) -> pl.DataFrame:
    """Count what each chain does.

    Args:
        sentences: what `split_sentences` gives.

    Returns:
        One row per chain that has a sentence: row; num_checks and num_corrections (with an equation in the same
        sentence or the next); num_paths (further ways with formulas of their own); num_formulas (distinct sentences
        with a formula) and num_prose_words (words that are no formulas).
    """
    checks, corrections = (
        equations_of(sentences, where=kind)
        .group_by("row")
        .agg(pl.min_horizontal(pl.col("phrasing").n_unique(), pl.col("formula").n_unique()).cast(pl.Int64).alias(name))
        for kind, name in (("self_verification", "num_checks"), ("corrections", "num_corrections"))
    )
    sizes = sentences.group_by("row").agg(
        num_formulas=pl.col("phrasing").filter("has_formula").n_unique().cast(pl.Int64),
        num_prose_words=pl.col("num_prose_words").sum(),
    )
    for counts in (checks, corrections, count_paths(sentences)):
        sizes = sizes.join(counts, on="row", how="left")
    return sizes.select("row", *(pl.col(name).fill_null(0) for name in COUNTS))


def equations_of(sentences: pl.DataFrame, *, where: str) -> pl.DataFrame:
    """Return row, phrasing, equation (a sentence) and formula for each sentence of a kind that an equation belongs to.

    Args:
        sentences: what `split_sentences` gives.
        where: a column that says which sentences are of the kind; the equation stands there or in the next sentence.
    """
    following = pl.col("sentence", "has_equation").shift(-1).over("row").name.prefix("next_")
    here, behind = (pl.when(f"{place}has_equation").then(f"{place}sentence") for place in ("", "next_"))
    marked = sentences.with_columns(following).filter(where).with_columns(equation=pl.coalesce(here, behind))
    found = marked.filter(pl.col("equation").is_not_null()).with_columns(formula=formula_of(pl.col("equation")))
    return found.select("row", "phrasing", "equation", "formula")


def count_paths(sentences: pl.DataFrame) -> pl.DataFrame:
    """Count the announcements of another way that new formulas follow, each wording once."""
    ways = (
        sentences.filter(pl.col("paths") | pl.col("has_formula"))
        .with_columns(way=pl.col("paths").cast(pl.Int64).cum_sum().over("row"), formula=formula_of(pl.col("sentence")))
        .with_columns(is_new=pl.col("has_formula") & pl.struct("row", "formula").is_first_distinct())
        .filter(pl.col("way") > 0)
        .group_by("row", "way", maintain_order=True)
        .agg(pl.col("phrasing").first(), num_new=pl.col("is_new").sum())
        .filter(pl.col("num_new") >= MIN_PATH_FORMULAS)
    )
    return ways.group_by("row").agg(num_paths=pl.col("phrasing").n_unique().cast(pl.Int64))
