"""What a table stage writes through: whole parts, each checked, and interim results that outlive a kill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from limo_curation.errors import StageError
from limo_curation.problem_config import StageConfig
from limo_curation.runner import run_stage
from limo_curation.stage import StageWriter, TableStage, plan_stage
from limo_curation.store import Artifact, Manifest, Store
from limo_curation.tables import DROPPED, PROBLEMS
from tests.parted import DropEmptyInTable, files_of, plan_of, problems, put_files

Write = Callable[[StageWriter], object]


def run(write: Write, folder: Path, *sizes: int, reads: bool = True) -> Artifact:
    """Run a table stage that does what `write` does, on files of some sizes or on none."""

    def stage(*, config: StageConfig, store: Store, out: StageWriter, problems: Artifact | None = None):
        write(out)
        return {}

    store = Store(str(folder))
    inputs = {"problems": put_files(files_of(*sizes), store)} if reads else {}
    kind = TableStage("written", PROBLEMS if reads else None, PROBLEMS, ("known",), stage)
    return run_stage(plan_stage(kind, inputs, config=StageConfig(), store=store, part_rows=10))


def keep(out: StageWriter, start: int, stop: int, frame: pl.DataFrame | None = None, **options: int) -> None:
    out.write_part(start, stop, problems(start, stop - start) if frame is None else frame, DROPPED.empty(), **options)


def manifest_of(artifact: Artifact, folder: Path) -> Manifest:
    manifest = Store(str(folder)).manifest(artifact.stage, artifact.key)
    assert manifest is not None
    return manifest


def test_parts_may_be_written_in_any_order(tmp_path: Path) -> None:
    def write(out: StageWriter) -> None:
        for part in reversed(out.input_parts()):
            keep(out, part.start, part.stop)

    artifact = run(write, tmp_path, 10, 10, 5)
    assert Store(str(tmp_path)).scan(artifact).collect().equals(problems(0, 25))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda out: keep(out, 0, 10, problems(0, 9)), "10 rows in, 9 out; not accounted for"),
        (lambda out: keep(out, 0, 10, problems(1, 10)), "not accounted for: \\['0+'\\]"),
        (lambda out: keep(out, 0, 10, problems(0, 10).with_columns(extra=1)), "columns differ"),
        (lambda out: keep(out, 0, 10), "a part ends at row 10 of the input, the next begins at 20"),
        (lambda out: (keep(out, 0, 10), keep(out, 5, 15), keep(out, 15, 20)), "ends at row 10 .* begins at 5"),
        (
            lambda out: (keep(out, 0, 10), keep(out, 10, 20), out.write(PROBLEMS.empty(), DROPPED.empty())),
            "calls write and write_part",
        ),
    ],
    ids=["a row lost", "other rows", "a column too many", "a part lost", "rows twice", "both ways of writing"],
)
def test_parts_that_do_not_account_for_their_rows_are_refused(tmp_path: Path, write: Write, message: str) -> None:
    with pytest.raises(StageError, match=message):
        run(write, tmp_path, 20)


def test_ingestion_that_loses_rows_of_a_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="11 rows read, 10 kept or dropped"):
        run(lambda out: keep(out, 0, 10, rows_in=11), tmp_path, reads=False)


def test_ingestion_without_any_part_gives_an_empty_table(tmp_path: Path) -> None:
    artifact = run(lambda out: None, tmp_path, reads=False)
    assert artifact.rows == 0
    assert Store(str(tmp_path)).scan(artifact).collect().schema == PROBLEMS.schema


def test_metrics_of_parts_are_added_up(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    artifact = run_stage(plan_of(DropEmptyInTable(), {"problems": put_files(files_of(10, 7), store)}, store))
    assert manifest_of(artifact, tmp_path).metrics == {"num_rows": 17.0}


def test_a_part_that_is_found_is_not_computed_again_in_the_same_entry(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    inputs = {"problems": put_files(files_of(10, 7), store)}
    plan = plan_of(DropEmptyInTable(), inputs, store)
    run_stage(plan)
    store.remove(f"drop-empty/{plan.key}/manifest.json")
    again = DropEmptyInTable()
    artifact = run_stage(plan_of(again, inputs, store))
    assert again.worked_on == []
    assert not any(part.reused for part in manifest_of(artifact, tmp_path).parts)


# -- interim results ---------------------------------------------------------------------------------------------------


class EngineIsGoneError(Exception):
    """What ends a stage between its interim result and its parts."""


class Deciding:
    """Makes a decision about the whole table, and fails as often as it is told to before it writes its part."""

    def __init__(self, num_failures: int) -> None:
        self.num_failures = num_failures
        self.num_decisions = 0
        self.seen: list[pl.DataFrame] = []

    def decide(self) -> pl.DataFrame:
        self.num_decisions += 1
        return pl.DataFrame({"row": [1, 2], "text": ["a", None]})

    def __call__(self, out: StageWriter) -> None:
        self.seen.append(out.checkpoint("decisions", self.decide))
        if len(self.seen) <= self.num_failures:
            raise EngineIsGoneError
        keep(out, 0, 10)


def interim_files(folder: Path) -> dict[str, Path]:
    return {file.name: file for file in (folder / "written").rglob("work/*")}


def test_an_interim_result_is_computed_once_and_removed_at_the_end(tmp_path: Path) -> None:
    deciding = Deciding(num_failures=2)
    for _ in range(2):
        with pytest.raises(EngineIsGoneError):
            run(deciding, tmp_path, 10)
    assert sorted(interim_files(tmp_path)) == ["decisions.json", "decisions.parquet"]
    run(deciding, tmp_path, 10)
    assert deciding.num_decisions == 1
    assert all(frame.equals(deciding.seen[0]) for frame in deciding.seen)
    assert not list((tmp_path / "written").rglob("work"))


@pytest.mark.parametrize("name", ["decisions.json", "decisions.parquet"])
@pytest.mark.parametrize("damage", [None, b"", b"{}"])
def test_a_damaged_interim_result_is_computed_again(tmp_path: Path, name: str, damage: bytes | None) -> None:
    deciding = Deciding(num_failures=1)
    with pytest.raises(EngineIsGoneError):
        run(deciding, tmp_path, 10)
    file = interim_files(tmp_path)[name]
    file.unlink()
    if damage is not None:
        file.write_bytes(damage)
    run(deciding, tmp_path, 10)
    assert deciding.num_decisions == 2
    assert deciding.seen[0].equals(deciding.seen[1])
