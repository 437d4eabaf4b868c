r"""Read the structure of a normalised answer: what it is a list, a pair, an interval, a relation or a number of.

    `(1, \frac{1}{2})`  ->  kind `()`, two numbers         `x = 5`        ->  a number under the name x
    `\{1, 2\}`          ->  kind `{}`, two numbers         `5 cm^{2}`     ->  a number with the unit cm2
    `-2 < x \le 5`      ->  kind `(]`, surely an interval  `C. 12`        ->  a choice with its text
    `2x+4y = 3`         ->  kind `=`, an equation          anything that is not surely understood  ->  opaque

Only expressions that have one reading (`expressions.py`) go to the symbolic tier, as the leaves of this structure, and
equations between two of them: structure, units, bases and names never do.
"""

from __future__ import annotations

import re
from typing import Final

from limo_curation.answers.brackets import is_balanced, side_by_side, split_top
from limo_curation.answers.expressions import parse_expression
from limo_curation.answers.intervals import WHOLE_LINE, read_absolute, read_constant
from limo_curation.answers.leaves import (
    CHOICE,
    DIFFERENCE,
    EQUATION,
    INFINITIES,
    INTERVALS,
    LIST,
    OPAQUE,
    RATIO,
    SCALAR,
    SET,
    UNEQUAL,
    UNION,
    Reading,
    read_grouped,
    read_scalar,
)
from limo_curation.answers.normalisation import CLOSE_SET, OPEN_SET, ROW_END
from limo_curation.answers.numbers import THOUSANDS, rational
from limo_curation.answers.relations import LETTER, RELATION, VARIABLE, Relation, split_relation

MAX_DEPTH: Final = 8  # ours: brackets in brackets in an answer


def read(text: str, depth: int = 0) -> Reading:
    """Return the structure of a normalised text."""
    value = rational(text)
    if value is not None:
        return Reading(SCALAR, text, leaf=text, value=value)
    system = read_system(text, depth) if r"\begin" in text else None
    if system is not None:
        return system
    if not text or depth > MAX_DEPTH or not is_balanced(text):
        return Reading(OPAQUE, text)
    found = (
        read_constant(text)
        or read_grouped(text)
        or read_matrix(text, depth)
        or read_sentence(text, depth)
        or read_choice(text, depth)
        or read_several(text, depth)
        or read_relation(text, depth)
        or read_union(text, depth)
        or read_plus_minus(text, depth)
        or read_brackets(text, depth)
        or read_ratio(text, depth)
    )
    return found or read_scalar(text)


# -- brackets and separators -------------------------------------------------------------------------------------------

CONDITION: Final = re.compile(rf"({LETTER}) ?(?:\\in ?ℝ)? ?[|:]")
BRACKETS: Final = {"(": ")]", "[": ")]", OPEN_SET: CLOSE_SET, "{": "}"}
ALTERNATIVE: Final = re.compile(r",? ?(?<![A-Za-z\\])(?:or|或者?)(?![a-z]) ?|;")
CONJUNCTION: Final = re.compile(r",? ?(?<![A-Za-z\\])(?:and|与|和|以及|且)(?![A-Za-z]) ?")
CIRCLED: Final = re.compile("[①-⑳]{2,20}")
SEVERAL_SIGN: Final = re.compile(r"[,;或与和且]|or|and|\)\(")


def read_several(text: str, depth: int) -> Reading | None:
    """Read alternatives or a list; None where there is one element only."""
    if CIRCLED.fullmatch(text):
        return read_items(LIST, list(text), depth)._replace(text=text)
    if SEVERAL_SIGN.search(text) is None:
        return None
    alternatives = split_top(ALTERNATIVE.sub(";", text), ";")
    if len(alternatives) == 1:
        before, sign, after = text.rpartition("=")
        if sign and "," not in before and THOUSANDS.fullmatch(after.strip()):  # `x = 12,500`
            return None
        parts = side_by_side(text) or split_top(CONJUNCTION.sub(",", text), ",")
        return read_items(LIST, parts, depth)._replace(text=text) if len(parts) > 1 else None
    found = read_items(LIST, alternatives, depth)
    if found.kind == LIST and all(item.is_interval for item in found.items) and found.items[0].name is not None:
        is_same = len({item.name for item in found.items}) == 1
        return found._replace(kind=UNION, text=text, name=found.items[0].name) if is_same else Reading(OPAQUE, text)
    if any(item.kind == LIST and not names_of(item) for item in found.items):  # `1, 2 or 3` is one list
        flat = [part for alternative in alternatives for part in split_top(CONJUNCTION.sub(",", alternative), ",")]
        found = read_items(LIST, flat, depth)
    return found._replace(text=text)


def names_of(several: Reading) -> list[str]:
    """Return the names of a list's elements where each has another one, else nothing."""
    names = [item.name for item in several.items if item.name is not None]
    return names if len(names) == len(several.items) == len(set(names)) else []


def read_items(kind: str, parts: list[str], depth: int) -> Reading:
    """Read the parts of a list, a tuple or a set; one part that is not understood makes the whole opaque."""
    readings = (read(part, depth + 1) for part in parts)
    items = tuple(item for found in readings for item in (spread(found) if kind in (LIST, SET) else (found,)))
    is_clear = all(map(is_understood, items)) and not any(re.fullmatch("0[0-9]+", part) for part in parts)
    return Reading(kind if is_clear else OPAQUE, ",".join(parts), items)


def spread(item: Reading) -> tuple[Reading, ...]:
    r"""Return both values of `\pm a`, which are elements of the list around it, and any other element as it is."""
    return item.items if item.kind == LIST and r"\pm" in item.text else (item,)


def is_understood(item: Reading) -> bool:
    """Return whether an element is more than a piece of prose between two commas; one word is taken as a name."""
    is_known = item.kind != SCALAR or item.is_symbolic or item.value is not None or item.leaf in INFINITIES
    return item.kind != OPAQUE and (is_known or re.fullmatch("[A-Za-z]+|[①-⑳]", item.leaf) is not None)


MATRIX: Final = re.compile(
    r"(?P<factor>[^&=<>]{0,60}?)[\[(]?\\begin\{([bp]?matrix|smallmatrix|array)\}(?:\{[lcr|]{1,20}\})?(?P<body>.*)\\end\{\2\}[\])]?"
)


def read_matrix(text: str, depth: int) -> Reading | None:
    """Read a matrix by rows, perhaps with a factor in front; its kind carries its shape. None where there is none."""
    matrix = MATRIX.fullmatch(text) if "\\begin" in text else None
    if matrix is None:
        return None
    body, factor = matrix["body"], matrix["factor"]
    rows = [row.split("&") for row in body.strip(ROW_END + " ").split(ROW_END)]
    is_scaled = factor not in ("", "-")
    if len({len(row) for row in rows}) != 1 or r"\begin" in body or (is_scaled and parse_expression(factor) is None):
        return Reading(OPAQUE, text)
    cells = [cell.strip() for row in rows for cell in row]
    if factor:
        cells = [f"({factor}1)\\cdot({cell})" if factor == "-" else f"({factor})\\cdot({cell})" for cell in cells]
    return read_items(f"matrix {len(rows)}x{len(rows[0])}", cells, depth)._replace(text=text)


SYSTEM: Final = re.compile(
    rf"(?:\\begin\{{cases\}}|{OPEN_SET}\\begin\{{(?:array|aligned)\}}(?:\{{[lcr]{{1,9}}\}})?)(?P<body>[^&]*)"
    r"\\end\{(?:cases|array|aligned)\}"
)


def read_system(text: str, depth: int) -> Reading | None:
    """Read the lines behind one brace, `x = 1` above `y = 2`, as a list; None where there are none."""
    system = SYSTEM.fullmatch(text) if depth < MAX_DEPTH else None
    if system is None:
        return None
    lines = [line.strip(" ,;") for line in system["body"].strip(ROW_END + " ").split(ROW_END)]
    return read_items(LIST, lines, depth)._replace(text=text)


CHOICE_TEXT: Final = re.compile(
    r"(?:\(([A-H])\)|([A-H])[.)]) ?(?![A-H]?\)?$|[A-Za-z](?![A-Za-z]))(?=[0-9A-Za-z\\$-])|([A-H]) (?=[A-Z][a-z]{2})"
    r"|(?i:(yes|no))[,;:] ?(?=[A-Za-z\\])"
)


def read_choice(text: str, depth: int) -> Reading | None:
    """Read an option's letter with the option's text: `C. 12`, `(C) Cecile`; None where there is no letter."""
    match = CHOICE_TEXT.match(text) if depth == 0 else None
    if match is None:
        return None
    letter = match[1] or match[2] or match[3] or match[4].casefold()
    return Reading(CHOICE, text, (read(text[match.end() :].strip(), depth + 1),), leaf=letter)


def read_union(text: str, depth: int) -> Reading | None:
    """Read a union of sets, or a set without some of its elements; None where there is none."""
    for kind, sign in ((UNION, r"\cup"), (DIFFERENCE, r"\setminus")):
        parts = split_top(text.replace(sign, "∪"), "∪") if sign in text else []
        if len(parts) > 1:
            return read_items(kind, parts, depth)._replace(text=text)
    return None


def read_brackets(text: str, depth: int) -> Reading | None:
    """Read a text that one pair of brackets encloses; None where none does."""
    if text[0] not in BRACKETS or text[-1] not in BRACKETS[text[0]] or not is_balanced(text[1:-1]):
        return None
    inner = text[1:-1].strip()
    parts = split_top(inner, ",") if inner else []
    condition = read_condition(inner, depth) if text[0] in ("{", OPEN_SET) else None
    if condition is not None:
        return condition._replace(text=text)
    if text[0] == "{" or (text[0] == "(" and text[-1] == ")" and len(parts) == 1):
        return read(inner, depth + 1)._replace(text=text)
    if text[0] == OPEN_SET:
        return read_items(SET, parts, depth)._replace(text=text)
    if len(parts) < 2:
        return Reading(OPAQUE, text)  # [5]: a list, a group or a whole part
    found = read_items(text[0] + text[-1], parts, depth)._replace(text=text)
    is_infinite = len(parts) == 2 and (
        found.items[0].leaf == r"-\infty" or found.items[1].leaf in (r"\infty", r"+\infty")
    )
    return found._replace(is_interval=found.kind != OPAQUE and (is_infinite or found.kind in ("(]", "[)")))


def read_condition(inner: str, depth: int) -> Reading | None:
    r"""Read the set of all x between two ends, `x | x > 3`; None where the braces hold no such condition."""
    condition = CONDITION.match(inner)
    if condition is None:
        return None
    found = read(inner[condition.end() :], depth + 1)
    is_set = found.is_interval or found.kind in (UNION, UNEQUAL)
    return found._replace(name=None) if is_set and found.name == condition[1] else Reading(OPAQUE, inner)


def read_ratio(text: str, depth: int) -> Reading | None:
    """Read `2:3` or `1:2:3`; None where there is no colon."""
    parts = split_top(text, ":")
    return read_items(RATIO, parts, depth)._replace(text=text) if len(parts) > 1 and all(parts) else None


# -- relations ---------------------------------------------------------------------------------------------------------


def read_relation(text: str, depth: int) -> Reading | None:
    """Read a name with its value, an inequality or an equation; None where there is no such sign."""
    if RELATION.search(text) is None:
        return None
    relation = split_relation(text)
    return None if relation is None else reading_of(relation, depth)._replace(text=text)


def reading_of(relation: Relation, depth: int) -> Reading:
    """Return what a relation's parts say together."""
    opaque = Reading(OPAQUE, "")
    match relation.kind:
        case "value" | "in":
            return read_named(relation, depth)
        case "ne":
            value = read(relation.parts[0], depth + 1)
            return Reading(UNEQUAL, "", (value,), name=relation.name) if value.kind == SCALAR else opaque
        case "interval":
            return read_inequality(relation, depth)
        case "equation":
            return sided(EQUATION, "=", relation.parts) or opaque
        case "<" | r"\le":
            return sided(relation.kind, relation.kind, relation.parts) or opaque
        case _:
            return opaque


def read_named(relation: Relation, depth: int) -> Reading:
    r"""Read `name = value`, `name \in set`, or a value that is only about right."""
    value = read(relation.parts[0], depth + 1)
    if value.kind in (OPAQUE, CHOICE) or value.name is not None or (relation.kind == "in" and value.kind == SCALAR):
        return Reading(OPAQUE, "")
    if relation.kind == "in":
        return value._replace(name=relation.name, is_interval=value.kind in INTERVALS)
    equation = ""
    if value.is_symbolic and relation.name is not None and VARIABLE.fullmatch(relation.name):
        equation = f"{relation.name}={value.leaf}"
    is_approximate = relation.is_approximate or value.is_approximate
    return value._replace(name=relation.name, is_approximate=is_approximate, equation=equation)


def read_inequality(relation: Relation, depth: int) -> Reading:
    """Read what lies between two ends."""
    ends = tuple(read(part, depth + 1) if part else end for part, end in zip(relation.parts, WHOLE_LINE, strict=True))
    is_clear = all(end.kind == SCALAR and is_understood(end) and end.name is None for end in ends)
    if not is_clear or any(relation.name and relation.name in end.leaf for end in ends if end.is_symbolic):
        return Reading(OPAQUE, "")  # x < x^2 gives no end
    if relation.is_absolute:
        return read_absolute(relation, ends)
    equation = ""
    if "" in relation.parts:
        sign = r"\le" if {"[", "]"} & set(relation.ends) else "<"
        sides = (ends[0].leaf, relation.name or "") if relation.parts[0] else (relation.name or "", ends[1].leaf)
        equation = f"{sides[0]}{sign} {sides[1]}"
    return Reading(relation.ends, "", ends, name=relation.name, is_interval=True, equation=equation)


def sided(kind: str, sign: str, parts: tuple[str, ...]) -> Reading | None:
    """Return an equation or inequality between two expressions; None where one of them is not understood."""
    if any(parse_expression(part) is None for part in parts):
        return None
    return Reading(kind, "", equation=f"{parts[0]}{sign} {parts[1]}" if sign != "=" else "=".join(parts))


# -- sentences and signs -----------------------------------------------------------------------------------------------

SENTENCE: Final = re.compile(r"(?:(?<=[A-Za-z0-9)}]) (?:is|are|equals) |是|为|等于)")
BETWEEN_DIGITS: Final = re.compile(r"(?<=[0-9])\\pm ?(?=[0-9])")
NEGATION: Final = re.compile(r"\b(?:not|no|never|cannot)\b|n't|不|没|非")


def read_sentence(text: str, depth: int) -> Reading | None:
    """Read what a short sentence ends in: `the largest n is 34`; None where it is none."""
    verbs = list(SENTENCE.finditer(text)) if depth == 0 and not text[0].isdigit() else []
    if len(verbs) != 1 or NEGATION.search(text):
        return None
    subject, rest = text[: verbs[0].start()], text[verbs[0].end() :].lstrip(": ")
    value = read(rest, depth + 1)
    is_answer = bool(subject) and RELATION.search(subject) is None and "," not in subject and is_understood(value)
    return value._replace(text=text, name=subject, equation="") if is_answer and not value.leaf.isalpha() else None


def read_plus_minus(text: str, depth: int) -> Reading | None:
    r"""Read both values of `1 \pm \sqrt{2}`, or both tuples of `(1, \pm 2)`; None without just one such sign."""
    if text.count(r"\pm") != 1 or text[0] == OPEN_SET:
        return None
    unranged = BETWEEN_DIGITS.sub(r"\\pm 1*", text)  # 2-3 would be taken for a range
    both = [unranged.replace(r"\pm", sign).removeprefix("+").replace("+ ", "+").replace("- ", "-") for sign in "+-"]
    return read_items(LIST, both, depth)._replace(text=text)
