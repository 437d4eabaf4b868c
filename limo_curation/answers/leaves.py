r"""Read single values: numbers with their units, expressions, words. They are the leaves of an answer's structure.

`5 cm^{2}`  ->  5 with the unit cm2      `5+5+1`    ->  11             `101_{2}`  ->  5, written in base 2
`5m`        ->  5 with the unit m, perhaps: it may be a variable       `\sqrt{2}` ->  for the symbolic tier
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final, NamedTuple

from limo_curation.answers.expressions import parse_expression
from limo_curation.answers.numbers import THOUSANDS, based_number, rational
from limo_curation.answers.units import Quantity, split_quantity

SCALAR: Final = "scalar"
OPAQUE: Final = "opaque"
LIST: Final = "list"
SET: Final = "{}"
UNION: Final = "union"
DIFFERENCE: Final = "difference"
BASED: Final = "based"
RATIO: Final = "ratio"
CHOICE: Final = "choice"
UNEQUAL: Final = "ne"
EQUATION: Final = "="
INTERVALS: Final = frozenset({"()", "[]", "(]", "[)"})
INFINITIES: Final = {r"\infty": 1, r"+\infty": 1, r"-\infty": -1}


TRIGONOMETRIC: Final = re.compile("sin|cos|tan|cot|sec|csc")
RANGE: Final = re.compile("[0-9]+-[0-9]+")
"""`3-5` may be a range or a score."""


class Reading(NamedTuple):
    """One answer, or one part of one."""

    kind: str
    text: str
    items: tuple[Reading, ...] = ()
    leaf: str = ""
    """The expression alone, without brackets, name and unit around it; a choice's letter."""
    value: Fraction | None = None
    """The exact value of a rational number."""
    is_symbolic: bool = False
    """Whether the symbolic tier may be asked about `leaf`."""
    unit: str | None = None
    """A unit in one spelling; with a question mark behind it, perhaps a variable: `5m`."""
    factor: int = 1
    """1,000,000 in `5 million`; it is part of `value`."""
    name: str | None = None
    """What the answer is given for: x in `x = 5`."""
    base: int = 10
    is_approximate: bool = False
    """Whether the answer itself says that it is not exact: `\\approx 5`."""
    is_interval: bool = False
    """Whether brackets surely are an interval's: it was an inequality, or an end is infinite."""
    equation: str = ""
    """The whole as `left=right`, `left<right` or `left\\le right`, where the symbolic tier may be asked about it."""


def read_scalar(text: str) -> Reading:
    """Read a number or an expression, with its unit."""
    based = based_number(text)
    if based is not None:
        return Reading(BASED, text, leaf=text, value=based[0], base=based[1])
    quantity = split_quantity(text)
    return (None if quantity is None else read_quantity(text, quantity)) or read_expression(text)


def read_grouped(text: str) -> Reading | None:
    """Read a number with thousands and a unit, `$1,000.99`, which is no list; None for anything else."""
    quantity = split_quantity(text) if "," in text else None
    if quantity is None or THOUSANDS.fullmatch(quantity.number.strip()) is None:
        return None
    return read_quantity(text, quantity)


def read_quantity(text: str, quantity: Quantity) -> Reading | None:
    """Read the number in front of a unit; None where it is none, or where the unit may be part of an expression."""
    if quantity.unit == "°" and TRIGONOMETRIC.search(quantity.number):
        return None  # the degrees are the angle's
    found = read_expression(quantity.number.strip())
    if found.value is None and (quantity.is_doubtful or quantity.factor != 1 or not found.is_symbolic):
        return None
    value = None if found.value is None else found.value * quantity.factor
    unit = f"{quantity.unit}?" if quantity.is_doubtful else quantity.unit or None
    return found._replace(text=text, value=value, factor=quantity.factor, unit=unit)


def read_expression(text: str) -> Reading:
    """Read a number or an expression without a unit; several letters alone are a word."""
    value = rational(text)
    is_plain = value is not None or (text.isalpha() and len(text) > 1) or RANGE.fullmatch(text) is not None
    expression = None if is_plain else parse_expression(text)
    if expression is not None:
        value = expression.value
    return Reading(SCALAR, text, leaf=text, value=value, is_symbolic=expression is not None and value is None)
