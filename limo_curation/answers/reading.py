r"""Read the structure of a normalised answer: what it is a list, a pair, an interval, a relation or a number of.

    `(1, \frac{1}{2})`  ->  kind `()`, two numbers         `x = 5`    ->  a number under the name x
    `\{1, 2\}`          ->  kind `{}`, two numbers         `5 cm^2`   ->  a number with the unit cm2
    `x \ge 5`           ->  kind `\ge`, a number           anything that is not surely understood  ->  opaque

Only the numbers, variables and functions at the leaves go to the symbolic tier, and only where every token of a leaf
is one that is known to be read right there: structure, units, bases and relations never do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from limo_curation.answers.normalisation import CLOSE_SET, OPEN_SET, ROW_END

MAX_DEPTH: Final = 8  # ours: brackets in brackets in an answer
MAX_DIGITS: Final = 1_000
MAX_EXPONENT: Final = 300

SCALAR: Final = "scalar"
OPAQUE: Final = "opaque"
LIST: Final = "list"
SET: Final = "{}"
UNION: Final = "union"
BASED: Final = "based"


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer, or one part of one."""

    kind: str
    text: str
    items: tuple[Reading, ...] = ()
    leaf: str = ""
    """The expression alone, without brackets, name and unit around it."""
    value: Fraction | None = None
    """The exact value of a rational number."""
    is_symbolic: bool = False
    """Whether the symbolic tier may be asked about `leaf`."""
    unit: str | None = None
    """A unit in one spelling; with a question mark behind it, perhaps a variable: `5m`."""
    name: str | None = None
    """What the answer is given for: x in `x = 5`."""


def read(text: str, depth: int = 0) -> Reading:
    """Return the structure of a normalised text."""
    opaque = Reading(OPAQUE, text)
    if not text or depth > MAX_DEPTH or not is_balanced(text):
        return opaque
    matrix = MATRIX.fullmatch(text)
    if matrix is not None:
        return read_matrix(text, matrix["body"], depth)
    if THOUSANDS.fullmatch(text):
        return read_scalar(text)
    words_to_commas = SEPARATOR_WORD.sub(",", text)
    parts = split_top(words_to_commas, ",;")
    if len(parts) > 1:
        return replace(read_items(LIST, parts, depth), text=text)
    relation = read_relation(text, depth)
    if relation is not None:
        return relation
    parts = split_top(text.replace(r"\cup", "∪"), "∪")
    if len(parts) > 1:
        return replace(read_items(UNION, parts, depth), text=text)
    return read_brackets(text, depth) or read_scalar(text)


# -- structure ---------------------------------------------------------------------------------------------------------

MATRIX: Final = re.compile(r"\\begin\{[bp]?matrix\}(?P<body>.*)\\end\{[bp]?matrix\}")
THOUSANDS: Final = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+|(?: [0-9]{3})+)(?:\.[0-9]+)?")
SEPARATOR_WORD: Final = re.compile(r",?(?<![A-Za-z\\]) ?(?:and|or|和|或|以及) ?(?![A-Za-z])")
BRACKETS: Final = {"(": ")]", "[": ")]", OPEN_SET: CLOSE_SET, "{": "}"}
RELATIONS: Final = {"=": "=", "<": "<", ">": ">", r"\le": r"\le", r"\ge": r"\ge", r"\in": r"\in"}
FLIPPED: Final = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le", "=": "=", r"\ne": r"\ne"}
RELATION: Final = re.compile(
    r"[=<>:|≡∣→]|\\(?:le|ge|ne|in|notin|approx|sim|simeq|equiv|cong|propto|mid|ll|gg|to|rightarrow|Rightarrow|implies"
    r"|subset|subseteq|pmod|bmod|mod|forall|exists|dots|ldots|cdots|setminus|cap|infty(?=[0-9]))(?![A-Za-z])"
)
NAME: Final = re.compile(
    r"(?:\\angle ?)?(?:[A-Za-z]{1,2}|\\(?:alpha|beta|gamma|theta|lambda|mu|phi|varphi|omega|angle ?[A-Z]{1,3}))"
    r"(?:_\{?[0-9A-Za-z]+\}?)?'?(?:\([a-z](?:,[a-z])*\))?|[A-Z]{3}|\([a-zA-Z](?:,[a-zA-Z])+\)"
)


def is_balanced(text: str) -> bool:
    """Return whether brackets nest (a half-open interval's do)."""
    depth = 0
    for character in text:
        depth += (character in "([{" + OPEN_SET) - (character in ")]}" + CLOSE_SET)
        if depth < 0:
            return False
    return depth == 0


def split_top(text: str, separators: str) -> list[str]:
    """Split at separators that stand outside all brackets."""
    parts, depth, start = list[str](), 0, 0
    for index, character in enumerate(text):
        depth += (character in "([{" + OPEN_SET) - (character in ")]}" + CLOSE_SET)
        if depth == 0 and character in separators:
            parts.append(text[start:index].strip())
            start = index + 1
    return [*parts, text[start:].strip()]


def read_items(kind: str, parts: list[str], depth: int) -> Reading:
    """Read the parts of a list, a tuple or a set; one part that is not understood makes the whole opaque."""
    items = tuple(read(part, depth + 1) for part in parts)
    is_clear = all(map(is_understood, items)) and not any(re.fullmatch("0[0-9]+", part) for part in parts)
    return Reading(kind if is_clear else OPAQUE, ",".join(parts), items)


def is_understood(item: Reading) -> bool:
    """Return whether an element is more than a piece of prose between two commas; one word is taken as a name."""
    is_known = item.kind != SCALAR or item.is_symbolic or item.value is not None
    return item.kind != OPAQUE and (is_known or re.fullmatch(r"[A-Za-z]+|[+-]\\infty", item.leaf) is not None)


def read_matrix(text: str, body: str, depth: int) -> Reading:
    """Read a matrix by rows; its kind carries its shape."""
    rows = [row.split("&") for row in body.strip(ROW_END + " ").split(ROW_END)]
    if len({len(row) for row in rows}) != 1 or r"\begin" in body:
        return Reading(OPAQUE, text)
    kind = f"matrix {len(rows)}x{len(rows[0])}"
    return replace(read_items(kind, [cell.strip() for row in rows for cell in row], depth), text=text)


def read_brackets(text: str, depth: int) -> Reading | None:
    """Read a text that one pair of brackets encloses; None where none does."""
    if text[0] not in BRACKETS or text[-1] not in BRACKETS[text[0]] or not is_balanced(text[1:-1]):
        return None
    inner = text[1:-1].strip()
    parts = split_top(inner, ",") if inner else []
    if text[0] == "{" or (text[0] == "(" and text[-1] == ")" and len(parts) == 1):
        return replace(read(inner, depth + 1), text=text)
    if text[0] == OPEN_SET:
        return replace(read_items(SET, parts, depth), text=text)
    if len(parts) < 2:
        return Reading(OPAQUE, text)
    return replace(read_items(text[0] + text[-1], parts, depth), text=text)


def read_relation(text: str, depth: int) -> Reading | None:
    r"""Read `name = value`, `name \in set` or one inequality; other relations are opaque; None where there is none."""
    found = list(RELATION.finditer(text))
    if not found:
        return None
    sign = found[0].group()
    left, right = text[: found[0].start()].strip(), text[found[0].end() :].strip()
    opaque = Reading(OPAQUE, text)
    if len(found) > 1 or sign not in {**RELATIONS, **FLIPPED} or not left or not right:
        return opaque
    if sign in FLIPPED and NAME.fullmatch(right) and not NAME.fullmatch(left):
        left, right, sign = right, left, FLIPPED[sign]
    if not NAME.fullmatch(left):
        return opaque
    value = read(right, depth + 1)
    if value.kind == OPAQUE or value.name is not None:
        return opaque
    if sign in ("=", r"\in"):
        return opaque if sign == r"\in" and value.kind == SCALAR else replace(value, text=text, name=left)
    return Reading(sign, text, (value,), name=left) if value.kind == SCALAR else opaque


# -- leaves ------------------------------------------------------------------------------------------------------------

UNITS: Final = {
    alias: unit
    for unit, aliases in {
        "°": "° degrees degree 度",
        "%": "% percent pct",
        "mm": "mm millimeters 毫米",
        "cm": "cm centimeters centimeter centimetres 厘米",
        "m": "m meters meter metres metre 米",
        "km": "km kilometers kilometer kilometres 千米 公里",
        "in": "inches inch",
        "ft": "ft feet foot",
        "yd": "yd yards yard",
        "mi": "mi miles mile",
        "g": "g grams gram 克",
        "kg": "kg kilograms kilogram 千克 公斤",
        "lb": "lb lbs pounds pound",
        "s": "s sec seconds second 秒",
        "min": "min mins minutes minute 分钟",
        "h": "h hr hrs hours hour 小时",
        "day": "days day 天",
        "year": "years year 年",
        "L": "L liters liter litres 升",
        "mL": "mL ml milliliters 毫升",
        "dollar": "dollars dollar USD",
        "cent": "cents cent",
        "yuan": "yuan 元",
        "km/h": "km/h kmph",
        "mph": "mph",
        "m/s": "m/s",
        "unit": "units unit",
    }.items()
    for alias in aliases.split()
}
AMBIGUOUS_UNITS: Final = frozenset("mgshL")
"""Units that may as well be variables: `5m`."""
UNIT: Final = re.compile(
    r"(?P<value>[^A-Za-z]*[^A-Za-z\\ ]|.*[)}])(?P<space> ?)(?P<power_word>square |cubic |sq |平方|立方)?(?P<unit>"
    + "|".join(re.escape(alias) for alias in sorted(UNITS, key=len, reverse=True))
    + r")(?:\^\{(?P<power>[23])\})?"
)
POWER_WORDS: Final = {"square ": "2", "sq ": "2", "平方": "2", "cubic ": "3", "立方": "3"}
NUMBER: Final = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
DECIMAL: Final = re.compile(NUMBER)
RATIO: Final = re.compile(rf"(?:\\frac\{{([+-]?{NUMBER})\}}\{{([+-]?{NUMBER})\}}|({NUMBER})/({NUMBER}))")
MIXED: Final = re.compile(r"([0-9]+)(?: ([0-9]+)/([0-9]+)|\\frac\{([0-9]+)\}\{([0-9]+)\})")
SCIENTIFIC: Final = re.compile(rf"(?:({NUMBER}) ?(?:\\times|\\cdot|\*) ?)?10\^\{{(-?[0-9]{{1,3}})\}}")
BASED_NUMBER: Final = re.compile(r"([0-9A-Z]+)_\{?([0-9]{1,2})\}?")
LEAF: Final = re.compile(
    r"(?:\\(?:frac|sqrt|pi|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|ln|exp|binom|cdot|times|alpha|beta|gamma|theta"
    r"|lambda|mu|phi|infty)(?![A-Za-z])(?:\[[0-9]\])?|[0-9+\-*/^(){}.! ]"
    r"|(?<![A-Za-z])(?:[a-z]{1,2}|[A-Z])(?![A-Za-z]))+"
)
MISREAD: Final = re.compile(
    r"[0-9] +[0-9]"  # 1 1/2 inside a longer expression
    r"|[0-9] ?\\frac\{[0-9]+\}\{[0-9]+\}"  # a mixed number or a product
    r"|/ ?(?:[0-9]+|[A-Za-z]) ?(?:[A-Za-z(]|\\(?!cdot|times))"  # 1/2x: a half of x, or one over 2x
    r"|!!|\.\.|\}\^\{|(?<![A-Za-z\\])[fghFGHP]\("  # f(x): a function's value
)
PRODUCT: Final = re.compile(r"([0-9]|(?<![A-Za-z\\])[A-Za-z]{1,2}) ?\(")


def read_scalar(text: str) -> Reading:
    """Read a number or an expression, with its unit."""
    based = BASED_NUMBER.fullmatch(text)
    if based is not None:
        return read_based(text, based[1], int(based[2]))
    if text.count(r"\pm") == 1:
        both = [text.replace(r"\pm", sign).removeprefix("+").replace("+ ", "+").replace("- ", "-") for sign in "+-"]
        return replace(read_items(LIST, both, MAX_DEPTH - 1), text=text)
    value = rational(text)
    match = UNIT.fullmatch(text) if value is None else None
    if match is not None and (match["unit"] not in AMBIGUOUS_UNITS or rational(match["value"]) is not None):
        return read_quantity(text, match)
    is_symbolic = value is None and LEAF.fullmatch(text) is not None and MISREAD.search(text) is None
    # 6(1) would be read as 6 + 1, and n(n+1) as a function n
    leaf = PRODUCT.sub(r"\1 \\cdot(", text) if is_symbolic else text
    return Reading(SCALAR, text, leaf=leaf, value=value, is_symbolic=is_symbolic)


def read_quantity(text: str, match: re.Match[str]) -> Reading:
    """Read a number or an expression in front of a unit."""
    unit = UNITS[match["unit"]]
    number = read_scalar(match["value"].strip())
    power = match["power"] or POWER_WORDS.get(match["power_word"] or "", "")
    if unit + power == "unit":
        return replace(number, text=text)
    doubt = "?" if match["unit"] in AMBIGUOUS_UNITS and not match["space"] else ""
    return replace(number, text=text, unit=unit + power + doubt)


def read_based(text: str, digits: str, base: int) -> Reading:
    """Read a number with its base as subscript: `101_2`."""
    if not 2 <= base <= 36 or len(digits) > MAX_DIGITS or any(int(digit, 36) >= base for digit in digits):
        return Reading(OPAQUE, text)
    return Reading(BASED, text, leaf=text, value=Fraction(int(digits, base)))


def rational(text: str) -> Fraction | None:
    """Return the exact value of a plain number: integer, decimal, fraction, mixed or scientific; else None."""
    if len(text) > MAX_DIGITS:
        return None
    sign = -1 if text.startswith("-") else 1
    text = text[1:] if text.startswith(("-", "+")) else text
    if THOUSANDS.fullmatch(text):
        text = re.sub("[, ]", "", text)
    if DECIMAL.fullmatch(text):
        return sign * Fraction(text.rstrip(".") if text.endswith(".") else text)
    if match := RATIO.fullmatch(text):
        above, below = (Fraction(part.rstrip(".")) for part in match.groups() if part is not None)
        return sign * above / below if below else None
    if match := MIXED.fullmatch(text):
        whole, above, below = (int(part) for part in match.groups() if part is not None)
        return sign * (whole + Fraction(above, below)) if below else None
    if (match := SCIENTIFIC.fullmatch(text)) and abs(int(match[2])) <= MAX_EXPONENT:
        return sign * Fraction((match[1] or "1").rstrip(".")) * Fraction(10) ** int(match[2])
    return None
