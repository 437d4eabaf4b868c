import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.forecast.evidence import MIN_PARTS, TOKEN_SPREAD, counted_share, measured_amount

PARTS = st.lists(st.tuples(st.floats(1, 1e6), st.integers(1, 2_000)), min_size=1, max_size=12)


@given(kept=st.integers(0, 10**6), dropped=st.integers(0, 10**6))
def test_share_that_was_counted_is_never_surely_none_or_all(kept: int, dropped: int):
    share = counted_share(kept, kept + dropped)
    assert (share.alpha, share.beta) == (kept + 0.5, dropped + 0.5)


@given(parts=PARTS)
def test_mean_is_that_of_all_problems_whatever_the_parts(parts: list[tuple[float, int]]):
    counts, problems = [count for count, _ in parts], [float(size) for _, size in parts]
    amount = measured_amount(counts, problems)
    assert amount.mean == pytest.approx(sum(counts) / sum(problems))
    assert amount.relative_error == pytest.approx(amount.spread / math.sqrt(sum(problems)))


@given(parts=PARTS, factor=st.floats(0.01, 100))
def test_unit_of_the_count_changes_the_mean_alone(parts: list[tuple[float, int]], factor: float):
    counts, problems = [count for count, _ in parts], [float(size) for _, size in parts]
    one, other = measured_amount(counts, problems), measured_amount([count * factor for count in counts], problems)
    assert other.mean == pytest.approx(one.mean * factor)
    assert other.spread == pytest.approx(one.spread, abs=1e-6)


def test_parts_tell_how_much_problems_vary():
    random = np.random.default_rng(0)
    sizes = random.integers(50, 500, 400)
    counts = [float(random.normal(1_000, 300, size).sum()) for size in sizes]
    assert measured_amount(counts, [float(size) for size in sizes]).spread == pytest.approx(0.3, rel=0.1)


def test_few_parts_tell_nothing_of_that():
    few = measured_amount([1.0] * (MIN_PARTS - 1), [1.0] * (MIN_PARTS - 1))
    assert (few.spread, few.degrees_of_freedom) == (TOKEN_SPREAD, math.inf)
    enough = measured_amount([1.0] * MIN_PARTS, [1.0] * MIN_PARTS)
    assert (enough.spread, enough.degrees_of_freedom) == (0.0, MIN_PARTS - 1.0)


def test_solver_that_wrote_nothing_has_a_mean_of_zero():
    assert measured_amount([0.0] * 9, [5.0] * 9).mean == 0
