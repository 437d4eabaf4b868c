r"""Tell where units make up for a difference: of time, of money, of measure.

2.4 hours = 2 hours 24 minutes  holds        1/2 inch = 20 miles, 5 * 2 hours = 600 minutes  left alone
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from limo_curation.verification.arithmetic import WORDS
from limo_curation.verification.claims import Run, Status
from limo_curation.verification.sides import Side, Sides
from limo_curation.verification.tokens import Token, listed
from limo_curation.verification.values import UnclearError, number_value

HOUR: Final = 3600
NEARLY_SAME_TIME: Final = 0.01  # ours: relative; 100 minutes = 1.67 hours
MAX_TIME_PARTS: Final = 4
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


def differ_in_unit(sides: Sides, left: Side, right: Side) -> bool:
    """Return whether two named units may make up for the difference, as in 5 * 2 hours = 600 minutes."""
    behind = {unit_name(unit) for unit in right.units} | ({unit_name(sides.right_unit)} - {""})
    before = {unit_name(unit) for unit in left.units} | ({unit_name(sides.left_unit)} - {""})
    if len(before & MEASURES) > 1:
        return True  # 4 pounds - 6 ounces = 58 ounces
    low, high = sorted((abs(Fraction(left.value)), abs(Fraction(right.value))))
    ratio = str(high / low) if low else ""
    if before and not behind and sides.is_carried_on:
        return ratio in CONVERSIONS
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
        try:
            seconds += Fraction(number_value(tokens[at].text)[0]) * factor
        except UnclearError:
            break
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
