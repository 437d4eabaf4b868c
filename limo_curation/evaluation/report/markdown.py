"""The report as Markdown for people and as JSON for programs. Both hold figures only, never an item's text.

They hold no time, so the same evaluation gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from limo_curation.engine_config import Solver
from limo_curation.evaluation.config import AVERAGE, EvaluationConfig
from limo_curation.evaluation.report.paper import PaperFigures, paper_figures
from limo_curation.evaluation.results import comparisons, results
from limo_curation.files import without_credentials
from limo_curation.markdown import markdown_environment
from limo_curation.run_record import without_effectless

MARKDOWN_FILE: Final = "evaluation.md"
JSON_FILE: Final = "evaluation.json"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A finished evaluation."""

    name: str
    config: EvaluationConfig
    attempts: pl.DataFrame
    """ATTEMPTS of all models and benchmarks, in the config's order."""
    recipes: Mapping[str, str]
    """How each benchmark was decoded, in words."""
    left_out: Mapping[str, int]
    """Rows of each benchmark's files that are no item, since they can't be read or have no gold answer."""
    kept_out: Collection[str] | None = None
    """Benchmarks against which the tuned models' training set was decontaminated; None: nobody has named that set."""


def recipe_of(solver: Solver) -> str:
    """Say how attempts are drawn: `4 samples at T 0.6, top-p 0.95, up to 32,768 tokens`."""
    count = f"{solver.num_attempts} sample" + ("s" if solver.num_attempts > 1 else "")
    how = (
        f"{count}, greedy"
        if solver.temperature == 0
        else f"{count} at T {solver.temperature:g}, top-p {solver.top_p:g}"
    )
    return f"{how}, up to {solver.max_tokens:,} tokens"


def write_report(evaluated: Evaluated, folder: Path) -> Path:
    """Write an evaluation's report into a folder.

    Args:
        evaluated: the evaluation.
        folder: made if it is absent.

    Returns:
        The path of `evaluation.md`; `evaluation.json` stands beside it.
    """
    figures = results(evaluated.attempts)
    pairs = comparisons(evaluated.attempts, baseline=evaluated.config.baseline_name)
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / JSON_FILE, as_json(evaluated, figures, pairs))
    page = folder / MARKDOWN_FILE
    replace_text(page, as_markdown(evaluated, figures, pairs))
    return page


def replace_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(path)


def as_json(evaluated: Evaluated, figures: pl.DataFrame, pairs: pl.DataFrame) -> str:
    """Return figures, comparisons and the config that they come from; fractions, not percent."""
    config = evaluated.config.model_dump(mode="json")
    value: dict[str, Any] = {
        "name": evaluated.name,
        "recipes": dict(evaluated.recipes),
        "left_out": dict(evaluated.left_out),
        "kept_out": None if evaluated.kept_out is None else sorted(evaluated.kept_out),
        "results": figures.to_dicts(),
        "comparisons": pairs.to_dicts(),
        "config": without_credentials(without_effectless(config)),
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def as_markdown(evaluated: Evaluated, figures: pl.DataFrame, pairs: pl.DataFrame) -> str:
    """Return the report for people."""
    environment = markdown_environment("limo_curation.evaluation.report")
    environment.filters["percent"] = percent
    environment.filters["points"] = points
    environment.filters["tokens"] = tokens
    paper = paper_figures()
    return environment.get_template("evaluation.md.jinja").render(
        name=evaluated.name,
        config=evaluated.config,
        average=AVERAGE,
        recipes=evaluated.recipes,
        left_out={name: rows for name, rows in evaluated.left_out.items() if rows},
        kept_out=evaluated.kept_out,
        results=figures.to_dicts(),
        comparisons=pairs.to_dicts(),
        paper=paper,
        side_by_side=side_by_side(figures, paper),
    )


def percent(share: float | None) -> str:
    """Write a fraction as percent; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.1f}"


def points(difference: float) -> str:
    """Write a difference of fractions as percentage points with its sign."""
    return f"{100 * difference:+.1f}"


def tokens(mean: float | None) -> str:
    """Write a mean number of tokens."""
    return "not known" if mean is None else f"{mean:,.0f}"


def side_by_side(figures: pl.DataFrame, paper: PaperFigures) -> list[dict[str, Any]]:
    """Return the paper's figures beside ours, in percent, for the benchmarks that both have.

    Returns:
        For each benchmark, and behind several for their mean: its name, `theirs` (in the order of `paper.models`) and
        `ours` (in the order of our models).
    """
    models = figures["model"].unique(maintain_order=True).to_list()
    ours = {(model, name): 100 * accuracy for model, name, accuracy in figures["model", "benchmark", "accuracy"].rows()}
    shared = [name for name in figures["benchmark"].unique(maintain_order=True) if name in paper.accuracy]
    rows: list[dict[str, Any]] = [
        {"benchmark": name, "theirs": paper.accuracy[name], "ours": [ours[model, name] for model in models]}
        for name in shared
    ]
    if len(shared) > 1:
        theirs = [paper.average(model, shared) for model in paper.models]
        means = [sum(ours[model, name] for name in shared) / len(shared) for model in models]
        rows.append({"benchmark": f"mean of these {len(shared)}", "theirs": theirs, "ours": means})
    return rows
