"""The ledger's writing side: turn rules into kept rows and dropped rows with a reason, value and evidence each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from limo_curation.tables import DROPPED

MAX_EVIDENCE_CHARACTERS = 500  # ours: enough to see why, small enough for a ledger of tens of millions of rows


@dataclass(frozen=True, slots=True)
class StageResult:
    """Both halves of a stage's work on one part, and what it measured (the unit stands in each key)."""

    kept: pl.DataFrame
    dropped: pl.DataFrame
    metrics: dict[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class DropRule:
    """One reason to drop a row: the condition, and the value, threshold and evidence to put on record."""

    reason: str
    when: pl.Expr
    value: pl.Expr | None = None
    threshold: float | None = None
    evidence: pl.Expr | None = None


def apply_rules(frame: pl.DataFrame, *, stage: str, rules: Sequence[DropRule]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split a frame into the rows that no rule meets and a ledger of the others; the first rule that fires counts.

    A condition that is null does not fire.

    Args:
        frame: rows with `problem_id` (and `chain_id`, for a stage that drops chains).
        stage: the stage's name.
        rules: tried in order.

    Returns:
        The kept rows with their columns unchanged, and the dropped rows as a DROPPED table.
    """
    if not rules:
        return frame, DROPPED.empty()
    fired = pl.coalesce(
        [pl.when(rule.when.fill_null(False)).then(pl.lit(index, pl.Int32)) for index, rule in enumerate(rules)]
    )
    fired_rule = frame.select(fired.alias("rule")).to_series()
    kept = frame.filter(fired_rule.is_null())
    ledgers = [
        dropped_rows(frame.filter(fired_rule == index), stage=stage, rule=rule)
        for index, rule in enumerate(rules)
        if (fired_rule == index).any()
    ]
    return kept, pl.concat(ledgers) if ledgers else DROPPED.empty()


def dropped_rows(frame: pl.DataFrame, *, stage: str, rule: DropRule) -> pl.DataFrame:
    """Write all rows of a frame to a ledger under one rule (its condition is not looked at)."""
    chain_id = pl.col("chain_id") if "chain_id" in frame.columns else pl.lit(None, pl.String)
    evidence = pl.lit(None, pl.String) if rule.evidence is None else rule.evidence.cast(pl.String)
    value = pl.lit(None, pl.Float64) if rule.value is None else rule.value.cast(pl.Float64)
    # `pl.format` of Polars 2.1 panics where a filter has left one column, but not another, an empty chunk
    return frame.rechunk().select(
        stage=pl.lit(stage),
        problem_id=pl.col("problem_id"),
        chain_id=chain_id,
        drop_reason=pl.lit(rule.reason),
        value=value,
        threshold=pl.lit(rule.threshold, pl.Float64),
        evidence=evidence.str.slice(0, MAX_EVIDENCE_CHARACTERS),
    )
