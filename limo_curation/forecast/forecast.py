"""The plan of a run as a value: what it is expected to keep and to cost, each number with its interval of 90 %."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from limo_curation.errors import TableError
from limo_curation.forecast.evidence import Basis
from limo_curation.store import Record, Store

FORECASTS_FOLDER: Final = "forecasts"
QUANTILES: Final = (0.05, 0.5, 0.95)


class Interval(Record):
    """A number that is not known yet: in one of twenty cases it is below `low`, and in one above `high`."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, draws: NDArray[np.float64]) -> Interval:
        """Return the interval that draws make."""
        low, middle, high = (float(one) for one in np.quantile(draws, QUANTILES, method="inverted_cdf"))
        return cls(low=low, middle=middle, high=high)


class StageForecast(Record):
    """Rows through one stage: problems, or chains from generation on (what it keeps) and after it."""

    stage: str
    rows_in: Interval
    rows_kept: Interval
    basis: Basis


class SolverForecast(Record):
    """What one solver is asked, reads and writes."""

    name: str
    """`weak_1`, ..., `strong`, `teacher_1`, ..."""
    stage: str
    model: str
    problems: Interval
    prompt_tokens: Interval
    completion_tokens: Interval
    basis: Basis
    is_free: bool
    """Its completions are there already: recorded, or drawn by the strong solver before."""


class GpuForecast(Record):
    """The time of one kind of GPU, and what it costs."""

    gpu: str
    gpus_per_replica: dict[str, int]
    """By model."""
    hours: dict[str, Interval]
    """GPU-hours by solver."""
    hours_of_models: dict[str, Interval]
    """GPU-hours by model, which several solvers may share: what a run's account can be compared with."""
    total_hours: Interval
    price_per_hour: float | None
    money: Interval | None
    """In the currency of the price."""


class Forecast(Record):
    """The plan of one run."""

    run: str
    profile: str
    pilot: str | None
    rows: int
    rows_from: str
    stages: tuple[StageForecast, ...]
    solvers: tuple[SolverForecast, ...]
    gpus: tuple[GpuForecast, ...]
    disk_bytes: Interval
    """Of the run's tables and of the completions in the request cache."""
    notes: tuple[str, ...]


def save_forecast(store: Store, forecast: Forecast) -> None:
    """Keep a plan beside the run's record; an earlier one of the same run is replaced."""
    store.write_bytes(f"{FORECASTS_FOLDER}/{forecast.run}.json", forecast.model_dump_json(indent=1).encode())


def load_forecast(store: Store, run: str) -> Forecast | None:
    """Return the plan that was kept for a run, or None.

    Raises:
        TableError: it is damaged.
    """
    text = store.read_bytes(f"{FORECASTS_FOLDER}/{run}.json")
    if text is None:
        return None
    try:
        return Forecast.model_validate_json(text)
    except ValidationError:
        raise TableError(f"the plan of run {run!r} is damaged; make it again with --save") from None


def saved_forecast(store: Store, run: str) -> Forecast:
    """Return the plan that was kept for a run.

    Raises:
        TableError: there is none, or it is damaged.
    """
    forecast = load_forecast(store, run)
    if forecast is None:
        raise TableError(f"no plan was kept for run {run!r}; make one with --save before the run")
    return forecast
