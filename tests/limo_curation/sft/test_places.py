"""Where samples and students come from: whole and ours, or refused with what to mend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from limo_curation.errors import ConfigError, TableError
from limo_curation.sft.places import find_student, read_samples
from tests.published_set import DATA_FILE, TINY, draw_samples, publish


def test_published_folder_is_read_in_its_order_and_known_by_its_content(tmp_path: Path) -> None:
    samples = draw_samples(6)
    read = read_samples(str(publish(tmp_path / "one", samples)))
    assert read.rows.equals(samples.select("question", "solution"))
    assert read.identity == "a small set"
    moved = read_samples(str(publish(tmp_path / "two", samples.reverse())))
    assert moved.digest == read.digest
    other = samples.with_columns(solution=pl.col("solution") + ".")
    assert read_samples(str(publish(tmp_path / "three", other))).digest != read.digest


def test_set_that_was_changed_since_it_was_published_is_refused(tmp_path: Path) -> None:
    folder = publish(tmp_path / "set", draw_samples(6))
    (folder / DATA_FILE).write_bytes(b"PAR1")
    with pytest.raises(TableError, match=r"train-00000-of-00001\.parquet differs"):
        read_samples(str(folder))


@pytest.mark.parametrize(
    "samples",
    [
        pl.DataFrame({"question": ["q", None], "solution": ["s", "s"]}),
        pl.DataFrame({"question": ["q"], "solution": [7]}),
        pl.DataFrame({"question": ["q"], "chain": ["s"]}),
        pl.DataFrame(schema={"question": pl.String, "solution": pl.String}),
    ],
)
def test_rows_without_question_or_solution_are_refused(tmp_path: Path, samples: pl.DataFrame) -> None:
    with pytest.raises(TableError, match="publish the set again"):
        read_samples(str(publish(tmp_path / "set", samples)))


def test_student_in_a_folder_is_known_by_its_files() -> None:
    student = find_student(TINY)
    assert student.folder.is_absolute()
    assert student.identity.startswith("tiny-weak@")


@pytest.mark.parametrize("name", ["no/such/folder", "has spaces/in it"])
def test_name_that_is_neither_folder_nor_repository_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"student = '{name}' is neither a folder"):
        find_student(name)
    with pytest.raises(ConfigError, match=f"dataset = '{name}' is neither a folder"):
        read_samples(name)


def test_weights_that_would_run_code_are_never_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def snapshot(name: str, **arguments: object) -> str:
        asked.append({"name": name, **arguments})
        return "/cache/snapshots/0123"

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    student = find_student("owner/name@main")
    assert student == (Path("/cache/snapshots/0123"), "owner/name@0123")
    (arguments,) = asked
    assert (arguments["name"], arguments["revision"], arguments["repo_type"]) == ("owner/name", "main", "model")
    assert not any(str(pattern).endswith((".bin", ".pt", ".py")) for pattern in arguments["allow_patterns"])  # type: ignore[attr-defined]


def test_hub_that_is_not_there_is_trouble_of_the_moment(tmp_path: Path) -> None:
    code = (
        "from limo_curation.sft.places import read_samples\n"
        "from limo_curation.errors import TransientError\n"
        "try: read_samples('owner/name@main')\n"
        "except TransientError as error: print(error)\n"
    )
    environment = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "HF_TOKEN": "hf_" + "MadeUp" * 5}
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment, check=True
    )
    assert told.stdout.startswith("dataset = 'owner/name@main': the Hub can't be reached")
    assert "MadeUp" not in told.stdout + told.stderr
