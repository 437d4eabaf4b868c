"""Redraws: what is worked out is what drawing anew, many times, would show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.config import DifficultyConfig
from limo_curation.engine_config import Solver
from limo_curation.sensitivity.redraws import chances_of, distribution_of_sum, redraw
from limo_curation.tables import SAMPLES
from tests.rows import rows_of

STRONG = Solver(model="strong", num_attempts=32, max_tokens=10)
BAND = DifficultyConfig(strong=STRONG, min_solved=1, max_solved=3)


def samples(*solved: int, **more: Any) -> pl.DataFrame:
    known = {"strong_num_attempts": 32, "strong_num_undecided": 0} | more
    return rows_of(SAMPLES, *(known | {"strong_num_solved": count} for count in solved))


@given(st.integers(0, 32), st.sampled_from([1, 4, 32, 128]))
def test_chances_of_a_second_draw_add_up_to_one_around_the_posterior_mean(solved: int, attempts: int) -> None:
    solved = min(solved, attempts)
    chances = chances_of(solved, attempts)
    assert chances.sum() == pytest.approx(1)
    assert (chances @ np.arange(attempts + 1)) == pytest.approx(attempts * (solved + 0.5) / (attempts + 1))


def test_worked_out_chances_are_those_of_drawing_many_times() -> None:
    generator = np.random.default_rng(0)
    rates = generator.beta(3.5, 29.5, size=200_000)
    drawn = generator.binomial(32, rates)
    found = redraw(samples(3), BAND)
    assert found is not None
    assert found.counts[0].too_easy_chance == pytest.approx((drawn > 3).mean(), abs=0.005)
    assert found.counts[0].never_solved_chance == pytest.approx((drawn < 1).mean(), abs=0.005)


def test_number_that_leaves_is_a_sum_over_the_samples_with_an_interval() -> None:
    found = redraw(samples(*[1] * 40, *[3] * 60), BAND)
    assert found is not None
    assert (found.num_samples, [one.num_samples for one in found.counts]) == (100, [40, 60])
    expected = sum(one.num_samples * (one.too_easy_chance + one.never_solved_chance) for one in found.counts)
    assert found.expected_leaving == pytest.approx(expected)
    assert found.low < expected < found.high
    assert found.high - found.low == pytest.approx(2 * 1.645 * math.sqrt(100 * 0.25), abs=2)


def test_attempt_that_could_not_be_compared_keeps_a_problem_from_being_never_solved() -> None:
    found = redraw(samples(1, strong_num_undecided=1), BAND)
    assert found is not None
    assert found.expected_never_solved == 0


def test_published_rates_are_redrawn_with_their_own_attempts_on_the_scale_of_the_band() -> None:
    published = BAND.model_copy(update={"use_published_rates": True})
    many = {"strong_num_attempts": 128, "published_num_attempts": 128}
    found, few = redraw(samples(8, **many), published), redraw(samples(2), BAND)
    assert found is not None
    assert few is not None
    assert found.expected_leaving < few.expected_leaving, "four times the attempts tell more of the same rate"


def test_samples_without_counts_are_not_redrawn() -> None:
    assert redraw(samples(), BAND) is None
    assert redraw(rows_of(SAMPLES, {"question": "?"}), BAND) is None
    assert redraw(samples(2), BAND.model_copy(update={"enabled": False})) is None


@given(st.floats(0, 1), st.integers(0, 30))
def test_sum_of_equal_chances_is_binomial(chance: float, number: int) -> None:
    found = distribution_of_sum([(chance, number)])
    expected = [math.comb(number, k) * chance**k * (1 - chance) ** (number - k) for k in range(number + 1)]
    assert found == pytest.approx(expected, abs=1e-12)
