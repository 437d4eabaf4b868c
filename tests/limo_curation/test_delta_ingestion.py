"""Delta: a source that has grown is read only where it is new, and the table is that of a full run, byte for byte."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limo_curation.ingestion import INGESTION, content_of_sources
from limo_curation.plan import StagePlan, plan_stage
from limo_curation.problem_config import IngestionConfig, ScreeningConfig
from limo_curation.progress import Standing, shown_by
from limo_curation.readers import comma_separated, json_lines
from limo_curation.runner import run_stage
from limo_curation.screening import SCREENING
from limo_curation.source_config import Source
from limo_curation.store import Manifest, Store

BLOCK = 200  # bytes of JSON lines or CSV to a batch


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "BATCH_BYTES", BLOCK)
    monkeypatch.setattr(comma_separated, "BATCH_BYTES", BLOCK)


def rows(*numbers: int) -> list[dict[str, str]]:
    return [{"q": f"How many sheep are {number}, and why?", "a": str(number)} for number in numbers]


def plan_of(folder: Path, store: str, *sources: Source) -> StagePlan:
    config = IngestionConfig(sources=sources, batch_rows=4)
    extra = content_of_sources(config)
    return plan_stage(INGESTION, {}, config=config, store=Store(str(folder / store)), extra_inputs=extra)


def source(folder: Path, pattern: str, name: str = "pool") -> Source:
    return Source(path=f"{folder}/{pattern}", name=name, columns={"question": "q", "answer": "a"})


def run(plan: StagePlan) -> Manifest:
    artifact = run_stage(plan)
    manifest = plan.store.manifest(artifact.stage, artifact.key)
    assert manifest is not None
    return manifest


def files_of(manifest: Manifest) -> list[tuple[str, str]]:
    return [(part.kept.sha256, part.dropped.sha256) for part in manifest.parts]


def write(path: Path, content: list[dict[str, str]]) -> None:
    match path.name.split(".", 1)[1]:
        case "parquet":
            pl.DataFrame(content).write_parquet(path)
        case "csv":
            pl.DataFrame(content).write_csv(path)
        case "jsonl.gz":
            path.write_bytes(gzip.compress("".join(f"{json.dumps(row)}\n" for row in content).encode()))
        case _:
            path.write_text("".join(f"{json.dumps(row)}\n" for row in content), encoding="utf-8")


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "csv"])
def test_file_that_has_grown_is_read_only_behind_what_was_there(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    write(path, rows(*range(40)))
    first = run(plan_of(tmp_path, "store", source(tmp_path, path.name)))
    write(path, rows(*range(55)))
    delta = run(plan_of(tmp_path, "store", source(tmp_path, path.name)))
    full = run(plan_of(tmp_path, "fresh", source(tmp_path, path.name)))
    assert (first.rows_kept, delta.rows_kept) == (40, 55)
    assert files_of(delta) == files_of(full)
    reused = [part.reused for part in delta.parts]
    assert all(reused[: len(first.parts) - 1])  # the last one was shorter
    assert not any(reused[len(first.parts) :])


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "csv"])
def test_new_file_of_a_source_leaves_the_parts_of_the_others(tmp_path: Path, ending: str) -> None:
    write(tmp_path / f"a.{ending}", rows(*range(10)))
    write(tmp_path / f"c.{ending}", rows(*range(10, 20)))
    first = run(plan_of(tmp_path, "store", source(tmp_path, f"*.{ending}")))
    write(tmp_path / f"b.{ending}", rows(*range(20, 23)))  # between the two
    delta = run(plan_of(tmp_path, "store", source(tmp_path, f"*.{ending}")))
    full = run(plan_of(tmp_path, "fresh", source(tmp_path, f"*.{ending}")))
    assert files_of(delta) == files_of(full)
    assert sum(part.reused for part in delta.parts) == len(first.parts)
    assert delta.key != first.key


def test_new_source_leaves_the_parts_of_the_others(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", rows(*range(10)))
    write(tmp_path / "b.parquet", rows(*range(10, 12)))
    run(plan_of(tmp_path, "store", source(tmp_path, "a.parquet")))
    both = run(plan_of(tmp_path, "store", source(tmp_path, "b.parquet", "new"), source(tmp_path, "a.parquet")))
    assert [part.reused for part in both.parts] == [False, True, True, True]


@pytest.mark.parametrize(
    "change",
    [
        {"columns": {"question": "q", "answer": "a", "domain_label": "a"}},
        {"license": "mit"},
        {"name": "other"},
    ],
)
def test_changed_column_map_reads_everything_again(tmp_path: Path, change: dict[str, object]) -> None:
    write(tmp_path / "a.parquet", rows(*range(10)))
    run(plan_of(tmp_path, "store", source(tmp_path, "a.parquet")))
    changed = source(tmp_path, "a.parquet").model_copy(update=change)
    assert not any(part.reused for part in run(plan_of(tmp_path, "store", changed)).parts)


def test_changed_rows_in_the_middle_are_read_again_and_those_before_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, rows(*range(40)))
    first = run(plan_of(tmp_path, "store", source(tmp_path, "a.jsonl")))
    write(path, [*rows(*range(20)), *rows(99), *rows(*range(21, 40))])
    second = run(plan_of(tmp_path, "store", source(tmp_path, "a.jsonl")))
    num_same = sum(old == new for old, new in zip(files_of(first), files_of(second), strict=True))
    assert [part.reused for part in second.parts].count(True) == num_same == len(first.parts) - 1


def test_killed_ingestion_goes_on_behind_its_last_part(tmp_path: Path) -> None:
    for index, name in enumerate(("a", "b", "c")):
        write(tmp_path / f"{name}.parquet", rows(*range(10 * index, 10 * index + 10)))
    plan = plan_of(tmp_path, "store", source(tmp_path, "*.parquet"))

    def die_behind_the_second_file(standing: Standing) -> None:
        if standing.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), shown_by(die_behind_the_second_file):
        run_stage(plan)
    done = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "store").glob("ingestion/*/kept/*")}
    assert len(done) == 6
    resumed = run(plan)
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "store").glob("ingestion/*/kept/*")}
    assert {name: after[name] for name in done} == done
    assert files_of(resumed) == files_of(run(plan_of(tmp_path, "fresh", source(tmp_path, "*.parquet"))))


def test_screening_behind_a_delta_does_the_new_rows_only_and_keeps_what_a_full_run_keeps(tmp_path: Path) -> None:
    def screened(store: str) -> Manifest:
        plan = plan_of(tmp_path, store, source(tmp_path, "*.parquet"))
        problems = run_stage(plan)
        inputs = {"problems": problems}
        return run(plan_stage(SCREENING, inputs, config=ScreeningConfig(), store=plan.store, part_rows=8))

    write(tmp_path / "a.parquet", rows(*range(24)))
    first = screened("store")
    write(tmp_path / "b.parquet", [*rows(*range(24, 30)), {"q": "Prove that there are infinitely many.", "a": "1"}])
    delta, full = screened("store"), screened("fresh")
    assert files_of(delta) == files_of(full)
    assert (delta.digest, delta.reasons) == (full.digest, {"proof": 1})
    assert [part.reused for part in delta.parts] == [True] * len(first.parts) + [False]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 30), min_size=1, max_size=30), st.lists(st.integers(0, 30), max_size=20), st.booleans())
def test_delta_gives_the_bytes_of_a_full_run(
    tmp_path_factory: pytest.TempPathFactory, old: list[int], new: list[int], is_broken: bool
) -> None:
    folder = tmp_path_factory.mktemp("delta")
    path = folder / "a.jsonl"
    write(path, rows(*old))
    run(plan_of(folder, "store", source(folder, "*.jsonl")))
    write(path, rows(*old, *new))
    if is_broken:
        path.write_text(path.read_text(encoding="utf-8") + "{broken\n", encoding="utf-8")
    write(folder / "b.jsonl", rows(*new))
    delta = run(plan_of(folder, "store", source(folder, "*.jsonl")))
    full = run(plan_of(folder, "fresh", source(folder, "*.jsonl")))
    assert files_of(delta) == files_of(full)
    assert (delta.digest, delta.dropped_digest, delta.reasons) == (full.digest, full.dropped_digest, full.reasons)


def test_lines_that_are_read_otherwise_because_of_the_first_lines_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    first, tail = (
        "".join(f'{{"q": "Question {n}?", "a": "x"}}\n' for n in range(8)),
        '{"q": "Why?", "a": ["1", "2"]}\n' * 8,
    )
    path.write_text(first + tail, encoding="utf-8")
    run(plan_of(tmp_path, "store", source(tmp_path, path.name)))
    path.write_text(first.replace('"x"', "[] ") + tail, encoding="utf-8")  # as long, and the tail is untouched
    again = run(plan_of(tmp_path, "store", source(tmp_path, path.name)))
    assert files_of(again) == files_of(run(plan_of(tmp_path, "fresh", source(tmp_path, path.name))))
