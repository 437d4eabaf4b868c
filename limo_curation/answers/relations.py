r"""Split an answer at its equal signs and inequality signs, and tell names from equations.

    `x = 5+5+1 = 11`     ->  the name x, the value `11`          `2x+4y-3=0`   ->  an equation, kept whole
    `|AB| = 1`           ->  the name |AB|, the value `1`        `-2<x\le 7`   ->  x between -2 and 7, `(]`
    `\frac12 \approx .5` ->  the value `\frac12`                 `x\approx 5`  ->  the name x, only about `5`

What stands left of an equal sign counts as a name only where it can't be an equation to solve: a letter, a quantity
such as `S_{ABC}`, `\frac{AB}{CD}`, `P(A)` or `V_1:V_2`, a word, or plain arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from limo_curation.answers.expressions import parse_expression
from limo_curation.answers.normalisation import CLOSE_SET, OPEN_SET

RELATION: Final = re.compile(
    r"[=<>≡∣→∥⊥]|\\(?:le|ge|ne|in|notin|approx|sim|simeq|equiv|cong|propto|ll|gg|to|rightarrow|Rightarrow|implies"
    r"|Leftrightarrow|iff|subset|subseteq|parallel|perp|pmod|bmod|mod|forall|exists|mapsto)(?![A-Za-z])"
)
FLIPPED: Final = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le", "=": "=", r"\ne": r"\ne"}
ABOUT: Final = frozenset({r"\approx", r"\simeq", r"\sim"})
ENDS: Final = {"<": "(", r"\le": "[", ">": ")", r"\ge": "]"}

LETTER: Final = (
    r"(?:[A-Za-z]|\\(?:alpha|beta|gamma|delta|theta|lambda|mu|rho|phi|varphi|omega|Delta|sigma|tau|epsilon))"
)
SUBSCRIPT: Final = r"(?:_(?:\{[0-9A-Za-z+\\,]{1,20}\}|[0-9A-Za-z]))?"
SEGMENT: Final = r"[A-Z]{2,4}'?"
VARIABLE: Final = re.compile(rf"{LETTER}{SUBSCRIPT}'?")
BOUNDED: Final = re.compile(rf"(\|?)({LETTER}{SUBSCRIPT}'?)\1")
PROSE: Final = re.compile(r"(?<![A-Za-z\\])(?!(?:sin|cos|tan|log)\b)[A-Za-z]{3}|[\u4e00-\u9fff]")
FUNCTION_NAME: Final = re.compile(rf"({LETTER}{SUBSCRIPT}'?)\(([a-z])\)")
PAIR: Final = 2
NAME: Final = re.compile(
    rf"(?:\\(?:angle|triangle|vec|overline|sin|cos|tan|cot|text) ?\{{?)?(?:{LETTER}{SUBSCRIPT}'{{0,2}}|{SEGMENT})\}}?"
    rf"(?:(?:\^\{{-1\}})?\({LETTER}{SUBSCRIPT}(?:,{LETTER}{SUBSCRIPT}){{0,3}}\)|\([0-9]{{1,4}}\))?"
    rf"|\({LETTER}{SUBSCRIPT}(?:,{LETTER}{SUBSCRIPT}){{1,5}}\)|\|{SEGMENT}\||[a-z]{{2}}"
    r"|[A-Za-z]{3,20}(?: [A-Za-z]{2,20}){0,6}|[\u4e00-\u9fff]{1,20}"
)
ARITHMETIC: Final = re.compile(r"(?:[-+*/^(){}.0-9 ]|\\(?:times|cdot|frac|div)(?![A-Za-z]))+")
NO_NAMES: Final = frozenset({"sin", "cos", "tan", "log", "lim", "max", "min", "mod", "not", "approximately"})


@dataclass(frozen=True, slots=True)
class Relation:
    """What the signs of an answer say."""

    kind: str
    r"""`value` for `name = value`; `in`; `interval` for inequalities about one variable; `ne`; `equation`; `<` or `\le`
    for other inequalities, the smaller side first; `opaque`."""
    name: str | None = None
    parts: tuple[str, ...] = ()
    """The value; the ends of the interval, "" for no end; the two sides of an equation or inequality."""
    ends: str = ""
    """An interval's brackets."""
    is_approximate: bool = False
    is_absolute: bool = False
    """Whether the interval is that of |x|."""


OPAQUE_RELATION: Final = Relation("opaque")


def split_relation(text: str) -> Relation | None:
    """Return what the signs at the top level of a text say; None where there are none."""
    signs, members = list[str](), list[str]()
    start = 0
    for sign in top_level(text, RELATION.finditer(text)):
        signs.append(sign.group())
        members.append(text[start : sign.start()].strip())
        start = sign.end()
    if not signs:
        return None
    members.append(text[start:].strip())
    if not all(members):
        return OPAQUE_RELATION
    about = next((index for index, sign in enumerate(signs) if sign in ABOUT), None)
    if about is not None:
        return approximate(signs[:about], members[: about + 1], members[about + 1 :])
    return exact(signs, members)


def top_level(text: str, matches: Iterable[re.Match[str]]) -> Iterable[re.Match[str]]:
    """Yield the matches that stand outside all brackets, in one walk through the text."""
    depth, done = 0, 0
    for match in matches:
        for character in text[done : match.start()]:
            depth += (character in "([{" + OPEN_SET) - (character in ")]}" + CLOSE_SET)
        done = match.start()
        if depth == 0:
            yield match


def approximate(signs: list[str], before: list[str], after: list[str]) -> Relation:
    """Read a chain with an "about" in it: what stands exactly before it is the value."""
    if len(before) == 1 and not is_name(before[0]):
        return Relation("value", None, (before[0],))
    if len(before) == 1:
        return Relation("value", name_of(before[0]), (after[-1],), is_approximate=True)
    return exact(signs, before)


def exact(signs: list[str], members: list[str]) -> Relation:
    """Read a chain without an "about"."""
    kinds = set(signs)
    if kinds == {"="}:
        return equality(members)
    if len(signs) == 1:
        return single(signs[0], *members)
    if len(signs) == 2 and (kinds <= {"<", r"\le"} or kinds <= {">", r"\ge"}):
        if signs[0] in (">", r"\ge"):
            signs, members = [FLIPPED[sign] for sign in reversed(signs)], members[::-1]
        if about := BOUNDED.fullmatch(members[1]):
            ends = ENDS[signs[0]] + ENDS[FLIPPED[signs[1]]]
            return Relation("interval", about[2], (members[0], members[2]), ends, is_absolute=bool(about[1]))
    if kinds == {r"\equiv"} and len(members) == PAIR and FUNCTION_NAME.fullmatch(members[0]):
        return equality(members)
    return OPAQUE_RELATION


def equality(members: list[str]) -> Relation:
    """Read `name = value`, with or without steps between, or an equation."""
    first, last = members[0], members[-1]
    if is_name(first) and not any(mentions(member, first) for member in members[1:]):
        if any(PROSE.search(step) for step in members[1:-1]):
            return OPAQUE_RELATION
        names = [member for member in members[:-1] if is_name(member)]
        return Relation("value", "=".join(map(name_of, names)), (last,))
    if is_true_arithmetic(first, last):
        return Relation("value", None, (last,))
    if len(members) > PAIR:
        return OPAQUE_RELATION
    return Relation("value", name_of(last), (first,)) if is_name(last) else Relation("equation", None, (first, last))


def mentions(text: str, name: str) -> bool:
    """Return whether a text mentions a name, so that `name = text` is an equation to solve, or several in one."""
    return name in text and re.search(rf"(?<![A-Za-z\\]){re.escape(name)}(?![A-Za-z])", text) is not None


def is_true_arithmetic(first: str, last: str) -> bool:
    """Return whether two sides are numbers, calculated or written out, and equal ones: `5+6 = 11`."""
    if ARITHMETIC.fullmatch(first) is None or ARITHMETIC.fullmatch(last) is None:
        return False
    sides = parse_expression(first), parse_expression(last)
    return sides[0] is not None and sides[0].value is not None and sides[0] == sides[1]


def single(sign: str, left: str, right: str) -> Relation:
    """Read one relation that is no equality."""
    if sign == r"\in":
        return Relation("in", name_of(left), (right,)) if is_name(left) else OPAQUE_RELATION
    if sign not in FLIPPED:
        return OPAQUE_RELATION
    if BOUNDED.fullmatch(right) and not BOUNDED.fullmatch(left):
        left, right, sign = right, left, FLIPPED[sign]
    about = BOUNDED.fullmatch(left)
    if sign == r"\ne":
        return Relation("ne", left, (right,)) if about is not None else OPAQUE_RELATION
    if about is not None:
        is_upper = sign in ("<", r"\le")
        ends = "(" + ENDS[FLIPPED[sign]] if is_upper else ENDS[FLIPPED[sign]] + ")"
        return Relation(
            "interval", about[2], ("", right) if is_upper else (right, ""), ends, is_absolute=bool(about[1])
        )
    if sign in (">", r"\ge"):
        left, right, sign = right, left, FLIPPED[sign]
    return Relation(sign, None, (left, right))


def is_name(text: str) -> bool:
    """Return whether a text can only name what the other side of an equal sign is."""
    if len(text) > 80 or text.casefold() in NO_NAMES:
        return False
    if NAME.fullmatch(text):
        return True
    parts = QUOTIENT.fullmatch(text)
    names = [part for part in parts.groups() if part is not None] if parts is not None else text.split(":")
    return len(names) > 1 and all(NAME.fullmatch(part.strip()) for part in names)


QUOTIENT: Final = re.compile(
    r"\\frac\{([^{}]{1,30}(?:\{[^{}]{1,20}\})?)\}\{([^{}]{1,30}(?:\{[^{}]{1,20}\})?)\}|(\|?[A-Z]{2}\|?)/(\|?[A-Z]{2}\|?)"
)


def name_of(text: str) -> str:
    """Return a name in one spelling."""
    return re.sub(r"[{} ]", "", text)
