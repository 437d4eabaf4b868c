"""What a normalised answer is: kinds, elements, names, units; and what is not understood stays opaque."""

import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.answers.leaves import CHOICE, EQUATION, LIST, OPAQUE, RATIO, SCALAR, SET, UNION, Reading
from limo_curation.answers.normalisation import normalise
from limo_curation.answers.reading import read


def reading(text: str) -> Reading:
    """Return the reading of an answer as it was written."""
    return read(normalise(text))


@pytest.mark.parametrize(
    ("text", "kind", "num_items"),
    [
        ("5", SCALAR, 0),
        ("1, 2", LIST, 2),
        ("1, 2 or 3", LIST, 3),
        (r"\pm 2", LIST, 2),
        (r"\pm 1, \pm 2", LIST, 4),
        (r"\{1, 2, 3\}", SET, 3),
        ("(1, 2)", "()", 2),
        ("(1, 2]", "(]", 2),
        ("x < 3", "()", 2),
        (r"x \ge 3", "[)", 2),
        ("x<1 or x>2", UNION, 2),
        ("2:3", RATIO, 2),
        ("C. 12", CHOICE, 1),
        ("2x+y=3", EQUATION, 0),
        (r"\begin{pmatrix}1&2\\3&4\\5&6\end{pmatrix}", "matrix 3x2", 6),
    ],
)
def test_structure_is_read(text: str, kind: str, num_items: int) -> None:
    found = reading(text)
    assert found.kind == kind
    assert len(found.items) == num_items


def test_names_units_and_values_are_told_apart() -> None:
    found = reading(r"v = 2.5\text{ km/h}")
    assert (found.name, found.value, found.unit) == ("v", Fraction(5, 2), "km/h")


def test_half_open_and_infinite_pairs_are_surely_intervals() -> None:
    assert reading("(1, 2]").is_interval
    assert reading(r"(1, \infty)").is_interval
    assert reading("1<x<2").is_interval
    assert not reading("(1, 2)").is_interval


@pytest.mark.parametrize(
    "text",
    [
        "",
        r"\ne 1",
        r"\approx 1",
        "(1, 2",
        "1, and then some",
        "1,05",
        r"\{x \mid x \text{ is prime}\}",
        r"x \equiv 1 \pmod 3",
        "x < x^2",
        "[5]",
    ],
)
def test_what_is_not_surely_understood_is_opaque(text: str) -> None:
    assert reading(text).kind == OPAQUE


@given(st.text(alphabet="0123456789.,;:/-+()[]{}\\ ^_xyabC=<>|%$°√π∪∈≤", max_size=60))
@settings(deadline=None)
def test_any_text_is_survived(text: str) -> None:
    reading(text)


def test_time_is_bounded() -> None:
    started = time.perf_counter()
    for piece in ("(", "()", "1,", ",", "{1,", "x=", "5 cm ", "or ", "|x|<", "1:", r"\cup", "is ", r"\pm1,", "C. "):
        reading(piece * (2_000 // len(piece)))
    reading("(" * 999 + "1" + ")" * 999)
    assert time.perf_counter() - started < 5
