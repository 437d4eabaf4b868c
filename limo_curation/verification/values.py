"""Calculate with exact values, and with floats behind an irrational root, within bounds.

    number_value("1,250.50")  ->  2501/2, 2        root(12, 2)  ->  3.4641...        power(10, 10**6)  ->  UnclearError

Every operation bounds the size of its result first, so that a tower of powers costs nothing.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from limo_curation.answers.arithmetic import integer_root

THOUSANDS: Final = re.compile(r"[{},，\\!]")
Value = int | Fraction | float

MAX_BITS: Final = 1 << 13  # ours: of an exact number
MAX_DIGITS: Final = 400  # ours: of a written number


class UnclearError(ValueError):
    """The side has no reading, more than one, or a name without a value; never leaves this package."""


def number_value(text: str) -> tuple[Value, int]:
    """Return the value of a written number and the digits behind its point."""
    if not text.isdigit():
        text = THOUSANDS.sub("", text)
    if len(text) > MAX_DIGITS or (text[0] == "0" and text.isdigit() and len(text) > 1):
        raise UnclearError("digits")  # 0900 is a time of day
    whole, point, behind = text.partition(".")
    if not point:
        return int(text), 0
    value = Fraction(int(whole + behind), 10 ** len(behind))
    return exact(value), len(behind)


def exact(value: Fraction) -> Value:
    """Return an integer where the value is one."""
    return value.numerator if value.denominator == 1 else value


def bounded(value: Value) -> Value:
    """Return a value that is not too large to go on with."""
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise UnclearError("bits")
    elif isinstance(value, Fraction):
        if value.denominator == 1:
            value = value.numerator
        elif value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
            raise UnclearError("bits")
    return value


def divided(above: Value, below: Value) -> Value:
    """Return the exact quotient where both are exact."""
    if not below:
        raise UnclearError("zero")
    if isinstance(above, float) or isinstance(below, float):
        return float(above) / float(below)
    return bounded(Fraction(above, below) if isinstance(above, int) and isinstance(below, int) else above / below)


def power(base: Value, exponent: Value) -> Value:
    """Return a power; roots only of what is not negative."""
    if isinstance(exponent, Fraction):
        return root(power(base, exponent.numerator), exponent.denominator)
    if isinstance(exponent, float):
        if base <= 0:
            raise UnclearError("power")
        return float(base) ** exponent
    if abs(exponent) > MAX_BITS or (not base and exponent <= 0):
        raise UnclearError("power")
    if isinstance(base, float):
        return base**exponent
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if bits * abs(exponent) > MAX_BITS and abs(base) != 1:
        raise UnclearError("power")
    return bounded(Fraction(base) ** exponent)


def root(value: Value, index: int) -> Value:
    """Return a real root, exact where it is rational."""
    if not 2 <= index <= 64:
        raise UnclearError("index")
    if value < 0:
        if index % 2 == 0:
            raise UnclearError("root")
        return -root(-value, index)
    if isinstance(value, float):
        return value ** (1 / index)
    above, below = integer_root(value.numerator, index), integer_root(value.denominator, index)
    if above is not None and below is not None:
        return divided(above, below)
    return float(value) ** (1 / index)
