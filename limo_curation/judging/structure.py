"""What a chain does, beyond the words it uses: checks that calculate, second ways, corrections, the size of its steps.

    "Let me check: 3 + 4 = 7."                        a check: an equation stands in the same sentence
    "Let me check. I am careful. All is well."        none
    "That is wrong. The sum is 3 + 4 = 7."            a correction: an equation stands there, or in the next sentence
    "Another way: ..." and three new formulas         a second way

Each counts as often as both its wording and its formula are new, so that neither 200 phrases around one formula nor 200
formulas in one phrase add up. A correction or a second way can still be feigned, by an announcement that is put before
the chain's own formulas; a check can't.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from limo_curation.judging.sentences import count_distinct

MIN_PATH_FORMULAS: Final = 3
"""Ours: sentences with a new formula that make what follows an announcement a way of its own."""
COUNTS: Final = ("num_connected", "num_checks", "num_corrections", "num_paths", "num_formulas", "num_prose_words")


def count_structure(sentences: pl.DataFrame) -> pl.DataFrame:
    """Count what each chain does.

    Args:
        sentences: what `split_sentences` gives.

    Returns:
        One row per chain that has a sentence: row; num_connected (sentences with a formula and a connecting word),
        num_checks, num_corrections, num_paths; num_formulas (distinct sentences with a formula that are not hollow) and
        num_prose_words (words that are no formulas, of sentences with substance).
    """
    following = pl.col("formula", "has_equation").shift(-1).over("row").name.prefix("next_")
    here, behind = (pl.when(f"{place}has_equation").then(f"{place}formula") for place in ("", "next_"))
    corrections = sentences.with_columns(following).filter("corrections")
    corrections = corrections.with_columns(formula=pl.coalesce(here, behind))
    sizes = sentences.group_by("row").agg(
        num_formulas=pl.col("phrasing").filter("has_formula", ~pl.col("is_hollow")).n_unique().cast(pl.Int64),
        num_prose_words=pl.col("num_prose_words").filter("has_substance").sum(),
    )
    connected = sentences.filter("has_formula").group_by("row")
    parts = (
        connected.agg(count_distinct("num_connected", where="adaptive_granularity")),
        checks_of(sentences).group_by("row").agg(count_distinct("num_checks", where="self_verification")),
        corrections.filter(pl.col("formula").is_not_null())
        .group_by("row")
        .agg(count_distinct("num_corrections", where="corrections")),
        count_paths(sentences),
    )
    for part in parts:
        sizes = sizes.join(part, on="row", how="left")
    return sizes.select("row", *(pl.col(name).fill_null(0) for name in COUNTS))


def checks_of(sentences: pl.DataFrame) -> pl.DataFrame:
    """Return the sentences with a checking word and an equation."""
    return sentences.filter("self_verification", "has_equation")


def count_paths(sentences: pl.DataFrame) -> pl.DataFrame:
    """Count the announcements of another way that new formulas follow, each wording once."""
    ways = (
        sentences.filter(pl.col("paths") | pl.col("has_formula"))
        .with_columns(way=pl.col("paths").cast(pl.Int64).cum_sum().over("row"))
        .with_columns(is_new=pl.col("has_formula") & pl.struct("row", "formula").is_first_distinct())
        .filter(pl.col("way") > 0)
        .group_by("row", "way", maintain_order=True)
        .agg(pl.col("phrasing").first(), num_new=pl.col("is_new").sum())
        .filter(pl.col("num_new") >= MIN_PATH_FORMULAS)
    )
    return ways.group_by("row").agg(num_paths=pl.col("phrasing").n_unique().cast(pl.Int64))
