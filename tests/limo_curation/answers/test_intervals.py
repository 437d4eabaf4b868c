"""Intervals that are not written as such."""

import pytest

from limo_curation.answers import Verdict, compare_answers


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("|x|<3", "(-3,3)"),
        (r"|x|\le a", r"-a\le x\le a"),
        (r"|x|\ge 3", r"x\le -3 or x\ge 3"),
        (r"1<|x|\le 2", r"[-2,-1)\cup(1,2]"),
        (r"\mathbb{R}", r"x \in (-\infty,\infty)"),
    ],
)
def test_absolute_values_are_read_as_intervals(left: str, right: str) -> None:
    assert compare_answers(left, right) is Verdict.EQUAL


def test_other_bounds_are_other_intervals() -> None:
    assert compare_answers("|x|<3", "|x|<4") is Verdict.DIFFERENT
    assert compare_answers("|x|>3", "|x|>5") is Verdict.DIFFERENT
    assert compare_answers("|x|<3", r"|x|\le 3") is Verdict.DIFFERENT


def test_a_lower_bound_that_may_be_negative_is_not_understood() -> None:
    assert compare_answers("|x|>a", "x<-a or x>a") is Verdict.UNDECIDED
