r"""Tell two numbers apart by their approximate values: `3\pi` is not `9\sqrt{2}`, which needs no algebra.

Each value carries a bound on its error, so that a difference is a proof. Equality is not: that is the symbolic tier's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from limo_curation.answers.expressions import Expression, parse_expression

ROUNDING: Final = 1e-14  # ours: a generous bound on the relative error of one operation on doubles
MARGIN: Final = 1_000.0  # ours: how many times the bound two values must be apart
MAX_SIZE: Final = 1e100
MIN_SIZE: Final = 1e-100  # ours: beyond these two, doubles are left alone
MAX_CACHED: Final = 1_024


class Approximation(NamedTuple):
    """A real number and how far off it may be."""

    value: float
    error: float


def are_apart(left: str, right: str) -> bool:
    """Return whether two expressions surely are two different real numbers."""
    first, second = approximate_text(left), approximate_text(right)
    if first is None or second is None:
        return False
    return abs(first.value - second.value) > MARGIN * (first.error + second.error)


@lru_cache(maxsize=MAX_CACHED)
def approximate_text(text: str) -> Approximation | None:
    """Return the approximate value of an expression without variables; None where there is none."""
    expression = parse_expression(text)
    return None if expression is None else approximate(expression)


def approximate(expression: Expression) -> Approximation | None:
    """Return the approximate value of a parsed expression; None where it is no real number of a common size."""
    try:
        found = evaluate(expression)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    is_common = found is not None and (MIN_SIZE < abs(found.value) < MAX_SIZE or found.value == 0)
    return found if is_common else None


LETTERS: Final = {r"\pi": math.pi, "e": math.e}
FUNCTIONS: Final[dict[str, Callable[[float], float]]] = {"ln": math.log, "exp": math.exp, "abs": abs}
BOUNDED_SLOPES: Final[dict[str, Callable[[float], float]]] = {"sin": math.sin, "cos": math.cos, "arctan": math.atan}


def evaluate(expression: Expression) -> Approximation | None:
    """Return the value of an operation, with the errors of its parts carried along."""
    if expression.value is not None:
        value = float(expression.value)
        return Approximation(value, abs(value) * ROUNDING)
    if expression.operation == "letter":
        constant = LETTERS.get(expression.letter)
        return None if constant is None else Approximation(constant, constant * ROUNDING)
    parts = list[Approximation]()
    for part in expression.parts:
        found = evaluate(part)
        if found is None:
            return None
        parts.append(found)
    return operate(expression.operation, parts)


def operate(operation: str, parts: list[Approximation]) -> Approximation | None:
    """Return the value of one operation; None for what is not worth bounding."""
    first, last = parts[0], parts[-1]
    if operation == "+":
        value = math.fsum(part.value for part in parts)
        return Approximation(value, sum(part.error + abs(part.value) * ROUNDING for part in parts))
    if operation == "*":
        error = abs(first.value) * last.error + abs(last.value) * first.error + first.error * last.error
        return rounded(first.value * last.value, error)
    if operation == "/":
        if abs(last.value) <= MARGIN * last.error:
            return None
        error = (first.error + abs(first.value / last.value) * last.error) / (abs(last.value) - last.error)
        return rounded(first.value / last.value, error)
    if operation in BOUNDED_SLOPES:
        return rounded(BOUNDED_SLOPES[operation](first.value), first.error)
    if operation in ("root", "^", "log"):
        return through_logarithm(operation, first, last) if len(parts) > 1 else None
    if operation in FUNCTIONS and (operation == "abs" or first.value > MARGIN * first.error):
        function = FUNCTIONS[operation]
        return rounded(function(first.value), abs(function(first.value + first.error) - function(first.value)) * 2)
    return None


def through_logarithm(operation: str, base: Approximation, other: Approximation) -> Approximation | None:
    """Return a power, root or logarithm of a positive number, by logarithms."""
    if base.value <= MARGIN * base.error:
        return None
    if operation == "log":
        if other.value <= MARGIN * other.error or abs(math.log(other.value)) <= MARGIN * other.error / other.value:
            return None
        above = Approximation(math.log(base.value), 2 * base.error / base.value + ROUNDING)
        below = Approximation(math.log(other.value), 2 * other.error / other.value + ROUNDING)
        return operate("/", [above, below])
    if operation == "root" and abs(other.value) <= MARGIN * other.error:
        return None
    exponent = other.value if operation == "^" else 1 / other.value
    exponent_error = other.error if operation == "^" else 2 * other.error / other.value**2
    value = base.value**exponent
    relative = abs(exponent) * 2 * base.error / base.value + exponent_error * abs(math.log(base.value))
    return rounded(value, abs(value) * (2 * relative + (1 + abs(exponent)) * ROUNDING)) if relative < ROUGH else None


ROUGH: Final = 1e-3


def rounded(value: float, error: float) -> Approximation:
    """Return a value whose last operation was rounded."""
    return Approximation(value, error + abs(value) * ROUNDING)
