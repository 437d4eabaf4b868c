r"""Calculate with rational numbers of a bounded size: `5!` is 120, `27^{2/3}` is 9, `9^{9^{9}}` is refused at once."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

MAX_FACTORIAL: Final = 4_000
MAX_INDEX: Final = 64  # ours: of a root that is looked for among the whole numbers
MAX_BITS: Final = 1 << 16  # ours: of a folded number; 2010! has 19,000


class UnclearError(ValueError):
    """What was written has no reading or more than one, or is too large; the parser makes None of it."""


def fold(operation: str, values: list[Fraction]) -> Fraction | None:
    """Return the rational value of an operation on rational numbers; None where it has none that is rational."""
    first, last = values[0], values[-1]
    match operation:
        case "+":
            return sum(values, Fraction())
        case "*":
            return first * last
        case "/":
            if not last:
                raise UnclearError("division by zero")
            return first / last
        case "^":
            return power(first, last)
        case "root":
            if last.denominator != 1 or last < 2:
                raise UnclearError("root")
            return root(first, last.numerator)
        case "abs":
            return abs(first)
        case "!":
            if first.denominator != 1 or not 0 <= first <= MAX_FACTORIAL:
                raise UnclearError("factorial")
            return Fraction(math.factorial(first.numerator))
        case "binom":
            if any(value.denominator != 1 or not 0 <= value <= MAX_FACTORIAL for value in values):
                raise UnclearError("binomial")
            return Fraction(math.comb(first.numerator, last.numerator))
        case "floor":
            return Fraction(math.floor(first))
        case "ceil":
            return Fraction(math.ceil(first))
        case _:
            return None


def power(base: Fraction, exponent: Fraction) -> Fraction | None:
    """Return a power, where it is rational and of a bounded size."""
    if exponent.denominator != 1:
        if base < 0:  # (-8)^{1/3} is -2 for some, and a complex number for others
            raise UnclearError("power")
        base_root = exact_root(base, exponent.denominator)
        return None if base_root is None else power(base_root, Fraction(exponent.numerator))
    size = max(base.numerator.bit_length(), base.denominator.bit_length()) * abs(exponent.numerator)
    if size > MAX_BITS or (not base and exponent <= 0):  # 0^0 is 1 for some
        raise UnclearError("power")
    return base**exponent.numerator


def root(radicand: Fraction, index: int) -> Fraction | None:
    """Return a real root, where it is rational."""
    if radicand >= 0:
        return exact_root(radicand, index)
    value = exact_root(-radicand, index) if index % 2 else None
    return None if value is None else -value


def exact_root(base: Fraction, index: int) -> Fraction | None:
    """Return the root of a number that is not negative, where it is rational."""
    if index > MAX_INDEX:
        return None
    roots = [integer_root(part, index) for part in (base.numerator, base.denominator)]
    return None if None in roots else Fraction(roots[0] or 0, roots[1] or 1)


def integer_root(value: int, index: int) -> int | None:
    """Return the whole root of a whole number, or None where it is not whole."""
    if value < 2:
        return value
    if index == 2:
        root = math.isqrt(value)
    else:
        low, high = 1, 1 << (value.bit_length() // index + 1)
        while low < high - 1:
            middle = (low + high) // 2
            low, high = (middle, high) if middle**index <= value else (low, middle)
        root = low
    return root if root**index == value else None
