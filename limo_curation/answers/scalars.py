r"""Compare two single values: numbers with their units, words, choice letters, expressions.

`5 cm` and `5`     ->  equal, the unit stands on one side only      `1/3` and `0.333`  ->  undecided, rounded
`5 cm` and `5 m`   ->  different                                   `50%` and `0.5`    ->  undecided, percent
`90°` and `\pi/2`  ->  asked of the symbolic tier                  `yes` and `no`     ->  different
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from limo_curation.answers.approximation import are_apart
from limo_curation.answers.leaves import INFINITIES, Reading
from limo_curation.answers.numbers import THOUSANDS, is_cut_to, last_place, rational, rounds_to
from limo_curation.answers.policy import AnswerPolicy
from limo_curation.answers.units import GENERIC, UNITS
from limo_curation.answers.verdicts import Comparison, Reason, Verdict, different, equal, undecided

CompareLeaf = Callable[[str, str], Comparison]

LETTER: Final = re.compile("[A-J]|[①-⑳]")
WORD: Final = re.compile("[A-Za-z]{2,}(?:[ -][A-Za-z]+)*")
OPPOSITES: Final = frozenset(
    frozenset(pair.split()) for pair in ("yes no", "true false", "even odd", "是 否", "是 不是", "对 错", "正确 错误")
)
KNOWN_UNITS: Final = frozenset(UNITS.values())
MAX_ABOUT: Final = Fraction(1, 10)  # ours: two numbers this far apart (of the larger) are not about the same


@dataclass(frozen=True, slots=True)
class Rules:
    """What a comparison goes by; the second of two readings is always the gold answer's."""

    leaf: CompareLeaf
    """Says what the symbolic tier says about two expressions or equations."""
    policy: AnswerPolicy

    def ask(self, left: str, right: str) -> Comparison:
        """Ask the symbolic tier, with one order for both orders of the two."""
        return self.leaf(min(left, right), max(left, right))


def compare_scalars(left: Reading, right: Reading, rules: Rules) -> Comparison:
    """Compare two values with or without units."""
    units = {(reading.unit or "").rstrip("?") for reading in (left, right)}
    if "%" in units and len(units) > 1:
        return compare_percent(left, right, units, rules)
    found = compare_about(left, right, rules)
    if len(units) == 1:
        return found
    if "" not in units:  # 5 cm is not 5 m, but 100 cm may be 1 m
        is_measured = {unit.rstrip("23") for unit in units} <= KNOWN_UNITS and not units & GENERIC
        is_same_number = found.verdict is Verdict.EQUAL and bool(left.value)
        return different(Reason.UNIT) if is_same_number and is_measured else undecided(Reason.UNIT)
    if "°" in units and found.verdict is not Verdict.EQUAL and r"\pi" in left.leaf + right.leaf:
        return compare_angles(left, right, rules)
    is_doubtful = "?" in f"{left.unit}{right.unit}" or rules.policy.units == "required"
    are_numbers = left.value is not None and right.value is not None
    is_sure = are_numbers if found.verdict is Verdict.DIFFERENT else not is_doubtful
    return found if is_sure and found.verdict is not Verdict.UNDECIDED else undecided(Reason.UNIT)


def compare_percent(left: Reading, right: Reading, units: set[str], rules: Rules) -> Comparison:
    """Compare two values of which one has a percent sign: 50% may stand for 50 or for 0.5."""
    if left.value is None or right.value is None or "" not in units:
        return undecided(Reason.PERCENT)
    percent, other = (left.value, right.value) if left.unit == "%" else (right.value, left.value)
    if rules.policy.percent != "undecided":
        percent = percent / 100 if rules.policy.percent == "hundredth" else percent
        return equal(Reason.PERCENT) if percent == other else different(Reason.OTHER_NUMBER)
    is_either = other in (percent, percent / 100, percent * 100)
    return undecided(Reason.PERCENT) if is_either or is_near(percent, other) else different(Reason.OTHER_NUMBER)


def is_near(percent: Fraction, other: Fraction) -> bool:
    """Return whether a percentage may be another number rounded, in either reading."""
    return any(abs(reading - other) <= abs(other) * MAX_ABOUT for reading in (percent, percent / 100))


def compare_angles(left: Reading, right: Reading, rules: Rules) -> Comparison:
    """Compare degrees with a multiple of pi."""
    degrees, radians = (left, right) if left.unit == "°" else (right, left)
    if degrees.value is None or radians.unit is not None:
        return undecided(Reason.UNIT)
    angle = degrees.value / 180
    found = rules.ask(rf"\frac{{{angle.numerator}\pi}}{{{angle.denominator}}}", radians.leaf)
    return found if found.verdict is Verdict.EQUAL else undecided(Reason.UNIT)


def compare_about(left: Reading, right: Reading, rules: Rules) -> Comparison:
    """Compare two values without their units; what is only about right is the other's equal under a policy only."""
    found = compare_values(left, right, rules)
    if left.is_approximate == right.is_approximate or (rules.policy.decimals != "exact" and right.is_approximate):
        return found
    if left.value is None or right.value is None:
        return undecided(Reason.ROUNDED)
    distance = abs(left.value - right.value)
    is_far = distance > max(abs(left.value), abs(right.value)) * MAX_ABOUT
    return different(Reason.OTHER_NUMBER) if is_far else undecided(Reason.ROUNDED)


def compare_values(left: Reading, right: Reading, rules: Rules) -> Comparison:
    """Compare two values as if both were exact and had no units."""
    if left.value is not None and right.value is not None:
        return compare_numbers(left, right, rules)
    if left.leaf == right.leaf:
        return equal(Reason.SAME_TEXT)
    if left.leaf in INFINITIES or right.leaf in INFINITIES:
        return compare_infinities(left, right)
    letters = [LETTER.fullmatch(side.leaf) is not None for side in (left, right)]
    if any(letters):  # C may be the third option, whatever that says
        return different(Reason.CHOICE) if all(letters) else undecided(Reason.CHOICE)
    words = [side.leaf.casefold() for side in (left, right)]
    if frozenset(words) in OPPOSITES:
        return different(Reason.OTHER_ELEMENT)
    if words[0] == words[1] and WORD.fullmatch(left.leaf) and not left.is_symbolic:
        return equal(Reason.SAME_TEXT)
    if all(side.value is not None or side.is_symbolic for side in (left, right)):
        if not (last_place(left.leaf) or last_place(right.leaf)) and are_apart(left.leaf, right.leaf):
            return different(Reason.OTHER_NUMBER)
        found = rules.ask(left.leaf, right.leaf)
        is_accepted = found.reason is Reason.ROUNDED and rules.policy.decimals == "gold_places"
        return equal(Reason.ROUNDED) if is_accepted and last_place(right.leaf) else found
    return undecided(Reason.NOT_UNDERSTOOD)


def compare_infinities(left: Reading, right: Reading) -> Comparison:
    """Compare two values of which one is infinite."""
    signs = [INFINITIES.get(side.leaf) for side in (left, right)]
    is_finite = [side.value is not None or side.is_symbolic for side in (left, right)]
    if any(sign is None and not known for sign, known in zip(signs, is_finite, strict=True)):
        return undecided(Reason.NOT_UNDERSTOOD)
    return equal(Reason.SAME_TEXT) if signs[0] == signs[1] else different(Reason.OTHER_NUMBER)


def compare_numbers(left: Reading, right: Reading, rules: Rules) -> Comparison:
    """Compare two exact numbers; a rounded decimal against the number that it rounds is undecided."""
    if left.value is None or right.value is None:
        return undecided(Reason.NOT_UNDERSTOOD)
    if left.value == right.value:
        return equal(Reason.SAME_NUMBER)
    if left.factor != right.factor and left.value / left.factor == right.value / right.factor:
        return undecided(Reason.UNIT)  # `1 million` against 1: the question may ask for millions
    if may_be_grouped(left, right):
        return undecided(Reason.GROUPING)
    places = last_place(left.leaf), last_place(right.leaf)
    if places[1] and rounds_to(left.value, right.value, places[1]):
        return equal(Reason.ROUNDED) if rules.policy.decimals == "gold_places" else undecided(Reason.ROUNDED)
    is_rounded = places[0] and (
        rounds_to(right.value, left.value, places[0]) or is_cut_to(right.value, left.value, places[0])
    )
    is_cut = places[1] and is_cut_to(left.value, right.value, places[1])
    return undecided(Reason.ROUNDED) if is_rounded or is_cut else different(Reason.OTHER_NUMBER)


def may_be_grouped(left: Reading, right: Reading) -> bool:
    """Return whether a comma leaves it open what the numbers are: `100,200` may be two, and `1,234` may be 1.234."""
    commas = [side for side in (left, right) if "," in side.leaf and THOUSANDS.fullmatch(side.leaf)]
    if len(commas) == 1:
        other = right if commas[0] is left else left
        return rational(commas[0].leaf.replace(",", ".")) == other.value
    return bool(commas) and sorted(left.leaf.split(",")) == sorted(right.leaf.split(","))


# -- notations ---------------------------------------------------------------------------------------------------------

GROUPED: Final = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{2,3}){0,9},[0-9]{3}")
"""Also as in India: 1,00,000."""
DECIMAL_COMMA: Final = re.compile(r"[+-]?(?:[0-9]{4,15},[0-9]{1,9}|[0-9]{1,3},0[0-9]{1,9}|0,[0-9]{3,9})")
NUM_APART: Final = 3


def compare_decimal_comma(left: Reading, right: Reading) -> Comparison | None:
    """Compare `1000,99` with `1000.99`; None where they are not such a pair.

    Equal only where the comma can hardly separate two numbers or thousands: `0,5` may be the two numbers 0 and 5.
    """
    point, comma = (left, right) if "," in right.text else (right, left)
    if point.value is None or "," not in comma.text:
        return None
    digits = comma.text.replace(" ", "")
    if GROUPED.fullmatch(digits) and rational(digits.replace(",", "")) == point.value:
        return undecided(Reason.GROUPING)
    if "." not in point.text or rational(comma.text.replace(",", ".")) != point.value:
        return None
    return equal(Reason.SAME_NUMBER) if DECIMAL_COMMA.fullmatch(comma.text) else undecided(Reason.GROUPING)


def compare_bases(left: Reading, right: Reading) -> Comparison:
    """Compare a number that names its base with another number."""
    if left.value is None or right.value is None:
        return undecided(Reason.BASE)
    if left.base == right.base:
        return equal(Reason.SAME_NUMBER) if left.value == right.value else different(Reason.OTHER_NUMBER)
    readings = {side.value for side in (left, right)} | {digits_of(side) for side in (left, right)}
    return different(Reason.OTHER_NUMBER) if len(readings - {None}) == NUM_APART else undecided(Reason.BASE)


def digits_of(number: Reading) -> Fraction | None:
    """Return the value of a number's digits as if it named no base."""
    return rational(number.leaf.partition("_")[0].strip("()"))
