"""Decontamination: which problems stand in a benchmark, word for word or in large part.

    exact    equal after case, punctuation and spaces are removed
    ngram    at least half of the benchmark item's word 8-grams stand in the problem

A Han character counts as a word. Benchmark items shorter than one n-gram are met by the exact rule only.
"""

from __future__ import annotations

from typing import Final

import polars as pl
import polars_hash as plh

from limo_curation.ledger import DropRule, StageResult, dropped_rows
from limo_curation.problem_config import DecontaminationConfig
from limo_curation.stage import RowStage
from limo_curation.tables import CLUSTERED, DROPPED

DROP_REASONS: Final = ("benchmark_exact", "benchmark_ngram")
WORD: Final = r"\p{Han}|[\p{L}]+|\d+(?:\.\d+)?"
SIZE_COMMAND: Final = r"\\(left|right|displaystyle|(big|bigg)[lr]?)\b"
MULTIPLIER: Final = 0x9E3779B97F4A7C15  # odd, so that multiplying by it permutes 64-bit numbers (golden ratio)


def decontaminate_problems(
    problems: pl.DataFrame, benchmarks: pl.LazyFrame, *, config: DecontaminationConfig
) -> StageResult:
    """Drop the problems that stand in a benchmark.

    Drop reasons: `benchmark_exact`, `benchmark_ngram`; value is the containment in [0, 1], evidence the benchmark
    item with the highest one.
    """
    items = benchmarks.select("benchmark_id", "question").collect()
    found = find_contaminated(problems, items, config=config)
    worst = found.sort("score", "benchmark_id", descending=[True, False]).unique("problem_id", keep="first")
    marked = problems.join(worst, on="problem_id", how="left", maintain_order="left")
    thresholds = {"exact": 1.0, "ngram": config.min_containment}
    dropped = [
        dropped_rows(
            marked.filter(pl.col("rule") == rule),
            stage="decontamination",
            rule=DropRule(f"benchmark_{rule}", pl.lit(True), pl.col("score"), threshold, pl.col("benchmark_id")),
        )
        for rule, threshold in thresholds.items()
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
        config: n-gram size in words, and the containment from which the n-gram rule fires.

    Returns:
        Frame `problem_id, benchmark_id, rule` (`exact` or `ngram`), `score` (share of the item's n-grams that stand
        in the problem, in [0, 1]; 1 for exact): one row for each pair and the first rule that meets it.
    """
    config = config or DecontaminationConfig(enabled=False)
    asked = problems.select("problem_id", "question").unique("problem_id", maintain_order=True)
    exact = (
        with_letters_only(asked)
        .join(with_letters_only(benchmarks), on="letters")
        .select("problem_id", "benchmark_id", rule=pl.lit("exact"), score=pl.lit(1.0))
    )
    items = word_ngrams(benchmarks, "benchmark_id", config.ngram_size)
    sizes = items.group_by("benchmark_id").len("item_size")
    shared = (
        word_ngrams(asked, "problem_id", config.ngram_size)
        .join(items, on="gram")
        .group_by("problem_id", "benchmark_id")
        .len("num_shared")
    )
    contained = shared.join(sizes, on="benchmark_id").select(
        "problem_id", "benchmark_id", rule=pl.lit("ngram"), score=pl.col("num_shared") / pl.col("item_size")
    )
    contained = contained.filter(pl.col("score") >= config.min_containment)
    both = pl.concat([exact, contained.join(exact, on=["problem_id", "benchmark_id"], how="anti")])
    return both.sort("problem_id", "benchmark_id")


def with_letters_only(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `letters`: the question in lower case without punctuation, spaces and signs; empty ones are left out."""
    letters = plain(pl.col("question")).str.replace_all(r"[\W_]+", "")
    return frame.with_columns(letters=letters).filter(pl.col("letters") != "")


def plain(text: pl.Expr) -> pl.Expr:
    r"""Return text in lower case and Unicode NFKC, without LaTeX commands that only change the size of what they print.

    So `\dfrac` equals `\frac`, `\left(` equals `(`, and a full-width digit or a superscript equals the plain one.
    """
    small = text.str.normalize("NFKC").str.to_lowercase()
    return small.str.replace_all(SIZE_COMMAND, " ").str.replace_all(r"\\[dt]frac\b", r"\frac")


def word_ngrams(frame: pl.DataFrame, id_column: str, size: int) -> pl.DataFrame:
    """Return the distinct word n-grams of each question as 64-bit hashes: columns `id_column`, `gram`."""
    words = frame.select(id_column, word=plain(pl.col("question")).str.extract_all(WORD))
    words = words.with_row_index("row").explode("word").drop_nulls("word")
    hashed = words.with_columns(plh.col("word").nchash.wyhash().alias("word"))
    gram = pl.lit(0, pl.UInt64)
    for place in range(size):
        gram = gram * pl.lit(MULTIPLIER, pl.UInt64) + pl.col("word").shift(-place)
    whole = pl.col("row").shift(1 - size) == pl.col("row")
    return hashed.select(id_column, gram=pl.when(whole).then(gram)).drop_nulls("gram").unique()


DECONTAMINATION: Final = RowStage("decontamination", CLUSTERED, CLUSTERED, DROP_REASONS, decontaminate_problems)
