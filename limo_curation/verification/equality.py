r"""Decide whether two sides are equal as people write equations: exactly, rounded, in other units.

1/3 = 0.33  holds: rounded          100/3 = 33     unchecked: rounded to a whole number, or cut off
0.33 * 3 = 1  unchecked: the 0.33 was rounded before          2.4 hours = 2 hours 24 minutes  holds
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final

from limo_curation.verification.arithmetic import WORDS
from limo_curation.verification.claims import Run
from limo_curation.verification.sides import Side, evaluate
from limo_curation.verification.tokens import Token, listed
from limo_curation.verification.values import UnclearError, Value, number_value


class Status(StrEnum):
    """What became of a claim."""

    HOLDS = "holds"
    FAILS = "fails"
    UNCHECKED = "unchecked"


FLOAT_TOLERANCE: Final = 1e-9  # ours: relative; what is not rational is evaluated in double precision
LARGEST: Final = 10**300
FAR_APART: Final = 0.2  # ours: relative difference from which an approximation fails
MISPRINTED: Final = 0.02  # ours: relative difference, for a decimal that is said to be about an exact value
MIN_ROUNDED_PLACES: Final = 3  # ours: a decimal with as many places may have been rounded before
PRINTED_DIGITS: Final = 12  # ours: from here on a decimal is one that a program printed
PRINTED_TOLERANCE: Final = 1e-11
HOUR: Final = 3600
NEARLY_SAME_TIME: Final = 0.01  # ours: relative; 100 minutes = 1.67 hours
MAX_TIME_PARTS: Final = 4
MAX_NUDGED: Final = 20  # ours: decimals of a side that are looked at for that

SECONDS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("second", "seconds", "sec", "secs", "秒"), 1),
    **dict.fromkeys(("minute", "minutes", "min", "mins", "分", "分钟"), 60),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h", "小时", "时"), 3600),
    **dict.fromkeys(("day", "days", "天"), 86400),
    **dict.fromkeys(("week", "weeks", "周", "星期"), 604800),
}
CENTS_IN_DOLLAR: Final = "100"
SIBILANTS: Final = ("ches", "shes", "xes", "sses", "zes", "oes")
MEASURES: Final = listed(
    "second sec minute min hour hr day week month year inch inche foot feet yard mile mm cm m meter metre km"
    " kilometer in ft yd mi lb g kg gram kilogram pound ounce oz ton cup pint quart gallon liter litre ml milliliter"
    " cent dollar dime nickel penny pennie dozen 元 角 分 米 厘米 千米 克 千克 小时 分钟"
)
CONVERSIONS: Final = listed(
    "2 3 4 7 8 10 12 14 16 20 24 30 32 36 52 60 64 100 128 144 365 366 1000 1440 1760 2000 3600 5280 10000 1000000"
    " 1000000000"
)
"""Ratios of units that are named on two sides (of time, length, mass, volume, money, number)."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of a claim as tokens, and the units behind them."""

    left: Sequence[Token]
    right: Sequence[Token]
    left_unit: str
    right_unit: str
    is_approximate: bool


def compare(
    sides: Sides, left: Side, right: Side, names: Mapping[str, Value], rounded: frozenset[str] | set[str]
) -> Status:
    """Return whether a claim holds.

    Args:
        sides: the claim.
        left: its left side, evaluated.
        right: its right side, evaluated.
        names: the values that both were evaluated with.
        rounded: decimals that the chain rounded before, as written.
    """
    if are_equal(left.value, right.value):
        return Status.HOLDS
    if is_huge(left.value) or is_huge(right.value):
        return Status.UNCHECKED if isinstance(left.value, float) or isinstance(right.value, float) else Status.FAILS
    if rounds(left.value, right) or rounds(right.value, left):
        return Status.HOLDS
    if left.percents or right.percents:
        return compare_percents(sides, left, right, names)
    if left.is_ambiguous or right.is_ambiguous or is_same_angle(left, right) or is_pi(sides.left) or is_pi(sides.right):
        return Status.UNCHECKED
    if sides.is_approximate:
        is_far = are_far_apart(left.value, right.value) or is_misprinted(left, right)
        return Status.FAILS if is_far else Status.UNCHECKED
    if is_nearly(left.value, right) or is_nearly(right.value, left):
        return Status.UNCHECKED
    if differ_in_unit(sides, left, right) or came_from_rounding(sides, left, right, names, rounded):
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


def compare_percents(sides: Sides, left: Side, right: Side, names: Mapping[str, Value]) -> Status:
    """Compare again with percent signs as mere signs: 90/450 * 100 = 20%, and 50 + 20% is left alone."""
    try:
        as_sign = [evaluate(tokens, names, percent_is_sign=True) for tokens in (sides.left, sides.right)]
    except UnclearError:
        return Status.UNCHECKED
    if are_equal(as_sign[0].value, as_sign[1].value):
        return Status.HOLDS
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


# -- units -------------------------------------------------------------------------------------------------------------


def differ_in_unit(sides: Sides, left: Side, right: Side) -> bool:
    """Return whether two named units may make up for the difference, as in 5 * 2 hours = 600 minutes."""
    behind = {unit_name(unit) for unit in right.units} | ({unit_name(sides.right_unit)} - {""})
    before = {unit_name(unit) for unit in left.units} | ({unit_name(sides.left_unit)} - {""})
    if len(before & MEASURES) > 1:
        return True  # 4 pounds - 6 ounces = 58 ounces
    low, high = sorted((abs(Fraction(left.value)), abs(Fraction(right.value))))
    ratio = str(high / low) if low else ""
    if not before or not behind:
        return behind == {"dollar"} and ratio == CENTS_IN_DOLLAR
    if before == behind and len(before) == 1:
        return False
    is_sum = not any(token.text in "*/" for token in sides.left)
    if before and behind and before.isdisjoint(behind) and (is_sum or len(left.units) == 1):
        return True  # a scale or a price: 1/2 inch = 20 miles, 3 pencils + 1 pen = 124 cents
    return ratio in CONVERSIONS and before != behind


def unit_name(unit: str) -> str:
    """Return a unit without its plural and LaTeX's wrapping."""
    words = (unit[unit.index("{") + 1 :].rstrip("}") if unit.startswith("\\") else unit).strip().lower().split()
    if not words:
        return ""
    return words[0].removesuffix("es") if words[0].endswith(SIBILANTS) else words[0].removesuffix("s")


def compare_times(tokens: Sequence[Token], left: Run, right: Run) -> Status | None:
    """Return whether two times are equal, `2.4 hours = 2 hours 24 minutes`; None where a side is none.

    Days and weeks may be working days, so that they only ever hold.
    """
    if tokens[left.high - 1].kind not in WORDS:
        return None
    before, behind = time_until(tokens, left.high), time_from(tokens, right.low)
    if before is None or behind is None or before.low > left.low or behind.high < right.high:
        is_compound = any(time is not None and time.num_parts > 1 for time in (before, behind))
        return Status.UNCHECKED if is_compound else None
    if before.seconds == behind.seconds:
        return Status.HOLDS
    apart = abs(before.seconds - behind.seconds) / max(before.seconds, behind.seconds)
    is_working_time = max(before.largest, behind.largest) > HOUR
    is_part = before.low > 0 and tokens[before.low - 1].kind in WORDS  # "every 2 hours = 12 hours"
    return Status.UNCHECKED if is_working_time or is_part or apart < NEARLY_SAME_TIME else Status.FAILS


@dataclass(frozen=True, slots=True)
class Time:
    """A time of one or more parts, and where it stands."""

    seconds: Fraction
    largest: int
    """Seconds of its largest unit."""
    num_parts: int
    low: int
    high: int


def time_from(tokens: Sequence[Token], low: int) -> Time | None:
    """Read a time from its beginning on."""
    return read_time(tokens, low, 1)


def time_until(tokens: Sequence[Token], high: int) -> Time | None:
    """Read a time back from its end."""
    return read_time(tokens, high - 2, -1)


def read_time(tokens: Sequence[Token], at: int, step: int) -> Time | None:
    """Read numbers with units of time, pair after pair."""
    seconds, factors, first = Fraction(0), list[int](), at
    while at >= 0 and at + 1 < len(tokens) and tokens[at].kind == "number" and len(factors) < MAX_TIME_PARTS:
        factor = SECONDS.get(time_unit(tokens[at + 1]))
        if factor is None:
            break
        seconds += Fraction(number_value(tokens[at].text)[0]) * factor
        factors.append(factor)
        at += 2 * step
    if not factors:
        return None
    low, high = (first, at) if step > 0 else (at + 2, first + 2)
    return Time(seconds, max(factors), len(factors), low, high)


def time_unit(token: Token) -> str:
    """Return the first word of what stands behind a number."""
    words = unit_words(token).split()
    return words[0] if words else ""


def unit_words(token: Token) -> str:
    """Return a unit's words without LaTeX's wrapping."""
    text = token.text
    return (text[text.index("{") + 1 : -1] if token.kind == "text" else text).strip().lower()


# -- rounding before ---------------------------------------------------------------------------------------------------


def came_from_rounding(
    sides: Sides, left: Side, right: Side, names: Mapping[str, Value], rounded: frozenset[str] | set[str]
) -> bool:
    """Return whether the difference is within what decimals that were rounded before have lost."""
    lost, known = Fraction(0), {text for text, _ in left.decimals}
    for tokens, side in ((sides.left, left), (sides.right, right)):
        for text, index in side.decimals[:MAX_NUDGED]:
            places = len(text.partition(".")[2])
            is_new = side is right and not right.is_literal and text not in known  # 452/1.05^14 = 452/1.98
            if places < MIN_ROUNDED_PLACES and text not in rounded and not is_new:
                continue
            try:
                lost += abs(Fraction(evaluate(tokens, names, nudged=index).value) - Fraction(side.value))
            except UnclearError:
                return True
    for side in (left, right):
        if lost and side.is_literal:
            lost += last_place(side) / 2
    return abs(Fraction(left.value) - Fraction(right.value)) <= lost
