"""Plain numbers are read exactly, and what may be something else is not read."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.answers.numbers import based_number, last_place, rational


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("007", 7),
        ("-0", 0),
        ("12,500", 12_500),
        ("1 234 567.5", Fraction(2_469_135, 2)),
        (".5", Fraction(1, 2)),
        ("3.", 3),
        ("1 1/2", Fraction(3, 2)),
        (r"-1\frac{1}{2}", Fraction(-3, 2)),
        (r"2.5\times10^{3}", 2_500),
        ("1.5e3", 1_500),
        ("3.61e-2", Fraction(361, 10_000)),
        (r"0.1\overline{6}", Fraction(1, 6)),
    ],
)
def test_numbers_are_exact(text: str, value: Fraction) -> None:
    assert rational(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "1,2",
        "12,34",
        "1,00,000",
        "0,500",
        "1/0",
        "1 3/2",
        "2e-3",
        "1.2.3",
        "0x10",
        "1_000",
        "--1",
        "1" * 2_000,
    ],
)
def test_what_may_be_something_else_is_no_number(text: str) -> None:
    assert rational(text) is None


def test_base_is_part_of_a_number() -> None:
    assert based_number("101_{2}") == (5, 2)
    assert based_number("FF_{16}") == (255, 16)
    assert based_number("102_{2}") is None
    assert based_number("x_1") is None


def test_last_place_of_scientific_notation_counts_the_exponent() -> None:
    assert last_place("3.14") == Fraction(1, 100)
    assert last_place(r"1.87\times10^{6}") == 10_000
    assert last_place("1.87e6") == 10_000
    assert last_place("12") is None
    assert last_place(r"\frac{1}{3}") is None


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-10_000, max_value=10_000))
@settings(deadline=None)
def test_decimals_are_read_as_python_reads_them(value: object) -> None:
    assert rational(f"{value}") == Fraction(f"{value}")


@given(st.text(alphabet="0123456789.,-+/ e^{}\\frac", max_size=20))
@settings(deadline=None)
def test_any_text_is_survived(text: str) -> None:
    rational(text)
