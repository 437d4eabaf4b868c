r"""Evaluate one side of an equation, and tell what about it matters for a comparison.

\frac{9}{4} + 2  ->  17/4        12.50 dollars  ->  25/2, a written number of two places        -2^2  ->  -4, ambiguous
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from limo_curation.verification.arithmetic import MAX_SIDE_TOKENS, Reader
from limo_curation.verification.tokens import Token
from limo_curation.verification.values import UnclearError, Value, bounded, divided, number_value

PLAIN_KINDS: Final = ("number", "operator")


@dataclass(slots=True)
class Side:
    """One side of an equation, evaluated."""

    value: Value
    is_literal: bool
    """A written number and nothing else, but for its sign, percent sign and unit."""
    places: int
    """Digits behind the point of that number."""
    percents: int
    has_circle: bool
    """It holds pi, so that it may be an angle."""
    has_degrees: bool
    is_ambiguous: bool
    """Another reading exists, such as the square of -2 for -2^2."""
    units: tuple[str, ...]
    decimals: tuple[tuple[str, int], ...]
    """Its decimal numbers as written, and where among all its numbers each stands."""


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of a claim as tokens, and the units behind them."""

    left: Sequence[Token]
    right: Sequence[Token]
    left_unit: str
    right_unit: str
    is_approximate: bool
    is_carried_on: bool
    """A further relation follows, so that the unit of the right side may stand at the end of all."""


def evaluate(
    tokens: Sequence[Token], names: Mapping[str, Value], *, nudged: int = -1, percent_is_sign: bool = False
) -> Side:
    """Return the value of a side.

    Args:
        tokens: all tokens of the side.
        names: values of names.
        nudged: which of its numbers to take half a unit of its last place higher, to see what rounding does; -1: none.
        percent_is_sign: whether 20% is 20 and not 1/5.

    Raises:
        UnclearError: there is no one reading.
    """
    if not 0 < len(tokens) <= MAX_SIDE_TOKENS:
        raise UnclearError("length")
    if nudged < 0 and (plain := plain_side(tokens)) is not None:
        return plain
    reader = Reader(tokens, names, nudged, percent_is_sign)
    try:
        value = reader.total()
    except (OverflowError, ZeroDivisionError, ValueError) as error:
        raise UnclearError(str(error)) from error
    if reader.at != len(tokens):
        raise UnclearError("rest")
    if isinstance(value, float) and not math.isfinite(value):
        raise UnclearError("infinite")
    scientific = scientific_places(tokens)
    literal = scientific is not None or (reader.num_numbers == 1 and reader.num_operations == 0)
    return Side(
        value,
        literal,
        (reader.places if scientific is None else scientific) if literal else 0,
        reader.percents,
        reader.circles > 0,
        reader.degrees > 0,
        reader.is_ambiguous,
        tuple(reader.units),
        tuple(reader.decimals),
    )


def scientific_places(tokens: Sequence[Token]) -> int | None:
    r"""Return the digits behind the point of `2.48 \times 10^{-19}` (here 21); None for anything else."""
    text = [token.text for token in tokens[:10] if token.text not in ("{", "}")]
    text = text[1:] if text[:1] == ["-"] else text
    if len(text) < 5 or text[1:4] != ["*", "10", "^"] or tokens[0].kind not in ("number", "operator"):
        return None
    is_negative = text[4] == "-"
    exponent = text[5 if is_negative else 4 :][:1]
    rest = tokens[len(tokens) - 1]
    if len(text) - (6 if is_negative else 5) > 1 or (rest.kind in ("number", "letter") and rest.text != exponent[0]):
        return None
    if not exponent or not exponent[0].isdigit() or len(exponent[0]) > 3 or "." not in text[0]:
        return None
    return len(text[0].partition(".")[2]) - int(exponent[0]) * (-1 if is_negative else 1)


def plain_side(tokens: Sequence[Token]) -> Side | None:
    """Return the value of numbers with +, -, * and / between them, as most sides are; None for anything else."""
    if len(tokens) % 2 == 0 or any(token.kind != PLAIN_KINDS[at % 2] for at, token in enumerate(tokens)):
        return None
    value, places = number_value(tokens[0].text)
    decimals = [(tokens[0].text, 0)] if places else []
    done: Value = 0
    was_quotient = is_ambiguous = False
    for at in range(1, len(tokens), 2):
        operator, text = tokens[at].text, tokens[at + 1].text
        number, further = number_value(text)
        if further:
            decimals.append((text, at // 2 + 1))
        if operator == "*":
            value = value * number
        elif operator == "/":
            value, is_ambiguous = divided(value, number), is_ambiguous or was_quotient
        elif operator == "^":
            return None
        else:
            done, value = done + value, number if operator == "+" else -number
        was_quotient = operator == "/"
    is_literal = len(tokens) == 1
    return Side(
        bounded(done + value),
        is_literal,
        places if is_literal else 0,
        0,
        False,
        False,
        is_ambiguous,
        (),
        tuple(decimals),
    )
