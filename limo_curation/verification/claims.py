r"""Find what a chain claims to be equal: each pair of neighbours in `a = b = c`, in formulas and in prose.

    "so she pays 3 * 4 = 12 dollars"  ->  3 * 4 | 12          "每天3个×5天=15个"  ->  3个×5天 | 15个
    "\[ x &= 2 + 3 \\ &= 5 \]"        ->  x | 2 + 3, 2 + 3 | 5

A side ends where a statement ends: at punctuation, at the edge of a formula, at a word that is no unit of the number
before it. Where what stands next to it could belong to it ("5 more than 3 * 4 = 12"), the side is marked as unclear.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from limo_curation.verification.arithmetic import MAX_SIDE_TOKENS, PARTS, WORDS
from limo_curation.verification.tokens import Token, listed

RELATIONS: Final = frozenset(("equals", "approx"))
BREAKS: Final = frozenset(("edge", "row", "newline"))
STOPS: Final = frozenset(("edge", "row", "newline", "blank", "arrow", "other", "equals", "approx"))
PUNCTUATION: Final = frozenset(',;:.?、。，；：？！&"“”>')
OPENING: Final = frozenset(("(", "[", "{", r"\lfloor", r"\lceil"))
CLOSING: Final = frozenset((")", "]", "}", r"\rfloor", r"\rceil"))
MAX_CLAIMS: Final = 10_000  # ours: of one chain; further ones are not looked at
MAX_UNIT_WORDS: Final = 2  # ours: of a unit before a relation; more are a label, or a sentence
MAX_SKIPPED: Final = 5  # ours: breaks between a relation and a side on another line

BEFORE: Final = listed(
    "times plus minus over than less more twice thrice double triple squared cubed percent mod modulo root half"
    " third quarter negative hundred thousand million base"
)
BEFORE_OF: Final = listed(
    "digit digits remainder part floor ceiling number sum product difference average mean median half third"
    " thirds quarter quarters fourth fourths fifth fifths sixth seventh eighth ninth tenth percent square cube"
    " root twice double"
)
BEHIND: Final = listed(
    "times plus minus divided multiplied of dozen hundred thousand million billion trillion squared cubed"
    " percent mod modulo over choose factorial point remainder less more to"
)
NO_UNITS: Final = listed(
    "and or because since so then but is are was were which gives gave makes made equals if when that thus hence"
    " simplifies becomes we you i he she they has have had leaves into"
)
COMPOUND: Final = listed(
    "hour hours minute minutes day days week weeks year years foot feet pound pounds dollar dollars"
)
NUMBERED: Final = listed(
    "week weeks day days step steps case chapter section part year years figure question problem equation page pages"
    " level row column number group room phase stage round trip hour"
)
APPLIED: Final = listed("divided divide dividing multiplied multiply multiplying increased decreased reduced")
HAN_BEFORE: Final = "加减乘除比倍半的与和第负"
HAN_BEHIND: Final = ("万", "亿", "千", "百", "倍", "加", "减", "乘", "除", "成", "分之", "又", "余", "比")


class Status(StrEnum):
    """What became of a claim."""

    HOLDS = "holds"
    FAILS = "fails"
    UNCHECKED = "unchecked"


class Run(NamedTuple):
    """The tokens of one side, from `low` up to `high`."""

    low: int
    high: int
    is_clear: bool
    """Whether nothing next to it could belong to it."""


class Claim(NamedTuple):
    """Two sides and the relation between them."""

    left: Run
    right: Run
    relation: int
    """Where the relation's token stands."""
    is_approximate: bool
    is_continued: bool
    """Whether the left side is the right side of the relation before."""


def find_claims(tokens: Sequence[Token]) -> list[Claim]:
    """Return the first MAX_CLAIMS claims in their order."""
    claims = list[Claim]()
    for at, token in enumerate(tokens):
        if token.kind not in RELATIONS:
            continue
        if len(claims) == MAX_CLAIMS:
            break
        start, end = skip(tokens, at, -1), skip(tokens, at, 1)
        left, right = backwards(tokens, start), forwards(tokens, end)
        if is_in_script(tokens, left, right) or left.low == left.high or right.low == right.high:
            continue
        is_continued = left.low > 0 and tokens[left.low - 1].kind in ("equals", "approx", "other")
        claims.append(Claim(left, right, at, token.kind == "approx", is_continued))
    return claims


def skip(tokens: Sequence[Token], at: int, step: int) -> int:
    """Return where the side next to a relation begins, looking over breaks where it stands on another line."""
    near = at + step
    for _ in range(MAX_SKIPPED):
        if not 0 <= near < len(tokens):
            break
        if (tokens[near].kind not in BREAKS and tokens[near].text not in ("&", "{", "}")) or is_held(
            tokens[near].text, step
        ):
            break
        near += step
    return near


def is_held(text: str, step: int) -> bool:
    """Return whether a brace belongs to the side that is looked for, and is no grouping of the relation: `{=}`."""
    return (text == "}" and step < 0) or (text == "{" and step > 0)


def is_in_script(tokens: Sequence[Token], left: Run, right: Run) -> bool:
    r"""Return whether the statement stands in braces, as the range of a sum does, and not in a box."""
    opened = left.low > 0 and tokens[left.low - 1].text == "{"
    closed = right.high < len(tokens) and tokens[right.high].text == "}"
    return (opened or closed) and not (left.low > 1 and tokens[left.low - 2].text == r"\boxed")


def ends_operand(token: Token) -> bool:
    """Return whether a unit may stand behind a token."""
    return token.kind in ("number", "letter", "text") or token.text in CLOSING or token.text in ("%", "°", "!")


def is_word(token: Token) -> bool:
    """Return whether a token is prose, or a unit."""
    return token.kind in WORDS or (token.kind == "article")


def plain(token: Token) -> str:
    """Return the words of a token, in lower case."""
    text = token.text
    return (text[text.index("{") + 1 : -1] if token.kind == "text" else text).strip().lower()


# -- to the left -------------------------------------------------------------------------------------------------------


def backwards(tokens: Sequence[Token], start: int) -> Run:
    """Return the side that ends at `start`."""
    at, depth = start, 0
    while at >= 0 and start - at <= MAX_SIDE_TOKENS:
        token = tokens[at]
        if depth == 0:
            if token.kind in STOPS or token.text in OPENING or token.text in PUNCTUATION:
                break
            if is_word(token) and not is_unit_before(tokens, at, start):
                return Run(at + 1, start + 1, is_clear_behind_word(tokens, at, start))
        depth += (token.text in CLOSING) - (token.text in OPENING)
        at -= 1
    return Run(at + 1, start + 1, depth == 0 and start - at <= MAX_SIDE_TOKENS and is_clear_start(tokens, at))


def is_unit_before(tokens: Sequence[Token], at: int, start: int) -> bool:
    """Return whether a word is the unit of a number, between it and an operator or the relation."""
    if not can_be_unit(tokens, at):
        return False
    if at > 1 and tokens[at - 1].text == "/" and (tokens[at - 2].kind in WORDS or tokens[at].kind != "han"):
        return True  # miles/hour, 5/hour
    if at == 0 or not ends_operand(tokens[at - 1]):
        return False
    if at == start and plain(tokens[at]).count(" ") >= MAX_UNIT_WORDS:
        return False
    if (
        at == start
        or tokens[at + 1].text == "/"
        or tokens[at + 1].kind in ("operator", "text")
        or tokens[at + 1].text == ")"
    ):
        return not is_operator_word(plain(tokens[at]))
    return plain(tokens[at]) in PARTS


def can_be_unit(tokens: Sequence[Token], at: int) -> bool:
    """Return whether words may be a unit: no function of what stands behind them, and no part of a sentence."""
    behind = tokens[at + 1] if at + 1 < len(tokens) else None
    if not NO_UNITS.isdisjoint(plain(tokens[at]).split()):
        return False
    if behind is None or behind.text not in ("(", "-"):
        return True
    if behind.text == "(":
        return tokens[at].kind != "text" and behind.start > tokens[at].end
    return behind.start == tokens[at].end or behind.end < tokens[min(at + 2, len(tokens) - 1)].start  # "to -b = -5"


def is_operator_word(text: str) -> bool:
    """Return whether words change the value of what stands before them."""
    return bool(text) and (text.split()[0] in BEHIND or text.split()[-1] in BEFORE or text.startswith(HAN_BEHIND))


def is_clear_behind_word(tokens: Sequence[Token], at: int, start: int) -> bool:
    """Return whether the words before a side leave its value alone."""
    if at == start:
        return False
    word, first = tokens[at], tokens[at + 1]
    if at + 1 == start and first.kind == "number" and not first.is_math:
        return False  # "section 2 = x + 200"
    if first.kind == "operator" and first.text != "-":
        return False
    if first.text == "-" and (word.kind != "han" or first.end != tokens[at + 2].start):
        return False  # "revenue - 5": the word is a number
    if word.kind == "text" or (first.text in ("(", "[", "{", "_", "^") and word.end == first.start):
        return False  # a function, or a label that is multiplied
    if word.kind == "word" and ((first.kind == "number" and word.end == first.start) or is_remark(tokens, at, start)):
        return False  # log10(100), 2 neutrons (2 * 3 quarks)
    if word.kind == "han":
        return word.text[-1] not in HAN_BEFORE
    words = plain(word).replace("-", " ").split()
    if words[-1] in NUMBERED and first.kind == "number":
        return False  # Weeks 1-2 = 96 - 70
    is_mixed = len(words) == 1 and is_fraction(tokens, at + 1)
    if words[-1] == "and" and at and tokens[at - 1].text.isdigit() and (is_mixed or words[0] in COMPOUND):
        return False  # 2 and 1/2, 2 hours and 24 minutes
    if len(words) > 1 and words[-1] in ("by", "from", "to") and words[-2] in APPLIED:
        return False
    return words[-1] not in BEFORE and not (words[-1] == "of" and (len(words) == 1 or words[-2] in BEFORE_OF))


def is_fraction(tokens: Sequence[Token], at: int) -> bool:
    """Return whether a fraction below one is written here, which a mixed number may end in: 2 and 1/2."""
    above, slash, below = ([token.text for token in tokens[at : at + 3]] + [""] * 3)[:3]
    return slash == "/" and above.isdigit() and below.isdigit() and (len(above), above) < (len(below), below)


def is_remark(tokens: Sequence[Token], at: int, start: int) -> bool:
    """Return whether all that stands behind a word is a bracket."""
    return tokens[at + 1].text == "(" and tokens[start].text == ")"


def is_clear_start(tokens: Sequence[Token], at: int) -> bool:
    """Return whether a side that begins behind `at` is whole."""
    if at < 0 or at + 1 >= len(tokens):
        return True
    token, first = tokens[at], tokens[at + 1]
    if first.kind == "operator" and first.text in "+*/^":
        return False
    before = tokens[at - 1] if at else token
    if first.text == "-" and (token.kind in ("row", "newline") or token.text == "&"):
        return False
    if token.kind == "edge" and before.text in ("x", "X"):
        return False
    if token.kind == "edge" and before.kind == "operator":
        return False
    if token.kind == "edge" and before.kind == "word" and before.text.lower().split()[-1] == "of":
        words = before.text.lower().replace("-", " ").split()
        return len(words) > 1 and words[-2] not in BEFORE_OF  # $10\%$ of $\$1.50 = ...$
    is_ratio = token.text == ":" and (before.kind == "number" or before.text == ")")
    if is_ratio and (token.is_math or (first.kind == "number" and token.end == first.start)):
        return False  # a ratio, or a time of day
    is_glued = token.end == first.start or (token.text == "," and len(first.text) == 3)
    if token.text in ",." and before.kind == first.kind == "number" and before.end == token.start and is_glued:
        return False  # 3,5 or 1,2,3 or 14, 400
    return not (token.text == "." and (before.text == "." or before.kind == "operator"))


# -- to the right ------------------------------------------------------------------------------------------------------


def forwards(tokens: Sequence[Token], start: int) -> Run:
    """Return the side that begins at `start`."""
    at, depth = start, 0
    while at < len(tokens) and at - start <= MAX_SIDE_TOKENS:
        token = tokens[at]
        if depth == 0:
            if token.kind in STOPS or token.text in CLOSING or token.text in PUNCTUATION:
                break
            if token.text in ("(", "[") and at > start and not token.is_math and holds_prose(tokens, at):
                break
            if is_word(token) and not is_unit_behind(tokens, at, start):
                return Run(start, at, at > start and is_clear_before_word(tokens, at))
        depth += (token.text in OPENING) - (token.text in CLOSING)
        at += 1
    return Run(start, at, depth == 0 and at - start <= MAX_SIDE_TOKENS and is_clear_end(tokens, at))


def holds_prose(tokens: Sequence[Token], at: int) -> bool:
    """Return whether a bracket opens a remark: `= 15 (since 3 * 5 is 15)`."""
    is_glued = tokens[at].start == tokens[at - 1].end
    return at + 1 < len(tokens) and not is_glued and is_word(tokens[at + 1]) and tokens[at + 1].kind != "text"


def is_unit_behind(tokens: Sequence[Token], at: int, start: int) -> bool:
    """Return whether a word is the unit of a number, with something to calculate or to compare behind it."""
    if at == start or not ends_operand(tokens[at - 1]) or at + 1 == len(tokens):
        return False
    text, behind = plain(tokens[at]), tokens[at + 1]
    if not can_be_unit(tokens, at):
        return False
    return (behind.kind in ("operator", "equals", "approx", "text")) and not is_operator_word(text)


def is_clear_before_word(tokens: Sequence[Token], at: int) -> bool:
    """Return whether the words behind a side leave its value alone."""
    if not ends_operand(tokens[at - 1]) and tokens[at - 1].kind not in WORDS:
        return False
    word = tokens[at]
    if word.kind == "han":
        return not word.text.startswith(HAN_BEHIND)
    words = plain(word).replace("-", " ").split()
    if not words or words[0] in BEHIND or "remainder" in words:
        return False
    return not (words == ["and"] and tokens[at - 1].text.isdigit() and is_fraction(tokens, at + 1))


def is_clear_end(tokens: Sequence[Token], at: int) -> bool:
    """Return whether a side that ends before `at` is whole."""
    if at >= len(tokens) or at == 0:
        return True
    token, last = tokens[at], tokens[at - 1]
    if last.kind == "operator":
        return False
    if at + 1 == len(tokens):
        return True
    behind = tokens[at + 1]
    if token.kind in ("row", "newline"):
        further = tokens[at + 2] if behind.text == "&" and at + 2 < len(tokens) else behind
        return further.kind != "operator"
    if token.text == ":" and (behind.kind == "number" or behind.text == "("):
        return False  # a ratio, or a time of day
    if token.text in ",.&" and token.end == behind.start and last.end == token.start:
        return behind.kind not in ("number", "command") and behind.text != "."  # 3,5 or 0.\overline{7}
    return True
