"""Which letters behind a number are its unit."""

import pytest

from limo_curation.answers.units import Quantity, split_quantity


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("5 cm", "5", "cm"),
        ("5cm^{2}", "5", "cm2"),
        ("3 square feet", "3", "ft2"),
        ("3平方厘米", "3", "cm2"),
        ("60 km/h", "60", "km/h"),
        (r"\sqrt{3} cm", r"\sqrt{3}", "cm"),
        ("€1,000.99", "1,000.99", "euro"),
        ("5.50元", "5.50", "yuan"),
        ("12 red apples", "12", "red apples"),
    ],
)
def test_units_are_told_from_the_number(text: str, number: str, unit: str) -> None:
    assert split_quantity(text) == Quantity(number, unit)


def test_millions_are_part_of_the_number() -> None:
    assert split_quantity("5 million") == Quantity("5", "", 1_000_000)
    assert split_quantity("5 million dollars") == Quantity("5", "dollar", 1_000_000)
    assert split_quantity("3万元") == Quantity("3", "yuan", 10_000)


def test_a_letter_without_a_space_may_be_a_variable() -> None:
    assert split_quantity("5m") == Quantity("5", "m", is_doubtful=True)
    assert split_quantity("5 m") == Quantity("5", "m")


@pytest.mark.parametrize(
    "text",
    ["5", "x", "cm", "5 hundred apples", "3 tenths", "2 dozens", "7 more apples", "5 apples each", r"2\sec", "2x"],
)
def test_words_that_change_a_number_are_no_units(text: str) -> None:
    assert split_quantity(text) is None
