"""A difference between approximate values is a proof, and nothing is proven where the values are near."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.answers.approximation import are_apart


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (r"3\pi", "9"),
        (r"\sqrt{8}", r"2\sqrt{3}"),
        (r"\frac{1+\sqrt{5}}{2}", r"\frac{1-\sqrt{5}}{2}"),
        (r"\ln 2", r"\log_{10} 2"),
        (r"2^{1/3}", r"2^{1/2}"),
        (r"\sin 1", r"\cos 1"),
        (r"10^{20}\pi+1", r"10^{20}\pi+10^{12}"),
    ],
)
def test_numbers_that_are_apart_are_told_apart(left: str, right: str) -> None:
    assert are_apart(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (r"\sqrt{8}", r"2\sqrt{2}"),
        (r"\sqrt{2}", r"\sqrt{2}+10^{-13}"),
        (r"10^{20}\pi+1", r"10^{20}\pi"),  # the difference is lost in doubles
        (r"\frac{1}{10^{20}\pi-10^{20}\pi}", "1"),
        (r"10^{200}\pi", r"10^{-200}\pi"),
        ("2x", "3x"),
        (r"\sqrt{-1}", "1"),
        ("i", "1"),
        (r"\ln 0", "1"),
        ("1/2x", "1"),
        ("", "1"),
    ],
)
def test_nothing_is_said_where_doubles_do_not_know(left: str, right: str) -> None:
    assert not are_apart(left, right)


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 10**6))
@settings(deadline=None)
def test_equal_numbers_are_never_apart(number: int, other: int, third: int) -> None:
    assert not are_apart(rf"\sqrt{{{number * number * other}}}", rf"{number}\sqrt{{{other}}}")
    assert not are_apart(
        rf"\frac{{\pi}}{{{number}}}+\frac{{\pi}}{{{other}}}", rf"\frac{{{number + other}}}{{{number * other}}}\pi"
    )
    assert not are_apart(rf"({number}+\sqrt{{{third}}})({number}-\sqrt{{{third}}})", f"{number * number - third}")
    assert not are_apart(rf"\ln {number}+\ln {other}", rf"\ln {number * other}")
    assert not are_apart(
        rf"\frac{{1}}{{\sqrt{{{other + 1}}}-\sqrt{{{other}}}}}", rf"\sqrt{{{other + 1}}}+\sqrt{{{other}}}"
    )
