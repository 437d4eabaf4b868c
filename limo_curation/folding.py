r"""Fold texts for comparison, straight from Arrow's buffers: lower case, white space one blank, full-width forms plain.

    "Ann has\n  ３ APPLES."   ->   "ann has 3 apples."

Folding never makes a text longer, so all folded texts fit where the plain ones stood.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import unicodedata
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.compiled import Scalar, compiled

arrow: Any = importlib.import_module("pyarrow")  # ships no types

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
CodePoints = npt.NDArray[np.uint16]

SIZE_OF_PLANE: Final = 0x10000  # the basic multilingual plane
SURROGATES: Final = range(0xD800, 0xE000)  # no characters
FULL_WIDTH: Final = range(0xFF01, 0xFF5F)
BLANK: Final = 32


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts in UTF-8 behind each other; text i is `data[offsets[i]:offsets[i + 1]]`."""

    data: Bytes
    offsets: Offsets

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def tolist(self) -> list[str]:
        """Return the texts as Python strings."""
        ends = self.offsets.tolist()
        return [bytes(self.data[start:end]).decode() for start, end in itertools.pairwise(ends)]


class Room:
    """Memory that is used again and again: memory that is new to a process costs more than folding into it."""

    def __init__(self) -> None:
        self._bytes = np.empty(0, np.uint8)

    def of(self, size: int) -> Bytes:
        """Return `size` bytes of it; what was handed out before is overwritten."""
        if len(self._bytes) < size:
            self._bytes = np.empty(size + size // 4, np.uint8)
        return self._bytes[:size]


def texts_of(column: pl.Series) -> Texts:
    """Return a Polars column of strings as texts; a null is an empty text."""
    array: Any = cast("Any", column.fill_null("")).to_arrow().cast(arrow.large_string())
    if array.offset or not len(array):  # a slice shares the buffers of the whole
        array = arrow.concat_arrays([array, arrow.array([""], arrow.large_string())]).slice(0, len(array))
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[: len(array) + 1]
    return Texts(np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8), ends)


def fold(texts: Texts, *, keep_case: bool = False, room: Room | None = None) -> Texts:
    """Return the texts folded.

    Args:
        texts: valid UTF-8.
        keep_case: fold white space and full-width forms only.
        room: memory to write them to; they are gone when it is used again.
    """
    out = (room or Room()).of(int(texts.offsets[-1] - texts.offsets[0]))
    offsets = np.zeros(len(texts) + 1, np.int64)
    fold_rows(texts.data, texts.offsets, plain_characters(keep_case), keep_case, out, offsets)
    return Texts(out[: offsets[-1]], offsets)


@functools.cache
def plain_characters(keep_case: bool) -> CodePoints:
    """Return what each character of the basic plane becomes; those beyond it stay as they are."""
    plain = np.arange(SIZE_OF_PLANE, dtype=np.uint16)
    for code in range(SIZE_OF_PLANE):
        if code in SURROGATES:
            continue
        character = unicodedata.normalize("NFKC", chr(code)) if code in FULL_WIDTH else chr(code)
        small = character if keep_case else character.lower()
        # a longer form would not fit where the text stood
        if len(small) == 1 and len(small.encode()) <= len(chr(code).encode()):
            character = small
        plain[code] = BLANK if character.isspace() else ord(character)
    return plain


@compiled
def fold_rows(
    data: Bytes, offsets: Offsets, plain: CodePoints, keep_case: bool, out: Bytes, out_offsets: Offsets
) -> None:
    """Write each row, folded, behind the one before it."""
    end = 0
    for row in range(len(offsets) - 1):
        source = data[offsets[row] : offsets[row + 1]]
        if is_simple(source):
            target = out[end : end + len(source)]
            if keep_case:
                target[:] = source
            else:
                lower_ascii(source, target)
            end += len(source)
        else:
            end = fold_row(source, plain, out, end)
        out_offsets[row + 1] = end


@compiled
def is_simple(source: Bytes) -> bool:
    """Return whether a text is ASCII whose only white space is single blanks inside: most are, and cost little."""
    if len(source) == 0:
        return True
    strange = (source[0] == 32) | (source[-1] == 32)
    for place in range(len(source)):
        strange |= (source[place] >= 128) | (source[place] < 32)
    for place in range(len(source) - 1):
        strange |= (source[place] == 32) & (source[place + 1] == 32)
    return not strange


@compiled
def lower_ascii(source: Bytes, target: Bytes) -> None:
    """Copy ASCII text in lower case."""
    for place in range(len(source)):
        is_capital = (source[place] >= 65) & (source[place] <= 90)
        target[place] = source[place] + np.uint8(32) * np.uint8(is_capital)


@compiled
def fold_row(source: Bytes, plain: CodePoints, out: Bytes, begin: Scalar) -> Scalar:
    """Write any text, folded, at `begin` of `out`; return where it ends."""
    place = 0
    end = begin
    is_blank = False
    while place < len(source):
        code, width = code_point(source, place)
        if code < SIZE_OF_PLANE:
            code = np.int64(plain[code])
        place += width
        if code == BLANK:
            is_blank = True
            continue
        if is_blank and end > begin:
            out[end] = BLANK
            end += 1
        is_blank = False
        end = write_character(code, out, end)
    return end


@compiled
def code_point(source: Bytes, place: Scalar) -> tuple[Scalar, Scalar]:
    """Return the character that begins at a place, and how many bytes it has."""
    first = np.int64(source[place])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return ((first & 31) << 6) | np.int64(source[place + 1] & 63), 2
    second = np.int64(source[place + 1] & 63)
    third = np.int64(source[place + 2] & 63)
    if first < 0xF0:
        return ((first & 15) << 12) | (second << 6) | third, 3
    return ((first & 7) << 18) | (second << 12) | (third << 6) | np.int64(source[place + 3] & 63), 4


@compiled
def write_character(code: Scalar, out: Bytes, end: Scalar) -> Scalar:
    """Write a character in UTF-8 and return where it ends."""
    if code < 0x80:
        out[end] = code
        return end + 1
    if code < 0x800:
        out[end] = 0xC0 | (code >> 6)
        out[end + 1] = 0x80 | (code & 63)
        return end + 2
    if code < SIZE_OF_PLANE:
        out[end] = 0xE0 | (code >> 12)
        out[end + 1] = 0x80 | ((code >> 6) & 63)
        out[end + 2] = 0x80 | (code & 63)
        return end + 3
    out[end] = 0xF0 | (code >> 18)
    out[end + 1] = 0x80 | ((code >> 12) & 63)
    out[end + 2] = 0x80 | ((code >> 6) & 63)
    out[end + 3] = 0x80 | (code & 63)
    return end + 4
