r"""Collect the values that a chain gives to names: s = 2.5, t = 24 minutes, \boxed{x = 3}.

A name has a value only where the chain gives it one in all, and not in a case, under an assumption, as one of several
solutions, or rounded. "x = 3 or x = -3", "if x = 3 ... if x = 4", "x = 3.33" after a division: none of these counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from limo_curation.verification.arithmetic import GREEK, WORDS, subscript
from limo_curation.verification.claims import Claim, Run, plain
from limo_curation.verification.context import is_assumed
from limo_curation.verification.equality import MIN_ROUNDED_PLACES, are_equal
from limo_curation.verification.sides import Side, evaluate
from limo_curation.verification.tokens import Token
from limo_curation.verification.units import SECONDS, time_unit, unit_name
from limo_curation.verification.values import UnclearError, Value

INTRODUCTION: Final = re.compile(r"\b(?:let|denote|define|call)\b|[设令记]", re.IGNORECASE)
LIST_WORDS: Final = frozenset(("or", "and", "或", "和", "或者", "to"))


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
