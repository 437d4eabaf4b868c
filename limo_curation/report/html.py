"""The report of a run: one HTML file with everything in it, for a reader who was not there.

Questions and chains come from strangers' files, so the template escapes whatever it is given, and the page's own
policy forbids scripts and network.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import polars as pl

from limo_curation.digests import frame_digest
from limo_curation.forecast.forecast import load_forecast
from limo_curation.forecast.outcome import in_words, outcomes
from limo_curation.forecast.tables import interval, short
from limo_curation.report.funnel_picture import draw_funnel
from limo_curation.run_record import (
    RunRecord,
    drop_reasons,
    funnel,
    manifests,
    missing_stages,
    shareable_config,
    spent_budget,
)
from limo_curation.sensitivity.outcome import (
    HEADER,
    Sensitivity,
    load_sensitivity,
    redraws_in_words,
    rows_of,
    warning,
)
from limo_curation.store import Store
from limo_curation.tables import DROPPED

REPORT_FILE: Final = "report.html"
NUM_SHOWN_SAMPLES: Final = 3
MAX_SHOWN_CHARACTERS: Final = 4_000  # ours: a chain of 30k tokens would bury the rest of the page
PROVENANCE_COLUMNS: Final = (
    "problem_id", "chain_id", "source", "origin", "license", "domain", "strong_solver", "strong_num_solved",
    "strong_num_attempts", "teacher", "num_tokens", "predicted_answer", "verdict", "rule_score",
)  # fmt: skip
DISTRIBUTIONS: Final = (
    ("pass rate under the strong solver", "pass_rate", 3),
    ("rule score, in [0, 1]", "rule_score", 3),
    ("elaboration", "elaboration", 3),
    ("self-verification", "self_verification", 3),
    ("exploration", "exploration", 3),
    ("adaptive granularity", "adaptive_granularity", 3),
    ("tokens of a chain", "num_tokens", 0),
)


def write_report(store: Store, record: RunRecord, samples: pl.DataFrame, folder: Path) -> Path:
    """Write a run's report.

    Args:
        store: where the run's entries are.
        record: the run; it may be unfinished.
        samples: its SAMPLES table, empty where the run has none yet.
        folder: made if it is absent; what `limo-curation sensitivity` left there is shown.

    Returns:
        The page's path, `<folder>/report.html`.

    Raises:
        TableError: an entry that the run used is gone from the store, or the sensitivity's file is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / REPORT_FILE
    temporary = folder / f"{REPORT_FILE}.tmp"
    selected = record.artifacts.get("selection")
    sensitivity = None if selected is None else load_sensitivity(folder, selected.digest)
    temporary.write_text(render_report(store, record, samples, sensitivity), encoding="utf-8")
    temporary.replace(page)
    return page


def render_report(
    store: Store, record: RunRecord, samples: pl.DataFrame, sensitivity: Sensitivity | None = None
) -> str:
    """Return the page as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("limo_curation.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = lambda value: f"{value:,}"
    environment.filters["duration"] = duration
    stages = funnel(store, record)
    svg = draw_funnel(stages).decode()
    return environment.get_template("report.html.jinja").render(
        record=record,
        num_problems=stages["rows_in"].item(0) if stages.height else 0,
        num_samples=samples.height,
        missing=missing_stages(record),
        spent=spent_budget(store, record),
        plan=plan_and_outcome(store, record),
        funnel=stages.to_dicts(),
        # ours, drawn from counts and stage names, with text as outlines
        picture=Markup(svg[svg.index("<svg") :]),  # noqa: S704
        reasons=reasons_with_example(store, record),
        domains=domains_by_source(samples),
        sensitivity=None if sensitivity is None else shown_sensitivity(sensitivity),
        distributions=distributions(samples),
        samples=shown_samples(samples),
        run_config=json.dumps(shareable_config(record), indent=2, ensure_ascii=False),
        digest=frame_digest(samples),
    )


def reasons_with_example(store: Store, record: RunRecord) -> list[dict[str, Any]]:
    """Return each drop reason of the run with its count and one dropped row."""
    examples: dict[tuple[str, str], dict[str, Any]] = {}
    for stage, manifest in manifests(store, record).items():
        ledger = store.scan_parts(manifest, range(len(manifest.parts)), DROPPED, half="dropped")
        for row in ledger.group_by("drop_reason", maintain_order=True).first().collect().to_dicts():
            examples[stage, row["drop_reason"]] = row
    return [
        row | {"example": examples[row["stage"], row["drop_reason"]]} for row in drop_reasons(store, record).to_dicts()
    ]


def plan_and_outcome(store: Store, record: RunRecord) -> dict[str, Any] | None:
    """Return the plan that was kept for the run beside what came of it, as texts; None where none was kept."""
    forecast = load_forecast(store, record.name)
    if forecast is None:
        return None
    compared = outcomes(forecast, store, record)
    rows = [
        (one.name, one.unit, interval(one.planned), "–" if one.actual is None else short(one.actual), one.verdict)
        for one in compared
    ]
    return {"pilot": forecast.pilot, "rows": rows, "words": in_words(compared), "notes": forecast.notes}


def shown_sensitivity(sensitivity: Sensitivity) -> dict[str, Any]:
    """Return what moving the run's knobs changes, as texts."""
    words = "" if sensitivity.redraws is None else redraws_in_words(sensitivity.redraws)
    return {
        "step": f"{sensitivity.step:g}",
        "header": HEADER,
        "rows": rows_of(sensitivity),
        "words": words,
        "warning": warning(sensitivity) if sensitivity.changed_stages else "",
    }


def domains_by_source(samples: pl.DataFrame) -> dict[str, Any]:
    """Count the samples by domain (rows) and source (columns)."""
    named = samples.select(pl.col("domain").fill_null("(not classified)"), pl.col("source").fill_null("(not stated)"))
    counted = {(domain, source): rows for domain, source, rows in named.group_by("domain", "source").len().iter_rows()}
    sources = sorted({source for _, source in counted})
    rows = [
        (domain, [counted.get((domain, source), 0) for source in sources])
        for domain in sorted({domain for domain, _ in counted})
    ]
    return {"sources": sources, "rows": rows}


def distributions(samples: pl.DataFrame) -> list[dict[str, Any]]:
    """Return n, minimum, quartiles and maximum of each number that samples carry."""
    rated = samples.with_columns(pass_rate=pl.col("strong_num_solved") / pl.col("strong_num_attempts"))
    found: list[dict[str, Any]] = []
    for label, column, digits in DISTRIBUTIONS:
        values = (
            rated[column].drop_nulls().drop_nans() if rated[column].dtype.is_float() else rated[column].drop_nulls()
        )
        if values.len() == 0:
            continue
        numbers = [values.quantile(point, interpolation="linear") for point in (0, 0.25, 0.5, 0.75, 1)]
        found.append({"label": label, "n": values.len(), "numbers": [f"{number:,.{digits}f}" for number in numbers]})
    return found


def shown_samples(samples: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the first samples by chain_id, long texts cut, with what is known of where they come from."""
    return [
        {
            "question": cut(row["question"]),
            "answer": row["answer"],
            "solution": cut(row["solution"]),
            "provenance": [(name, row[name]) for name in PROVENANCE_COLUMNS if row[name] is not None],
        }
        for row in samples.sort("chain_id").head(NUM_SHOWN_SAMPLES).to_dicts()
    ]


def cut(text: str) -> str:
    """Return a text of bounded length that says so where it was cut."""
    if len(text) <= MAX_SHOWN_CHARACTERS:
        return text
    return f"{text[:MAX_SHOWN_CHARACTERS]} … ({len(text) - MAX_SHOWN_CHARACTERS:,} more characters)"


def duration(seconds: float) -> str:
    """Return a duration in the unit that a reader expects."""
    if seconds < 120:
        return f"{seconds:.2f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
