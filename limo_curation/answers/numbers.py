r"""Read plain numbers exactly: integers, decimals, fractions, mixed and scientific ones, and numbers in a base.

`12,500` -> 12500      `1 1/2` -> 3/2      `2.5\times 10^{3}` -> 2500      `0.\overline{3}` -> 1/3      `101_{2}` -> 5
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

MAX_DIGITS: Final = 1_000  # ours
MAX_EXPONENT: Final = 300  # ours

NUMBER: Final = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
DECIMAL: Final = re.compile(NUMBER)
THOUSANDS: Final = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+|(?: [0-9]{3})+)(?:\.[0-9]+)?")
RATIO: Final = re.compile(rf"(?:\\frac\{{([+-]?{NUMBER})\}}\{{([+-]?{NUMBER})\}}|({NUMBER})/({NUMBER}))")
MIXED: Final = re.compile(r"([0-9]+)(?: ([0-9]+)/([0-9]+)| ?\\frac\{([0-9]+)\}\{([0-9]+)\})")
POWER_OF_TEN: Final = re.compile(
    rf"(?:({NUMBER}) ?(?:\\times|\\cdot|\*) ?)?10\^\{{([+-]?[0-9]{{1,3}})\}}"
    # 2e-3 may be twice Euler's number less 3; nobody writes 1e for e, 2.0e, or 03 for 3
    rf"|({NUMBER})(?:E([+-]?[0-9]{{1,3}})|e([+-]0[0-9]|[0-9]{{1,3}}))|(1|[0-9]*\.[0-9]+)e([+-][0-9]{{1,3}})"
)
REPEATING: Final = re.compile(r"([0-9]{0,20})\.([0-9]{0,20})\\(?:overline|bar|dot)\{([0-9]{1,20})\}")
BASED: Final = re.compile(r"\(?([0-9A-Z]+)\)?_\{?([0-9]{1,2})\}?")


def rational(text: str) -> Fraction | None:
    """Return the exact value of a plain number; None for anything else."""
    if not text or len(text) > MAX_DIGITS:
        return None
    sign = -1 if text[0] == "-" else 1
    text = text[1:] if text[0] in "+-" else text
    if not text or (text[-1] not in "0123456789.}" and not text[0].isdigit()):
        return None
    if text.isdecimal():
        return Fraction(sign * int(text))
    if DECIMAL.fullmatch(text):
        whole, _, places = text.partition(".")
        return Fraction(sign * int(whole + places), 10 ** len(places))
    if THOUSANDS.fullmatch(text):
        return sign * Fraction(re.sub("[, ]", "", text))
    return signed(sign, fraction_of(text))


def signed(sign: int, value: Fraction | None) -> Fraction | None:
    """Return a value with its sign."""
    return None if value is None else sign * value


def fraction_of(text: str) -> Fraction | None:
    """Return the value of a number without a sign that is no plain decimal."""
    if match := RATIO.fullmatch(text):
        above, below = (Fraction(part.rstrip(".")) for part in match.groups() if part is not None)
        return above / below if below else None
    if match := MIXED.fullmatch(text):
        whole, above, below = (int(part) for part in match.groups() if part is not None)
        return whole + Fraction(above, below) if above < below else None
    if match := POWER_OF_TEN.fullmatch(text):
        digits = match[1] or match[3] or match[6] or "1"
        exponent = int(match[2] or match[4] or match[5] or match[7])
        return Fraction(digits.rstrip(".")) * Fraction(10) ** exponent if abs(exponent) <= MAX_EXPONENT else None
    if match := REPEATING.fullmatch(text):
        places = 10 ** len(match[2])
        repeated = Fraction(int(match[3]), 10 ** len(match[3]) - 1)
        return (int((match[1] + match[2]) or "0") + repeated) / places
    return None


def based_number(text: str) -> tuple[Fraction, int] | None:
    """Return the value and the base of a number with its base as subscript; None where it is none."""
    match = BASED.fullmatch(text)
    if match is None or len(text) > MAX_DIGITS:
        return None
    base = int(match[2])
    if not 2 <= base <= 36 or any(int(digit, 36) >= base for digit in match[1]):
        return None
    return Fraction(int(match[1], base)), base


def last_place(text: str) -> Fraction | None:
    """Return what one step in the last place of a decimal is worth: 0.01 for `3.14`; None for exact numbers."""
    text = text.lstrip("+-")
    if "." not in text:
        return None
    scientific = POWER_OF_TEN.fullmatch(text)
    mantissa = (scientific[1] or scientific[3] or scientific[6]) if scientific is not None else text
    if mantissa is None or not DECIMAL.fullmatch(mantissa):
        return None
    exponent = int(scientific[2] or scientific[4] or scientific[5] or scientific[7]) if scientific is not None else 0
    places = len(mantissa.partition(".")[2]) - exponent
    return Fraction(10) ** -places if abs(places) <= MAX_DIGITS else None


def rounds_to(value: Fraction, decimal: Fraction, place: Fraction) -> bool:
    """Return whether a value rounds to a decimal of this last place (a half may go either way)."""
    return abs(value - decimal) * 2 <= place


def is_cut_to(value: Fraction, decimal: Fraction, place: Fraction) -> bool:
    """Return whether a decimal is a value with further digits left out."""
    return value * decimal >= 0 and 0 <= abs(value) - abs(decimal) < place
