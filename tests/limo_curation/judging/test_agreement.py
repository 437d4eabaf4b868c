"""Agreement with labels: kappa against known values and another formula, its interval, and the biases."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.judging.agreement import Agreement, measure, rank_correlation, weighted_kappa

LEVEL = st.integers(1, 5)


def kappa(pairs: list[tuple[int, int]]) -> float | None:
    labels, grades = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return weighted_kappa(labels, grades)


def graded(pairs: list[tuple[int, int | None]], lengths: list[int] | None = None) -> pl.DataFrame:
    numbers = range(len(pairs))
    return pl.DataFrame(
        {
            "label": [label for label, _ in pairs],
            "level": [level for _, level in pairs],
            "question": [f"q{number}" for number in numbers],
            "num_characters": lengths or [100 + number for number in numbers],
        },
        schema_overrides={"label": pl.Int64, "level": pl.Int64, "num_characters": pl.Int64},
    )


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(1, 1), (3, 3), (5, 5)], 1.0),
        ([(1, 3), (2, 2), (3, 1)], -1.0),
        ([(1, 1), (1, 2), (2, 1), (2, 2)], 0.0),
        ([(1, 1), (2, 2), (3, 3), (4, 4), (5, 4)], 1 - (1 / 5) / (85 / 25)),  # the 25 pairs by chance are 85 apart
        ([(1, 3), (2, 3), (5, 3)], 0.0),
        ([(3, 3), (3, 3)], None),
        ([], None),
    ],
)
def test_kappa_has_its_known_values(pairs: list[tuple[int, int]], expected: float | None) -> None:
    found = kappa(pairs)
    assert found == expected if expected is None else found == pytest.approx(expected)


@given(st.lists(st.tuples(LEVEL, LEVEL), min_size=1))
def test_kappa_is_the_concordance_coefficient(pairs: list[tuple[int, int]]) -> None:
    """With quadratic weights it equals Lin's coefficient, which is computed from means and variances alone."""
    labels, grades = np.array(pairs, dtype=float).T
    spread = labels.var() + grades.var() + (labels.mean() - grades.mean()) ** 2
    found = kappa(pairs)
    if spread == 0:
        assert found is None
    else:
        covariance = ((labels - labels.mean()) * (grades - grades.mean())).mean()
        assert found == pytest.approx(2 * covariance / spread, abs=1e-9)


def test_chains_without_a_grade_are_counted_and_in_no_other_number() -> None:
    scored: list[tuple[int, int | None]] = [(1, 1), (2, 3), (5, 4), (4, 2)]
    with_gap, without = measure(graded([*scored, (5, None)]), "level"), measure(graded(scored), "level")
    assert (with_gap.num_chains, with_gap.num_unscored, with_gap.unscored_fraction) == (5, 1, 0.2)
    assert with_gap.kappa == without.kappa
    assert (with_gap.exact_fraction, with_gap.within_one_fraction, with_gap.mean_error_levels) == (0.25, 0.75, -0.5)


def test_without_any_grade_nothing_is_told() -> None:
    nothing = Agreement(2, 2, None, None, None, None, None, None, None)
    assert measure(graded([(1, None), (2, None)]), "level") == nothing
    assert measure(graded([]), "level").unscored_fraction == 1.0


def test_the_interval_holds_kappa_and_narrows_with_the_set() -> None:
    pairs: list[tuple[int, int | None]] = [(1, 1), (2, 2), (3, 4), (4, 4), (5, 5), (3, 2), (2, 1), (5, 4)]
    small, large = measure(graded(pairs), "level"), measure(graded(pairs * 20), "level")
    for one in (small, large):
        assert one.kappa_low is not None
        assert one.kappa is not None
        assert one.kappa_high is not None
        assert one.kappa_low <= one.kappa <= one.kappa_high
    assert large.kappa_high - large.kappa_low < (small.kappa_high - small.kappa_low) / 3  # pyright: ignore
    assert measure(graded(pairs), "level") == small


def test_chains_of_one_problem_count_as_one_draw() -> None:
    """Twenty chains of each problem tell little more than one of each."""
    pairs: list[tuple[int, int | None]] = [(1, 1), (2, 2), (3, 4), (4, 4), (5, 5), (3, 2), (2, 1), (5, 4)]
    once = measure(graded(pairs), "level")
    copies = pl.concat([graded(pairs)] * 20)
    many = measure(copies, "level")
    assert many.kappa == pytest.approx(once.kappa)
    assert many.kappa_low == pytest.approx(once.kappa_low)


def test_a_grader_that_rewards_length_is_found_out() -> None:
    lengths = [100, 200, 300, 400, 500, 600]
    by_length: list[tuple[int, int | None]] = [(3, 1), (3, 2), (3, 2), (3, 4), (3, 4), (3, 5)]
    biased = measure(graded(by_length, lengths), "level")
    assert biased.length_bias is not None
    assert biased.length_bias > 0.9
    assert measure(graded([(label, label) for label in (1, 5, 2)], [9, 8, 7]), "level").length_bias is None


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2))
def test_rank_correlation_is_that_of_polars(pairs: list[tuple[int, int]]) -> None:
    frame = pl.DataFrame(pairs, ["one", "other"], orient="row")
    expected = frame.select(pl.corr("one", "other", method="spearman")).item()
    found = rank_correlation(frame["one"], frame["other"])
    assert (found is None) == (expected is None or np.isnan(expected))
    assert found is None or found == pytest.approx(expected)
