"""Mask what a problem's template leaves open: numbers, units and given names.

    "Ann has 3 apples and walks twenty-one km."   ->   "@ has # apples and walks # ~."
    "Bob has 12 apples and walks 5 miles."        ->   "@ has # apples and walks # ~."
    "小明有3个苹果，买了5千克梨。"                     ->   "@有#个苹果，买了#~梨。"

Names are those of a list (`masked_words`): in a pool of 83,189 problems most capitalised words inside sentences are
none (Monday, Cartesian, Fibonacci). A masked text is never longer than the text, and masking it again changes nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import numpy as np

from limo_curation.compiled import Scalar, compiled
from limo_curation.folding import SIZE_OF_PLANE, Bytes, Hashes, Offsets, Texts, code_point, fold, lower_ascii
from limo_curation.masked_words import (
    GIVEN_NAMES,
    HAN_NAMES,
    HAN_QUESTIONS,
    HAN_UNITS,
    HAN_UNITS_BEHIND_DIGITS,
    PERSONS,
    TITLES,
    UNITS,
    UNITS_BEHIND_NUMBERS,
)
from limo_curation.number_words import NUMBER_WORDS
from limo_curation.numerals import BASIS, PRIME, lexicon, read_digits, read_number, text_hash

NUMBER_SIGN: Final = ord("#")
UNIT_SIGN: Final = ord("~")
NAME_SIGN: Final = ord("@")
BACKSLASH: Final = ord("\\")
BLANK: Final = ord(" ")
FULL_STOP: Final = ord(".")
SMALL_A: Final = ord("a")
NO_SIGN: Final = 0
TRANSPARENT: Final = np.array([chr(byte) in " -~{}$\\," for byte in range(256)])  # between a number and its unit

# kinds of words
NOTHING: Final = 0
UNIT: Final = 1
UNIT_BEHIND_NUMBER: Final = 2
UNIT_BEHIND_DIGITS: Final = 3
NAME: Final = 4
CAPITALISED_NAME: Final = 5
TITLE: Final = 6
QUESTION: Final = 7
NUMBER: Final = 8

# what stands before a place
WORDS_NUMBER: Final = 1
DIGITS_NUMBER: Final = 2  # digits, or a question for a number
PERSON_TITLE: Final = 3

MAX_HAN_WORD: Final = 4  # characters

# kinds of bytes that a piece of text begins with
PLAIN: Final = 0
LETTER: Final = 1
DIGIT: Final = 2
WIDE: Final = 3  # a character beyond ASCII
KINDS_OF_BYTES: Final = np.array(
    [
        LETTER
        if chr(byte).isascii() and chr(byte).isalpha()
        else DIGIT
        if 48 <= byte < 58
        else WIDE
        if byte > 127
        else PLAIN
        for byte in range(256)
    ],
    np.uint8,
)


class Tables(NamedTuple):
    """What the kernels look up; the fields of numbers are those of `numerals.Lexicon`."""

    hashes: Hashes
    """Hashes of the words: open addressing, 0 is free."""
    kinds: Bytes
    begins: Any
    """Of each character of the basic plane: whether a Han word begins with it."""
    number_words: Hashes
    tokens: Hashes
    values: Offsets
    wide_kinds: Bytes
    wide_values: Offsets


@functools.cache
def tables() -> Tables:
    """Return the tables of `masked_words` and `number_words`."""
    kinds: list[tuple[Iterable[str], int]] = [
        (NUMBER_WORDS, NUMBER),
        (UNITS | HAN_UNITS, UNIT),
        (UNITS_BEHIND_NUMBERS, UNIT_BEHIND_NUMBER),
        (HAN_UNITS_BEHIND_DIGITS, UNIT_BEHIND_DIGITS),
        (PERSONS | HAN_NAMES, NAME),
        (GIVEN_NAMES, CAPITALISED_NAME),
        (TITLES, TITLE),
        (HAN_QUESTIONS, QUESTION),
    ]
    numbers = lexicon()
    return Tables(
        *word_table({word: kind for words, kind in kinds for word in words}),
        numbers.words, numbers.tokens, numbers.values, numbers.wide_kinds, numbers.wide_values,
    )  # fmt: skip


def word_table(kinds: dict[str, int]) -> tuple[Hashes, Bytes, Any]:
    """Return words and their kinds in arrays."""
    size = 1 << (4 * len(kinds)).bit_length()
    hashes, marks, begins = np.zeros(size, np.uint64), np.zeros(size, np.uint8), np.zeros(SIZE_OF_PLANE, np.bool_)
    for word, kind in kinds.items():
        slot = text_hash(word) & (size - 1)
        while hashes[slot]:
            slot = (slot + 1) & (size - 1)
        hashes[slot], marks[slot] = text_hash(word), kind
        begins[ord(word[0])] |= not word.isascii()
    return hashes, marks, begins


def mask(texts: Texts, *, numbers_only: bool = False) -> Texts:
    """Return the texts with their numbers, units and names masked, in lower case.

    Args:
        texts: folded with their case kept (`folding.fold`); in small letters no given name is known.
        numbers_only: units and names stay, and so does the case.
    """
    out = np.empty(int(texts.offsets[-1] - texts.offsets[0]), np.uint8)
    offsets = np.zeros(len(texts) + 1, np.int64)
    mask_rows(texts.data, texts.offsets, tables(), numbers_only, out, offsets)
    masked = Texts(out[: offsets[-1]], offsets)
    return masked if numbers_only else fold(masked)


@compiled
def mask_rows(
    data: Bytes, offsets: Offsets, tables: Tables, numbers_only: bool, out: Bytes, out_offsets: Offsets
) -> None:
    """Write each row, masked, behind the one before it."""
    small = np.empty(1, np.uint8)
    end = 0
    for row in range(len(offsets) - 1):
        source = data[offsets[row] : offsets[row + 1]]
        if len(source) > len(small):
            small = np.empty(2 * len(source), np.uint8)
        lower_ascii(source, small)
        end = mask_row(source, small[: len(source)], tables, numbers_only, out, end)
        out_offsets[row + 1] = end


@compiled
def mask_row(source: Bytes, small: Bytes, tables: Tables, numbers_only: bool, out: Bytes, begin: Scalar) -> Scalar:
    """Write a text, masked, at `begin` of `out`; return where it ends.

    Args:
        source: the text.
        small: the same in small letters of ASCII.
        tables: what is looked up.
        numbers_only: units and names stay.
        out: where it is written.
        begin: place there.
    """
    hashes, kinds = tables.hashes, tables.kinds
    cut = np.uint64(len(hashes) - 1)
    end = begin
    place = 0
    number_end = -1
    before = NOTHING
    while place < len(source):
        begins = KINDS_OF_BYTES[source[place]]
        if begins == PLAIN:
            if before != NOTHING:
                before = behind_plain(source[place], before)
            out[end] = source[place]
            end += 1
            place += 1
            continue
        stop = place + 1
        kind = NOTHING
        if begins == LETTER:  # most of a text is words that stay, so they are read without any call
            word = (BASIS ^ np.uint64(small[place])) * PRIME
            while stop < len(source) and KINDS_OF_BYTES[source[stop]] == LETTER:
                word = (word ^ np.uint64(small[stop])) * PRIME
                stop += 1
            slot = word & cut
            while hashes[slot] != 0 and hashes[slot] != word:
                slot = (slot + np.uint64(1)) & cut
            kind = np.int64(kinds[slot])
            is_command = place > 0 and source[place - 1] == BACKSLASH
            if is_command or (kind == NOTHING and before != PERSON_TITLE):
                for copied in range(place, stop):
                    out[end + copied - place] = source[copied]
                end += stop - place
                place = stop
                before = before if is_command else NOTHING
                continue
        if begins == DIGIT:
            stop, _ = read_digits(small, place)
            sign, before = NUMBER_SIGN, DIGITS_NUMBER
        else:
            stop, sign, before = read_piece(source, small, place, stop, kind, tables, numbers_only, before)
        if sign == NO_SIGN:
            for copied in range(place, stop):
                out[end + copied - place] = source[copied]
            end += stop - place
        elif sign != NUMBER_SIGN or place != number_end:  # "3万" is one number in two ways of writing
            out[end] = sign
            end += 1
        if sign == NUMBER_SIGN:
            number_end = stop
        place = stop
    return end


@compiled
def behind_plain(byte: Scalar, before: Scalar) -> Scalar:
    """Return what stands before the place behind a plain character, from what stands before it."""
    if before == PERSON_TITLE:
        return before if byte in (BLANK, FULL_STOP) else NOTHING
    return before if TRANSPARENT[byte] else NOTHING


@compiled
def read_piece(
    source: Bytes, small: Bytes, place: Scalar, stop: Scalar, kind: Scalar,
    tables: Tables, numbers_only: bool, before: Scalar,
) -> tuple[Scalar, Scalar, Scalar]:  # fmt: skip
    """Read the known word or the character beyond ASCII that begins at a place.

    Returns:
        Where it ends, the sign in its place or `NO_SIGN`, and what stands before that end.
    """
    if source[place] >= 0x80:
        stop, kind = find_han_word(source, place, tables)
    may_be_number = kind == NUMBER or (source[place] >= 0x80 and (numbers_only or kind == NOTHING))
    if may_be_number:
        number_stop = end_of_number(small, place, tables)
        if number_stop > place:
            return number_stop, NUMBER_SIGN, WORDS_NUMBER
    if numbers_only:
        return stop, NO_SIGN, NOTHING
    kind = kind_here(source, place, stop, kind, before)
    sign = sign_of(kind, before)
    if kind == QUESTION:
        return stop, sign, DIGITS_NUMBER
    return stop, sign, PERSON_TITLE if kind == TITLE else NOTHING


@compiled
def end_of_number(small: Bytes, place: Scalar, tables: Tables) -> Scalar:
    """Return where the number ends that begins at a place, or the place if none does."""
    end, _, _ = read_number(
        small, place, tables.number_words, tables.tokens, tables.values, tables.wide_kinds, tables.wide_values
    )
    return end


@compiled
def kind_here(source: Bytes, place: Scalar, stop: Scalar, kind: Scalar, before: Scalar) -> Scalar:
    """Return the kind of a word of letters from what stands in the table: a name is capitalised, and only that."""
    if before != PERSON_TITLE and kind != CAPITALISED_NAME:
        return kind
    is_capitalised = source[place] < SMALL_A and stop > place + 1 and source[place + 1] >= SMALL_A
    return NAME if is_capitalised else NOTHING


@compiled
def find_han_word(source: Bytes, place: Scalar, tables: Tables) -> tuple[Scalar, Scalar]:
    """Return where the longest known word ends that begins with a character beyond ASCII, and its kind.

    Without one, the end of the character and `NOTHING`.
    """
    code, width = code_point(source, place)
    found, kind = place + width, np.int64(NOTHING)
    if code >= SIZE_OF_PLANE or not tables.begins[code]:
        return found, kind
    cut = np.uint64(len(tables.hashes) - 1)
    stop = place
    word = BASIS
    for _ in range(MAX_HAN_WORD):
        if stop >= len(source) or source[stop] < 0x80:
            break
        width = code_point(source, stop)[1]
        for byte in range(stop, stop + width):
            word = (word ^ np.uint64(source[byte])) * PRIME
        stop += width
        slot = word & cut
        while tables.hashes[slot] != 0 and tables.hashes[slot] != word:
            slot = (slot + np.uint64(1)) & cut
        if tables.kinds[slot] != NOTHING:
            found, kind = stop, np.int64(tables.kinds[slot])
    return found, kind


@compiled
def sign_of(kind: Scalar, before: Scalar) -> Scalar:
    """Return the sign in place of a word of a kind, or `NO_SIGN`."""
    if kind == NAME:
        return NAME_SIGN
    is_behind_number = before in (WORDS_NUMBER, DIGITS_NUMBER)
    if kind == UNIT or (kind == UNIT_BEHIND_NUMBER and is_behind_number):
        return UNIT_SIGN
    return UNIT_SIGN if kind == UNIT_BEHIND_DIGITS and before == DIGITS_NUMBER else NO_SIGN
