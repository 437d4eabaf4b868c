"""The report: figures with recipe and interval, the paper's labelled as theirs, and no foreign markup."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from limo_curation.errors import ConfigError
from limo_curation.evaluation.config import EvaluationConfig
from limo_curation.evaluation.record import kept_out_of
from limo_curation.evaluation.report import Evaluated, write_report
from limo_curation.evaluation.report.markdown import recipe_of
from limo_curation.evaluation.report.paper import paper_figures
from limo_curation.evaluation.results import results
from limo_curation.presets import load_config
from tests.limo_curation.evaluation.signs import attempts

HOSTILE = "x|y <script>alert(1)</script> [a](http://b)"


def evaluated(*benchmarks: str, model: str = "owner/tuned", **values: Any) -> Evaluated:
    """Return an evaluation in which the tuned model loses half of the items."""
    columns = {"question": "q", "answer": "a"}
    config = EvaluationConfig.model_validate(
        {
            "profile": "own",
            "models": [{"name": "base", "model": "owner/base"}, {"name": "tuned", "model": model}],
            "benchmarks": [{"name": name, "path": f"{name}.jsonl", "columns": columns} for name in benchmarks],
        }
        | values
    )
    frames = [
        attempts(name, ["+-" if name == "base" and item % 2 else "--" for item in range(30)], benchmark=benchmark)
        for name in ("base", "tuned")
        for benchmark in benchmarks
    ]
    solver = config.attempts_config(config.models[0], config.benchmarks[0], num_items=30).solver
    return Evaluated(
        "evaluation-own-1", config, pl.concat(frames), dict.fromkeys(benchmarks, recipe_of(solver)), {benchmarks[0]: 3}
    )


def table_rows(page: str, *, of: str) -> list[list[str]]:
    """Return the cells of the first table behind a heading."""
    lines = page[page.index(f"## {of}") :].splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("|"))
    rows: list[list[str]] = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_every_figure_has_recipe_sample_count_and_interval(tmp_path: Path) -> None:
    page = write_report(evaluated("aime24", "exam"), tmp_path).read_text("utf-8")

    header, _, *rows = table_rows(page, of="Results")
    assert all(len(row) == len(header) for row in rows)
    figures = dict(zip(header, rows[0], strict=True))
    assert figures["items × samples"] == "30 × 2"
    assert figures["accuracy, %"] == "25.0"
    assert "to" in figures["95 % interval"]
    assert "bootstrap" in figures["95 % interval"]
    assert "| aime24 | 4 samples at T 0.6, top-p 0.95, up to 32,768 tokens | not known |" in page
    assert "3 of aime24" in page


def test_a_benchmark_that_the_training_set_was_not_checked_for_is_told(tmp_path: Path) -> None:
    config = load_config("limo-v2")
    (tmp_path / "run.json").write_text(config.model_dump_json(), encoding="utf-8")
    kept_out = kept_out_of(str(tmp_path))
    assert "aime24" in kept_out

    page = write_report(replace(evaluated("aime24", "exam"), kept_out=kept_out), tmp_path).read_text("utf-8")

    assert "up to 32,768 tokens | kept out |" in page
    assert "| exam | 4 samples at T 0.6, top-p 0.95, up to 32,768 tokens | not looked for |" in page
    off = config.decontamination.model_copy(update={"enabled": False})
    (tmp_path / "run.json").write_text(config.model_copy(update={"decontamination": off}).model_dump_json(), "utf-8")
    assert kept_out_of(str(tmp_path)) == []
    with pytest.raises(ConfigError, match="no run file"):
        kept_out_of(str(tmp_path / "elsewhere"))


def test_a_model_that_got_worse_is_said_to_in_a_sentence(tmp_path: Path) -> None:
    page = write_report(evaluated("aime24", "exam"), tmp_path).read_text("utf-8")

    assert "**tuned got worse than base on aime24.**" in page
    assert "**tuned got worse than base on average.**" in page


def test_figures_of_the_paper_stand_beside_ours_and_are_called_theirs(tmp_path: Path) -> None:
    page = write_report(evaluated("aime24", "exam"), tmp_path).read_text("utf-8")

    header, _, *rows = table_rows(page, of="Beside the paper")
    beside = dict(zip(header, rows[0], strict=True))
    assert [row[0] for row in rows] == ["aime24"]  # the paper has no `exam`
    assert (beside["theirs: LIMO v1"], beside["theirs: LIMO v2"]) == ("57.1", "63.3")
    assert (beside["ours: base"], beside["ours: tuned"]) == ("25.0", "0.0")
    assert all(cell.startswith(("benchmark", "theirs: ", "ours: ")) for cell in header)


def test_both_readings_of_the_headline_are_quoted_with_what_they_compare(tmp_path: Path) -> None:
    page = write_report(evaluated("exam"), tmp_path).read_text("utf-8")

    assert "None of these benchmarks is one of the paper's." in page
    words = " ".join(page[page.index("The paper's headline") :].split())
    assert "+40.5 points over all ten sets, is LIMO v1 against another fine-tune, NuminaMath-100k SFT." in words
    assert "Qwen2.5-32B-Instruct, it is +23.0 (v1) and +28.2 (v2)" in words


def test_averages_of_the_papers_columns_are_those_that_it_prints() -> None:
    paper = paper_figures()

    assert len(paper.accuracy) == 10
    assert {len(figures) for figures in paper.accuracy.values()} == {len(paper.models)}
    printed = [49.9, 61.1, 66.9, 58.3, 32.3, 72.8, 78.1]
    assert [paper.average(model) for model in paper.models] == pytest.approx(printed, abs=0.06)


def test_foreign_names_bring_no_markup_into_the_page(tmp_path: Path) -> None:
    page = write_report(evaluated(HOSTILE, model=HOSTILE), tmp_path).read_text("utf-8")

    assert "<script" not in page
    assert "](http" not in page
    header, _, *rows = table_rows(page, of="Results")
    assert {len(row) for row in rows} == {len(header)}


def test_json_holds_the_same_figures_and_no_machine(tmp_path: Path) -> None:
    given = evaluated(
        "aime24",
        engine={"kind": "endpoint", "urls": {"owner/base": ["http://k:secret@a/v1"], "owner/tuned": ["http://a/v1"]}},
    )
    page = write_report(given, tmp_path)

    value = json.loads((tmp_path / "evaluation.json").read_text("utf-8"))

    assert value["results"] == results(given.attempts).to_dicts()
    assert value["comparisons"][0]["outcome"] == "got worse"
    assert "engine" not in value["config"]
    assert "secret" not in page.read_text("utf-8") + json.dumps(value)


def test_the_same_evaluation_writes_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_report(evaluated("aime24"), tmp_path / name) for name in ("a", "b"))

    assert first.read_bytes() == second.read_bytes()
    assert (tmp_path / "a" / "evaluation.json").read_bytes() == (tmp_path / "b" / "evaluation.json").read_bytes()
    assert len(list((tmp_path / "a").iterdir())) == 2  # nothing half-written is left
