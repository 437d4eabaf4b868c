r"""Read the value that a short statement ends in, and the formulas or the number at the beginning of a text.

    The largest $n$ is 34                       ->  34       the roots are $2$ and $-3$  ->  2, -3
    the volume is $4 \times 30 = 120$ m         ->  120      he pays $7.78 for it        ->  7.78
    there are 12 ways that meet the conditions  ->  12       it takes 5 million years    ->  5 million
    at least 3 of the points lie on a line      ->  None: a bound, not a value

A number keeps the unit, the multiplier or the fraction behind it (`5 cm`, `5 million`, `3 tenths`); what is only
counted (`12 ways`) is left out. Texts are short here: whoever calls this cuts them, so that no pattern has to be
careful with long ones.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final, NamedTuple

from limo_curation.answers.units import GENERIC, MULTIPLIERS, UNITS

DELIMITED: Final = re.compile(
    r"\$\$([^$]{1,200})\$\$|\$((?:[^$\n\\]|\\[^\n]){1,200})\$|\\\(([^\n]{1,200}?)\\\)|\\\[([\s\S]{1,200}?)\\\]"
)
CURRENCY: Final = re.compile(
    r"(\\?[$€£¥]\s?[0-9][0-9,]*(?:\.[0-9]+)?)(?![0-9]|\s?[A-Za-z/]{0,12}\$)(?=[.,;!?)]?(?:\s{1,3}[A-Za-z]{2}|\s{0,3}$))"
)
LIST_JOIN: Final = re.compile(r"[\s,;]*(?:and|or|和|或|以及|、|，)?[\s,;]*")
PERCENT: Final = re.compile(r"\s{0,3}(?:\\?%|percent\b|pct\b)")
FILLER: Final = re.compile(
    r"(?:(?:simply|just|thus|therefore|hence|then|for sure|definitely|clearly|indeed|about|approximately|roughly"
    r"|around|exactly|only|equal to|given by|probably|就是|应该是|约为|大约|选项|option|choice)\b[,:]?\s{0,3})+",
    re.IGNORECASE,
)

NUMBER: Final = re.compile(
    r"-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:/[0-9]+)?(?:\s?(?:\\?%|percent\b|°))?"
)
BOLD: Final = re.compile(r"\*\*([^*\n]{1,60})\*\*")
VERB: Final = re.compile(
    r"(?:\b(?:is|are|was|were|equals|be|equal to|becomes)\b|=|(?<![0-9])(?P<colon>[:：])|是|为|等于|共有|得到)\s*"
)
BOUND: Final = re.compile(
    r"\b(?:at (?:least|most)|(?:more|less|greater|fewer|larger|smaller) than|up to|between)\b|至少|至多|大于|小于|超过"
)
NEGATION: Final = re.compile(r"\b(?:for (?:all|every|any)|cannot|can't|not|no)\b|不")
NAMED: Final = re.compile(r", ([^=,]{1,40})=")
CLAUSE: Final = re.compile(r"[,;](?![0-9])|[，；、且]|\b(?:and|or|when|at|for|if)\b")
SHORT_MATH: Final = re.compile(r"[-+(\[{]{0,2}(?:[0-9A-Za-z.,/^()\[\]{}+*:π√∞ -]|\\[A-Za-z]){1,120}")


def stated_value(sentence: str) -> str | None:
    """Return the value that a statement such as "The largest $n$ is 34" ends in; None where it is not plain.

    Its one bold part, else what stands behind its last verb or equals sign, else its only formula or number.
    No value is read where another number follows it, or where the statement is about a bound ("at least 3").
    """
    sentence = sentence.strip().rstrip(".。!！;；").strip()
    bold = [part for part in BOLD.findall(sentence) if re.search(r"[0-9\\]", part)]
    if len(bold) == 1:
        return value_at_start(bold[0])
    sentence = sentence.replace("**", "")
    outside = DELIMITED.sub("", sentence)
    verbs = list(VERB.finditer(masked(sentence)))
    if NEGATION.search(sentence) or BOUND.search(sentence, verbs[-1].end() if verbs else 0):
        return None
    if says_several(sentence, verbs):
        return None
    if verbs and verbs[-1]["colon"] and re.search("[0-9]", sentence[: verbs[-1].start()]):
        return None  # "there are 3 such numbers: 2, 4 and 8"
    behind = value_at_start(sentence[verbs[-1].end() :]) if verbs else None
    if behind is not None:
        return behind
    listed = formulas_at_start(sentence)
    if listed is not None and listed.end == len(sentence) and len(set(NAMED.findall(f", {listed.text}"))) <= 1:
        return listed.text or None  # "$a = 2$ or $a = -3$", but not "$a = 2$, $b = 3$, and $a + b = 5$"
    formulas = [bare(match.group()) for match in DELIMITED.finditer(sentence)]
    numbers = [quantity(outside, match) for match in NUMBER.finditer(outside)]
    if len(formulas) == 1 and not numbers and re.search(r"[0-9]", formulas[0]):
        return right_side(formulas[0])
    return numbers[0] if len(numbers) == 1 and not formulas and is_free(outside) else None


def says_several(sentence: str, verbs: list[re.Match[str]]) -> bool:
    """Return whether a verb before the last has a value of its own: `x = 5 and y = 3`, 最小值为-5，此时x=2."""
    between = (sentence[one.end() : other.start()] for one, other in pairwise(verbs))
    return any(
        (NUMBER.match(text) or DELIMITED.match(text)) is not None and CLAUSE.search(text) is not None
        for text in between
    )


def masked(sentence: str) -> str:
    """Return the sentence with its formulas blanked, so that no verb or equals sign is looked for inside them."""
    return DELIMITED.sub(lambda match: "\0" * len(match.group()), sentence)


def is_free(text: str) -> bool:
    """Return whether the only number of a text stands alone, and is no part of a name or an expression."""
    number = NUMBER.search(text)
    if number is None or text[number.end() : number.end() + 1] in CONTINUING:
        return False
    return re.search(r"[A-Za-z_\\^*/+({√]$", text[: number.start()]) is None


def value_at_start(text: str) -> str | None:
    """Return the formula or the number at the beginning of a text, if no other number follows."""
    text = text.strip(" \t*_\"'")
    filler = FILLER.match(text)
    text = text[filler.end() :] if filler else text
    currency = CURRENCY.match(text)
    if currency is not None and not re.search("[0-9]", text[currency.end() :]):
        return currency[1]
    formulas = formulas_at_start(text)
    if formulas is not None:
        return formulas.text if formulas.text and not re.search(r"[0-9=]", text[formulas.end :]) else None
    number = NUMBER.match(text)
    if number is not None and not re.search(r"[0-9+*/^=\\]|^\(", text[number.end() :]):
        follows = text[number.end() : number.end() + 1]
        if follows not in CONTINUING and not (follows.isascii() and follows.isalpha()):
            return quantity(text, number)
    unit = WIDE_UNIT.search(text)
    if unit is not None and unit[1] in UNITS:
        text = text[: unit.start()]
    is_math = SHORT_MATH.fullmatch(text) is not None and re.search(r"[0-9\\]", text) is not None
    return text if is_math and re.search(r"(?<![\\A-Za-z])[A-Za-z]{3}", text) is None else None


FOLLOWING_WORD: Final = re.compile(
    r"\s?(?:\*\*)?(?:square |cubic )?(?:(?P<unit>[A-Za-z]{1,20}(?:/[A-Za-z]{1,6})?)|(?P<wide>[^\x00-\x7f]{1,4}))"
)
CHANGING: Final = re.compile(
    r"dozens?|scores?|quarters?|half|halves|thirds?|(?!months?|depths?|lengths?|widths?)[a-z]{2,9}ths?"
)
WIDE_UNIT: Final = re.compile(r"(?<=[)}\]])\s?([^\x00-\x7f]{1,4})$")
CONTINUING: Final = frozenset("π√∞²³^·×÷!:_")
"""What makes a number a part of an expression; `""`, the end of the text, is not in it."""


def quantity(text: str, number: re.Match[str]) -> str:
    """Return a number with the unit or the multiplier that follows it; other words (`12 sequences`) are left."""
    word = FOLLOWING_WORD.match(text, number.end())
    if word is None:
        return number.group()
    unit = word["unit"] or next(
        (word["wide"][:size] for size in range(4, 0, -1) if word["wide"][:size] in UNITS.keys() | MULTIPLIERS.keys()),
        "",
    )
    is_known = unit in MULTIPLIERS or CHANGING.fullmatch(unit) or (unit in UNITS and UNITS[unit] not in GENERIC)
    return text[number.start() : word.start("unit" if word["unit"] else "wide")] + unit if is_known else number.group()


def right_side(formula: str) -> str:
    r"""Return what a calculation comes to: `120` of `4 \times 5 \times 6 = 120` and of `V = 4 \times 30 = 120`.

    `x = 5` and `x + 2y = 5` stay as they are: the second may be the equation that was asked for.
    """
    formula = ARROW.split(formula)[-1].strip() or formula
    if "=" in formula and formula.startswith("(") and formula.endswith(")"):
        formula = formula[1:-1]
    left, equals, right = formula.rpartition("=")
    if not equals or not right.strip() or SEVERAL.search(formula):
        return formula
    is_calculation = "=" in left or re.search(r"(?<![\\A-Za-z])[A-Za-z]", re.sub(r"\\[A-Za-z]+", "", left)) is None
    return right.strip() if is_calculation else formula


ARROW: Final = re.compile(r"\\(?:Longrightarrow|Rightarrow|implies|longrightarrow)(?![A-Za-z])|⇒|⟹")
SEVERAL: Final = re.compile(
    r";|,(?!\\?!?[0-9]{3}(?![0-9]))|\\(?:begin|text|quad|qquad|le|ge|ne|pm)(?![A-Za-z])|[<>]|\b(?:and|or)\b|和|或"
)


# -- formulas ----------------------------------------------------------------------------------------------------------


class Formulas(NamedTuple):
    """The formulas at the beginning of a text, as one answer, and where they end."""

    text: str
    end: int


def formulas_at_start(text: str) -> Formulas | None:
    """Return the formula at the beginning, with those that follow it in a list; None where none stands there."""
    held: list[str] = []
    end = position = 0
    while (formula := DELIMITED.match(text, position)) is not None:
        held.append(bare(formula.group()))
        percent = PERCENT.match(text, formula.end())
        if percent is not None:
            held[-1] += r"\%"
        end = percent.end() if percent else formula.end()
        join = LIST_JOIN.match(text, end)
        position = join.end() if join is not None and join.group().count("\n") < 2 else len(text)
    return Formulas(right_side(", ".join(filter(None, held))), end) if held else None


def bare(formula: str) -> str:
    r"""Return a formula without `$` or `\(` around it."""
    return re.sub(r"^(?:\$+|\\[(\[])|(?:\$+|\\[)\]])$", "", formula.strip()).strip().rstrip(".,;").strip()
