"""Two single values: what the symbolic tier is asked, and what is settled without it."""

import pytest

from limo_curation.answers.leaves import Reading
from limo_curation.answers.normalisation import normalise
from limo_curation.answers.policy import DEFAULT_POLICY
from limo_curation.answers.reading import read
from limo_curation.answers.scalars import Rules, compare_scalars
from limo_curation.answers.verdicts import Comparison, Reason, Verdict, equal, undecided


class FakeTier:
    """Remembers what it was asked and says that everything is equal."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(self, left: str, right: str) -> Comparison:
        self.asked.append((left, right))
        return equal(Reason.SYMBOLIC)


def never(left: str, right: str) -> Comparison:
    """Stand for a tier that must not be asked."""
    raise AssertionError((left, right))


def reading(text: str) -> Reading:
    """Return the reading of an answer as it was written."""
    return read(normalise(text))


def test_both_orders_ask_the_same_question() -> None:
    tier = FakeTier()
    for pair in (("2x", "x+x"), ("x+x", "2x")):
        compare_scalars(reading(pair[0]), reading(pair[1]), Rules(tier, DEFAULT_POLICY))
    assert tier.asked == [("2x", "x+x")] * 2


def test_degrees_are_asked_about_as_a_multiple_of_pi() -> None:
    tier = FakeTier()
    found = compare_scalars(reading("90°"), reading(r"\frac{\pi}{2}"), Rules(tier, DEFAULT_POLICY))
    assert found.verdict is Verdict.EQUAL
    assert tier.asked == [(r"\frac{1\pi}{2}", r"\frac{\pi}{2}")]


@pytest.mark.parametrize(
    ("left", "right", "reason"),
    [
        ("5", "5.0", Reason.SAME_NUMBER),
        (r"3\pi", r"9\sqrt{2}", Reason.OTHER_NUMBER),  # apart by more than their errors
        ("5 cm", "5 m", Reason.UNIT),
        ("5 apples", "5 oranges", Reason.UNIT),
        ("33%", "1/3", Reason.PERCENT),
        ("2/3", "0.667", Reason.ROUNDED),
        ("2/3", "0.66", Reason.ROUNDED),  # cut off
        (r"\infty", "5", Reason.OTHER_NUMBER),
        ("C", "12", Reason.CHOICE),
        ("yes", "no", Reason.OTHER_ELEMENT),
        ("prime", "Prime", Reason.SAME_TEXT),
        ("prime", "odd", Reason.NOT_UNDERSTOOD),
    ],
)
def test_most_values_need_no_algebra(left: str, right: str, reason: Reason) -> None:
    assert compare_scalars(reading(left), reading(right), Rules(never, DEFAULT_POLICY)).reason is reason


def test_unit_on_one_side_of_another_expression_is_undecided() -> None:
    rules = Rules(lambda _left, _right: undecided(Reason.DEADLINE), DEFAULT_POLICY)
    assert compare_scalars(reading("2x cm"), reading("x+x"), rules) == undecided(Reason.UNIT)
