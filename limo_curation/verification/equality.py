r"""Decide whether two sides are equal as people write equations: exactly, rounded, in other units.

1/3 = 0.33  holds: rounded          100/3 = 33     unchecked: rounded to a whole number, or cut off
0.33 * 3 = 1  unchecked: the 0.33 was rounded before          2.4 hours = 2 hours 24 minutes  holds
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from fractions import Fraction
from typing import Final

from limo_curation.verification.claims import Status
from limo_curation.verification.sides import Side, Sides, evaluate
from limo_curation.verification.tokens import Token
from limo_curation.verification.units import differ_in_unit
from limo_curation.verification.values import UnclearError, Value

FLOAT_TOLERANCE: Final = 1e-9  # ours: relative; what is not rational is evaluated in double precision
LARGEST: Final = 10**300
FAR_APART: Final = 0.2  # ours: relative difference from which an approximation fails
MISPRINTED: Final = 0.02  # ours: relative difference, for a decimal that is said to be about an exact value
MIN_ROUNDED_PLACES: Final = 3  # ours: a decimal with as many places may have been rounded before
PRINTED_DIGITS: Final = 12  # ours: from here on a decimal is one that a program printed
PRINTED_TOLERANCE: Final = 1e-11
MAX_NUDGED: Final = 20  # ours: decimals of a side that are looked at for that


def compare(sides: Sides, left: Side, right: Side, rounded: Set[str]) -> Status:
    """Return whether a claim holds.

    Args:
        sides: the claim.
        left: its left side, evaluated.
        right: its right side, evaluated.
        rounded: decimals that the chain rounded before, as written.
    """
    if are_equal(left.value, right.value):
        return Status.HOLDS
    if is_huge(left.value) or is_huge(right.value):
        return Status.UNCHECKED if isinstance(left.value, float) or isinstance(right.value, float) else Status.FAILS
    if rounds(left.value, right) or rounds(right.value, left):
        return Status.HOLDS
    if left.percents or right.percents:
        return compare_percents(sides, left, right)
    if left.is_ambiguous or right.is_ambiguous or is_same_angle(left, right) or is_pi(sides.left) or is_pi(sides.right):
        return Status.UNCHECKED
    if sides.is_approximate:
        is_far = are_far_apart(left.value, right.value) or is_misprinted(left, right)
        return Status.FAILS if is_far else Status.UNCHECKED
    if is_nearly(left.value, right) or is_nearly(right.value, left):
        return Status.UNCHECKED
    if differ_in_unit(sides, left, right) or came_from_rounding(sides, left, right, rounded):
        return Status.UNCHECKED
    return Status.FAILS


def are_equal(left: Value, right: Value) -> bool:
    """Return whether two values are equal, roots within what double precision holds."""
    if isinstance(left, float) or isinstance(right, float):
        if is_huge(left) or is_huge(right):
            return False
        return math.isclose(left, right, rel_tol=FLOAT_TOLERANCE, abs_tol=FLOAT_TOLERANCE)
    return left == right


def is_same_angle(left: Side, right: Side) -> bool:
    """Return whether two sides may be one angle: they differ by whole turns, or are in radians and degrees."""
    if left.has_degrees != right.has_degrees and (left.has_circle or right.has_circle):
        return True  # a conversion: pi/2 = 90 degrees
    turns = abs(left.value - right.value) / math.tau
    return left.has_circle and right.has_circle and math.isclose(turns, round(turns), abs_tol=FLOAT_TOLERANCE)


def is_pi(tokens: Sequence[Token]) -> bool:
    """Return whether a side is a bare pi, which may be a name."""
    return len(tokens) == 1 and tokens[0].text == r"\pi"


def is_huge(value: Value) -> bool:
    """Return whether a value is beyond what double precision holds."""
    return abs(value) > LARGEST


def are_far_apart(left: Value, right: Value) -> bool:
    """Return whether two values are too different for an approximation."""
    return abs(left - right) > FAR_APART * max(abs(left), abs(right))


def is_misprinted(left: Side, right: Side) -> bool:
    """Return whether a decimal is no approximation of a side that has no decimals: 20/7 is not about 2.757."""
    apart = abs(left.value - right.value)
    is_decimal = right.is_literal and right.places > 0 and not left.decimals
    return is_decimal and apart > 2 * last_place(right) and apart > MISPRINTED * abs(left.value)


def rounds(value: Value, written: Side) -> bool:
    """Return whether a value, rounded or cut off at the last place of a decimal, is that decimal."""
    if not written.is_literal or not written.places:
        return False
    if len(str(written.value.denominator if isinstance(written.value, Fraction) else 1)) >= PRINTED_DIGITS:
        return math.isclose(value, written.value, rel_tol=PRINTED_TOLERANCE)  # 0.09999999999999998
    unit = last_place(written) / (100 if written.percents and not isinstance(value, float) else 1)
    apart = abs(value) - abs(written.value)
    if isinstance(value, float) and written.percents:
        unit /= 100
    return value * written.value >= 0 and (abs(apart) * 2 <= unit or 0 <= apart < unit)


def last_place(written: Side) -> Fraction:
    """Return what one unit of a number's last place is worth."""
    return Fraction(10) ** -written.places


def is_nearly(value: Value, written: Side) -> bool:
    """Return whether a written number may be a value rounded up or down, or to a whole number."""
    if not written.is_literal or are_equal(value, written.value):
        return False
    unit = last_place(written)
    is_whole = not isinstance(value, float) and Fraction(value / unit).denominator == 1
    return not is_whole and abs(value - written.value) < unit


def compare_percents(sides: Sides, left: Side, right: Side) -> Status:
    """Compare again with percent signs as mere signs: 90/450 * 100 = 20%, and 50 + 20% is left alone."""
    try:
        as_sign = [evaluate(tokens, {}, percent_is_sign=True) for tokens in (sides.left, sides.right)]
    except UnclearError:
        return Status.UNCHECKED
    if are_equal(as_sign[0].value, as_sign[1].value):
        is_result = all(side.is_literal or not side.percents for side in (left, right))
        return Status.HOLDS if is_result else Status.UNCHECKED  # 50 * 20% = 1000 is not what it says
    if rounds_plainly(as_sign[0].value, as_sign[1]) or rounds_plainly(as_sign[1].value, as_sign[0]):
        return Status.HOLDS
    near = any(
        is_nearly(one, other)
        for one, other in (
            (as_sign[0].value, as_sign[1]),
            (as_sign[1].value, as_sign[0]),
            (left.value * 100, as_sign[1]),
            (right.value * 100, as_sign[0]),
        )
    )
    is_unclear = left.is_ambiguous or right.is_ambiguous or near or sides.is_approximate
    return Status.UNCHECKED if is_unclear else Status.FAILS


def rounds_plainly(value: Value, written: Side) -> bool:
    """Return whether a number of percent is a rounded decimal before a percent sign."""
    unit = last_place(written)
    apart = abs(value) - abs(written.value)
    return written.is_literal and written.places > 0 and (abs(apart) * 2 <= unit or 0 <= apart < unit)


# -- rounding before ---------------------------------------------------------------------------------------------------


def came_from_rounding(sides: Sides, left: Side, right: Side, rounded: Set[str]) -> bool:
    """Return whether the difference is within what decimals that were rounded before have lost."""
    lost, known = Fraction(0), {text for text, _ in left.decimals}
    for tokens, side in ((sides.left, left), (sides.right, right)):
        for text, index in side.decimals[:MAX_NUDGED]:
            places = len(text.partition(".")[2])
            is_new = side is right and not right.is_literal and text not in known  # 452/1.05^14 = 452/1.98
            if places < MIN_ROUNDED_PLACES and text not in rounded and not is_new:
                continue
            try:
                lost += abs(Fraction(evaluate(tokens, {}, nudged=index).value) - Fraction(side.value))
            except UnclearError:
                return True
    for side in (left, right):
        if lost and side.is_literal:
            lost += last_place(side) / 2
    return abs(Fraction(left.value) - Fraction(right.value)) <= lost
