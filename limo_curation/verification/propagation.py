r"""Put the values that a chain finds into its equations, the earlier ones too.

    \frac{9}{s} + t = 4 ... s = 2.5 ... t = 192 minutes     192 minutes are 3.2 hours, and 3.6 + 3.2 is not 4

A value counts only where the chain gives a name one value in all, and not in a case, under an assumption, as one of
several solutions, or rounded. A value may be in other units of time than the equation: an equation fails only if it
does so for the value in seconds, minutes and hours alike.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, product
from typing import Final, Literal

from limo_curation.verification.claims import Claim
from limo_curation.verification.context import CASES, is_asserted
from limo_curation.verification.equality import are_equal, is_huge, rounds
from limo_curation.verification.known_values import Values, introductions, known_values, names_of, own_name
from limo_curation.verification.sides import evaluate
from limo_curation.verification.tokens import Token
from limo_curation.verification.values import UnclearError, Value

MAX_NAMES: Final = 4  # ours: names of one equation
MAX_READINGS: Final = 64  # ours: combinations of units of time
SMALLEST: Final = 1e-300
SAME_SCALE: Final = 1e-4  # ours: of a decimal logarithm
CLOSE: Final = 0.01  # ours: relative difference that rounding may make
UNIT_LETTERS: Final = frozenset("msghlLkcdNJVWAKCF")
DIGITS: Final = re.compile(r"\bdigits?\b|数字|位数", re.IGNORECASE)
TIME_FACTORS: Final = (Fraction(60), Fraction(1, 60))


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An equation that the values of its names do not meet."""

    claim: Claim
    blamed: int
    """The relation of what came last: the equation, or the value of one of its names."""
    values: Mapping[str, Value]
    left: Value
    right: Value


def contradictions(
    chain: str, tokens: Sequence[Token], claims: Sequence[Claim], rounded: set[str]
) -> tuple[set[int], list[Contradiction]]:
    """Return which equations with names hold (their positions among the claims), and those that fail.

    Args:
        chain: the text.
        tokens: its tokens.
        claims: its claims.
        rounded: decimals that the chain rounded, as written.
    """
    known = {} if CASES.search(chain) else known_values(chain, tokens, claims, rounded)
    held, failed = set[int](), list[Contradiction]()
    if not known:
        return held, failed
    introduced = introductions(tokens)
    has_digits = DIGITS.search(chain) is not None
    times = {name for name, values in known.items() if values.is_time}
    if not times and mentions_times(chain):
        times = set(known)
    for index, claim in enumerate(claims):
        names = names_to_fill(tokens, claim, known)
        if not names or has_defined_operation(chain, tokens, claim) or has_unit_letter(tokens, claim):
            continue
        if has_digits and has_side_by_side(tokens, claim):
            continue
        found = check(tokens, claim, {name: known[name].certain[0] for name in names}, times=times)
        if found is True:
            held.add(index)
        if not isinstance(found, Contradiction):
            continue
        is_asserted_here = is_asserted(chain, tokens[claim.left.low].start, tokens[claim.right.high - 1].end)
        if is_asserted_here and is_about_values(tokens, claim, names, known, introduced):
            failed.append(replace(found, blamed=max(claim.relation, *(known[name].first for name in names))))
    return held, failed


def names_to_fill(tokens: Sequence[Token], claim: Claim, known: Mapping[str, Values]) -> list[str]:
    """Return the names of an equation, where all have values; none for what can't be checked or gives a value."""
    if not (claim.left.is_clear and claim.right.is_clear) or claim.is_approximate:
        return []
    on_the_right = names_of(tokens, claim.right)
    names = sorted({*names_of(tokens, claim.left), *on_the_right})
    if len(names) > MAX_NAMES or any(name not in known for name in names):
        return []
    return [] if own_name(tokens, claim.left) and not on_the_right else names


def is_about_values(
    tokens: Sequence[Token],
    claim: Claim,
    names: Sequence[str],
    known: Mapping[str, Values],
    introduced: Mapping[str, int],
) -> bool:
    """Return whether an equation is about these values of its names, and not about others of the same name."""
    name = own_name(tokens, claim.left)
    if name is not None and known[name].first < claim.relation:
        return False  # a name that is used again for something else
    if len(names) == 1 and known[names[0]].first < claim.relation:
        return False  # "x = 2 ... so x^2 = -4": of one name alone, most often another branch
    return all(introduced.get(used, -1) <= claim.relation for used in names)


def mentions_times(chain: str) -> bool:
    """Return whether a chain is about minutes and hours, so that a bare number may be in either."""
    return ("minute" in chain and "hour" in chain) or ("分钟" in chain and "小时" in chain)


def has_unit_letter(tokens: Sequence[Token], claim: Claim) -> bool:
    """Return whether a letter may be a unit and no name: `20 m`, `3 h`."""
    return any(
        tokens[at].kind == "letter"
        and tokens[at].text in UNIT_LETTERS
        and at > 0
        and tokens[at - 1].kind == "number"
        and tokens[at - 1].end < tokens[at].start
        for run in (claim.left, claim.right)
        for at in range(run.low, run.high)
    )


def has_defined_operation(chain: str, tokens: Sequence[Token], claim: Claim) -> bool:
    """Return whether an asterisk in a formula may be an operation that the problem defines: a * 5 = 2a - 25."""
    side = tokens[claim.left.low : claim.left.high]
    return any(token.is_math and token.text == "*" and chain[token.start] == "*" for token in side)


def has_side_by_side(tokens: Sequence[Token], claim: Claim) -> bool:
    """Return whether names stand side by side, which may be the digits of one number: ab = 85."""
    return any(
        tokens[at].kind == "letter" and tokens[at - 1].kind in ("letter", "number")
        for run in (claim.left, claim.right)
        for at in range(run.low + 1, run.high)
    )


def check(
    tokens: Sequence[Token], claim: Claim, values: Mapping[str, Value], *, times: set[str]
) -> Contradiction | Literal[True] | None:
    """Return True where an equation holds, what contradicts it, or None where that is not clear."""
    first: tuple[Value, Value] | None = None
    for reading in readings(values, times=times):
        try:
            left = evaluate(tokens[claim.left.low : claim.left.high], reading)
            right = evaluate(tokens[claim.right.low : claim.right.high], reading)
        except UnclearError:
            return None
        if are_equal(left.value, right.value) or rounds(left.value, right) or rounds(right.value, left):
            return True
        if left.is_literal and left.units:
            return None  # 300 miles = x
        if is_huge(left.value) or is_huge(right.value):
            return None
        if left.is_ambiguous or right.is_ambiguous or left.percents or right.percents:
            return None
        if is_scale(left.value, right.value):
            return None
        if abs(left.value - right.value) <= CLOSE * max(abs(left.value), abs(right.value)):
            return None
        first = first or (left.value, right.value)
    return Contradiction(claim, claim.relation, values, *first) if first and depends_on(tokens, claim, values) else None


def is_scale(left: Value, right: Value) -> bool:
    """Return whether two sides differ by a power of ten, as other metric units would make them."""
    if min(abs(left), abs(right)) < SMALLEST:
        return False
    power = math.log10(abs(left)) - math.log10(abs(right))
    return abs(power - round(power)) < SAME_SCALE


def depends_on(tokens: Sequence[Token], claim: Claim, values: Mapping[str, Value]) -> bool:
    """Return whether an equation is about its names at all: 0 * b = 5 is a contradiction that was meant."""
    moved = {name: value + 1 for name, value in values.items()}
    for run in (claim.left, claim.right):
        side = tokens[run.low : run.high]
        try:
            if evaluate(side, values).value != evaluate(side, moved).value:
                return True
        except UnclearError:
            return True
    return False


def readings(values: Mapping[str, Value], *, times: set[str]) -> Iterator[dict[str, Value]]:
    """Return the values as they are, and where times occur each in other units as well."""
    names = list(values)
    choices = [[values[name], *(values[name] * factor for factor in TIME_FACTORS if name in times)] for name in names]
    return (dict(zip(names, chosen, strict=True)) for chosen in islice(product(*choices), MAX_READINGS))
