"""Single values: numbers with units, expressions, words."""

from fractions import Fraction

import pytest

from limo_curation.answers.leaves import BASED, read_grouped, read_scalar


def test_number_and_unit_are_told_apart() -> None:
    found = read_scalar("2.5 cm^{2}")
    assert (found.value, found.unit, found.leaf) == (Fraction(5, 2), "cm2", "2.5")
    assert read_scalar("5m").unit == "m?"


def test_millions_are_in_the_value_and_remembered() -> None:
    found = read_scalar("5 million")
    assert (found.value, found.factor) == (5_000_000, 1_000_000)


def test_base_is_no_subscript() -> None:
    found = read_scalar("101_{2}")
    assert (found.kind, found.value, found.base) == (BASED, 5, 2)
    assert read_scalar("x_{1}").kind != BASED


@pytest.mark.parametrize("text", ["3-5", "even", "1/2x", "f(x)", r"\sum_{n}n"])
def test_what_has_no_one_value_is_neither_number_nor_question(text: str) -> None:
    found = read_scalar(text)
    assert found.value is None
    assert not found.is_symbolic


def test_degrees_of_an_angle_are_no_unit() -> None:
    assert read_scalar(r"\sin 30°").unit is None


def test_thousands_with_a_unit_are_one_number() -> None:
    found = read_grouped("1,000.99 m^{2}")
    assert found is not None
    assert found.value == Fraction(100_099, 100)
    assert read_grouped("1, 2 cm") is None
