"""Read the numbers in folded texts: the same numbers in the same order give the same 64-bit fingerprint.

    "ann has 3 apples and twenty-one pears."   3, 21
    "ann has three apples and 21 pears."       3, 21
    "安有三个苹果和二十一个梨"                      3, 21

Two texts with other numbers ask for other answers, however alike they are. An operator right before a number counts
with it, so "x - 5" and "x + 5" differ too. `mask` replaces what is read by a sign of its own.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from limo_curation.compiled import Scalar, compiled
from limo_curation.folding import Bytes, Hashes, Offsets, Texts, code_point
from limo_curation.number_words import HAN_DIGITS, HAN_HALF, HAN_POWERS, NUMBER_WORDS

FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying permutes 64-bit numbers (golden ratio)
BASIS: Final = np.uint64(0xCBF29CE484222325)  # FNV-1a
PRIME: Final = np.uint64(0x100000001B3)  # FNV-1a
SHIFT: Final = np.uint64(29)
NO_OPERATOR: Final = 0
SAME_OPERATOR: Final = {"−": "-", "–": "-", "×": "*", "⋅": "*", "·": "*"}
OPERATORS: Final = "+-*/^<>=÷≤≥±≠" + "".join(SAME_OPERATOR)
MAX_VALUE: Final = 10**15  # what number words make together at most; a longer row of them is no number

# what a byte begins
LETTER: Final = 2  # beside it: 1 a digit, 4 the first byte of a character beyond ASCII

HAN_NUMERAL: Final = 1
LONE_NUMBER: Final = 2  # a number in one character, such as a superscript or a vulgar fraction


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Number words and numerals in arrays, so that a kernel can read them."""

    first_letters: np.uint32
    """Bit i: whether a number word begins with letter i (a is 1)."""
    beginnings: npt.NDArray[np.bool_]
    """Of three letters, five bits each: whether a number word begins so."""
    words: Hashes
    """Hashes of the number words: open addressing, 0 is free."""
    tokens: Hashes
    """What each word counts as."""
    values: Offsets
    """The whole number that each word stands for, or -1."""
    wide_kinds: Bytes
    """Of each character of the basic plane: 0, HAN_NUMERAL or LONE_NUMBER."""
    wide_values: Offsets
    """Of a Han numeral: 0 to 9 for a digit, a power of ten from 10 on, -1 for half; of an operator: the plain one."""


@functools.cache
def lexicon() -> Lexicon:
    """Return the tables of `number_words`."""
    size = 1 << (4 * len(NUMBER_WORDS)).bit_length()
    first_letters = 0
    beginnings = np.zeros(1 << 15, np.bool_)
    words, tokens, values = np.zeros(size, np.uint64), np.zeros(size, np.uint64), np.full(size, -1, np.int64)
    for word, value in NUMBER_WORDS.items():
        first, second, third = (ord(letter) - 96 for letter in word[:3])
        first_letters |= 1 << first
        beginnings[first << 10 | second << 5 | third] = True
        slot = text_hash(word) & (size - 1)
        while words[slot]:
            slot = (slot + 1) & (size - 1)
        words[slot], tokens[slot] = text_hash(word), text_hash(value)
        values[slot] = int(value) if value.isdigit() else -1
    return Lexicon(np.uint32(first_letters), beginnings, words, tokens, values, *wide_characters())


def wide_characters() -> tuple[Bytes, Offsets]:
    """Return kind and value of each character of the basic plane."""
    kinds, values = np.zeros(1 << 16, np.uint8), np.zeros(1 << 16, np.int64)
    for code in range(0x80, 1 << 16):
        if chr(code).isnumeric() and not chr(code).isalpha():
            kinds[code] = LONE_NUMBER
    for character, value in {**HAN_DIGITS, **HAN_POWERS, HAN_HALF: -1}.items():
        kinds[ord(character)], values[ord(character)] = HAN_NUMERAL, value
    for character in OPERATORS:
        values[ord(character)] = ord(SAME_OPERATOR.get(character, character))
    return kinds, values


def text_hash(text: str) -> int:
    """Return the FNV-1a hash of an ASCII text, as the kernels compute it."""
    value = int(BASIS)
    for byte in text.encode():
        value = ((value ^ byte) * int(PRIME)) & 0xFFFFFFFFFFFFFFFF
    return value


def number_fingerprints(texts: Texts) -> Hashes:
    """Return a fingerprint of the numbers in each text, shape (rows,).

    Args:
        texts: folded (`folding.fold`).
    """
    words = lexicon()
    fingerprints = np.empty(len(texts), np.uint64)
    read_rows(
        texts.data, texts.offsets, words.first_letters, words.beginnings, words.words, words.tokens, words.values,
        words.wide_kinds, words.wide_values, fingerprints,
    )  # fmt: skip
    return fingerprints


@compiled
def read_rows(
    data: Bytes, offsets: Offsets, first_letters: Scalar, beginnings: Any,
    words: Hashes, tokens: Hashes, values: Offsets, wide_kinds: Bytes, wide_values: Offsets, fingerprints: Hashes,
) -> None:  # fmt: skip
    """Write the fingerprint of each row's numbers."""
    events, kinds, marks = np.empty(1, np.int64), np.empty(1, np.uint8), np.empty(1, np.uint8)
    for row in range(len(offsets) - 1):
        source = data[offsets[row] : offsets[row + 1]]
        if len(source) > len(events):
            room = 2 * len(source)
            events, kinds, marks = np.empty(room, np.int64), np.empty(room, np.uint8), np.empty(room, np.uint8)
        fingerprint = BASIS
        read_to = 0
        for event in range(find_beginnings(source, first_letters, beginnings, kinds, marks, events)):
            place = events[event]
            if place < read_to:
                continue
            read_to, token, operator = read_number(source, place, words, tokens, values, wide_kinds, wide_values)
            if read_to > place:
                fingerprint = add_token(fingerprint, token, operator)
        fingerprints[row] = fingerprint


@compiled
def find_beginnings(
    source: Bytes, first_letters: Scalar, beginnings: Any, kinds: Bytes, marks: Bytes, events: Offsets
) -> Scalar:
    """Write the places where a number may begin, and return how many they are.

    Those are the first of some digits, a word that begins like a number word, and every character beyond ASCII. The
    first three loops are without branches: those would hang on the text's letters, which nothing can predict.
    """
    size = len(source)
    if size == 0:
        return 0
    for place in range(size):
        byte = source[place]
        is_digit = np.uint8(byte - np.uint8(48)) < np.uint8(10)
        is_letter = np.uint8(byte - np.uint8(97)) < np.uint8(26)
        kinds[place] = np.uint8(is_digit) | np.uint8(is_letter) << 1 | np.uint8(byte >= 0xC2) << 2
    marks[0] = kinds[0] != 0
    for place in range(1, size):
        begins = kinds[place] & ~kinds[place - 1]
        may_be_word = np.uint8((first_letters >> np.uint32(source[place] & np.uint8(31))) & np.uint32(1))
        marks[place] = (begins & 1) | (begins >> 1 & may_be_word) | (kinds[place] >> 2 & 1)
    num_marks = 0
    for place in range(size):
        events[num_marks] = place
        num_marks += marks[place]
    count = 0
    for mark in range(num_marks):
        place = events[mark]
        events[count] = place
        count += kinds[place] != LETTER or begins_word(source, place, beginnings)
    return count


@compiled
def begins_word(source: Bytes, place: Scalar, beginnings: Any) -> bool:
    """Return whether the first three letters of a word are those of a number word."""
    if place + 2 >= len(source):
        return False
    key = np.int64(source[place] & 31) << 10 | np.int64(source[place + 1] & 31) << 5 | np.int64(source[place + 2] & 31)
    return beginnings[key]


@compiled
def read_number(
    source: Bytes,
    place: Scalar,
    words: Hashes,
    tokens: Hashes,
    values: Offsets,
    wide_kinds: Bytes,
    wide_values: Offsets,
) -> tuple[Scalar, Scalar, Scalar]:
    """Read the number that begins at a place.

    Returns:
        Where it ends (the place itself: there is none), its token, and the operator before it or `NO_OPERATOR`.
    """
    byte = source[place]
    if 48 <= byte <= 57:
        end, token = read_digits(source, place)
        return end, token, operator_before(source, place, wide_values)
    if byte < 0x80:
        if place > 0 and source[place - 1] == 92:  # a LaTeX command
            return place, BASIS, NO_OPERATOR
        end, token = read_words(source, place, words, tokens, values)
        return end, token, NO_OPERATOR
    code, width = code_point(source, place)
    kind = wide_kinds[code] if code < len(wide_kinds) else 0
    if kind == HAN_NUMERAL:
        end, token = read_han(source, place, wide_kinds, wide_values)
        return end, token, operator_before(source, place, wide_values)
    if kind == LONE_NUMBER:
        return place + width, np.uint64(code) * PRIME, operator_before(source, place, wide_values)
    return place, BASIS, NO_OPERATOR


@compiled
def read_digits(source: Bytes, place: Scalar) -> tuple[Scalar, Scalar]:
    """Read digits with decimals and thousands separators; return where they end, and their token."""
    token = BASIS
    num_digits = 0
    while place < len(source):
        byte = source[place]
        if 48 <= byte <= 57:
            token = (token ^ np.uint64(byte)) * PRIME
            num_digits += 1
        elif byte == 46 and place + 1 < len(source) and 48 <= source[place + 1] <= 57:  # decimal point
            token = (token ^ np.uint64(46)) * PRIME
            num_digits = 4  # no thousands behind it
        elif byte == 44 and num_digits <= 3 and is_thousands(source, place + 1):
            num_digits = 0
        else:
            break
        place += 1
    return place, token


@compiled
def is_thousands(source: Bytes, place: Scalar) -> bool:
    """Return whether exactly three digits stand here: the next group of a number such as 1,000."""
    if place + 3 > len(source):
        return False
    for digit in range(place, place + 3):
        if not 48 <= source[digit] <= 57:
            return False
    return place + 3 == len(source) or not 48 <= source[place + 3] <= 57


@compiled
def read_words(source: Bytes, place: Scalar, words: Hashes, tokens: Hashes, values: Offsets) -> tuple[Scalar, Scalar]:
    """Read number words that make one number ("three hundred and twenty-one"); return where they end, and the token."""
    end, slot = find_word(source, place, words)
    if slot < 0:
        return place, BASIS
    if values[slot] < 0:
        return end, tokens[slot]
    total = np.int64(0)
    current = np.int64(0)
    read_to = end
    while slot >= 0 and values[slot] >= 0 and total + current < MAX_VALUE:
        value = values[slot]
        if value >= 1_000:
            total += max(current, np.int64(1)) * value
            current = np.int64(0)
        elif value == 100:
            current = max(current, np.int64(1)) * value
        else:
            current += value
        read_to = end
        joined = read_to + 1
        if joined >= len(source) or (source[read_to] != 32 and source[read_to] != 45):  # blank or hyphen
            break
        if current >= 100 and is_and(source, joined):
            joined += 4
        end, slot = find_word(source, joined, words)
        if slot >= 0 and not continues(current, values[slot], total):
            break
    return read_to, digits_token(total + current)


@compiled
def is_and(source: Bytes, place: Scalar) -> bool:
    """Return whether the word "and" and a blank stand here."""
    if place + 4 >= len(source) or source[place] != 97 or source[place + 1] != 110:
        return False
    return source[place + 2] == 100 and source[place + 3] == 32


@compiled
def continues(current: Scalar, value: Scalar, total: Scalar) -> bool:
    """Return whether a number word goes on with the number before it: a unit after tens, anything after hundreds."""
    if value < 0:
        return False
    if value >= 100:
        return 0 < current < value
    if value >= 10:
        return current % 100 == 0 and current + total > 0
    return value > 0 and current % 10 == 0 and current % 100 != 10 and current + total > 0


@compiled
def find_word(source: Bytes, place: Scalar, words: Hashes) -> tuple[Scalar, Scalar]:
    """Return where the word that begins at a place ends, and its slot among the number words or -1."""
    mask = np.uint64(len(words) - 1)
    word = BASIS
    while place < len(source) and 97 <= (source[place] | 32) <= 122:
        word = (word ^ np.uint64(source[place] | 32)) * PRIME
        place += 1
    slot = word & mask
    while words[slot] != 0:
        if words[slot] == word:
            return place, np.int64(slot)
        slot = (slot + np.uint64(1)) & mask
    return place, -1


@compiled
def read_han(source: Bytes, place: Scalar, wide_kinds: Bytes, wide_values: Offsets) -> tuple[Scalar, Scalar]:
    """Read Han numerals that make one number (三百二十一, 二〇二四); return where they end, and the token."""
    total = section = digit = np.int64(0)
    while place < len(source):
        code, width = code_point(source, place)
        if code >= len(wide_kinds) or wide_kinds[code] != HAN_NUMERAL:
            break
        value = wide_values[code]
        if value < 0:
            digit = digit * 1_000 + 500  # half: a value that no other numeral has
        elif value < 10:
            digit = digit * 10 + value
        elif value < 10_000:
            section += max(digit, np.int64(1)) * value
            digit = np.int64(0)
        else:
            total = (total + max(section + digit, np.int64(1))) * value
            section = digit = np.int64(0)
        place += width
    return place, digits_token(total + section + digit)


@compiled
def operator_before(source: Bytes, place: Scalar, wide_values: Offsets) -> Scalar:
    """Return the operator before a number; a blank, an opening bracket or a dollar may stand between."""
    place -= 1
    while place >= 0 and source[place] in (32, 36, 40, 123):
        place -= 1
    if place < 0:
        return NO_OPERATOR
    while source[place] & 0xC0 == 0x80:  # inside a character
        place -= 1
    code, _ = code_point(source, place)
    if code >= len(wide_values) or (code >= 0x80 and wide_values[code] < 32):  # a Han numeral's value is no operator
        return NO_OPERATOR
    return wide_values[code]


@compiled
def add_token(fingerprint: Scalar, token: Scalar, operator: Scalar) -> Any:
    """Return the fingerprint of a sequence of numbers with one more behind it."""
    mixed = (token ^ (np.uint64(operator) * FACTOR)) * FACTOR
    return ((fingerprint ^ mixed ^ (mixed >> SHIFT)) * FACTOR) ^ (fingerprint >> SHIFT)


@compiled
def digits_token(value: Scalar) -> Any:
    """Return the token of a whole number, as `read_digits` computes it from the digits."""
    power = np.int64(1)
    while power * 10 <= value:
        power *= 10
    token = BASIS
    while power > 0:
        token = (token ^ np.uint64(48 + (value // power) % 10)) * PRIME
        power //= 10
    return token
