"""Decontamination: which problems stand in a benchmark, as they are, in other words around them, or varied.

    exact     the same letters, digits, signs: case, punctuation, spaces and the spelling of LaTeX don't count
    ngram     the item's whole content stands in the problem, and at least half of its n-grams by weight
    variant   at least 65 % of the item's n-grams by weight, but other content: other numbers, another sign or word

N-grams are of five words with numbers masked. A problem with another number is never called the item itself: it has
another answer. Item and problem that share next to nothing but boilerplate are met only if they are equal as a whole.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from limo_curation.decontamination.index import index_of
from limo_curation.decontamination.matching import RULES, match
from limo_curation.folding import texts_of
from limo_curation.ledger import DropRule, StageResult, dropped_rows
from limo_curation.plan import RowStage
from limo_curation.problem_config import DecontaminationConfig
from limo_curation.tables import CLUSTERED, DROPPED

DROP_REASONS: Final = ("benchmark_exact", "benchmark_ngram", "benchmark_variant")


def decontaminate_problems(
    problems: pl.DataFrame, benchmarks: pl.LazyFrame, *, config: DecontaminationConfig
) -> StageResult:
    """Drop the problems that stand in a benchmark.

    Drop reasons: `benchmark_exact`, `benchmark_ngram`, `benchmark_variant`, the first that fires for any item; value is
    the score in [0, 1], evidence the item with the highest one.
    """
    items = benchmarks.select("benchmark_id", "question").collect()
    found = find_contaminated(problems, items, config=config)
    order = pl.col("rule").cast(pl.Enum(RULES))
    worst = found.sort(order, -pl.col("score"), "benchmark_id").unique("problem_id", keep="first")
    marked = problems.join(worst, on="problem_id", how="left", maintain_order="left")
    thresholds = (1.0, config.min_containment, config.min_variant_containment)
    dropped = [
        dropped_rows(
            marked.filter(pl.col("rule") == rule),
            stage="decontamination",
            rule=DropRule(f"benchmark_{rule}", pl.lit(True), pl.col("score"), threshold, pl.col("benchmark_id")),
        )
        for rule, threshold in zip(RULES, thresholds, strict=True)
    ]
    kept = marked.filter(pl.col("rule").is_null()).select(problems.columns)
    return StageResult(kept, pl.concat([DROPPED.empty(), *dropped]))


def find_contaminated(
    problems: pl.DataFrame, benchmarks: pl.DataFrame, *, config: DecontaminationConfig | None = None
) -> pl.DataFrame:
    """Find the problems that stand in a benchmark.

    Args:
        problems: `problem_id`, `question`.
        benchmarks: `benchmark_id`, `question`.
        config: n-gram size in words, and the shares from which the n-gram and the variant rule fire.

    Returns:
        Frame `problem_id, benchmark_id, rule` (`exact`, `ngram` or `variant`), `score` (share of the item's n-grams, by
        weight, that stand in the problem, in [0, 1]; 1 for exact): one row for each pair, with the first rule that
        meets it, sorted by both ids.
    """
    config = config or DecontaminationConfig(enabled=False)
    index = index_of(benchmarks, ngram_size=config.ngram_size)
    found = match(
        texts_of(problems["question"]),
        index,
        min_containment=config.min_containment,
        min_variant_containment=config.min_variant_containment,
    )
    pairs = found.select(
        problem_id=problems["problem_id"].gather(found["row"]),
        benchmark_id=index.ids.gather(found["item"]),
        rule=pl.col("rule").replace_strict(list(range(len(RULES))), RULES, return_dtype=pl.String),
        score="score",
    )
    return pairs.unique(["problem_id", "benchmark_id"], keep="first").sort("problem_id", "benchmark_id")


DECONTAMINATION: Final = RowStage("decontamination", CLUSTERED, CLUSTERED, DROP_REASONS, decontaminate_problems)
