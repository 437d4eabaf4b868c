"""`limo-curation calibrate` over HTTP: what it writes, says, and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from limo_curation import cli
from limo_curation.judging.calibration import may_decide
from limo_curation.presets import load_config
from limo_curation.sampling.assembly import assemble_sampler
from limo_curation.store import Store
from tests.chat_server import ChatServer, Reply, chat
from tests.limo_curation.judging.judges import grades

RUN_FILE = """
[[ingestion.sources]]
path = "pool.jsonl"
name = "pool"
columns = {{ question = "q" }}
[decontamination]
enabled = false
[difficulty]
enabled = false
[[generation.recorded]]
path = "chains.jsonl"
name = "chains"
columns = {{ question = "q", chain = "c" }}
[engine]
kind = "endpoint"
urls = {{ ada = ["{url}"] }}
{judge}
"""
JUDGE = """
[judging.judge]
compares_best = false
[[judging.judge.models]]
model = "ada"
"""

UNCALIBRATED = {"calibration": None, "when_untrusted": "rules_decide"}


class GradingServer(ChatServer):
    """Gives the level that a chain names in its text."""

    def reply_to(self, body: dict[str, Any]) -> Reply:
        quoted = body["messages"][-1]["content"]
        return Reply(200, chat(grades(f"L{quoted.partition('TRUTH')[2][0]}")))


def write_run_file(folder: Path, url: str, judge: str) -> str:
    path = folder / "mine.toml"
    path.write_text(RUN_FILE.format(url=url, judge=judge), encoding="utf-8")
    return str(path)


def calibrate(folder: Path, url: str, *, judge: str = JUDGE, labels: list[dict[str, Any]] | None = None) -> Result:
    run_file, label_file = write_run_file(folder, url, judge), folder / "labels.jsonl"
    rows = labelled() if labels is None else labels
    label_file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    arguments = [run_file, str(label_file), "--output", str(folder / "ada.json"), "--store", str(folder / "store")]
    return CliRunner().invoke(cli.app, ["calibrate", *arguments])


def labelled() -> list[dict[str, Any]]:
    return [
        {
            "chain_id": f"c{number}",
            "question": f"What is {number} + 1?",
            "chain": f"TRUTH{number % 5 + 1}. " + "We add one. " * (number + 1),
            "level": f"L{number % 5 + 1}",
        }
        for number in range(30)
    ]


def test_judge_that_gives_every_label_is_told_apart_and_written_down(tmp_path: Path) -> None:
    with GradingServer() as server:
        done = calibrate(tmp_path, server.url)
    assert done.exit_code == 0, done.output
    written = json.loads((tmp_path / "ada.json").read_text(encoding="utf-8"))
    assert written["panel"]["kappa"] == 1.0
    assert done.stdout.splitlines()[-1].startswith(f"calibration: {tmp_path / 'ada.json'}, picture: ")
    assert list(tmp_path.glob("*.svg"))


def test_line_that_the_command_prints_makes_a_run_file_whose_judges_may_decide(tmp_path: Path) -> None:
    with GradingServer() as server:
        done = calibrate(tmp_path, server.url)
        [line] = [line for line in done.stdout.splitlines() if line.startswith("a run file names it")]
        named = JUDGE.replace("[judging.judge]", f"[judging.judge]\n{line.partition(': ')[2]}")
        config = load_config(write_run_file(tmp_path, server.url, named))
        with assemble_sampler(config, Store(str(tmp_path / "store")), run="r") as (sampler, _):
            assert config.judging.judge is not None
            assert sampler is not None
            assert may_decide(config.judging.judge, sampler)
            assert not may_decide(config.judging.judge.model_copy(update=UNCALIBRATED), sampler)


def test_run_file_without_judges_is_refused(tmp_path: Path) -> None:
    done = calibrate(tmp_path, "http://127.0.0.1:9/v1", judge="")
    assert done.exit_code == 1
    assert "has no [judging.judge]" in done.stderr


def test_label_that_is_no_level_is_told_with_file_row_and_field(tmp_path: Path) -> None:
    rows = [*labelled(), {"chain_id": "x", "question": "q", "chain": "c", "level": "L6"}]
    done = calibrate(tmp_path, "http://127.0.0.1:9/v1", labels=rows)
    assert done.exit_code == 1
    for told in ("labels.jsonl", "31", "level"):
        assert told in done.stderr


@pytest.mark.parametrize("row", [{}, {"chain_id": "a", "question": "q", "chain": "", "level": "L1"}])
def test_nothing_is_written_where_a_row_lacks_something(tmp_path: Path, row: dict[str, str]) -> None:
    assert calibrate(tmp_path, "http://127.0.0.1:9/v1", labels=[row]).exit_code == 1
    assert not (tmp_path / "ada.json").exists()
