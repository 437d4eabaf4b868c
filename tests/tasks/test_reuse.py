"""A stage as a task on a real Prefect server: its key, its parts, what is retried and where its log lines go."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytest.importorskip("prefect", reason="Prefect is not installed (extra `flows`)")

from prefect import flow, task

from limo_curation.errors import TableError, TransientError
from limo_curation.ledger import StageResult
from limo_curation.problem_config import StageConfig
from limo_curation.runner import run_stage
from limo_curation.stage import RowStage, StagePlan, plan_stage
from limo_curation.store import Artifact, Manifest, Store
from limo_curation.tables import DROPPED, PROBLEMS
from tasks.reuse import NUM_RETRIES, RETRY_DELAYS, STAGE_TASK, counts_line, find_or_run, in_parts, stage_key
from tests.flows.prefect_runs import log_lines, outcomes
from tests.parted import DropEmpty, files_of, put_files
from tests.parted import plan_of as plan_of_parted
from tests.rows import put_in_store, rows_of

WITHOUT_WAITING = {**STAGE_TASK, "retry_delay_seconds": 0}


class Echo:
    """Keeps every row, says so in the core's log, and fails as often as it is told to."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.first_rows: list[str] = []

    def __call__(self, problems: pl.DataFrame, *, config: StageConfig) -> StageResult:
        logging.getLogger("limo_curation.echo").info("echo of %d rows", problems.height)
        self.first_rows.append(problems["question"][0])
        if self.failures and problems["question"][0] != "Question 0":
            raise self.failures.pop()
        return StageResult(problems, DROPPED.empty())


@task(name="echo", **WITHOUT_WAITING)
def echo_in_parts(plan: StagePlan) -> Artifact:
    return in_parts(plan)


@task(name="echo", **WITHOUT_WAITING)
def echo_at_once(plan: StagePlan, run: Any) -> Artifact:
    return run(plan)


def plan_of(folder: Path, echo: Echo, *, num_rows: int = 100, part_rows: int = 40) -> StagePlan:
    rows = [{"problem_id": f"{row:020x}", "question": f"Question {row}"} for row in range(num_rows)]
    store = Store(str(folder / "store"))
    problems = put_in_store(rows_of(PROBLEMS, *rows), PROBLEMS, store)
    echo.__dict__["__module__"] = __name__  # a stage's key holds a digest of its module
    stage = RowStage("echo", PROBLEMS, PROBLEMS, (), echo)
    # the folder in the key: Prefect's results outlive a test
    inputs = {"folder": str(folder)}
    return plan_stage(
        stage, {"problems": problems}, config=StageConfig(), store=store, part_rows=part_rows, extra_inputs=inputs
    )


@flow(name="echo", retries=0)
def echo_flow(plan: StagePlan) -> Artifact:
    return find_or_run(echo_in_parts, plan)


def test_a_stage_finished_under_another_prefect_is_taken_as_it_is(tmp_path: Path) -> None:
    echo = Echo()
    plan = plan_of(tmp_path, echo)
    finished = run_stage(plan)  # no Prefect knows of it
    files = {file: file.stat().st_mtime_ns for file in Path(finished.uri).rglob("*") if file.is_file()}
    num_calls = len(echo.first_rows)
    assert in_parts(plan) == finished
    assert len(echo.first_rows) == num_calls
    assert {file: file.stat().st_mtime_ns for file in Path(finished.uri).rglob("*") if file.is_file()} == files


# -- the key and the line of counts ------------------------------------------------------------------------------------


def test_prefect_and_the_store_know_a_stage_by_the_same_key(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, Echo())
    no_context: Any = None

    assert stage_key(no_context, {"plan": plan}) == f"echo-{plan.key}"
    assert plan.store.entry_uri("echo", plan.key).endswith(f"/echo/{plan.key}")


def manifest(**values: Any) -> Manifest:
    counts = {"rows_in": 83_189, "rows_kept": 75_770, "rows_dropped": 7_419, "wall_seconds": 2.345}
    defaults: dict[str, Any] = {
        "store_format": 1,
        "stage": "screening",
        "key": "0" * 32,
        "table": "SCREENED",
        "columns": {},
        "bytes": 0,
        "digest": "",
        "dropped_digest": "",
        "reasons": {"proof": 19, "needs_figure": 7_400},
        "metrics": {},
        "config": {},
        "inputs": {},
        "extra_inputs": {},
        "source_digest": "",
        "libraries": {},
        "parts": (),
        "cpu_seconds": 0.0,
    }
    return Manifest.model_validate(defaults | counts | values)


def test_line_of_counts_names_reasons_the_commonest_first() -> None:
    line = counts_line(manifest(), reused=False)

    assert line == "screening: 83,189 in, 75,770 kept, 7,419 dropped (needs_figure 7,400, proof 19); 2.3 s"


def test_line_of_counts_of_reused_work_gives_no_duration() -> None:
    line = counts_line(manifest(rows_in=5, rows_kept=5, rows_dropped=0, reasons={}), reused=True)

    assert line == "screening: 5 in, 5 kept, 0 dropped; found in the store"


def test_line_of_counts_tells_how_many_parts_were_taken_over(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    artifacts = [
        run_stage(plan_of_parted(DropEmpty(), {"problems": put_files(files_of(*sizes), store)}, store))
        for sizes in ((10, 9), (10, 9, 8))
    ]
    before, after = (store.manifest(artifact.stage, artifact.key) for artifact in artifacts)
    assert before is not None
    assert after is not None

    assert re.fullmatch(r"drop-empty: 19 in, .*; \d\.\d s", counts_line(before, reused=False))
    assert counts_line(after, reused=False).endswith(" s, 2 of 3 parts taken over")
    assert counts_line(after, reused=True).endswith("; found in the store")


def test_waits_between_retries_are_as_many_as_the_retries() -> None:
    assert len(RETRY_DELAYS) == NUM_RETRIES


# -- on a server -------------------------------------------------------------------------------------------------------


@pytest.mark.prefect
def test_parts_of_a_row_stage_are_task_runs_named_by_their_rows(prefect_server: None, tmp_path: Path) -> None:
    state = echo_flow(plan_of(tmp_path, Echo()), return_state=True)

    assert state.result().rows == 100
    assert outcomes(state.state_details.flow_run_id, last="echo") == dict.fromkeys(
        ["echo", "echo 0-40", "echo 40-80", "echo 80-100"], "Completed"
    )


@pytest.mark.prefect
def test_log_lines_of_the_core_during_a_part_reach_the_flow_run(prefect_server: None, tmp_path: Path) -> None:
    state = echo_flow(plan_of(tmp_path, Echo()), return_state=True)

    lines = log_lines(state.state_details.flow_run_id, containing="echo of 20 rows")
    assert lines.count("echo of 40 rows") == 2


@pytest.mark.prefect
def test_flow_that_is_retried_does_only_the_part_that_failed(prefect_server: None, tmp_path: Path) -> None:
    echo = Echo(TableError("this part is broken"))

    state = echo_flow.with_options(retries=1)(plan_of(tmp_path, echo), return_state=True)

    assert state.result().rows == 100
    assert len(echo.first_rows) == 4  # three parts, and the failed one again
    assert set(echo.first_rows) == {"Question 0", "Question 40", "Question 80"}


@pytest.mark.prefect
def test_transient_error_is_retried_until_it_works(prefect_server: None, tmp_path: Path) -> None:
    calls: list[StagePlan] = []

    def fail_twice(plan: StagePlan) -> Artifact:
        calls.append(plan)
        if len(calls) < 3:
            raise TransientError("the engine restarts")
        return in_parts(plan)

    @flow
    def at_once(plan: StagePlan) -> Artifact:
        return find_or_run(echo_at_once, plan, run=fail_twice)

    assert at_once(plan_of(tmp_path, Echo())).rows == 100
    assert len(calls) == 3


@pytest.mark.prefect
def test_any_other_error_is_not_retried(prefect_server: None, tmp_path: Path) -> None:
    calls: list[StagePlan] = []

    def fail(plan: StagePlan) -> Artifact:
        calls.append(plan)
        raise TableError("a column is missing")

    @flow
    def at_once(plan: StagePlan) -> Artifact:
        return find_or_run(echo_at_once, plan, run=fail)

    with pytest.raises(TableError, match="a column is missing"):
        at_once(plan_of(tmp_path, Echo()))
    assert len(calls) == 1


@pytest.mark.prefect
def test_finished_stage_is_not_done_again(prefect_server: None, tmp_path: Path) -> None:
    echo = Echo()
    plan = plan_of(tmp_path, echo)
    first = echo_flow(plan)

    state = echo_flow(plan, return_state=True)

    assert state.result() == first
    assert len(echo.first_rows) == 3
    assert outcomes(state.state_details.flow_run_id, last="echo") == {"echo": "Cached"}


@pytest.mark.prefect
def test_damaged_entry_is_done_again(prefect_server: None, tmp_path: Path) -> None:
    echo = Echo()
    plan = plan_of(tmp_path, echo)
    first = echo_flow(plan)
    damaged = sorted(Path(first.uri).glob("kept/*.parquet"))[1]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")

    state = echo_flow(plan, return_state=True)

    assert state.result() == first
    assert echo.first_rows.count("Question 40") == 2  # the damaged part, and no other
    assert len(echo.first_rows) == 4


@pytest.mark.prefect
def test_pool_that_has_grown_runs_a_task_for_the_new_part_only(prefect_server: None, tmp_path: Path) -> None:
    store, echo = Store(str(tmp_path / "store")), DropEmpty()
    inputs = [put_files(files_of(*sizes), store) for sizes in ((10, 9), (10, 9, 8))]
    extra = {"folder": str(tmp_path)}  # Prefect's results outlive a test
    before, plan = (plan_of_parted(echo, {"problems": one}, store, extra_inputs=extra) for one in inputs)
    echo_flow(before)

    state = echo_flow(plan, return_state=True)

    assert sorted(echo.worked_on) == [0, 10, 19]
    assert outcomes(state.state_details.flow_run_id, last="echo") == {
        "echo": "Completed",
        "drop-empty 19-27": "Completed",
    }
