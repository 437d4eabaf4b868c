"""A process that rates on demand is killed in the middle: the next one asks the rest, and no byte is another one."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.limo_curation.difficulty.killed_demand import rate
from tests.small_pipeline import bytes_of

ROOT = Path(__file__).parents[3]


def lines(folder: Path) -> list[str]:
    return (folder / "asked").read_text().splitlines()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    rate(folder)
    return folder


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_process_that_is_killed_within_a_round_loses_no_answer_and_changes_no_byte(
    undisturbed: Path, tmp_path: Path, share: float
) -> None:
    num_requests = int(share * len(lines(undisturbed)))
    command = [sys.executable, "-m", "tests.limo_curation.difficulty.killed_demand", str(tmp_path), str(num_requests)]
    killed = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(lines(tmp_path)) == num_requests
    assert not list((tmp_path / "store" / "difficulty").glob("*/manifest.json"))

    resumed = rate(tmp_path)

    assert sorted(lines(tmp_path)) == sorted(lines(undisturbed))  # nothing was asked twice, nor anything else
    assert bytes_of(resumed) == bytes_of(rate(undisturbed))
