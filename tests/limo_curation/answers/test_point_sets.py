"""Sets of reals are equal where they hold the same numbers, however they are put together."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.answers import Verdict, compare_answers
from limo_curation.answers.normalisation import normalise
from limo_curation.answers.point_sets import complement, merged, pieces_of, point
from limo_curation.answers.reading import read


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (r"(0,1)\cup\{1\}", r"\{1\}\cup(0,1)"),
        (r"(0,1)\cup\{1\}", r"x \in (0,1]"),
        (r"\{1,2\}\cup\{3\}", r"\{1,2,3\}"),
        (r"[0,2]\cup[1,3]", r"0 \le x \le 3"),
        (r"x \ne 0", r"(-\infty,0)\cup(0,\infty)"),
        (r"\mathbb{R}\setminus\{0\}", r"x \ne 0"),
        (r"\mathbb{R}\setminus\{-1,1\}", r"x \ne 1, x \ne -1"),
        (r"(-\infty,1)\cup[1,\infty)", r"\mathbb{R}"),
        ("x<-1 or x>1", r"\mathbb{R} \setminus [-1,1]"),
    ],
)
def test_the_same_numbers_are_the_same_set(left: str, right: str) -> None:
    assert compare_answers(left, right) is Verdict.EQUAL


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (r"(-\infty,-3]\cup[2,\infty)", "[-3,2]"),
        (r"(0,1)\cup(1,5)", r"x \in (0,5)"),
        (r"\mathbb{R}\setminus\{0\}", r"x \ne 5"),
    ],
)
def test_other_numbers_are_another_set(left: str, right: str) -> None:
    assert compare_answers(left, right) is not Verdict.EQUAL


def test_one_number_is_not_all_others() -> None:
    assert compare_answers(r"x \ne 1", "1") is Verdict.UNDECIDED
    assert compare_answers("n<1 or n>3", r"n \le 0 or n \ge 4") is Verdict.UNDECIDED  # the same whole numbers


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), max_size=5), st.fractions(-12, 12, max_denominator=2)
)
@settings(deadline=None)
def test_merging_keeps_every_number(pieces: list[tuple[int, int]], number: Fraction) -> None:
    made = [(point(Fraction(low))[0], point(Fraction(high))[1]) for low, high in pieces]
    found = merged(made)
    assert found is not None
    place = point(number)
    is_in = any(low <= place[0] and place[1] <= high for low, high in found)
    assert is_in == any(low <= number <= high for low, high in pieces)
    assert is_in != any(low <= place[0] and place[1] <= high for low, high in complement(found))
    assert complement(complement(found)) == found


def test_ends_that_are_not_rational_are_left_to_the_elements() -> None:
    assert pieces_of(read(normalise(r"(0,\sqrt{2})"))) is None
