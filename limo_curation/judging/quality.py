"""A chain's final quality from rules, judges and people, and the list of chains that people should read.

    quality = (1 - weight) * rule_score + weight * judge_score      where the panel may decide and has a readable grade
            = rule_score                                            for unscored chains, and where it may not decide
            = (level - 1 + rule_score) / 5                          where a person has given a level

`weight` is the judges' share (`judging.judge.weight`): at 0 the rules rank alone, at 1 the judges. A chain is contested
where its level by rules and by judges are two or more apart and no person has decided; the list shows both sides'
evidence and, filled in, is the file of decisions for the next run.
"""

from __future__ import annotations

import csv
import html
import io
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import polars as pl

from limo_curation.errors import TableError
from limo_curation.judging.hand_written import Decision, read_rows
from limo_curation.judging.judge import AXES, LEVEL_WIDTH, LEVELS
from limo_curation.judging.judge_prompt import as_data
from limo_curation.ledger import DropRule

logger = logging.getLogger(__name__)

CONTESTED_LEVELS: Final = 2
EXCERPT_CHARACTERS: Final = (
    1_500  # of a chain's beginning and as much of its end: enough to see what is disputed (ours)
)
FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins with one is run by spreadsheets
RULE_EVIDENCE: Final = ("rule_score", *AXES, "num_claims_held", "num_claims_failed", "num_claims_corrected")
CONTESTED_COLUMNS: Final = (
    *("chain_id", "problem_id", "teacher", "rule_level", "judge_level", "judge_score", "judge_reasons"),
    *RULE_EVIDENCE,
    *("question", "chain", "decision", "reviewer", "note"),
)
STYLE: Final = (
    "body{font:15px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f4f5f7;padding:.8rem;unicode-bidi:isolate}"
    "section{border-top:1px solid #ccc;margin-top:2rem}"
)


def level_number(column: str) -> pl.Expr:
    """Return a column of levels (L1 to L5) as numbers from 1 to 5."""
    return pl.col(column).replace_strict(list(LEVELS), [1, 2, 3, 4, 5], default=None, return_dtype=pl.Int64)


def add_quality(chains: pl.DataFrame, decisions: pl.DataFrame, *, weight: float) -> pl.DataFrame:
    """Add `quality`, `is_contested`, `human_decision` and `human_note`.

    Args:
        chains: `chain_id`, `rule_score`, `rule_level`, `judge_level` and `judge_score` (null for unscored chains).
        decisions: what people have decided; see `hand_written.read_decisions`. Of chains that are not here it says
            nothing.
        weight: the judges' share, 0 where they may not decide.

    Returns:
        The chains, in order. `human_decision` is also `drop`: see `human_drop`.
    """
    decided = decisions.select(
        "chain_id",
        human_decision="decision",
        human_note=pl.concat_str("reviewer", "note", separator=": ", ignore_nulls=True),
    )
    joined = chains.join(decided, on="chain_id", how="left", maintain_order="left")
    by_person = (level_number("human_decision") - 1 + pl.col("rule_score")) * LEVEL_WIDTH
    blend = (1 - weight) * pl.col("rule_score") + weight * pl.col("judge_score")
    apart = (level_number("rule_level") - level_number("judge_level")).abs() >= CONTESTED_LEVELS
    return joined.with_columns(
        quality=pl.coalesce(by_person, blend, "rule_score").clip(0.0, 1.0),
        is_contested=apart.fill_null(False) & pl.col("human_decision").is_null(),
    )


def human_drop() -> DropRule:
    """Return the reason by which chains leave that a person has dropped; the evidence says who and why."""
    return DropRule("dropped_by_human", pl.col("human_decision") == "drop", evidence=pl.col("human_note"))


# -- the list of contested chains --------------------------------------------------------------------------------------


def write_contested(chains: pl.DataFrame, folder: Path) -> tuple[Path, Path]:
    """Write the contested chains as `contested.csv`, to be filled in, and as `contested.html`, to be read.

    Args:
        chains: a JUDGED_CHAINS table, or the part of it that `is_contested`.
        folder: where both files are written, whole.

    Returns:
        The paths of the CSV and of the page. The columns `decision` (keep, drop, or L1 to L5), `reviewer` and `note`
        of the CSV are empty; filled in, it is what `judging.judge.decisions` reads. A CSV that is filled in by then is
        not written over.
    """
    rows = contested_rows(chains)
    folder.mkdir(parents=True, exist_ok=True)
    table, page = folder / "contested.csv", folder / "contested.html"
    if is_filled_in(table):
        logger.warning("%s is filled in and stays as it is; name it as judging.judge.decisions", table)
    else:
        table.write_text(as_csv(rows), encoding="utf-8", newline="")
    page.write_text(as_page(rows), encoding="utf-8", newline="")
    return table, page


def is_filled_in(table: Path) -> bool:
    """Return whether a person has written into a list of contested chains, or has made of it what can't be read."""
    try:
        rows = read_rows(str(table), Decision) if table.exists() else ()
        return any(row.decision or row.reviewer or row.note for _, row in rows)
    except TableError:
        return True


def contested_rows(chains: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the contested chains with both sides' evidence, the farthest apart first, without hidden characters."""
    apart = (level_number("rule_level") - level_number("judge_level")).abs()
    contested = chains.filter(pl.col("is_contested").fill_null(False)).sort(-apart, "chain_id")
    known = [name for name in CONTESTED_COLUMNS if name in contested.columns]
    rows = contested.select(known).to_dicts()
    return [{name: shown(name, row.get(name)) for name in CONTESTED_COLUMNS} for row in rows]


def shown(name: str, value: Any) -> str:
    """Return a cell as text, a chain as its beginning and end."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    text = as_data(str(value))
    if name == "chain" and len(text) > 2 * EXCERPT_CHARACTERS:
        left_out = len(text) - 2 * EXCERPT_CHARACTERS
        return f"{text[:EXCERPT_CHARACTERS]}\n[{left_out} characters left out]\n{text[-EXCERPT_CHARACTERS:]}"
    return text


def as_csv(rows: Iterable[dict[str, str]]) -> str:
    """Return rows as CSV; no cell is a formula to a spreadsheet."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, CONTESTED_COLUMNS)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: f"'{cell}" if cell.startswith(FORMULA_SIGNS) else cell for name, cell in row.items()})
    return stream.getvalue()


def as_page(rows: Iterable[dict[str, str]]) -> str:
    """Return rows as one self-contained page; whatever stands in them is text."""
    sections = [section_of(row) for row in rows]
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Contested chains</title>'
    intro = (
        f"<h1>{len(sections)} contested chains</h1><p>Rules and judges are two levels or more apart. Read, then fill "
        "in <code>decision</code> (keep, drop, or L1 to L5), <code>reviewer</code> and <code>note</code> of "
        "<code>contested.csv</code>, and name the file as <code>judging.judge.decisions</code> in the run file.</p>"
    )
    policy = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    return f"{head}{policy}<style>{STYLE}</style>{intro}{''.join(sections)}</html>\n"


def section_of(row: dict[str, str]) -> str:
    """Return one contested chain as HTML."""
    safe = {name: html.escape(cell) for name, cell in row.items()}
    evidence = ", ".join(f"{name} {safe[name]}" for name in RULE_EVIDENCE if safe[name])
    return (
        f"<section><h2>{safe['chain_id']}: rules say {safe['rule_level']}, judges {safe['judge_level']}</h2>"
        f"<p>Problem {safe['problem_id']}, written by {safe['teacher']}</p><pre>{safe['question']}</pre>"
        f"<h3>Rules</h3><p>{evidence}</p><h3>Judges</h3><pre>{safe['judge_reasons']}</pre>"
        f"<h3>Chain</h3><pre>{safe['chain']}</pre></section>"
    )
