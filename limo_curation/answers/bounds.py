r"""Bound what algebra may cost before sympy sees an expression, so that verdicts do not hang on a machine's speed.

    `x^{100}`, `(x+y)^{20}`, `e^{e^{x}}`       ->  within bounds
    `x^{1000000}`, `(x+y+z)^{999}`             ->  beyond: values of millions of digits, too many terms
    `e^{e^{e^{e^{x}}}}`                        ->  beyond: a tower of powers

Three sizes stand for the cost: the bits of an exact value at a point, the terms of the expansion, the height of towers.
Each is an upper bound that one pass over the parsed expression finds.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from limo_curation.answers.expressions import Expression

# all ours: what is within them took at most 0.3 s in every question that real answers led to, far from any deadline
MAX_BITS: Final = 1 << 18
MAX_TERMS: Final = 3_000
MAX_TOWER: Final = 3
BITS_OF_LETTER: Final = 8  # the symbolic tier puts small fractions for letters


class Cost(NamedTuple):
    """Upper bounds of what an expression may cost."""

    bits: int
    """Of its exact value at a point."""
    terms: int
    """Of its expansion."""
    tower: int
    """How many powers with unknown exponents stand on each other."""


def is_within_bounds(expression: Expression) -> bool:
    """Return whether algebra with an expression takes a time that is bounded."""
    return cost_of(expression) is not None


def cost_of(expression: Expression) -> Cost | None:
    """Return an expression's cost; None where it or a part of it is beyond the bounds."""
    if expression.value is not None:
        value = expression.value
        cost = Cost(value.numerator.bit_length() + value.denominator.bit_length(), 1, 0)
    elif not expression.parts:
        cost = Cost(BITS_OF_LETTER, 1, 0)
    else:
        parts = [cost_of(part) for part in expression.parts]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        cost = combined(expression, known)
    is_within = cost.bits <= MAX_BITS and cost.terms <= MAX_TERMS and cost.tower <= MAX_TOWER
    return cost if is_within else None


def combined(expression: Expression, parts: list[Cost]) -> Cost:
    """Return the cost of an operation on parts whose costs are known."""
    bits, tower = sum(part.bits for part in parts), max(part.tower for part in parts)
    match expression.operation:
        case "+":
            return Cost(bits, sum(part.terms for part in parts), tower)
        case "*" | "/":
            return Cost(bits, math.prod(part.terms for part in parts), tower)
        case "^":
            return cost_of_power(expression, parts[0], parts[1])
        case "exp":
            return Cost(bits, 1, tower + 1)
        case _:
            return Cost(bits, 1, tower)


def cost_of_power(expression: Expression, base: Cost, exponent: Cost) -> Cost:
    """Return the cost of a power."""
    value = expression.parts[1].value
    if value is None:
        return Cost(base.bits + exponent.bits, base.terms, max(base.tower, exponent.tower + 1))
    times = math.ceil(abs(value))
    terms = base.terms
    if value.denominator == 1 and times > 1 < terms:
        # a sum of t terms to the power n has at most binom(n + t - 1, n) terms
        terms = math.comb(times + terms - 1, times) if times <= MAX_TERMS else MAX_TERMS + 1
    return Cost(base.bits * max(times, 1), terms, base.tower)
