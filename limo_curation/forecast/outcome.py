"""The plan against what came of it: each planned number beside the actual one, once that is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from limo_curation.forecast.forecast import Forecast, Interval
from limo_curation.forecast.simulation import solver_counts
from limo_curation.run_record import RunRecord, manifests
from limo_curation.sampling.spending import Spending, run_spending
from limo_curation.store import Manifest, Record, Store


class Outcome(Record):
    """One planned number, and what it turned out to be."""

    name: str
    unit: str
    planned: Interval
    actual: float | None
    """None: that part of the run is not done."""

    @property
    def verdict(self) -> str:
        """`within`, `below` or `above` the interval, or `open`."""
        if self.actual is None:
            return "open"
        if self.actual < self.planned.low:
            return "below"
        return "above" if self.actual > self.planned.high else "within"


def outcomes(forecast: Forecast, store: Store, record: RunRecord) -> list[Outcome]:
    """Compare a plan with its run.

    Returns:
        Rows that each stage kept; tokens that each solver read and wrote, cached ones included; GPU-hours that the run
        has paid for, and money where a price was given. A run that held no GPU has none of the last two.

    Raises:
        TableError: an entry that the run used is gone, or an account of its spending is damaged.
    """
    done = manifests(store, record)
    return [
        *stage_outcomes(forecast, done),
        *solver_outcomes(forecast, done),
        *gpu_outcomes(forecast, run_spending(store, record.name), is_finished=record.finished),
    ]


def stage_outcomes(forecast: Forecast, done: Mapping[str, Manifest]) -> Iterable[Outcome]:
    """Compare the rows that stages keep."""
    for one in forecast.stages:
        manifest = done.get(one.stage)
        actual = None if manifest is None else float(manifest.rows_kept)
        yield Outcome(name=f"{one.stage}: kept", unit="rows", planned=one.rows_kept, actual=actual)


def solver_outcomes(forecast: Forecast, done: Mapping[str, Manifest]) -> Iterable[Outcome]:
    """Compare the problems that solvers are asked, and the tokens that they read and write."""
    for one in forecast.solvers:
        manifest = done.get(one.stage)
        counts = (None, None, None) if manifest is None else solver_counts(manifest.metrics, one.name)
        planned = (one.problems, one.prompt_tokens, one.completion_tokens)
        names = (("asked", "problems"), ("read", "tokens"), ("wrote", "tokens"))
        for (verb, unit), interval, actual in zip(names, planned, counts, strict=True):
            yield Outcome(name=f"{one.name}: {verb}", unit=unit, planned=interval, actual=actual)


def gpu_outcomes(forecast: Forecast, spent: Spending, *, is_finished: bool) -> Iterable[Outcome]:
    """Compare what the run costs, for each kind of GPU that was planned for."""
    if not spent.gpu_seconds:
        return
    for one in forecast.gpus:
        for model, planned in one.hours_of_models.items():
            hours = spent.gpu_seconds.get(model, 0.0) / 3_600 if is_finished else None
            yield Outcome(name=f"{one.gpu}: {model}", unit="GPU-hours", planned=planned, actual=hours)
        total = spent.gpu_hours if is_finished else None
        yield Outcome(name=f"{one.gpu}: all models", unit="GPU-hours", planned=one.total_hours, actual=total)
        if one.money is not None and one.price_per_hour is not None:
            money = None if total is None else total * one.price_per_hour
            yield Outcome(name=f"{one.gpu}: price", unit="money", planned=one.money, actual=money)


def in_words(compared: Sequence[Outcome]) -> str:
    """Say how many numbers are known, and which of them are outside of their interval."""
    known = [one for one in compared if one.actual is not None]
    outside = [one for one in known if one.verdict != "within"]
    if not known:
        return "Nothing of the plan can be compared yet."
    if not outside:
        return f"All {len(known)} numbers that are known are within their intervals of 90 %."
    named = ", ".join(f"{one.name} ({one.verdict})" for one in outside)
    return f"{len(outside)} of {len(known)} numbers are outside of their intervals of 90 %: {named}."
