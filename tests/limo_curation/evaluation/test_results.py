"""Figures by hand: what counts as correct, which items are compared, and when a model may be called better or worse."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.errors import StageError
from limo_curation.evaluation.results import COMPARISONS, RESULTS, comparisons, results
from tests.limo_curation.evaluation.signs import attempts

# -- one model ---------------------------------------------------------------------------------------------------------


def test_figures_of_a_small_benchmark_are_those_counted_by_hand() -> None:
    (row,) = results(attempts("base", ["++-|", "----", "+?||"])).to_dicts()

    assert (row["num_items"], row["num_attempts"]) == (3, 4)
    assert row["accuracy"] == pytest.approx(3 / 12)
    assert row["pass_at_n"] == pytest.approx(2 / 3, abs=1e-6)
    assert row["finished"] == pytest.approx(9 / 12)
    assert row["accuracy_given_finished"] == pytest.approx(3 / 9, abs=1e-6)
    assert row["undecided"] == pytest.approx(1 / 12, abs=1e-6)  # and not correct
    assert row["mean_tokens"] == pytest.approx(2.5)
    assert row["mean_tokens_finished"] == pytest.approx((1 + 2 + 3 + 1 + 2 + 3 + 4 + 1 + 2) / 9, abs=1e-6)
    assert row["interval"] == "bootstrap"
    assert row["low"] <= row["accuracy"] <= row["high"]


def test_one_sample_of_each_item_has_an_interval_of_wilson() -> None:
    (row,) = results(attempts("base", ["+", "-", "-", "-"])).to_dicts()

    assert row["interval"] == "Wilson"
    assert (row["low"], row["high"]) == (pytest.approx(0.0456, abs=1e-4), pytest.approx(0.6994, abs=1e-4))


def test_what_nobody_counted_or_finished_is_null_not_zero() -> None:
    (row,) = results(attempts("base", ["||"]).with_columns(num_tokens=pl.lit(None, pl.Int64))).to_dicts()

    assert row["accuracy_given_finished"] is row["mean_tokens"] is row["mean_tokens_finished"] is None
    assert (row["accuracy"], row["finished"]) == (0.0, 0.0)


def test_benchmarks_count_alike_in_the_average_however_many_items_they_have() -> None:
    both = pl.concat([attempts("base", ["+-"] * 4), attempts("base", ["--"] * 36 + ["++"] * 4, benchmark="large")])

    average = results(both).row(2, named=True)

    assert average["benchmark"] == "average"
    assert average["accuracy"] == pytest.approx((0.5 + 0.1) / 2)
    assert average["low"] < 0.3 < average["high"]
    assert average["num_items"] is average["finished"] is None


def test_an_average_of_benchmarks_that_nobody_solves_is_not_certain() -> None:
    both = pl.concat([attempts("base", ["-"] * 30), attempts("base", ["-"] * 30, benchmark="other")])

    average = results(both).row(2, named=True)

    assert (average["interval"], average["low"]) == ("Wilson", 0.0)
    assert average["high"] > 0.05


def test_results_do_not_depend_on_the_order_of_attempts() -> None:
    rows = attempts("base", ["++--", "+---", "----", "++++", "-+-+"])

    assert results(rows.sample(fraction=1, shuffle=True, seed=3)).equals(results(rows))


# -- two models --------------------------------------------------------------------------------------------------------


def test_models_are_compared_item_by_item_not_row_by_row() -> None:
    base = attempts("base", {"a": "+", "b": "-", "c": "-", "d": "+"})
    tuned = attempts("tuned", {"d": "-", "c": "+", "b": "+", "a": "+"})

    (row,) = comparisons(pl.concat([base, tuned]), baseline="base").to_dicts()

    assert (row["num_better"], row["num_worse"], row["num_same"]) == (2, 1, 1)
    assert row["difference"] == 0.25


def test_a_model_that_loses_on_most_items_got_worse() -> None:
    base, tuned = attempts("base", ["+"] * 20 + ["-"] * 10), attempts("tuned", ["-"] * 15 + ["+"] * 5 + ["-"] * 10)

    (row,) = comparisons(pl.concat([base, tuned]), baseline="base").to_dicts()

    assert row["outcome"] == "got worse"
    assert row["high"] < 0
    assert row["chance_level"] < 0.001
    (mirrored,) = comparisons(pl.concat([base, tuned]), baseline="tuned").to_dicts()
    assert (mirrored["model"], mirrored["outcome"], mirrored["num_better"]) == ("base", "got better", 15)


@pytest.mark.parametrize("signs", [["+-", "-+"], ["+", "-"], ["++", "--"]])
def test_two_items_show_no_difference_whatever_their_interval(signs: list[str]) -> None:
    lost = attempts("tuned", ["-" * len(one) for one in signs])
    won = attempts("base", ["+" * len(one) for one in signs])

    (row,) = comparisons(pl.concat([won, lost]), baseline="base").to_dicts()

    assert (row["low"], row["high"]) == (-1.0, -1.0)  # the bootstrap alone would be sure
    assert row["outcome"] == "no difference shown"


def test_small_losses_on_each_benchmark_may_show_on_average() -> None:
    frames: list[pl.DataFrame] = []
    for benchmark in ("a", "b", "c"):
        frames.append(attempts("base", ["+"] * 40 + ["-"] * 10, benchmark=benchmark))
        frames.append(attempts("tuned", ["-"] * 5 + ["+"] * 35 + ["-"] * 10, benchmark=benchmark))

    found = comparisons(pl.concat(frames), baseline="base")

    assert found["benchmark"].to_list() == ["a", "b", "c", "average"]
    assert found["outcome"].to_list() == ["no difference shown"] * 3 + ["got worse"]
    assert found["num_worse"].to_list() == [5, 5, 5, 15]


@given(st.lists(st.sampled_from(["++", "+-", "--"]), min_size=1, max_size=40))
def test_a_model_beside_itself_shows_no_difference(signs: list[str]) -> None:
    (row,) = comparisons(pl.concat([attempts("a", signs), attempts("b", signs)]), baseline="a").to_dicts()

    assert (row["difference"], row["num_same"], row["outcome"]) == (0.0, len(signs), "no difference shown")
    assert row["chance_level"] == 1.0


def test_chance_is_called_a_difference_about_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(0)
    called = 0
    for trial in range(100):
        chances = rng.beta(2, 2, size=30)
        a, b = (["+" if hit else "-" for hit in rng.random(30) < chances] for _ in range(2))
        found = comparisons(
            pl.concat([attempts("a", a, benchmark=f"{trial}"), attempts("b", b, benchmark=f"{trial}")]), baseline="a"
        )
        called += found["outcome"][0] != "no difference shown"
    assert called <= 10


def test_a_baseline_alone_is_compared_with_nothing() -> None:
    assert comparisons(attempts("base", ["+"]), baseline="base").schema == COMPARISONS
    assert results(attempts("base", ["+"])).schema == RESULTS


def test_other_items_are_never_compared() -> None:
    with pytest.raises(StageError, match="different items"):
        comparisons(pl.concat([attempts("a", {"x": "+"}), attempts("b", {"y": "+"})]), baseline="a")
