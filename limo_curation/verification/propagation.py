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
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice, product
from typing import Final, Literal

from limo_curation.verification.arithmetic import GREEK, WORDS, subscript
from limo_curation.verification.claims import Claim, Run, plain
from limo_curation.verification.context import CASES, is_asserted, is_assumed
from limo_curation.verification.equality import (
    MIN_ROUNDED_PLACES,
    SECONDS,
    are_equal,
    is_huge,
    rounds,
    time_unit,
    unit_name,
)
from limo_curation.verification.sides import Side, evaluate
from limo_curation.verification.tokens import Token
from limo_curation.verification.values import UnclearError, Value

MAX_NAMES: Final = 4  # ours: names of one equation
MAX_READINGS: Final = 64  # ours: combinations of units of time
SAME_SCALE: Final = 1e-4  # ours: of a decimal logarithm
CLOSE: Final = 0.01  # ours: relative difference that rounding may make
UNIT_LETTERS: Final = frozenset("msghlLkcdNJVWAKCF")
TIMES: Final = re.compile(r"minutes.{0,2000}hour|hours?.{0,2000}minute|分钟.{0,2000}小时|小时.{0,2000}分", re.DOTALL)
INTRODUCTION: Final = re.compile(r"\b(?:let|denote|define|call)\b|[设令记]", re.IGNORECASE)
DIGITS: Final = re.compile(r"\bdigits?\b|数字|位数", re.IGNORECASE)
LIST_WORDS: Final = frozenset(("or", "and", "或", "和", "或者", "to"))
TIME_FACTORS: Final = (Fraction(60), Fraction(1, 60))


@dataclass(slots=True)
class Values:
    """What a chain says a name is."""

    certain: list[Value] = field(default_factory=list[Value])
    assumed: list[Value] = field(default_factory=list[Value])
    is_time: bool = False
    first: int = 0
    """Where the first of the values stands."""
    is_unusable: bool = False
    """It is rounded, one of several solutions, the index of a sum, or a function."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An equation that the values of its names do not meet."""

    claim: Claim
    blamed: int
    """The relation of what came last: the equation, or the value of one of its names."""
    values: Mapping[str, Value]
    left: Value
    right: Value


def names_of(tokens: Sequence[Token], run: Run) -> list[str]:
    """Return the names on a side, each as often as it occurs; letters of prose are none."""
    found, at = list[str](), run.low
    while at < run.high:
        token = tokens[at]
        at += 1
        if token.kind != "letter" and token.text not in GREEK:
            continue
        if at > 2 and tokens[at - 2].text == "/" and tokens[at - 3].kind in WORDS:
            continue  # km/h
        try:
            size = subscript(tokens, at)
        except UnclearError:
            size = 0
        found.append(token.text + "".join(behind.text for behind in tokens[at : at + size]))
        at += size
    return found


def own_name(tokens: Sequence[Token], run: Run) -> str | None:
    """Return the name that a side consists of, or None."""
    names = names_of(tokens, run)
    text = "".join(token.text for token in tokens[run.low : run.high])
    return names[0] if len(names) == 1 and names[0] == text else None


def contradictions(
    chain: str, tokens: Sequence[Token], claims: Sequence[Claim], rounded: set[str]
) -> tuple[dict[int, bool], list[Contradiction]]:
    """Return which equations with names hold (by position of the claim), and those that fail.

    Args:
        chain: the text.
        tokens: its tokens.
        claims: its claims.
        rounded: decimals that the chain rounded, as written.
    """
    if CASES.search(chain):
        return {}, []
    known = known_values(chain, tokens, claims, rounded)
    held, failed = dict[int, bool](), list[Contradiction]()
    if not known:
        return held, failed
    introduced = introductions(tokens)
    has_digits = DIGITS.search(chain) is not None
    times = {name for name, values in known.items() if values.is_time}
    if not times and TIMES.search(chain) is not None:
        times = set(known)
    for index, claim in enumerate(claims):
        if not (claim.left.is_clear and claim.right.is_clear) or claim.is_approximate:
            continue
        names = sorted({*names_of(tokens, claim.left), *names_of(tokens, claim.right)})
        if not 0 < len(names) <= MAX_NAMES or any(name not in known for name in names):
            continue
        if own_name(tokens, claim.left) and not names_of(tokens, claim.right):
            continue  # where the value is from
        if (
            has_defined_operation(chain, tokens, claim)
            or has_unit_letter(tokens, claim)
            or (has_digits and has_side_by_side(tokens, claim))
        ):
            continue
        found = check(tokens, claim, {name: known[name].certain[0] for name in names}, times=times)
        if found is None:
            continue
        name = own_name(tokens, claim.left)
        if not isinstance(found, Contradiction):
            held[index] = True
        elif name is not None and known[name].first < claim.relation:
            continue  # a name that is used again for something else
        elif len(names) == 1 and known[names[0]].first < claim.relation:
            continue  # "x = 2 ... so x^2 = -4": of one name alone, most often another branch
        elif any(introduced.get(used, -1) > claim.relation for used in names):
            continue
        elif is_asserted(chain, tokens[claim.left.low].start, tokens[claim.right.high - 1].end):
            failed.append(replace(found, blamed=max(claim.relation, *(known[used].first for used in names))))
    return held, failed


def known_values(chain: str, tokens: Sequence[Token], claims: Sequence[Claim], rounded: set[str]) -> dict[str, Values]:
    """Return the names with exactly one usable value."""
    found = dict[str, Values]()
    for claim in claims:
        name = own_name(tokens, claim.left)
        if name is None or claim.is_approximate:
            continue
        values = found.setdefault(name, Values())
        if names_of(tokens, claim.right):
            continue
        try:
            side = evaluate(tokens[claim.right.low : claim.right.high], {})
        except UnclearError:
            values.is_unusable = True
            continue
        values.is_unusable |= is_unusable(tokens, claim, side, rounded)
        values.is_time |= is_time(tokens, claim.right, side)
        values.first = values.first or claim.relation
        is_certain = not is_assumed(chain, tokens[claim.left.low].start, tokens[claim.right.high - 1].end)
        (values.certain if is_certain else values.assumed).append(side.value)
    for name in names_beyond_values(tokens) | alternative_names(tokens, claims):
        if name in found:
            found[name].is_unusable = True
    if any(has_cases(values) for values in found.values()):
        return {}
    return {name: values for name, values in found.items() if has_one_value(values)}


def has_cases(values: Values) -> bool:
    """Return whether a name was assumed to be different numbers, one after the other."""
    return any(not are_equal(values.assumed[0], other) for other in values.assumed[1:])


def introductions(tokens: Sequence[Token]) -> dict[str, int]:
    """Return where names are introduced last: `let x = a + b`, 设 x 为. What stands before is about another x."""
    found, is_open = dict[str, int](), False
    for at, token in enumerate(tokens):
        if token.kind in ("word", "han"):
            is_open = INTRODUCTION.search(token.text) is not None
        elif token.text in (".", "。", ";") or token.kind == "blank":
            is_open = False
        elif is_open and token.kind == "letter":
            found[token.text] = at
    return found


def is_time(tokens: Sequence[Token], run: Run, side: Side) -> bool:
    """Return whether a unit of time stands in a side or behind it, also behind the edge of its formula."""
    behind = [token for token in tokens[run.high : run.high + 2] if token.kind != "edge"]
    return any(unit_name(unit) in SECONDS for unit in side.units) or (bool(behind) and time_unit(behind[0]) in SECONDS)


def is_unusable(tokens: Sequence[Token], claim: Claim, side: Side, rounded: set[str]) -> bool:
    """Return whether a value is rounded, unclear, or the first of several."""
    if not (claim.left.is_clear and claim.right.is_clear) or side.is_ambiguous or side.percents:
        return True
    if any(len(text.partition(".")[2]) >= MIN_ROUNDED_PLACES or text in rounded for text, _ in side.decimals):
        return True
    behind = [token.text for token in tokens[claim.right.high : claim.right.high + 3]]
    kinds = [token.kind for token in tokens[claim.right.high : claim.right.high + 3]]
    if behind and behind[0].lower().split(" ")[0] in LIST_WORDS and kinds[1:2] == ["number"]:
        return True
    return (
        len(behind) > 1
        and behind[0] in (",", "，", "、", "or", "或")
        and (kinds[1] == "number" or behind[1] in ("-", *LIST_WORDS))
    )


def names_beyond_values(tokens: Sequence[Token]) -> set[str]:
    """Return the names that stand for more than one value: functions, and indices of sums and sequences."""
    found = set[str]()
    for at, token in enumerate(tokens[:-1]):
        if token.kind == "letter" and tokens[at + 1].text == "(" and tokens[at + 1].start == token.end:
            if token.text in "fghFGHPpqQ":
                found.add(token.text)
        elif (
            token.kind == "letter"
            and at
            and tokens[at - 1].text == "{"
            and tokens[at - 2].text != r"\boxed"
            and tokens[at + 1].kind in ("equals", "other")
        ) or (token.kind == "letter" and at and tokens[at - 1].text == "_"):
            found.add(token.text)
    return found


def alternative_names(tokens: Sequence[Token], claims: Sequence[Claim]) -> set[str]:
    """Return the names of equations that are one of several: x + 1 = 2 or x + 1 = -2."""
    found = set[str]()
    for claim in claims:
        behind = [
            token for token in tokens[claim.right.high : claim.right.high + 3] if token.kind not in ("edge", "arrow")
        ]
        if behind and plain(behind[0]).split(" ")[0] in ("or", "或", "或者"):
            found.update(names_of(tokens, claim.left))
    return found


def has_one_value(values: Values) -> bool:
    """Return whether a name has one value, counted once in each unit of time."""
    if values.is_unusable or not values.certain:
        return False
    first = values.certain[0]
    others = [*values.certain[1:], *values.assumed]
    return all(are_equal(first, other) or (values.is_time and is_same_time(first, other)) for other in others)


def is_same_time(one: Value, other: Value) -> bool:
    """Return whether two numbers may be the same time in different units."""
    return any(are_equal(one * factor, other) for factor in (60, Fraction(1, 60), 3600, Fraction(1, 3600)))


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
    if not left or not right:
        return False
    power = math.log10(abs(left / right))
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
