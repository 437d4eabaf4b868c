"""Benchmarks: each is told with its items and what it has cost, rule by rule, and one that met nothing too."""

from pathlib import Path

from limo_curation.problem_config import StageConfig
from limo_curation.publishing.benchmarks import BenchmarkLeak, benchmark_leaks
from limo_curation.run_record import RunRecord
from limo_curation.runner import run_stage
from limo_curation.stage import StageWriter, TableStage, plan_stage
from limo_curation.store import Artifact, Store
from limo_curation.tables import BENCHMARKS, CLUSTERED, DROPPED
from tests.rows import put_in_store, rows_of

ITEMS = [("b1", "exam"), ("b2", "exam"), ("b1", "quiz"), ("q2", "quiz"), ("z1", "zebra|x")]


def record_of(**artifacts: Artifact) -> RunRecord:
    return RunRecord(name="told", profile="told", config={}, artifacts=artifacts, finished=True)


def cleaned(store: Store, *dropped: tuple[str, str, str]) -> Artifact:
    """Commit a decontamination that dropped problems as (problem, rule, item)."""
    ledger = [
        {"stage": "decontamination", "problem_id": name, "drop_reason": f"benchmark_{rule}", "evidence": item}
        for name, rule, item in dropped
    ]

    def write(*, config: StageConfig, store: Store, out: StageWriter) -> dict[str, float]:
        out.count_input(len(ledger))
        out.write(CLUSTERED.empty(), rows_of(DROPPED, *ledger))
        return {}

    reasons = tuple({str(row["drop_reason"]) for row in ledger})
    stage = TableStage("decontamination", None, CLUSTERED, reasons, write)
    return run_stage(plan_stage(stage, {}, config=StageConfig(), store=store))


def leak(name: str, num_items: int, exact: int, ngram: int, variant: int, paraphrase: int, met: int) -> BenchmarkLeak:
    by_rule = {"exact": exact, "ngram": ngram, "variant": variant, "paraphrase": paraphrase}
    return BenchmarkLeak(name, num_items, by_rule, met)


def test_problems_are_counted_by_benchmark_and_rule_with_the_items_they_met(tmp_path: Path):
    store = Store(str(tmp_path))
    items = rows_of(BENCHMARKS, *[{"benchmark_id": item, "benchmark": name, "question": "?"} for item, name in ITEMS])
    compared = put_in_store(items, BENCHMARKS, store)
    dropped = cleaned(
        store, ("p1", "exact", "b2"), ("p2", "variant", "b2"), ("p3", "paraphrase", "q2"), ("p4", "ngram", "b1")
    )
    found = benchmark_leaks(store, record_of(benchmarks=compared, decontamination=dropped))
    assert found == [
        leak("exam", 2, 1, 1, 1, 0, 2),  # b1 is an id of two benchmarks, and counts for the first alone
        leak("quiz", 2, 0, 0, 0, 1, 1),
        leak("zebra|x", 1, 0, 0, 0, 0, 0),
    ]
    assert benchmark_leaks(store, record_of(benchmarks=compared)) == [
        leak("exam", 2, 0, 0, 0, 0, 0),
        leak("quiz", 2, 0, 0, 0, 0, 0),
        leak("zebra|x", 1, 0, 0, 0, 0, 0),
    ]


def test_run_that_compared_with_nothing_has_nothing_to_tell(tmp_path: Path):
    assert benchmark_leaks(Store(str(tmp_path)), record_of()) == []
