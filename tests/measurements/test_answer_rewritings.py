"""That the label of a rewritten pair is right: an independent reading of plain numbers must agree with it."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from measurements.answer_rewritings import Pair, rewritten


def value(text: str) -> Fraction | None:
    """Read an integer, a decimal, a fraction, or a mixed number, without the code that is measured."""
    text = text.replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac").replace("{,}", "")
    if re.fullmatch(r"-?[0-9]{1,3}(?:,[0-9]{3})+", text):
        return Fraction(text.replace(",", ""))
    mixed = re.fullmatch(r"(-?)([0-9]+)(?: |\\frac\{)([0-9]+)(?:/|\}\{)([0-9]+)\}?", text)
    if mixed is not None:
        size = int(mixed[2]) + Fraction(int(mixed[3]), int(mixed[4]))
        return -size if mixed[1] else size
    fraction = re.fullmatch(r"(-?)\\frac\{(-?[0-9]+)\}\{(-?[0-9]+)\}", text)
    if fraction is not None:
        return Fraction(int(fraction[2]), int(fraction[3])) * (-1 if fraction[1] else 1)
    plain = re.fullmatch(r"-?[0-9]+(?:\.[0-9]+)?(?:/[0-9]+)?", text)
    return Fraction(text) if plain is not None and not re.search(r"\..*/", text) else None


def check(pairs: list[Pair]) -> int:
    """Return how many pairs are plain numbers; their labels are what the numbers say."""
    checked = 0
    for pair in pairs:
        one, other = value(pair.predicted), value(pair.gold)
        if one is not None and other is not None:
            assert (one == other) == pair.is_equal, pair
            checked += 1
    return checked


@given(st.integers(-999_999_999, 999_999_999))
def test_labels_of_rewritten_integers_are_right(number: int) -> None:
    assert check(list(rewritten(str(number)))) > 0


@given(st.sampled_from(["", "-"]), st.integers(1, 9_999_999), st.integers(1, 9_999_999))
def test_labels_of_rewritten_fractions_are_right(sign: str, above: int, below: int) -> None:
    assert check(list(rewritten(f"{sign}\\frac{{{above}}}{{{below}}}"))) > 0


@given(st.decimals(-9_999, 9_999, places=3).map(str))
def test_labels_of_rewritten_decimals_are_right(number: str) -> None:
    check(list(rewritten(number)))


@pytest.mark.parametrize(
    ("gold", "predicted", "is_equal"),
    [
        (r"3\sqrt{5}", r"\sqrt{45}", True),
        (r"3\sqrt{5}", r"\sqrt{15}", False),
        ("(1, 2)", "(2, 1)", False),
        (r"\{1, 2\}", r"\{2, 1\}", True),
        ("1, 2", "2, 1", True),
        ("[0, 2)", "(0, 2)", False),
        ("12_5", "12_{6}", False),
        (r"30^\circ", "30°", True),
        ("x+2", "2+x", True),
        ("x+2", "x-2", False),
    ],
)
def test_structures_are_rewritten_with_their_label(gold: str, predicted: str, is_equal: bool) -> None:
    assert [pair.is_equal for pair in rewritten(gold) if pair.predicted == predicted] == [is_equal]


@pytest.mark.parametrize(
    "gold", [r"\frac{37}{10}", "0", "100", r"4\sqrt{4}", "i^2+1", "x_2+1", "1,234", r"\frac{1}{", "2 days"]
)
def test_nothing_false_is_made_of_what_is_easily_misread(gold: str) -> None:
    made = [pair for pair in rewritten(gold) if pair.predicted == pair.gold and not pair.is_equal]
    assert not made
    assert not [pair for pair in rewritten(gold) if pair.kind == "order of a list"]
    if gold == r"\frac{37}{10}":
        assert not [pair for pair in rewritten(gold) if pair.kind == "mixed number glued"]
    if gold in ("i^2+1", "x_2+1"):
        assert not [pair for pair in rewritten(gold) if pair.kind == "doubled"]


@given(st.one_of(st.integers(-9_999, 9_999).map(str), st.from_regex(r"\A[1-9]{1,3}, [1-9]{1,3}\Z")))
def test_no_pair_has_two_labels(gold: str) -> None:
    labels: dict[tuple[str, str], bool] = {}
    for pair in rewritten(gold):
        assert labels.setdefault((pair.predicted, pair.gold), pair.is_equal) == pair.is_equal, pair
