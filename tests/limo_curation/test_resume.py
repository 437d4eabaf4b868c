"""A stage that is killed in the middle goes on where it stopped, and what comes out is the same, byte for byte."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from limo_curation.stage import StagePlan, TableStage
from limo_curation.store import Artifact, PartRecord
from tests.killed_run import MOMENTS
from tests.small_pipeline import STAGES, bytes_of, run_pipeline

ROOT = Path(__file__).parents[2]
PART_ROWS = 7
CASES = [
    *((stage.name, "first part") for stage in STAGES if isinstance(stage, TableStage)),
    *((name, "half of a part") for name in ("ingestion", "deduplication", "novelty", "selection", "screening")),
    *((name, "second part") for name in ("deduplication", "novelty", "screening")),
    *((name, "interim result") for name in ("deduplication", "novelty")),
    ("screening", "first part"),
    ("difficulty", "first part"),
    ("novelty", "manifest"),
]
Pipeline = dict[str, tuple[StagePlan, Artifact]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return run_pipeline(tmp_path_factory.mktemp("undisturbed"), part_rows=PART_ROWS)


def kill(folder: Path, stage: str, moment: str) -> bool:
    """Run the pipeline in a process that is killed at a moment; return whether the moment came."""
    command = [sys.executable, "-m", "tests.killed_run", str(folder), str(PART_ROWS), stage, moment]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode == -signal.SIGKILL


def finished_parts(store_folder: Path, stage: str) -> dict[str, int]:
    """Return the times of writing of the kept halves of a stage's committed parts, by entry and file name."""
    entries = store_folder / stage
    records = {file: PartRecord.model_validate_json(file.read_text()) for file in entries.glob("*/parts/*.json")}
    kept = {file.parent.parent / "kept" / record.kept.name for file, record in records.items() if record.part_key}
    files = [file for file in entries.glob("*/kept/*.parquet") if file in kept]
    return {str(file.relative_to(entries)): file.stat().st_mtime_ns for file in files}


@pytest.mark.parametrize(("name", "moment"), CASES)
def test_a_killed_stage_resumes_and_gives_the_same_bytes(
    undisturbed: Pipeline, tmp_path: Path, name: str, moment: str
) -> None:
    if not kill(tmp_path, name, moment):
        assert moment == "interim result", f"{name} has no moment {moment!r}"
        pytest.skip(f"{name} keeps no interim result")
    committed = finished_parts(tmp_path / "store", name)
    assert not list((tmp_path / "store" / name).glob("*/manifest.json"))

    again = run_pipeline(tmp_path, part_rows=PART_ROWS)

    assert {stage: bytes_of(plan) for stage, (plan, _) in again.items()} == {
        stage: bytes_of(plan) for stage, (plan, _) in undisturbed.items()
    }
    assert {stage: artifact.digest for stage, (_, artifact) in again.items()} == {
        stage: artifact.digest for stage, (_, artifact) in undisturbed.items()
    }
    after = finished_parts(tmp_path / "store", name)
    assert {file: after[file] for file in committed} == committed, "finished parts were computed again"
    assert not list((tmp_path / "store").rglob("work"))


def test_every_moment_is_tried() -> None:
    assert {moment for _, moment in CASES} == set(MOMENTS)
