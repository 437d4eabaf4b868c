"""The shapes of calculation behind the demo's problems: the numbers of each level, and how they are worked out.

Levels: 1 = one step on single digits; 2 = two-digit numbers by columns, or two easy steps; 3 = longer numbers, still
worked out; 4 = a product of two two-digit numbers at once, which a tiny model gets right only now and then.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from random import Random
from typing import TypeAlias

from limo_curation.demo.steps import (
    Worked,
    product_checks,
    product_estimates,
    write_difference,
    write_product,
    write_sum,
)

Numbers: TypeAlias = tuple[int, ...]
Draw: TypeAlias = Callable[[Random], Numbers]


@dataclass(frozen=True, slots=True)
class Shape:
    """One form of calculation: the numbers of each level that it has, and its worked steps."""

    levels: Mapping[int, Draw]
    work: Callable[..., Worked]


def _work_sum(a: int, b: int) -> Worked:
    checks = (f"Let me check: {a + b} - {b} = {a}.", f"Perhaps check the other way: {b} + {a} = {a + b}.")
    return Worked((write_sum(a, b),), Fraction(a + b), checks=checks)


def _work_difference(a: int, b: int) -> Worked:
    checks = (f"Let me check: {a - b} + {b} = {a}.", f"Wait, let me verify: {a} - {a - b} = {b}.")
    return Worked((write_difference(a, b),), Fraction(a - b), checks=checks)


def _work_product(a: int, b: int) -> Worked:
    return Worked((write_product(a, b),), Fraction(a * b), product_estimates(a, b), product_checks(a, b))


def _work_product_plus(a: int, b: int, c: int) -> Worked:
    steps = (write_product(a, b), write_sum(a * b, c))
    checks = (*product_checks(a, b), f"Let me check: {a * b + c} - {c} = {a * b}.")
    return Worked(steps, Fraction(a * b + c), product_estimates(a, b), checks)


def _work_product_plus_one(a: int, b: int) -> Worked:
    return _work_product_plus(a, b, 1)


def _work_triple_product(a: int, b: int, c: int) -> Worked:
    steps = (write_product(a, b), write_product(a * b, c))
    return Worked(steps, Fraction(a * b * c), checks=product_checks(a * b, c))


def _work_ordered_pairs(a: int) -> Worked:
    steps = (f"{a} - 1 = {a - 1}.", write_product(a, a - 1))
    return Worked(steps, Fraction(a * (a - 1)), checks=product_checks(a, a - 1))


def _work_share(a: int, b: int) -> Worked:
    checks = (f"Let me check: {a + b} - {b} = {a}.", f"Perhaps check the other way: {b} + {a} = {a + b}.")
    return Worked((write_sum(a, b), f"The part is {a} of {a + b}."), Fraction(a, a + b), checks=checks)


def _work_inverse_product(a: int, b: int) -> Worked:
    return Worked((write_product(a, b),), Fraction(1, a * b), product_estimates(a, b), product_checks(a, b))


def _work_width_product(a: int, b: int, c: int) -> Worked:
    steps = (write_difference(c, b), write_product(a, c - b))
    return Worked(steps, Fraction(a * (c - b)), checks=product_checks(a, c - b))


def _work_double_product(a: int, b: int) -> Worked:
    steps = (f"2 * {a} = {2 * a}.", write_product(2 * a, b))
    return Worked(steps, Fraction(2 * a * b), checks=product_checks(2 * a, b))


def _digit(rng: Random) -> int:
    return rng.randint(2, 9)


def _two_digits(rng: Random) -> int:
    return rng.randint(12, 98)


def _hard(rng: Random) -> int:
    """A two-digit number that doesn't end in 0 or 1: a factor of the products that are done at once."""
    return rng.choice([n for n in range(17, 75) if n % 10 > 1])


def _coprime(draw: Draw) -> Draw:
    def draw_coprime(rng: Random) -> Numbers:
        while True:
            a, b, *rest = draw(rng)
            if gcd(a, b) == 1:
                return (a, b, *rest)

    return draw_coprime


def _descending(draw: Draw) -> Draw:
    def draw_descending(rng: Random) -> Numbers:
        while True:
            a, b = sorted(draw(rng), reverse=True)
            if a > b + 1:
                return (a, b)

    return draw_descending


def _remainder_last(draw: Draw) -> Draw:
    """Make the last number a possible remainder on division by the first."""

    def draw_remainder_last(rng: Random) -> Numbers:
        while True:
            a, b, c = draw(rng)
            if c < a:
                return (a, b, c)

    return draw_remainder_last


def _interval(slope: Draw, start: Draw, width: Draw) -> Draw:
    def draw_interval(rng: Random) -> Numbers:
        (a,), (b,), (w,) = slope(rng), start(rng), width(rng)
        return (a, b, b + w)

    return draw_interval


_PAIRS: dict[int, Draw] = {
    1: lambda rng: (_digit(rng), _digit(rng)),
    2: lambda rng: (_two_digits(rng), _two_digits(rng)),
    3: lambda rng: (rng.randint(102, 987), rng.randint(102, 987)),
}
_FACTORS: dict[int, Draw] = {
    1: _PAIRS[1],
    3: lambda rng: (_two_digits(rng), _digit(rng)),
    4: lambda rng: (_hard(rng), _hard(rng)),
}
_FACTORS_PLUS: dict[int, Draw] = {
    2: lambda rng: (_digit(rng), _digit(rng), _digit(rng)),
    3: lambda rng: (_two_digits(rng), _digit(rng), _digit(rng)),
    4: lambda rng: (_hard(rng), _hard(rng), _digit(rng)),
}

SUM = Shape(_PAIRS, _work_sum)
DIFFERENCE = Shape({level: _descending(draw) for level, draw in _PAIRS.items()}, _work_difference)
PRODUCT = Shape(_FACTORS, _work_product)
COPRIME_PRODUCT = Shape({level: _coprime(draw) for level, draw in _FACTORS.items()}, _work_product)
PRODUCT_PLUS = Shape(_FACTORS_PLUS, _work_product_plus)
DIVISION = Shape({level: _remainder_last(draw) for level, draw in _FACTORS_PLUS.items()}, _work_product_plus)
PRODUCT_PLUS_ONE = Shape({2: _PAIRS[1], 3: _FACTORS[3], 4: _FACTORS[4]}, _work_product_plus_one)
TRIPLE_PRODUCT = Shape(
    {
        2: lambda rng: (rng.randint(2, 3), rng.randint(2, 3), _digit(rng)),
        3: lambda rng: (_digit(rng), rng.randint(6, 9), _digit(rng)),
        4: lambda rng: (rng.randint(4, 9), rng.randint(6, 9), _hard(rng)),
    },
    _work_triple_product,
)
ORDERED_PAIRS = Shape(
    {2: lambda rng: (rng.randint(3, 10),), 4: lambda rng: (rng.randint(31, 74),)}, _work_ordered_pairs
)
SHARE = Shape({level: _coprime(_PAIRS[level]) for level in (1, 2)}, _work_share)
INVERSE_PRODUCT = Shape(_FACTORS, _work_inverse_product)
WIDTH_PRODUCT = Shape(
    {
        2: _interval(lambda rng: (_digit(rng),), lambda rng: (rng.randint(1, 4),), lambda rng: (rng.randint(2, 5),)),
        4: _interval(lambda rng: (_hard(rng),), lambda rng: (rng.randint(2, 9),), lambda rng: (_hard(rng),)),
    },
    _work_width_product,
)
DOUBLE_PRODUCT = Shape(
    {
        2: lambda rng: (rng.randint(2, 4), _digit(rng)),
        3: lambda rng: (rng.randint(6, 49), _digit(rng)),
        4: lambda rng: (rng.randint(12, 48), _hard(rng)),
    },
    _work_double_product,
)
