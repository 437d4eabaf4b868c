"""Which benchmarks a set was compared with, and how many problems each of them has cost, rule by rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from limo_curation.run_record import RunRecord
from limo_curation.store import Store
from limo_curation.tables import BENCHMARKS, DROPPED

RULES: Final = ("exact", "ngram", "variant", "paraphrase")
"""The rules of decontamination in the order in which they are tried; a drop reason is `benchmark_` and one of them."""


@dataclass(frozen=True, slots=True)
class BenchmarkLeak:
    """What the pool held of one benchmark."""

    benchmark: str
    num_items: int
    num_dropped: dict[str, int]
    """Problems that were dropped, by rule; each counts for the item that it is most like."""
    num_items_met: int
    """Items that some of these problems are most like."""


def benchmark_leaks(store: Store, record: RunRecord) -> list[BenchmarkLeak]:
    """Return what decontamination has found of each benchmark, by name; nothing where it compared with none.

    Raises:
        TableError: an entry that the run used is gone.
    """
    compared, cleaned = record.artifacts.get("benchmarks"), record.artifacts.get("decontamination")
    if compared is None:
        return []
    items = store.scan(compared, BENCHMARKS).select("benchmark_id", "benchmark")
    counted = items.group_by("benchmark").agg(num_items=pl.len())
    if cleaned is not None:
        dropped = store.scan(cleaned, DROPPED, half="dropped").select("drop_reason", benchmark_id="evidence")
        # an id that several benchmarks use counts for the first of them
        met = dropped.join(items.unique("benchmark_id", keep="first", maintain_order=True), on="benchmark_id")
        by_rule = [(pl.col("drop_reason") == f"benchmark_{rule}").sum().alias(rule) for rule in RULES]
        found = met.group_by("benchmark").agg(*by_rule, num_items_met=pl.col("benchmark_id").n_unique())
        counted = counted.join(found, on="benchmark", how="left")
    else:
        counted = counted.with_columns([pl.lit(0).alias(name) for name in (*RULES, "num_items_met")])
    rows = counted.fill_null(0).sort("benchmark").collect(engine="streaming")
    return [
        BenchmarkLeak(
            benchmark=row["benchmark"],
            num_items=row["num_items"],
            num_dropped={rule: row[rule] for rule in RULES},
            num_items_met=row["num_items_met"],
        )
        for row in rows.iter_rows(named=True)
    ]
