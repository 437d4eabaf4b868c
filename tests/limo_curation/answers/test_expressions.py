"""One reading or none: what is parsed, what is folded to a number, and what is refused."""

import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.answers.expressions import parse_expression


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5+5+1", 11),
        ("8.8-2.8", 6),
        ("6(7)", 42),
        ("(2)(3)", 6),
        ("-2^{2}", -4),
        ("(-2)^{2}", 4),
        (r"2\cdot-3", -6),
        ("5+-3", 2),
        (r"3/5\cdot2/4", Fraction(3, 10)),
        ("5--3", 8),
        ("2^{-3}", Fraction(1, 8)),
        (r"\frac{1+2}{4}", Fraction(3, 4)),
        (r"\sqrt{9}", 3),
        (r"\sqrt[3]{-8}", -2),
        ("27^{2/3}", 9),
        ("10!", 3_628_800),
        (r"\binom{6}{3}", 20),
        ("|3-5|", 2),
        (r"2^{10}-1", 1023),
    ],
)
def test_rational_numbers_are_folded_exactly(text: str, value: Fraction) -> None:
    expression = parse_expression(text)
    assert expression is not None
    assert expression.value == value


@pytest.mark.parametrize(
    "text",
    [r"\sqrt{2}", "n(n+1)", r"\frac{\pi}{2}", r"\log_{2}x", r"\sin^{2} x", "x_{1}+x_{2}", "e^{-sT}", "xy", "sqrt(2)/2"],
)
def test_other_expressions_are_parsed_and_have_no_value(text: str) -> None:
    expression = parse_expression(text)
    assert expression is not None
    assert expression.value is None


@pytest.mark.parametrize(
    "text",
    [
        "1/2x",  # a half of x, or one over 2x
        "1/2/3",  # a date
        r"2\frac{1}{3}\pi",  # a mixed number or a product
        "7((1)/(2))",  # the same
        "f(x)",  # a value or a product
        "6I(0)",
        "y(t)",
        "x2",
        "2^{3}^{4}",
        "n!!",
        r"\sin x/2",
        r"\sin x(2)",
        r"\sin^{-1} x",
        "1 1/2",
        "5 by 3",
        "even",
        "AB",
        "(-8)^{1/3}",  # -2, or a complex number
        "0^{0}",
        "1/0",
        "(1",
        "",
    ],
)
def test_what_writers_read_in_two_ways_is_refused(text: str) -> None:
    assert parse_expression(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "9^{9^{9^{9}}}",
        "2^{99999999}",
        "(10^{9})!",
        r"\binom{99999}{5}",
        "(" * 300 + "1" + ")" * 300,
        "-" * 500 + "1",
        "1+" * 290 + "1",
        "1" * 5_000,
    ],
)
def test_size_is_bounded(text: str) -> None:
    started = time.perf_counter()
    parse_expression(text)
    assert time.perf_counter() - started < 1


@given(st.text(alphabet="0123456789.+-*/^_(){}[]|!xyei \\", max_size=40))
@settings(deadline=None)
def test_any_text_is_survived(text: str) -> None:
    parse_expression(text)


@given(st.integers(-999, 999), st.integers(-999, 999), st.integers(1, 99))
@settings(deadline=None)
def test_arithmetic_is_that_of_fractions(first: int, second: int, third: int) -> None:
    expression = parse_expression(f"({first})\\cdot({second})-\\frac{{{first}}}{{{third}}}")
    assert expression is not None
    assert expression.value == first * second - Fraction(first, third)
