"""Rational numbers of a bounded size."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.answers.arithmetic import UnclearError, fold, integer_root, power


def test_powers_and_roots_are_exact_or_nothing() -> None:
    assert power(Fraction(27), Fraction(2, 3)) == 9
    assert power(Fraction(4, 9), Fraction(-1, 2)) == Fraction(3, 2)
    assert power(Fraction(2), Fraction(1, 2)) is None
    assert fold("root", [Fraction(-8), Fraction(3)]) == -2
    assert fold("root", [Fraction(-4), Fraction(2)]) is None


@pytest.mark.parametrize(
    ("operation", "values"),
    [
        ("/", [1, 0]),
        ("^", [0, 0]),
        ("^", [2, 10**9]),
        ("!", [10**6]),
        ("!", [-1]),
        ("binom", [10**6, 2]),
        ("root", [2, 1]),
    ],
)
def test_what_has_no_value_or_too_large_a_one_is_refused(operation: str, values: list[int]) -> None:
    with pytest.raises(UnclearError):
        fold(operation, [Fraction(value) for value in values])


@given(st.integers(0, 10**12), st.integers(2, 9))
@settings(deadline=None)
def test_whole_roots_are_found(root: int, index: int) -> None:
    assert integer_root(root**index, index) == root
    assert integer_root(root**index + 1, index) in (None, 1)
