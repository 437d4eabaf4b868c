"""Parts follow the input's files, and what is known to be the same is taken over instead of computed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.parts import InputPart, aligned_parts, all_parts, input_part, scan_part
from limo_curation.problem_config import StageConfig
from limo_curation.runner import missing_parts, run_part, run_stage
from limo_curation.stage import StagePlan, StageWriter, TableStage, plan_stage
from limo_curation.store import Artifact, FileRecord, Manifest, PartRecord, Store
from limo_curation.tables import DROPPED, PROBLEMS
from tests.parted import DropEmpty, DropEmptyInTable, files_of, plan_of, problems, put_files
from tests.small_pipeline import bytes_of


def part_record(rows: int, index: int) -> PartRecord:
    file = FileRecord(name=f"{index}.parquet", rows=rows, bytes=1, sha256=f"sha of file {index}, {rows} rows")
    return PartRecord.model_validate(
        {
            "start": index,
            "stop": index + 1,
            "rows_in": rows,
            "kept": file,
            "dropped": file,
            "kept_digest": "",
            "dropped_digest": "",
            "reasons": {},
            "metrics": {},
            "wall_seconds": 0,
            "cpu_seconds": 0,
        }
    )


def manifest_of(sizes: list[int]) -> Manifest:
    parts = tuple(part_record(rows, index) for index, rows in enumerate(sizes))
    texts = dict.fromkeys(("stage", "key", "table", "digest", "dropped_digest", "source_digest"), "")
    numbers = dict.fromkeys(
        ("store_format", "rows_in", "rows_kept", "rows_dropped", "bytes", "wall_seconds", "cpu_seconds"), 0
    )
    maps = {name: {} for name in ("columns", "reasons", "metrics", "config", "inputs", "extra_inputs", "libraries")}
    return Manifest.model_validate({**texts, **numbers, **maps, "parts": parts})


def sizes_of(parts: list[InputPart]) -> list[int]:
    return [part.rows for part in parts]


SIZES = st.lists(st.integers(0, 30), max_size=12)


def test_small_files_are_merged_and_large_ones_cut() -> None:
    parts = aligned_parts(manifest_of([60, 30, 50, 250, 10]), 100)
    assert sizes_of(parts) == [90, 50, 100, 100, 50, 10]
    assert [(file.index, file.start, file.stop) for file in parts[0].files] == [(0, 0, 60), (1, 0, 30)]
    assert [(file.index, file.start, file.stop) for file in parts[3].files] == [(3, 100, 200)]


def test_an_empty_input_is_one_empty_part() -> None:
    assert aligned_parts(manifest_of([]), 10) == aligned_parts(manifest_of([0, 0]), 10) == [InputPart(0, 0, ())]


@given(SIZES, st.integers(1, 12))
def test_parts_cover_every_row_once_and_none_is_too_large(sizes: list[int], part_rows: int) -> None:
    parts = aligned_parts(manifest_of(sizes), part_rows)
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == sum(sizes)
    assert all(part.rows <= part_rows for part in parts)
    held = [(file.index, row) for part in parts for file in part.files for row in range(file.start, file.stop)]
    assert held == [(index, row) for index, size in enumerate(sizes) for row in range(size)]


@given(SIZES, SIZES, st.integers(1, 12))
def test_a_file_that_is_appended_leaves_all_parts_but_the_last_as_they_were(
    sizes: list[int], more: list[int], part_rows: int
) -> None:
    before, after = aligned_parts(manifest_of(sizes), part_rows), aligned_parts(manifest_of(sizes + more), part_rows)
    assert after[: len(before) - 1] == before[:-1]
    if not more or before[-1].rows == part_rows:
        assert after[: len(before)] == before


@given(SIZES, st.integers(1, 12), st.data())
def test_the_files_of_any_rows_are_found(sizes: list[int], part_rows: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, sum(sizes)))
    stop = data.draw(st.integers(start, sum(sizes)))
    part = input_part(manifest_of(sizes), start, stop)
    assert sum(file.stop - file.start for file in part.files) == stop - start


def test_a_part_is_read_from_its_files_alone(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    plan = plan_of(DropEmpty(), {"problems": put_files(files_of(7, 12, 3, 25), store)}, store, part_rows=8)
    read = [scan_part(plan, part).collect() for part in all_parts(plan)]
    assert pl.concat(read).equals(problems(0, 47))
    assert [frame.height for frame in read] == [7, 8, 4, 3, 8, 8, 8, 1]


# -- taking over -------------------------------------------------------------------------------------------------------


RUNS = [DropEmpty, DropEmptyInTable]


def done(run: DropEmpty, plan: StagePlan) -> tuple[list[int], list[bool]]:
    """Run a stage; return the first rows of the parts that were computed, and which parts were taken over."""
    artifact = run_stage(plan)
    manifest = plan.store.manifest(artifact.stage, artifact.key)
    assert manifest is not None
    return run.worked_on, [part.reused for part in manifest.parts]


@pytest.mark.parametrize("kind", RUNS)
def test_a_pool_that_has_grown_computes_only_the_new_part(tmp_path: Path, kind: type[DropEmpty]) -> None:
    store, fresh = Store(str(tmp_path / "store")), Store(str(tmp_path / "fresh"))
    run_stage(plan_of(kind(), {"problems": put_files(files_of(10, 9, 8), store)}, store))
    grown = put_files(files_of(10, 9, 8, 10), store)
    run = kind()
    plan = plan_of(run, {"problems": grown}, store)
    assert done(run, plan) == ([27], [True, True, True, False])

    in_fresh_store = plan_of(kind(), {"problems": put_files(files_of(10, 9, 8, 10), fresh)}, fresh)
    assert run_stage(in_fresh_store).digest == run_stage(plan).digest
    assert bytes_of(plan) == bytes_of(in_fresh_store)
    one, other = (each.store.manifest("drop-empty", each.key) for each in (plan, in_fresh_store))
    assert one is not None
    assert other is not None
    assert (one.metrics, one.reasons, one.rows_in) == (other.metrics, other.reasons, other.rows_in)


def test_parts_that_have_moved_are_taken_over_under_their_new_rows(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    first, second, third = files_of(10, 9, 8)
    run_stage(plan_of(DropEmpty(), {"problems": put_files([first, third], store)}, store))
    run = DropEmpty()
    plan = plan_of(run, {"problems": put_files([first, second, third], store)}, store)
    assert done(run, plan) == ([10], [True, False, True])
    kept = store.scan(run_stage(plan)).collect()
    assert kept.equals(problems(0, 27).filter(pl.col("question") != ""))


@pytest.mark.parametrize(
    "change",
    [
        {"config": StageConfig(enabled=False)},
        {"module": "limo_curation.novelty"},
        {"extra_inputs": {"model": "another revision"}},
        {"part_rows": 5},
    ],
    ids=["config", "source code", "revision", "part size"],
)
def test_a_part_that_depends_on_something_else_is_not_taken_over(tmp_path: Path, change: Mapping[str, object]) -> None:
    store = Store(str(tmp_path))
    small, large = (put_files(files_of(*sizes), store) for sizes in ((10, 8), (10, 8, 6)))
    run_stage(plan_of(DropEmpty(), {"problems": small}, store, module="limo_curation.domains"))
    settings = {"module": "limo_curation.domains", **change}
    run = DropEmpty()
    _, reused = done(run, plan_of(run, {"problems": large}, store, **settings))  # type: ignore[arg-type]
    assert not any(reused)


def test_a_changed_side_table_changes_every_part(tmp_path: Path) -> None:
    class Beside(DropEmpty):
        def __call__(self, problems: pl.DataFrame, *, config: StageConfig, side: pl.LazyFrame | None = None):
            return super().__call__(problems, config=config)

    store = Store(str(tmp_path))
    small, large = (put_files(files_of(*sizes), store) for sizes in ((10, 8), (10, 8, 6)))
    run_stage(plan_of(Beside(), {"problems": small, "side": small}, store))
    same, other = Beside(), Beside()
    assert done(same, plan_of(same, {"problems": large, "side": small}, store)) == ([18], [True, True, False])
    assert done(other, plan_of(other, {"problems": large, "side": large}, store)) == ([0, 10, 18], [False] * 3)


def test_a_part_whose_decisions_have_changed_is_computed_again(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    small, large = (put_files(files_of(*sizes), store) for sizes in ((10, 9, 8), (10, 9, 8, 6)))
    run_stage(plan_of(DropEmptyInTable({10: "one way"}), {"problems": small}, store))
    run = DropEmptyInTable({10: "another way"})
    assert done(run, plan_of(run, {"problems": large}, store)) == ([10, 27], [True, False, True, False])


def test_a_damaged_part_is_not_taken_over(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    before = run_stage(plan_of(DropEmpty(), {"problems": put_files(files_of(10, 9), store)}, store))
    file = min((Path(before.uri) / "kept").iterdir())
    data = file.read_bytes()
    file.write_bytes(data[:-9] + b"?" + data[-8:])
    run = DropEmpty()
    plan = plan_of(run, {"problems": put_files(files_of(10, 9, 3), store)}, store)
    assert done(run, plan) == ([0, 19], [False, True, False])


def test_the_record_of_an_entry_that_is_gone_is_passed_over_and_overwritten(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    before = run_stage(plan_of(DropEmpty(), {"problems": put_files(files_of(10), store)}, store))
    store.remove(f"drop-empty/{before.key}")
    run = DropEmpty()
    plan = plan_of(run, {"problems": put_files(files_of(10, 9), store)}, store)
    assert done(run, plan) == ([0, 10], [False, False])
    records = [json.loads(file.read_text()) for file in (tmp_path / "drop-empty" / "reuse").iterdir()]
    assert {record["key"] for record in records} == {plan.key}


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_an_unreadable_record_is_passed_over(tmp_path: Path, text: str) -> None:
    store = Store(str(tmp_path))
    run_stage(plan_of(DropEmpty(), {"problems": put_files(files_of(10), store)}, store))
    for file in (tmp_path / "drop-empty" / "reuse").iterdir():
        file.write_text(text)
    run = DropEmpty()
    assert done(run, plan_of(run, {"problems": put_files(files_of(10, 9), store)}, store))[0] == [0, 10]


def test_a_part_of_an_entry_that_was_never_finished_is_taken_over_too(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    half_done = plan_of(DropEmpty(), {"problems": put_files(files_of(10, 9), store)}, store)
    run_part(half_done, 10, 19)
    plan = plan_of(DropEmpty(), {"problems": put_files(files_of(10, 9, 8), store)}, store)
    assert [(part.start, part.stop) for part in missing_parts(plan)] == [(0, 10), (19, 27)]


# -- ingestion ---------------------------------------------------------------------------------------------------------


class ReadFiles:
    """Reads frames as if they were files; each part depends on the file's content alone."""

    def __init__(self, files: Mapping[str, pl.DataFrame]) -> None:
        self.files = files
        self.read: list[str] = []

    def __call__(self, *, config: StageConfig, store: Store, out: StageWriter) -> dict[str, float]:
        row = 0
        for name, frame in self.files.items():
            stop = row + frame.height
            if out.find_part(row, stop, depends_on=name) is None:
                self.read.append(name)
                out.write_part(row, stop, frame, DROPPED.empty(), depends_on=name)
            row = stop
        return {}


def ingest(run: ReadFiles, store: Store) -> Artifact:
    run.__dict__["__module__"] = __name__
    stage = TableStage("reading", None, PROBLEMS, (), run)
    contents = dict.fromkeys(run.files, "digest")
    return run_stage(plan_stage(stage, {}, config=StageConfig(), store=store, extra_inputs=contents))


def test_ingestion_reads_only_the_files_that_are_new_wherever_they_stand(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    first, second, third = files_of(10, 9, 8)
    ingest(ReadFiles({"a": first, "c": third}), store)
    run = ReadFiles({"a": first, "b": second, "c": third})
    artifact = ingest(run, store)
    assert run.read == ["b"]
    assert store.scan(artifact).collect().equals(problems(0, 27))
    manifest = store.manifest("reading", artifact.key)
    assert manifest is not None
    assert [(part.start, part.stop, part.reused) for part in manifest.parts] == [
        (0, 10, True),
        (10, 19, False),
        (19, 27, True),
    ]
    assert manifest.extra_inputs == {"a": "digest", "b": "digest", "c": "digest"}
