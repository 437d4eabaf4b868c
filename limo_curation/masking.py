"""Mask the numbers of a problem, so that what is left is the template that it shares with others.

    "Ann has 3 apples and twenty-one pears."   ->   "ann has # apples and # pears."
    "安有三个苹果和21个梨"                         ->   "安有#个苹果和#个梨"

A masked text is never longer than the text, and masking it again changes nothing.
"""

from __future__ import annotations

import functools
from typing import Any, Final, NamedTuple

import numpy as np

from limo_curation.compiled import Scalar, compiled
from limo_curation.folding import Bytes, Hashes, Offsets, Texts, fold, lower_ascii
from limo_curation.numerals import begins_word, lexicon, read_number

NUMBER_SIGN: Final = ord("#")
BACKSLASH: Final = ord("\\")


class Tables(NamedTuple):
    """What the kernels look up; for the fields' meanings see `numerals.Lexicon`."""

    beginnings: Any
    words: Hashes
    tokens: Hashes
    values: Offsets
    wide_kinds: Bytes
    wide_values: Offsets


@functools.cache
def tables() -> Tables:
    """Return the tables of `numerals`."""
    numbers = lexicon()
    return Tables(
        numbers.beginnings, numbers.words, numbers.tokens, numbers.values, numbers.wide_kinds, numbers.wide_values
    )


def mask(texts: Texts, *, numbers_only: bool = False) -> Texts:
    """Return the texts with their numbers masked.

    Args:
        texts: folded (`folding.fold`).
        numbers_only: the case stays as it is.
    """
    out = np.empty(int(texts.offsets[-1] - texts.offsets[0]), np.uint8)
    offsets = np.zeros(len(texts) + 1, np.int64)
    mask_numbers(texts.data, texts.offsets, tables(), out, offsets)
    masked = Texts(out[: offsets[-1]], offsets)
    return masked if numbers_only else fold(masked)


@compiled
def mask_numbers(data: Bytes, offsets: Offsets, tables: Tables, out: Bytes, out_offsets: Offsets) -> None:
    """Write each row, its numbers masked, behind the one before it."""
    small = np.empty(1, np.uint8)
    end = 0
    for row in range(len(offsets) - 1):
        source = data[offsets[row] : offsets[row + 1]]
        if len(source) > len(small):
            small = np.empty(2 * len(source), np.uint8)
        lower_ascii(source, small)
        end = mask_row_numbers(source, small[: len(source)], tables, out, end)
        out_offsets[row + 1] = end


@compiled
def mask_row_numbers(source: Bytes, small: Bytes, tables: Tables, out: Bytes, begin: Scalar) -> Scalar:
    """Write a text, its numbers masked, at `begin` of `out`; return where it ends."""
    place = 0
    end = begin
    number_end = -1
    is_word = False
    while place < len(source):
        stop = place if is_word and is_letter(small[place]) else end_of_number(small, place, tables)
        if stop > place:
            if number_end != place:  # "3万" is one number in two ways of writing
                out[end] = NUMBER_SIGN
                end += 1
            number_end = place = stop
            is_word = False
            continue
        is_word = is_letter(small[place])
        out[end] = source[place]
        end += 1
        place += 1
    return end


@compiled
def is_letter(byte: Scalar) -> bool:
    """Return whether a byte is a small letter of ASCII."""
    return 97 <= byte <= 122


@compiled
def end_of_number(small: Bytes, place: Scalar, tables: Tables) -> Scalar:
    """Return where the number ends that begins at a place, or the place if none does."""
    byte = small[place]
    may_begin = byte >= 0xC2 or 48 <= byte <= 57 or (is_letter(byte) and begins_word(small, place, tables.beginnings))
    if not may_begin:
        return place
    end, _, _ = read_number(
        small, place, tables.words, tables.tokens, tables.values, tables.wide_kinds, tables.wide_values
    )
    return end
