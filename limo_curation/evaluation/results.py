"""What attempts say: a model's figures on each benchmark, and what sets two models apart, item by item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from limo_curation.answers import Verdict
from limo_curation.errors import StageError
from limo_curation.evaluation.config import AVERAGE
from limo_curation.evaluation.estimators import (
    Floats,
    Interval,
    accuracy_interval,
    bootstrap_means,
    chance_level,
    flipped_means,
    interval_of,
    pass_at_k,
    wilson_interval,
)

MAX_CHANCE: Final = 0.05
"""Above this p-value a difference is not called one, whatever its interval: of a few items a bootstrap is too sure."""
NUM_DIGITS: Final = 6
"""Of fractions in the results: processors differ behind them."""

RESULTS: Final = pl.Schema(
    {
        "model": pl.String,
        "benchmark": pl.String,
        "num_items": pl.Int64,
        "num_attempts": pl.Int64,
        "accuracy": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "interval": pl.String,
        "pass_at_n": pl.Float64,
        "finished": pl.Float64,
        "accuracy_given_finished": pl.Float64,
        "undecided": pl.Float64,
        "mean_tokens": pl.Float64,
        "mean_tokens_finished": pl.Float64,
    }
)
"""One row for each model and benchmark, and one for each model's average.

`num_attempts` is at each item; `accuracy` the unbiased pass@1 with its 95 % interval `low` to `high` over items and how
that was found; `pass_at_n` pass@k for k = `num_attempts`; `finished`, `accuracy_given_finished` and `undecided` are
shares of attempts, tokens means over attempts; what does not apply is null.
"""

COMPARISONS: Final = pl.Schema(
    {
        "model": pl.String,
        "baseline": pl.String,
        "benchmark": pl.String,
        "num_items": pl.Int64,
        "difference": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "chance_level": pl.Float64,
        "num_better": pl.Int64,
        "num_worse": pl.Int64,
        "num_same": pl.Int64,
        "outcome": pl.String,
    }
)
"""One row for each model beside the baseline and each benchmark, and one for the average.

`difference` is the model's accuracy minus the baseline's over the same items, with a paired bootstrap's 95 % interval;
`chance_level` the p-value of a sign-flip test; then the items on which the model solves a larger share of its attempts,
a smaller, the same; `outcome` is `got better`, `got worse` or `no difference shown`.
"""


def results(attempts: pl.DataFrame) -> pl.DataFrame:
    """Return the RESULTS of ATTEMPTS, models and benchmarks in the order in which they come."""
    rows: list[dict[str, Any]] = []
    for model in order_of(attempts, "model"):
        of_model = attempts.filter(pl.col("model") == model)
        benchmarks = order_of(of_model, "benchmark")
        figures = [
            benchmark_figures(of_model.filter(pl.col("benchmark") == name), benchmark=name) for name in benchmarks
        ]
        rows += [{"model": model, "benchmark": name} | one for name, one in zip(benchmarks, figures, strict=True)]
        if len(benchmarks) > 1:
            accuracy = float(np.mean([one["accuracy"] for one in figures]))
            interval = average_interval({name: item_means(of_model, name) for name in benchmarks})
            if interval.low == interval.high:  # all items of each benchmark came out alike
                interval = wilson_interval(accuracy, sum(one["num_items"] for one in figures))
            rows.append({"model": model, "benchmark": AVERAGE, "accuracy": accuracy} | interval_columns(interval))
    return rounded(pl.DataFrame(rows, schema=RESULTS))


def benchmark_figures(attempts: pl.DataFrame, *, benchmark: str) -> dict[str, Any]:
    """Return the figures of one model's attempts at one benchmark."""
    per_item = solved_by_item(attempts)
    (num_attempts,) = per_item["num_attempts"].unique().to_list()
    is_correct, is_finished = pl.col("verdict") == Verdict.EQUAL.value, pl.col("finish_reason") != "length"
    shares = attempts.select(
        finished=is_finished.mean(),
        accuracy_given_finished=is_correct.filter(is_finished).mean(),
        undecided=(pl.col("verdict") == Verdict.UNDECIDED.value).mean(),
        mean_tokens=pl.col("num_tokens").mean(),
        mean_tokens_finished=pl.col("num_tokens").filter(is_finished).mean(),
    ).row(0, named=True)
    by_item = pass_at_k(per_item["num_attempts"], per_item["num_solved"], 1).to_numpy()
    at_n = pass_at_k(per_item["num_attempts"], per_item["num_solved"], num_attempts)
    interval = accuracy_interval(by_item, num_attempts=num_attempts, name=benchmark)
    return {
        "num_items": per_item.height,
        "num_attempts": num_attempts,
        "accuracy": float(by_item.mean()),
        **interval_columns(interval),
        "pass_at_n": at_n.mean(),
        **shares,
    }


def comparisons(attempts: pl.DataFrame, *, baseline: str) -> pl.DataFrame:
    """Return the COMPARISONS of every other model with the baseline; no rows where there is none.

    Raises:
        StageError: two models did not attempt the same items.
    """
    benchmarks = order_of(attempts, "benchmark")
    rows: list[dict[str, Any]] = []
    for model in order_of(attempts, "model"):
        if model == baseline:
            continue
        differences = {name: item_differences(attempts, name, model, baseline) for name in benchmarks}
        names = {"model": model, "baseline": baseline}
        rows += [names | {"benchmark": name} | one_comparison({name: differences[name]}) for name in benchmarks]
        if len(benchmarks) > 1:
            rows.append(names | {"benchmark": AVERAGE} | one_comparison(differences))
    return rounded(pl.DataFrame(rows, schema=COMPARISONS))


def one_comparison(differences: dict[str, Floats]) -> dict[str, Any]:
    """Return what the items' differences say; of several benchmarks, of the mean of their means."""
    mean = float(np.mean([values.mean() for values in differences.values()]))
    interval = average_interval(differences)
    by_chance = np.mean([flipped_means(values, name=name) for name, values in differences.items()], axis=0)
    chance = chance_level(mean, by_chance)
    together = np.concatenate(list(differences.values()))
    return {
        "num_items": len(together),
        "difference": mean,
        "low": interval.low,
        "high": interval.high,
        "chance_level": chance,
        "num_better": int((together > 0).sum()),
        "num_worse": int((together < 0).sum()),
        "num_same": int((together == 0).sum()),
        "outcome": outcome(interval, chance),
    }


def outcome(interval: Interval, chance: float) -> str:
    """Say what a difference with this interval and p-value shows."""
    if chance < MAX_CHANCE and interval.high < 0:
        return "got worse"
    if chance < MAX_CHANCE and interval.low > 0:
        return "got better"
    return "no difference shown"


# -- by item -----------------------------------------------------------------------------------------------------------


def solved_by_item(attempts: pl.DataFrame) -> pl.DataFrame:
    """Return problem_id, num_attempts and num_solved, items in order of their ids."""
    return (
        attempts.group_by("problem_id")
        .agg(num_attempts=pl.len().cast(pl.Int64), num_solved=(pl.col("verdict") == Verdict.EQUAL.value).sum())
        .sort("problem_id")
    )


def item_means(attempts: pl.DataFrame, benchmark: str) -> Floats:
    """Return the share of solved attempts of each item of a benchmark, in order of their ids."""
    per_item = solved_by_item(attempts.filter(pl.col("benchmark") == benchmark))
    return (per_item["num_solved"] / per_item["num_attempts"]).to_numpy()


def item_differences(attempts: pl.DataFrame, benchmark: str, model: str, baseline: str) -> Floats:
    """Return, for each item, the model's share of solved attempts minus the baseline's.

    Raises:
        StageError: the two did not attempt the same items.
    """
    of_benchmark = attempts.filter(pl.col("benchmark") == benchmark)
    ours, theirs = (of_benchmark.filter(pl.col("model") == name) for name in (model, baseline))
    if set(ours["problem_id"]) != set(theirs["problem_id"]):
        raise StageError(f"{benchmark}: {model} and {baseline} attempted different items; this is a bug")
    return item_means(ours, benchmark) - item_means(theirs, benchmark)


def average_interval(values: dict[str, Floats]) -> Interval:
    """Return the interval of the mean over benchmarks, whose items are resampled apart from each other."""
    return interval_of(np.mean([bootstrap_means(of_one, name=name) for name, of_one in values.items()], axis=0))


# -- frames ------------------------------------------------------------------------------------------------------------


def order_of(attempts: pl.DataFrame, column: str) -> Sequence[str]:
    """Return the values of a column in the order in which they come first."""
    return attempts[column].unique(maintain_order=True).to_list()


def interval_columns(interval: Interval) -> dict[str, Any]:
    """Return an interval as columns of RESULTS."""
    return {"low": interval.low, "high": interval.high, "interval": interval.method}


def rounded(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame with its fractions rounded."""
    return frame.with_columns(pl.col(pl.Float64).round(NUM_DIGITS))
