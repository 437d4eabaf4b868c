r"""Rewrite a gold answer into equal and into different ones; the label follows from how it was done.

    \frac{3}{4}  ->  \dfrac{3}{4}, \frac{9}{12}, 0.75, 3/4, x = \frac{3}{4}     equal
                 ->  \frac{3}{5}, \frac{4}{3}, -\frac{3}{4}, \frac{300}{4}      different

The rules read the gold answer by their own patterns, not by the code that is measured. A near miss is only made where
the other value is surely another one: no number is changed beside a subscript, a trigonometric function or the like.
Where a reading is a matter of policy, nothing is made of it: 50\% against 0.5 is in neither set.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Final, NamedTuple


class Pair(NamedTuple):
    """Two answers and whether they are equal."""

    predicted: str
    gold: str
    is_equal: bool
    kind: str


Rewriting = Callable[[str], Iterator[Pair]]


def rewritten(gold: str) -> Iterator[Pair]:
    """Yield the pairs that all rules make of a gold answer."""
    for rule in RULES:
        yield from rule(gold)


INTEGER: Final = re.compile("-?(?:0|[1-9][0-9]{0,8})")
DECIMAL: Final = re.compile(r"-?[0-9]{1,7}\.[0-9]{1,6}")
FRACTION: Final = re.compile(r"(-?)\\frac\{([1-9][0-9]{0,6})\}\{([1-9][0-9]{0,6})\}")
ROOT: Final = re.compile(r"([1-9][0-9]{0,3})?\\sqrt\{([1-9][0-9]{0,4})\}")
TUPLE: Final = re.compile(r"\((-?[0-9]{1,5}), ?(-?[0-9]{1,5})\)")
LIST: Final = re.compile(r"(-?[0-9]{1,5}), (-?[0-9]{1,5})")
SET: Final = re.compile(r"\\\{ ?(-?[0-9]{1,5}), ?(-?[0-9]{1,5}) ?\\\}")
INTERVAL: Final = re.compile(r"([\[(]) ?(-?[0-9]{1,5}), ?(-?[0-9]{1,5}) ?([\])])")
PERCENT: Final = re.compile(r"([0-9]{1,4}(?:\.[0-9]{1,3})?)\\?%")
DEGREES: Final = re.compile(r"([0-9]{1,4})\^(?:\\circ|\{\\circ\})")
BASED: Final = re.compile(r"([0-9]{2,9})_\{?([0-9]{1,2})\}?")
SUM: Final = re.compile(r"[0-9A-Za-z^{}+]*[A-Za-z][0-9A-Za-z^{}+]*")
PLAIN: Final = re.compile(r"(?:[0-9A-Za-z+*/() .{}^,-]|\\(?:frac|sqrt|pi|cdot|left|right))+")
WORD_OR_ZERO: Final = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{3}|(?<![0-9.])0(?![0-9.])")
NUMBER: Final = re.compile(r"(?<![0-9.,_^{])[2-9][0-9]{0,6}(?![0-9.,])")

UNITS: Final = (("cm", "m", "centimeters", "厘米"), ("kg", "g", "kilograms", "千克"), ("km", "m", "kilometers", "千米"))
WIDE: Final = {code: code + 0xFEE0 for code in range(ord("0"), ord("9") + 1)} | {ord("("): "（", ord(")"): "）"}


def typography(gold: str) -> Iterator[Pair]:
    """Any answer in another dress, or as the end of a text."""
    if any(mark in gold for mark in ("$", "\\[", "\\(")) or gold.count("{") != gold.count("}"):
        return  # broken LaTeX has no label, and formulas don't nest
    yield Pair(f"$\\boxed{{{gold}}}$.", gold, True, "in a box")
    yield Pair(f"So we are done.\n\nThe answer is ${gold}$.", gold, True, "in a sentence")
    yield Pair(f"所以答案是 ${gold}$。", gold, True, "in a Chinese sentence")
    yield Pair(f"<think>\\boxed{{17}}?</think>Final answer: \\boxed{{{gold}}}<|im_end|>", gold, True, "behind thinking")
    if r"\frac{" in gold:
        yield Pair(gold.replace(r"\frac", r"\dfrac"), gold, True, "dfrac")
        yield Pair(gold.replace(r"\frac", r"\tfrac"), gold, True, "tfrac")
    if PLAIN.fullmatch(gold) and "(" in gold and r"\left" not in gold:
        yield Pair(gold.replace("(", r"\left(").replace(")", r"\right)"), gold, True, "left and right")
    if PLAIN.fullmatch(gold) and "+" in gold and "^" not in gold:
        yield Pair(gold.replace("+", r"\,+\; "), gold, True, "LaTeX spaces")


def other_numbers(gold: str) -> Iterator[Pair]:
    """Any answer of plain mathematics with one number in it changed."""
    numbers = list(NUMBER.finditer(gold))
    is_plain = PLAIN.fullmatch(gold) is not None and WORD_OR_ZERO.search(gold) is None
    if not is_plain or not numbers:
        return
    for number, kind in zip((numbers[0], numbers[-1]), ("first number", "last number"), strict=True):
        value = int(number.group())
        yield Pair(f"{gold[: number.start()]}{value + 1}{gold[number.end() :]}", gold, False, f"next {kind}")
        yield Pair(f"{gold[: number.start()]}{value}7{gold[number.end() :]}", gold, False, f"longer {kind}")


def integers(gold: str) -> Iterator[Pair]:
    """Whole numbers: other notations, and what only looks alike."""
    if not INTEGER.fullmatch(gold):
        return
    value = int(gold)
    yield Pair(f"{value}.0", gold, True, "decimal")
    yield Pair(f"\\frac{{{value * 6}}}{{6}}", gold, True, "unreduced")
    yield Pair(f"{value - 3} + 3", gold, True, "sum")
    yield Pair(f"x = {value}", gold, True, "named")
    yield Pair(f"\\text{{{value}}}", gold, True, "in text")
    yield Pair(gold.translate(WIDE), gold, True, "full width")
    yield Pair(f"{value - 1}", gold, False, "previous integer")
    yield Pair(str(-value) if value else "1", gold, False, "sign")
    yield Pair(f"x \\ne {value}", gold, False, "unequal sign")
    yield Pair(f"\\sqrt{{{value * value + 1}}}", gold, False, "near root")
    if value:
        yield from large_integers(value)
        yield from scaled(value, gold)
        yield Pair(f"{value}\\pi", gold, False, "pi")
        yield Pair(f"{value}i", gold, False, "imaginary")
    if value > 2:
        yield Pair(f"{value}!", gold, False, "factorial")
        yield Pair(f"\\sqrt{{{value}}}", gold, False, "root")
        yield Pair(f"\\frac{{1}}{{{value}}}", gold, False, "reciprocal")
        yield Pair(f"2^{{{value % 300}}}", f"2^{{{value % 300 + 1}}}", False, "exponent")
        yield Pair(f"2^{{{value % 20}}}", f"2{value % 20}", False, "power glued")
        yield Pair(f"\\log_{{{value}}} 7", f"\\log_{{{value + 1}}} 7", False, "base of a logarithm")
    digits = gold[::-1]
    if value > 9 and digits[0] != "0" and digits != gold:
        yield Pair(digits, gold, False, "digits reversed")
    yield from mixed_numbers(value)
    yield from made_structures(value)


def scaled(value: int, gold: str) -> Iterator[Pair]:
    """A number that is not zero, times something."""
    yield Pair(str(value * 100), gold, False, "factor 100")
    yield Pair(f"{value / 100:.2f}", gold, False, "a hundredth")
    yield Pair(f"{value}\\%", gold, False, "percent")
    yield Pair(f"{value}\\text{{ million}}", gold, False, "million")
    yield Pair(f"{value} \\times 10^{{3}}", gold, False, "thousandfold")
    for short, other, spelled, chinese in UNITS:
        quantity = f"{value}\\text{{ {short}}}"
        yield Pair(f"{value} {spelled}", quantity, True, "unit spelled out")
        yield Pair(f"{value}{chinese}", quantity, True, "unit in Chinese")
        yield Pair(f"{value}\\,\\mathrm{{{short}}}", quantity, True, "unit in roman")
        yield Pair(f"{value}\\text{{ {other}}}", quantity, False, "other unit")
        yield Pair(f"{value}\\text{{ {short}}}^2", quantity, False, "squared unit")


def large_integers(value: int) -> Iterator[Pair]:
    """Thousands separators, and scientific notation."""
    gold = str(value)
    if abs(value) < 1_000:
        return
    yield Pair(f"{value:,}", gold, True, "thousands")
    yield Pair(f"{value:,}".replace(",", "{,}"), gold, True, "thousands in braces")
    yield Pair(f"{value:,}".replace(",", r",\!"), gold, True, "thousands, closed up")
    yield Pair(f"{value:,}".replace(",", r"\,"), gold, True, "thousands by thin spaces")
    sign, digits = ("-" if value < 0 else ""), str(abs(value))
    mantissa = f"{sign}{digits[0]}.{digits[1:].rstrip('0') or '0'}"
    yield Pair(f"{mantissa} \\times 10^{{{len(digits) - 1}}}", gold, True, "scientific")
    yield Pair(f"{mantissa} \\times 10^{{{len(digits)}}}", gold, False, "scientific, off by ten")
    yield Pair(f"{value:,}".replace(",", ".", 1), gold, False, "decimal point for a comma")


def mixed_numbers(value: int) -> Iterator[Pair]:
    """Mixed numbers, which glued together are others."""
    if not 0 < value < 1_000:
        return
    yield Pair(f"{value} 1/2", f"\\frac{{{2 * value + 1}}}{{2}}", True, "mixed number")
    yield Pair(f"{value}\\frac{{1}}{{2}}", f"{value}.5", True, "mixed number in LaTeX")
    yield Pair(f"{value} 1/2", f"{value}1/2", False, "mixed number glued")
    yield Pair(f"{value} 1/2", f"\\frac{{{value}}}{{2}}", False, "mixed number as product")


def made_structures(value: int) -> Iterator[Pair]:
    """Structures made of a whole number: bases, brackets, order, repetition, relations, sets in words."""
    a, b = value, value + 1
    base = abs(value) % 7 + 2
    yield Pair(f"1011_{{{base + 1}}}", f"1011_{{{base}}}", False, "base")
    yield Pair(f"1011_{{{base}}}", "1011", False, "base dropped")
    yield Pair(f"({a}, {b})", f"[{a}, {b})", False, "interval end")
    yield Pair(f"({a}, {b}]", f"[{a}, {b}]", False, "interval end")
    yield Pair(f"[{a}, {b})", f"{a} \\le x < {b}", True, "interval as inequality")
    yield Pair(f"({a}, {b}]", f"{a} \\le x \\le {b}", False, "interval as other inequality")
    yield Pair(f"({b}, {a})", f"({a}, {b})", False, "order of a pair")
    yield Pair(f"\\{{{a}, {b}\\}}", f"({b}, {a})", False, "set or pair")
    yield Pair(f"{a}, {a}, {b}", f"{a}, {b}", False, "multiplicity")
    yield Pair(f"{a}, {b}, {b + 1}", f"{a}, {b}", False, "one more element")
    yield Pair(f"x = {a} \\text{{ or }} x = {b}", f"{a}, {b}", True, "list of equations")
    yield Pair(f"x \\le {a}", f"x < {a}", False, "relation")
    yield Pair(f"x \\ge {a}", f"x \\le {a}", False, "relation turned")
    yield Pair(f"{a} \\le x", f"x \\geqslant {a}", True, "relation written backwards")
    yield Pair(f"[{a}, \\infty)", f"x \\ge {a}", True, "ray as inequality")
    yield Pair(f"\\{{x \\mid x > {a}\\}}", f"\\{{x \\mid x > {b}\\}}", False, "set-builder")
    yield Pair(f"\\{{x \\mid x > {a}\\}}", f"({a}, +\\infty)", True, "set-builder as interval")
    yield Pair(f"y = {a}x + 2", f"y = {b}x + 2", False, "slope")
    yield Pair(f"(x + {b})(x - {b})", f"x^2 - {b * b}", True, "product expanded")
    yield Pair(f"(x + {b})^2", f"x^2 + {b * b}", b == 0, "middle term lost")


def fractions(gold: str) -> Iterator[Pair]:
    """Fractions: other notations, and other fractions."""
    match = FRACTION.fullmatch(gold)
    if match is None:
        return
    sign, above, below = match[1], int(match[2]), int(match[3])
    value = Fraction(above, below) * (-1 if sign else 1)
    yield Pair(f"{sign}{above}/{below}", gold, True, "slash")
    yield Pair(f"{sign}\\frac{{{above * 3}}}{{{below * 3}}}", gold, True, "unreduced")
    yield Pair(f"\\frac{{{'-' if not sign else ''}{above}}}{{-{below}}}", gold, True, "signs in the fraction")
    yield Pair(f"k={sign}\\dfrac{{{above}}}{{{below}}}", gold, True, "named")
    if above > below and below > 1 and math.gcd(above, below) == 1:
        whole, rest = divmod(above, below)
        yield Pair(f"{sign}{whole} {rest}/{below}", gold, True, "mixed number")
        yield Pair(f"{sign}{whole}\\frac{{{rest}}}{{{below}}}", gold, True, "mixed number in LaTeX")
        if below != 10 ** len(str(rest)):
            yield Pair(f"{sign}\\frac{{{whole}{rest}}}{{{below}}}", gold, False, "mixed number glued")
    decimal = above / below
    is_exact = Fraction(f"{decimal:.6f}") == abs(value)
    yield Pair(f"{sign}{decimal:.6f}".rstrip("0").rstrip("."), gold, is_exact, "decimal" if is_exact else "rounded")
    yield Pair(f"{'' if sign else '-'}\\frac{{{above}}}{{{below}}}", gold, False, "sign")
    yield Pair(f"{sign}\\frac{{{above * 100}}}{{{below}}}", gold, False, "factor 100")
    yield Pair(f"{sign}{above}{below}", gold, False, "fraction glued")
    if above != below:
        yield Pair(f"{sign}\\frac{{{below}}}{{{above}}}", gold, False, "upside down")


def decimals(gold: str) -> Iterator[Pair]:
    """Decimals: other notations, and the point elsewhere."""
    if not DECIMAL.fullmatch(gold) or Fraction(gold) == 0:
        return
    value = Fraction(gold)
    yield Pair(f"{gold}00", gold, True, "more zeros")
    yield Pair(f"\\frac{{{value.numerator}}}{{{value.denominator}}}", gold, True, "as fraction")
    yield Pair(f"{gold} \\times 10^{{0}}", gold, True, "scientific")
    yield Pair(gold.replace(".", ""), gold, False, "point lost")
    yield Pair(f"{gold}1", gold, False, "one more digit")
    yield Pair(f"{float(value * 10):.6f}", gold, False, "factor 10")
    yield Pair(f"{gold}\\%", gold, False, "percent")


def roots(gold: str) -> Iterator[Pair]:
    """Square roots: factors moved in and out, and other radicands."""
    match = ROOT.fullmatch(gold)
    if match is None:
        return
    factor, radicand = int(match[1] or 1), int(match[2])
    if math.isqrt(radicand) ** 2 == radicand:
        return
    yield Pair(f"\\sqrt{{{factor * factor * radicand}}}", gold, True, "factor under the root")
    yield Pair(f"{factor} \\cdot {radicand}^{{1/2}}", gold, True, "power of a half")
    yield Pair(f"\\frac{{{factor * radicand}}}{{\\sqrt{{{radicand}}}}}", gold, True, "root below")
    yield Pair(f"{factor}*sqrt({radicand})", gold, True, "as code")
    yield Pair(f"{factor * math.sqrt(radicand):.3f}", gold, False, "rounded root")
    yield Pair(f"{factor}\\sqrt[3]{{{radicand}}}", gold, False, "cube root")
    yield Pair(f"\\sqrt{{{factor * radicand}}}" if factor > 1 else str(radicand), gold, False, "factor or root lost")


def several(gold: str) -> Iterator[Pair]:
    """Pairs, lists, sets and intervals of whole numbers."""
    for pattern, kind in ((TUPLE, "pair"), (LIST, "list"), (SET, "set")):
        match = pattern.fullmatch(gold)
        if match is None or int(match[1]) == int(match[2]) or (kind == "list" and re.fullmatch("[0-9]{3}", match[2])):
            continue
        a, b = match[1], match[2]
        swapped = gold.replace(f"{a},", "\0,", 1).replace(b, a).replace("\0", b) if a not in b else ""
        if swapped:
            yield Pair(swapped, gold, kind != "pair", f"order of a {kind}")
        yield Pair(gold.replace(",", r",\ "), gold, True, f"spaces in a {kind}")
        yield Pair(gold.replace(",", "，"), gold, True, f"wide comma in a {kind}")
        yield Pair(gold.replace(a, str(int(a) + 5), 1), gold, False, f"element of a {kind}")
        yield Pair(a, gold, False, f"first of a {kind}")
    interval = INTERVAL.fullmatch(gold)
    if interval is not None and int(interval[2]) < int(interval[3]) and interval[1] + interval[4] != "()":
        yield Pair(gold.replace("[", "(").replace("]", ")"), gold, False, "interval opened")
        signs = [r"\le" if end in "[]" else "<" for end in (interval[1], interval[4])]
        yield Pair(f"{interval[2]} {signs[0]} x {signs[1]} {interval[3]}", gold, True, "interval as inequality")


def quantities(gold: str) -> Iterator[Pair]:
    """Percentages, degrees and numbers in a base."""
    percent, degrees, based = PERCENT.fullmatch(gold), DEGREES.fullmatch(gold), BASED.fullmatch(gold)
    if percent is not None:
        yield Pair(f"{percent[1]} percent", gold, True, "percent spelled out")
        yield Pair(f"{percent[1]}1\\%", gold, False, "longer percentage")
        yield Pair(f"{float(percent[1]) * 100:.3f}\\%", gold, float(percent[1]) == 0, "percent, factor 100")
    if degrees is not None:
        yield Pair(f"{degrees[1]}°", gold, True, "degree sign")
        yield Pair(f"{degrees[1]}\\text{{ degrees}}", gold, True, "degrees spelled out")
        yield Pair(f"{degrees[1]}0^\\circ", gold, int(degrees[1]) == 0, "factor 10 of degrees")
    if based is not None:
        yield Pair(f"{based[1]}_{{{based[2]}}}", gold, True, "braces about a base")
        yield Pair(f"{based[1]}_{{{int(based[2]) + 1}}}", gold, False, "base")
        yield Pair(f"{based[1]}1_{{{based[2]}}}", gold, False, "longer number in a base")


def sums(gold: str) -> Iterator[Pair]:
    """Sums of terms with plus signs: reordered, and with a sign changed."""
    terms = gold.replace(" ", "").split("+")
    if len(terms) < 2 or not SUM.fullmatch(gold.replace(" ", "")) or not all(map(is_term, terms)):
        return
    yield Pair("+".join(reversed(terms)), gold, True, "terms reordered")
    yield Pair("-".join(terms), gold, False, "minus for plus")
    yield Pair("+".join(terms[1:]), gold, False, "term lost")
    yield Pair(f"2({gold})", gold, False, "doubled")


def is_term(text: str) -> bool:
    """Return whether a text is a power of a variable with a factor, and not zero."""
    return re.fullmatch(r"[1-9][0-9]{0,3}|(?:[1-9][0-9]{0,3})?[a-hj-z](?:\^(?:[2-9]|\{[2-9]\}))?", text) is not None


RULES: Final[tuple[Rewriting, ...]] = (
    typography,
    other_numbers,
    integers,
    fractions,
    decimals,
    roots,
    several,
    quantities,
    sums,
)
