"""The measurement itself: what it reports when a candidate fails, and how it compares pools."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from limo_curation.store import Store
from measurements.deduplication import growth, measure_ours, reason_of, run


def test_last_line_is_the_result_whatever_was_printed_before() -> None:
    assert run([sys.executable, "-c", "print('chatter'); print('{\"cpu_seconds\": 1.5}')"], timeout=60) == {
        "cpu_seconds": 1.5
    }


def test_failed_candidate_is_reported_with_its_last_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run([sys.executable, "-c", "raise SystemExit('no such wheel')"], timeout=60)

    assert "no such wheel" in capsys.readouterr().err
    assert reason_of(caught.value) == "no such wheel"


def test_candidate_that_takes_too_long_is_stopped() -> None:
    with pytest.raises(subprocess.TimeoutExpired) as caught:
        run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2)

    assert "timed out" in reason_of(caught.value)


def test_growth_compares_cpu_seconds_a_row() -> None:
    def figures(seconds: float) -> dict[str, dict[str, Any]]:
        return {"stage": {"cpu_seconds": seconds}}

    assert growth({"1000": figures(2.0), "10000": figures(24.0), "5000": figures(1.0)}) == {"stage": 1.2}


def test_our_own_runs_are_measured_and_judged(tmp_path: Path) -> None:
    figures = measure_ours(Store(str(tmp_path)), 3_000, threads=2, timeout=300)

    assert set(figures) == {"decision", "blind", "stage"}
    assert figures["stage"]["recall"] > 0.995
    assert figures["stage"]["renumbered_removed_for_other_numbers"] == 0.0
    assert figures["stage"]["lowest_jaccard"] >= 0.7
    # the stage ranks rows by answer, source and length, so it keeps other rows of a chain of similar ones
    assert figures["decision"]["num_removed"] == pytest.approx(3_000 * figures["stage"]["removed_share"], rel=0.02)
    assert figures["blind"]["num_removed"] > figures["decision"]["num_removed"]
