"""The pool: every problem that difficulty kept is there once, with the end that it came to."""

from pathlib import Path

import polars as pl
import pytest

from limo_curation.errors import TableError
from limo_curation.problem_config import StageConfig
from limo_curation.publishing import pool
from limo_curation.publishing.pool import num_pool_parts, pool_parts
from limo_curation.run_record import RunRecord
from limo_curation.runner import run_stage
from limo_curation.stage import StageWriter, TableStage, plan_stage
from limo_curation.store import Artifact, Store
from limo_curation.tables import CHAINS, DROPPED, JUDGED_CHAINS, POOL, RATED, SAMPLES, VERIFIED_CHAINS, Table
from tests.piped_run import PipedRun
from tests.rows import rows_of

PROBLEMS = ("chosen", "beaten", "crowded out", "wrong", "mixed", "cut off", "silent", "vetoed")
STAGES: dict[str, tuple[Table, list[tuple[str, str, float | None]], list[tuple[str, str, str]]]] = {
    # stage: table, kept as (problem, chain, quality), dropped as (problem, chain, reason)
    "generation": (
        CHAINS,
        [
            (name, chain, None)
            for name in ("chosen", "beaten", "crowded out", "wrong", "mixed", "vetoed")
            for chain in "ab"
        ],
        [("silent", "", "no_chain"), ("cut off", "a", "truncated"), ("chosen", "c", "truncated")],
    ),
    "verification": (
        VERIFIED_CHAINS,
        [
            ("chosen", "a", None),
            ("chosen", "b", None),
            ("beaten", "a", None),
            ("crowded out", "a", None),
            ("crowded out", "b", None),
            ("vetoed", "a", None),
        ],
        [
            ("beaten", "b", "wrong_answer"),
            ("wrong", "a", "wrong_answer"),
            ("wrong", "b", "wrong_answer"),
            ("mixed", "a", "no_final_answer"),
            ("mixed", "b", "looping"),
            ("vetoed", "b", "wrong_answer"),
        ],
    ),
    "judging": (
        JUDGED_CHAINS,
        [
            ("chosen", "a", 0.9),
            ("chosen", "b", 0.4),
            ("beaten", "a", 0.2),
            ("crowded out", "a", 0.6),
            ("crowded out", "b", 0.7),
        ],
        [("vetoed", "a", "dropped_by_human")],
    ),
    "selection": (
        SAMPLES,
        [("chosen", "a", 0.9)],
        [
            ("chosen", "b", "not_best_chain"),
            ("beaten", "a", "quota_filled"),
            ("crowded out", "a", "not_best_chain"),
            ("crowded out", "b", "template_cap"),
        ],
    ),
}


def committed(store: Store, stage: str, table: Table, kept: pl.DataFrame, dropped: pl.DataFrame) -> Artifact:
    """Commit both halves of a stage as they are."""

    def write(*, config: StageConfig, store: Store, out: StageWriter) -> dict[str, float]:
        out.count_input(kept.height + dropped.height)
        out.write(kept, dropped)
        return {}

    reasons = tuple(dropped["drop_reason"].unique())
    return run_stage(plan_stage(TableStage(stage, None, table, reasons, write), {}, config=StageConfig(), store=store))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, RunRecord]:
    store = Store(str(tmp_path_factory.mktemp("store")))
    rated = rows_of(RATED, *[{"problem_id": name, "question": f"{name}?"} for name in PROBLEMS])
    artifacts = {"difficulty": committed(store, "difficulty", RATED, rated, DROPPED.empty())}
    for stage, (table, kept, dropped) in STAGES.items():
        rows = [
            {"problem_id": name, "chain_id": f"{name} {chain}", "quality": quality} for name, chain, quality in kept
        ]
        ledger = [
            {"stage": stage, "problem_id": name, "chain_id": f"{name} {chain}", "drop_reason": reason}
            for name, chain, reason in dropped
        ]
        artifacts[stage] = committed(store, stage, table, rows_of(table, *rows), rows_of(DROPPED, *ledger))
    return store, RunRecord(name="told", profile="told", config={}, artifacts=artifacts, finished=True)


def test_every_problem_is_told_with_the_end_it_came_to(told: tuple[Store, RunRecord]):
    (rows,) = pool_parts(*told)
    assert rows.schema == POOL.schema
    facts = ["num_chains", "num_verified_chains", "best_quality", "outcome", "outcome_stage"]
    assert {row[0]: row[1:] for row in rows.select("problem_id", *facts).rows()} == {
        "chosen": (2, 2, 0.9, "selected", "selection"),
        "beaten": (2, 1, 0.2, "quota_filled", "selection"),
        "crowded out": (2, 2, 0.7, "template_cap", "selection"),
        "wrong": (2, 0, None, "wrong_answer", "verification"),
        "mixed": (2, 0, None, "looping", "verification"),  # as common as the other reason, and first by name
        "cut off": (0, 0, None, "truncated", "generation"),
        "silent": (0, 0, None, "no_chain", "generation"),
        "vetoed": (2, 1, None, "dropped_by_human", "judging"),
    }


def test_portions_together_are_the_pool_in_its_order(told: tuple[Store, RunRecord], monkeypatch: pytest.MonkeyPatch):
    (whole,) = pool_parts(*told)
    monkeypatch.setattr(pool, "PART_ROWS", 3)
    portions = list(pool_parts(*told))
    assert [portion.height for portion in portions] == [3, 3, 2]
    assert num_pool_parts(told[1]) == 3
    assert pl.concat(portions).equals(whole)
    assert whole["problem_id"].to_list() == list(PROBLEMS)


def test_pool_of_nothing_is_one_empty_portion(tmp_path: Path):
    store = Store(str(tmp_path))
    empty = committed(store, "difficulty", RATED, RATED.empty(), DROPPED.empty())
    record = RunRecord(name="none", profile="none", config={}, artifacts={"difficulty": empty}, finished=True)
    (rows,) = pool_parts(store, record)
    assert rows.equals(POOL.empty())


def test_run_without_rated_problems_says_so(tmp_path: Path):
    record = RunRecord(name="none", profile="none", config={}, artifacts={}, finished=False)
    with pytest.raises(TableError, match="run none has no rated problems"):
        next(pool_parts(Store(str(tmp_path)), record))


def test_pool_of_a_real_run_adds_up_with_its_funnel(piped_run: PipedRun):
    store, artifacts = piped_run.store, piped_run.record.artifacts
    (rows,) = pool_parts(store, piped_run.record)
    assert rows.height == artifacts["difficulty"].rows > 0
    assert rows["outcome"].null_count() == rows["outcome_stage"].null_count() == 0
    assert rows.filter(outcome="selected").height == artifacts["selection"].rows
    assert rows["num_chains"].sum() == artifacts["generation"].rows
    assert rows["num_verified_chains"].sum() == artifacts["verification"].rows
    assert set(rows.filter(outcome="selected")["best_quality"].is_null()) == {False}
