"""The best chain of each problem, found part by part: a table of any size is never in memory as a whole.

Every tie is broken by `chain_id`, a digest of the content, so neither the order of the rows nor the machine decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from limo_curation.selection_config import SelectionConfig

RANKED_BY: Final = [pl.col("is_countless"), -pl.col("score").fill_null(0.0), pl.col("chain_id")]
TOKEN_COLUMNS: Final = ("num_student_tokens", "num_tokens")


def competing(chains: pl.LazyFrame, *, config: SelectionConfig, start: int = 0) -> pl.DataFrame:
    """Return what chains compete by.

    Args:
        chains: a JUDGED_CHAINS table or a part of it. `quality` may be absent; `num_student_tokens` or `num_tokens` is
            needed for a token budget, and `question` for diversity.
        config: says what is needed.
        start: the first row's number.

    Returns:
        One row per row: position (the row's number), problem_id, chain_id, score (quality; where it is null, the rule
        score), tokens (the student's, else the engine's; null without a budget), is_countless (there is a budget and no
        count), domain, template_id, source, and question where diversity counts.
    """
    there = chains.collect_schema().names()
    has_budget = config.max_total_tokens is not None
    counts = [name for name in TOKEN_COLUMNS if name in there and has_budget]
    tokens = pl.coalesce(counts) if counts else pl.lit(None, pl.Int64)
    return (
        chains.with_row_index("position", start)
        .select(
            "position",
            "problem_id",
            "chain_id",
            "domain",
            "template_id",
            "source",
            *(["question"] if config.diversity else []),
            score=pl.coalesce(*(name for name in ("quality", "rule_score") if name in there)),
            tokens=tokens,
            is_countless=tokens.is_null() & has_budget,
        )
        .collect(engine="streaming")
    )


def best_chains(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return the best chain of each problem, the best first, from what `competing` returns of each part.

    A chain without a count of tokens comes behind those that have one, where the count matters.
    """
    return best_of(pl.concat([best_of(part) for part in parts]))


def best_of(chains: pl.DataFrame) -> pl.DataFrame:
    """Return the best chain of each problem, the best first; of copies of one chain the first."""
    ordered = chains.sort(RANKED_BY, maintain_order=True)
    return ordered.unique("problem_id", keep="first", maintain_order=True)
