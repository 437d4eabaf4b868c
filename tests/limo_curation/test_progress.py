"""Progress says how much is done, how fast, and how long the rest takes, where somebody asked and not too often."""

from __future__ import annotations

import io
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rich.console import Console

from limo_curation.problem_config import ScreeningConfig
from limo_curation.progress import (
    Bars,
    LogLines,
    Progress,
    Standing,
    duration,
    shown_by,
    shown_in_terminal_or_log,
)
from limo_curation.runner import run_stage
from limo_curation.screening import SCREENING
from limo_curation.stage import plan_stage
from tests.small_pipeline import run_pipeline


def standing(done: int, seconds: float, *, total: int = 10_000_000, step: str = "") -> Standing:
    return Standing("deduplication", step, done, total, "rows", seconds)


def test_a_line_names_what_is_done_the_speed_and_the_time_left() -> None:
    line = str(standing(3_200_000, 4.923))
    assert line == "deduplication: 3,200,000 of 10,000,000 rows, 650,010 rows/s, 10 s left"


def test_a_line_of_work_that_has_only_begun_promises_nothing() -> None:
    assert str(standing(0, 0.0, step="sketching")) == "deduplication, sketching: 0 of 10,000,000 rows, 0 rows/s"


def test_a_line_of_finished_work_tells_how_long_it_took() -> None:
    assert str(standing(10_000_000, 200.0)) == "deduplication: 10,000,000 rows in 3 min 20 s, 50,000 rows/s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min")]
)
def test_durations_are_said_as_people_do(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_nothing_is_shown_where_nobody_asked(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress("screening")
    progress.start(2)
    progress.advance(2)
    assert capsys.readouterr() == ("", "")


def test_work_begun_in_the_block_is_shown_also_from_other_threads() -> None:
    seen: list[Standing] = []
    with shown_by(seen.append):
        progress = Progress("screening")
    before = Progress("novelty")
    before.start(1)
    progress.start(1_000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(progress.advance, [10] * 100))
    assert {one.stage for one in seen} == {"screening"}
    assert max(one.done for one in seen) == 1_000


def test_each_step_is_counted_from_its_own_beginning() -> None:
    seen: list[Standing] = []
    with shown_by(seen.append):
        progress = Progress("deduplication")
    for step in ("sketching", "matching"):
        progress.start(10, "pairs", step=step)
        progress.advance(10)
    assert [(one.name, one.done, one.percent) for one in seen] == [
        ("deduplication, sketching", 0, 0.0),
        ("deduplication, sketching", 10, 100.0),
        ("deduplication, matching", 0, 0.0),
        ("deduplication, matching", 10, 100.0),
    ]


def test_log_lines_come_at_most_every_ten_seconds_and_once_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    lines = LogLines()
    with caplog.at_level(logging.INFO, "limo_curation"):
        for second in range(31):
            lines(standing(1 + second * 10, float(second), total=301))
    assert [line.split()[1] for line in caplog.messages] == ["101", "201", "301"]
    assert "in 30 s" in caplog.messages[-1]


def test_short_work_leaves_no_log_line(caplog: pytest.LogCaptureFixture) -> None:
    lines = LogLines()
    with caplog.at_level(logging.INFO, "limo_curation"):
        lines(standing(0, 0.0, total=10))
        lines(standing(10, 9.9, total=10))
    assert caplog.messages == []


def test_a_step_that_begins_again_is_shown_again(caplog: pytest.LogCaptureFixture) -> None:
    lines = LogLines()
    with caplog.at_level(logging.INFO, "limo_curation"):
        for done, seconds in ((0, 0.0), (5, 40.0), (0, 0.0), (5, 11.0)):
            lines(standing(done, seconds, total=10))
    assert len(caplog.messages) == 2


def test_a_bar_shows_speed_and_time_left() -> None:
    screen = io.StringIO()
    with Bars(Console(file=screen, force_terminal=True, width=150)) as bars:
        bars(standing(2_500_000, 5.0))
    assert "deduplication" in screen.getvalue()
    assert "2,500,000 of 10,000,000 rows, 500,000 rows/s, 15 s left" in screen.getvalue()


def test_short_work_draws_nothing() -> None:
    screen = io.StringIO()
    with Bars(Console(file=screen, force_terminal=True, width=150)) as bars:
        bars(standing(0, 0.0))
        bars(standing(10_000_000, 0.9))
    assert screen.getvalue() == ""


def test_without_a_terminal_progress_goes_to_the_log_and_to_other_sinks(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Standing] = []
    with shown_in_terminal_or_log(seen.append):
        progress = Progress("screening")
    progress.start(1)
    assert [one.percent for one in seen] == [0.0]
    assert caplog.messages == []


def test_the_runner_tells_the_rows_of_each_part_that_it_finishes(tmp_path: Path) -> None:
    plan, _ = run_pipeline(tmp_path)["screening"]
    config = ScreeningConfig(min_characters=30)
    seen: list[Standing] = []
    with shown_by(seen.append):
        run_stage(plan_stage(SCREENING, plan.inputs, config=config, store=plan.store, part_rows=15))
    assert (seen[-1].done, seen[-1].total, len(seen)) == (39, 39, 4)
