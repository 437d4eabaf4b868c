"""The runner refuses stages that break the contract."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from limo_curation.errors import StageError
from limo_curation.ingestion import INGESTION, content_of_sources
from limo_curation.ledger import DropRule, StageResult, dropped_rows
from limo_curation.novelty import NOVELTY
from limo_curation.problem_config import IngestionConfig, ScreeningConfig, StageConfig
from limo_curation.runner import missing_parts, run_part, run_stage
from limo_curation.screening import SCREENING
from limo_curation.source_config import Source
from limo_curation.stage import RowStage, StageWriter, TableStage, plan_stage
from limo_curation.store import Artifact, Store
from limo_curation.tables import CLUSTERED, DROPPED, PROBLEMS, SCREENED
from tests.small_pipeline import run_pipeline


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Artifact]:
    plan, artifact = run_pipeline(tmp_path_factory.mktemp("runner"))["ingestion"]
    return plan.store, artifact


def keep_all(problems: pl.DataFrame, *, config: StageConfig) -> StageResult:
    return StageResult(problems, DROPPED.empty())


def lose_a_row(problems: pl.DataFrame, *, config: StageConfig) -> StageResult:
    return StageResult(problems.head(-1), DROPPED.empty())


def keep_a_row_twice(problems: pl.DataFrame, *, config: StageConfig) -> StageResult:
    return StageResult(pl.concat([problems.head(-1), problems.head(1)]), DROPPED.empty())


def give_no_reason(problems: pl.DataFrame, *, config: StageConfig) -> StageResult:
    rule = DropRule("because", pl.lit(True))
    return StageResult(problems.head(-1), dropped_rows(problems.tail(1), stage="broken", rule=rule))


def add_a_column(problems: pl.DataFrame, *, config: StageConfig) -> StageResult:
    return StageResult(problems.with_columns(extra=pl.lit(1)), DROPPED.empty())


def change_a_type(problems: pl.DataFrame, *, config: StageConfig) -> StageResult:
    return StageResult(problems.with_columns(published_num_solved=pl.lit(1.0)), DROPPED.empty())


def return_a_frame(problems: pl.DataFrame, *, config: StageConfig) -> pl.DataFrame:
    return problems


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lose_a_row, "rows in, .* out; not accounted for"),
        (keep_a_row_twice, "not accounted for"),
        (give_no_reason, "undeclared drop reasons"),
        (add_a_column, "columns differ"),
        (change_a_type, "columns differ"),
        (return_a_frame, "not a StageResult"),
    ],
)
def test_a_row_stage_that_breaks_its_promise_is_refused(
    problems: tuple[Store, Artifact], function: object, message: str
) -> None:
    store, artifact = problems
    stage = RowStage("broken", PROBLEMS, PROBLEMS, ("known",), function)  # type: ignore[arg-type]
    plan = plan_stage(stage, {"problems": artifact}, config=StageConfig(), store=store)
    with pytest.raises(StageError, match=message):
        run_stage(plan)
    assert store.artifact("broken", plan.key) is None


def write_half(problems: Artifact, *, config: StageConfig, store: Store, out: StageWriter) -> dict[str, float]:
    rows = store.scan(problems).collect()
    out.write(rows.head(rows.height // 2), DROPPED.empty())
    return {}


def write_others(problems: Artifact, *, config: StageConfig, store: Store, out: StageWriter) -> dict[str, float]:
    rows = store.scan(problems).collect()
    out.write(rows.with_columns(problem_id=pl.lit("x")), DROPPED.empty())
    return {}


@pytest.mark.parametrize("function", [write_half, write_others])
def test_a_table_stage_that_loses_rows_is_refused(problems: tuple[Store, Artifact], function: object) -> None:
    store, artifact = problems
    stage = TableStage("broken-table", PROBLEMS, PROBLEMS, (), function)  # type: ignore[arg-type]
    with pytest.raises(StageError, match="rows in"):
        run_stage(plan_stage(stage, {"problems": artifact}, config=StageConfig(), store=store))


def test_a_source_that_counts_more_rows_than_it_writes_is_refused(tmp_path: Path) -> None:
    def count_too_many(*, config: StageConfig, store: Store, out: StageWriter) -> dict[str, float]:
        out.count_input(2)
        out.write(PROBLEMS.empty(), DROPPED.empty())
        return {}

    stage = TableStage("source", None, PROBLEMS, (), count_too_many)
    count_too_many.__module__ = INGESTION.run.__module__
    with pytest.raises(StageError, match="2 rows read, 0 kept or dropped"):
        run_stage(plan_stage(stage, {}, config=StageConfig(), store=Store(str(tmp_path))))


@pytest.mark.parametrize("part_rows", [7, 1_000])
def test_a_stage_that_is_off_passes_its_rows_through(problems: tuple[Store, Artifact], part_rows: int) -> None:
    store, artifact = problems
    off = ScreeningConfig(enabled=False)
    screened = run_stage(plan_stage(SCREENING, {"problems": artifact}, config=off, store=store, part_rows=part_rows))
    rows = store.scan(screened).collect()
    assert rows.select(list(PROBLEMS.columns)).equals(store.scan(artifact).collect())
    assert rows["language"].null_count() == rows.height


def test_a_table_stage_can_be_switched_off_too(problems: tuple[Store, Artifact]) -> None:
    store, artifact = problems
    screened = run_stage(plan_stage(SCREENING, {"problems": artifact}, config=ScreeningConfig(), store=store))
    clustered = screened
    stage = TableStage("widen", SCREENED, CLUSTERED, (), NOVELTY.run)
    off = StageConfig(enabled=False)
    clustered = run_stage(plan_stage(stage, {"problems": screened}, config=off, store=store))
    assert clustered.rows == screened.rows
    assert store.scan(clustered).collect()["cluster_size"].null_count() == screened.rows


def test_an_empty_input_gives_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_bytes(b"")
    source = Source(path=str(tmp_path / "none.jsonl"), name="none", columns={"question": "q"})
    config, store = IngestionConfig(sources=(source,)), Store(str(tmp_path / "store"))
    empty = run_stage(plan_stage(INGESTION, {}, config=config, store=store, extra_inputs=content_of_sources(config)))
    screened = run_stage(plan_stage(SCREENING, {"problems": empty}, config=ScreeningConfig(), store=store))
    assert (empty.rows, screened.rows) == (0, 0)
    assert store.scan(screened).collect().schema == SCREENED.schema


def test_parts_may_be_done_in_any_order_and_by_anyone(problems: tuple[Store, Artifact]) -> None:
    store, artifact = problems
    config = ScreeningConfig(min_characters=25)
    plan = plan_stage(SCREENING, {"problems": artifact}, config=config, store=store, part_rows=9)
    parts = missing_parts(plan)
    for part in reversed(parts):
        run_part(plan, part.start, part.stop)
    assert missing_parts(plan) == []
    done = store.scan(run_stage(plan)).collect()
    store.remove(f"screening/{plan.key}")
    in_one = plan_stage(SCREENING, {"problems": artifact}, config=config, store=store)
    assert store.scan(run_stage(in_one)).collect().equals(done)


def test_committing_with_a_missing_part_is_refused(problems: tuple[Store, Artifact]) -> None:
    from limo_curation.runner import commit_parts

    store, artifact = problems
    config = ScreeningConfig(min_characters=26)
    plan = plan_stage(SCREENING, {"problems": artifact}, config=config, store=store, part_rows=9)
    first = missing_parts(plan)[0]
    run_part(plan, first.start, first.stop)
    with pytest.raises(StageError, match="parts are missing"):
        commit_parts(plan)
