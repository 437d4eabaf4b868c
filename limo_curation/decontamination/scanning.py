r"""Scan what stands at one place of a text: a character, a word, a number, a sign, the code of a drawing.

Each kernel returns where to read on. A word's hash is a polynomial in BASE, so the hash of joined words can be computed
from theirs: that of "dfrac" is replaced by that of "frac", and spaces and punctuation leave no trace.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from limo_curation.compiled import compiled
from limo_curation.decontamination import vocabulary as known
from limo_curation.decontamination.vocabulary import (
    DIGIT,
    DOT,
    LESS,
    LESS_EQUAL,
    LETTER,
    MINUS,
    MORE,
    MORE_EQUAL,
    SIZE_OF_PLANES,
    TIMES,
    Bytes,
    Codes,
    Hashes,
)

# numbers of 64 bits, so that the kernel's arithmetic stays in them
BASE: Final = np.uint64(known.BASE)
SPREAD: Final = np.uint64(known.SPREAD)
ONE: Final = np.uint64(1)
SHIFT: Final = np.uint64(32)
MAX_WORD: Final = 64  # letters; what is longer is more words

# marks in the lowest bits of a content word
IS_EXACT: Final = np.uint64(1)  # a number or a sign
BEGINS: Final = np.uint64(2)  # nothing of its sentence stands before it
MARKS: Final = np.uint64(3)


@compiled
def exact_word(value: Any) -> Any:
    """Return the content word of a number or a sign."""
    return (spread(value) & ~MARKS) | IS_EXACT


@compiled
def character(data: Bytes, i: int, end: int) -> tuple[Any, int]:
    """Return the code point at a place, and its bytes; 0 behind the end."""
    if i >= end:
        return np.int64(0), 1
    first = np.int64(data[i])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return ((first & 31) << 6) | np.int64(data[i + 1] & 63), 2
    if first < 0xF0:
        return ((first & 15) << 12) | (np.int64(data[i + 1] & 63) << 6) | np.int64(data[i + 2] & 63), 3
    code = ((first & 7) << 18) | (np.int64(data[i + 1] & 63) << 12)
    return code | (np.int64(data[i + 2] & 63) << 6) | np.int64(data[i + 3] & 63), 4


@compiled
def is_ascii_letter(code: int) -> bool:
    """Return whether a LaTeX command may begin with this character."""
    return 65 <= code <= 90 or 97 <= code <= 122


@compiled
def read_word(data: Bytes, i: int, end: int, plain: Codes, kinds: Bytes, is_command: bool) -> tuple[int, Any, Any, int]:
    """Read a run of letters; return its end, its hash, BASE to the power of its length, and its length."""
    word, power = np.uint64(0), ONE
    length = 0
    while i < end and length < MAX_WORD:
        code, width = character(data, i, end)
        if code >= SIZE_OF_PLANES or (is_command and not is_ascii_letter(code)):
            break
        code = np.int64(plain[code])
        if kinds[code] != LETTER:
            break
        word = word * BASE + (np.uint64(code) + ONE) * SPREAD
        power *= BASE
        length += 1
        i += width
    return i, word, power, length


@compiled
def find_word(keys: Hashes, word: Any) -> int:
    """Return the slot of a word in the table, or an empty slot."""
    mask = np.uint64(len(keys) - 1)
    slot = (word >> SHIFT) & mask
    while keys[slot] != 0 and keys[slot] != word:
        slot = (slot + ONE) & mask
    return slot


@compiled
def read_number(
    data: Bytes, i: int, end: int, plain: Codes, kinds: Bytes, letters: Any, is_bare: bool
) -> tuple[int, Any, Any]:
    r"""Read a number with its decimals; 1,000 and 1{,}000 and 1,\!000 are 1000. Behind \frac it has one digit."""
    number = np.uint64(0)
    num_digits = 0
    while i < end:
        code, width = character(data, i, end)
        if code >= SIZE_OF_PLANES:
            break
        code = np.int64(plain[code])
        if kinds[code] == DIGIT:
            digit = (np.uint64(code) + ONE) * SPREAD
            number = number * BASE + digit
            letters = letters * BASE + digit
            num_digits += 1
            i += width
            if is_bare:
                break
        elif code == 46 and i + 1 < end and 48 <= data[i + 1] <= 57:  # decimal point
            number = number * BASE + np.uint64(47) * SPREAD
            num_digits = 4  # no thousands behind it
            i += 1
        else:
            group = group_start(data, i, end) if num_digits <= 3 else -1
            if group < 0:
                break
            i = group
            num_digits = 0
    return i, letters, number


@compiled
def group_start(data: Bytes, i: int, end: int) -> int:
    r"""Return where the three digits behind a thousands separator begin, or -1: `,` or `{,}` or `,\!`."""
    if i < end and data[i] == 123 and i + 2 < end and data[i + 1] == 44 and data[i + 2] == 125:
        i += 3
    elif i < end and data[i] == 44:
        i += 1
        if i + 1 < end and data[i] == 92 and data[i + 1] == 33:
            i += 2
    else:
        return -1
    if i + 3 > end:
        return -1
    for place in range(i, i + 3):
        if not 48 <= data[place] <= 57:
            return -1
    return i if i + 3 == end or not 48 <= data[i + 3] <= 57 else -1


@compiled
def read_sign(
    data: Bytes, i: int, end: int, plain: Codes, kinds: Bytes, sign: Any, width: int, follows_word: bool
) -> tuple[Any, int]:
    """Return the sign at a place, or 0 for a hyphen, a dash or markup; and where to read on."""
    after, step = character(data, i + width, end)
    if sign in (LESS, MORE) and after == 61:  # <= and >=
        return (LESS_EQUAL if sign == LESS else MORE_EQUAL), i + width + 1
    if sign == DOT and after == 42 and data[i] == 42:  # ** is bold type or a power
        return 0, i + width + 1
    if sign != MINUS:
        return sign, i + width
    if after == 45:  # -- and ---
        while after == 45:
            i += 1
            after, step = character(data, i + width, end)
        return 0, i + width
    if follows_word:  # well-known, COVID-19
        return 0, i + width
    # "x - 5" and "x - y", not "3-digit"
    place = i + width
    while place < end and (data[place] == 32 or data[place] == 40 or data[place] == 123 or data[place] == 36):
        place += 1
    code, step = character(data, place, end)
    code = np.int64(plain[code]) if code < SIZE_OF_PLANES else np.int64(0)
    if kinds[code] == DIGIT or code == 92:
        return sign, i + width
    if kinds[code] == LETTER:
        code, _ = character(data, place + step, end)
        if code >= SIZE_OF_PLANES or kinds[plain[code]] != LETTER:
            return sign, i + width
    return 0, i + width


@compiled
def sign_word(sign: Any, before: Any) -> Any:
    """Return the word of a sign; between numbers a dot is a multiplication cross."""
    if sign == DOT and before == DIGIT:
        sign = TIMES
    return exact_word(np.uint64(sign))


@compiled
def is_unit(value: Any) -> bool:
    """Return whether a number word stands for 1 to 9."""
    # by its polynomial: the digit's code point alone
    for digit in range(49, 58):  # noqa: SIM110  the compiler knows no generators
        if value == (np.uint64(digit) + ONE) * SPREAD:
            return True
    return False


@compiled
def spread(word: Any) -> Any:
    """Return a hash whose every bit depends on every bit of another one."""
    word = (word ^ (word >> SHIFT)) * SPREAD
    return (word ^ (word >> SHIFT)) * BASE


@compiled
def opens_drawing(data: Bytes, i: int, end: int) -> bool:
    """Return whether [asy] stands here."""
    if i + 5 > end:
        return False
    return data[i + 1] == 97 and data[i + 2] == 115 and data[i + 3] == 121 and data[i + 4] == 93


@compiled
def read_drawing(data: Bytes, i: int, end: int, letters: Any, drawing: Any) -> tuple[int, Any, Any]:
    """Read the code of a drawing up to [/asy]: its letters count for equality, its words say nothing."""
    while i < end:
        code = np.int64(data[i])
        if code == 91 and i + 1 < end and data[i + 1] == 47:
            break
        if code >= 65 and code <= 90:
            code += 32
        if code >= 128 or 48 <= code <= 57 or 97 <= code <= 122:
            own = (np.uint64(code) + ONE) * SPREAD
            letters = letters * BASE + own
            drawing = drawing * BASE + own
        i += 1
    return min(i + 6, end), letters, drawing


@compiled
def is_capital_next(data: Bytes, i: int, end: int) -> bool:
    """Return whether the next thing that is no blank is a capital letter, or no ASCII: a sentence may begin there."""
    while i < end and data[i] == 32:
        i += 1
    return i < end and (65 <= data[i] <= 90 or data[i] >= 0xE0)


@compiled
def is_followed_by_word(data: Bytes, i: int, end: int) -> bool:
    """Return whether a blank and two ASCII letters stand here."""
    if i + 2 >= end or data[i] != 32:
        return False
    return is_ascii_letter(data[i + 1]) and is_ascii_letter(data[i + 2])


@compiled
def markup_end(data: Bytes, i: int, end: int) -> int:
    """Return where to read on behind [b], [/i] or <br />, or the place itself where none of them stands."""
    place = i + 1
    if data[i] == 60:  # <
        if place + 1 >= end or data[place] != 98 or data[place + 1] != 114:
            return i
        place += 2
        while place < end and (data[place] == 32 or data[place] == 47):
            place += 1
        return place + 1 if place < end and data[place] == 62 else i
    if place < end and data[place] == 47:
        place += 1
    if place + 1 >= end or data[place + 1] != 93:  # ]
        return i
    return place + 2 if data[place] == 98 or data[place] == 105 or data[place] == 117 else i
