r"""Read a problem as features: n-grams of words, signs and Han characters, and pieces of words, hashed to buckets.

    "Find \frac{1}{2} of AB."   ->   find, \frac, one digit, one digit, of, two capitals,
                                     find+\frac, ..., " fin", "find", ...

Digits count by how many there are, and so do capitals in a row (points of a figure) but for their pieces. What differs
between sources and not between domains is left out: dollar signs, braces, white space, the code of drawings, addresses
of images. A feature counts once, however often it occurs.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from limo_curation.compiled import Scalar, compiled
from limo_curation.folding import Bytes, Hashes, Texts

Buckets = npt.NDArray[np.int32]

# Every number is ours, by cross-validation on human labels.
BUCKET_BITS: Final = 17
NUM_BUCKETS: Final = 1 << BUCKET_BITS
MAX_BYTES: Final = 16_384  # of a text, from its beginning: no problem is longer, and what is not may be anything
WORDS_TOGETHER: Final = 3
HAN_TOGETHER: Final = 4  # a Chinese word has two characters, most often
WORDS_APART: Final = 4  # a pair of words is also read with one or two others between them
SHORT_PIECE: Final = 4
LONG_PIECE: Final = 5
SHORT_NUMBER: Final = 2  # digits of a number that is also read as itself

FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)  # the odd constants of `deduplication.sketching`
SECOND_FACTOR: Final = np.uint64(0xD6E8FEB86659FD93)
HALF: Final = np.uint64(32)
TOP: Final = np.uint64(64 - BUCKET_BITS)
LOWER_BIT: Final = np.uint64(32)  # sets an ASCII letter in lower case
BOUNDARY: Final = np.uint64(32)
# where hashing begins, so that the kinds do not meet: a word of the text, a command, digits, a piece of a word, ...
WORD_SEED: Final = np.uint64(1)
COMMAND_SEED: Final = np.uint64(2)
LETTER_SEED: Final = np.uint64(3)
CAPITALS_SEED: Final = np.uint64(4)
DIGITS_SEED: Final = np.uint64(5)
NUMBER_SEED: Final = np.uint64(6)
SIGN_SEED: Final = np.uint64(7)
CHARACTER_SEED: Final = np.uint64(8)
PIECE_SEED: Final = np.uint64(9)
APART_SEED: Final = np.uint64(10)
DRAWING_SEED: Final = np.uint64(11)

BACKSLASH: Final = 92
SIGNS: Final = np.isin(np.arange(128), np.frombuffer(b"!%&'*+-/:<=>?^_|", np.uint8))
DRAWING: Final = np.frombuffer(b"[asy]", np.uint8)
END_OF_DRAWING: Final = np.frombuffer(b"[/asy]", np.uint8)
ADDRESS: Final = np.frombuffer(b"http", np.uint8)

WORD: Final = 0
NUMBER: Final = 1
HAN: Final = 2
SIGN: Final = 3


class Tokens(NamedTuple):
    """Room for the tokens of one text."""

    hashes: Hashes
    kinds: npt.NDArray[np.int8]
    starts: Buckets
    ends: Buckets


class Scratch(NamedTuple):
    """Room for reading one text after the other."""

    tokens: Tokens
    seen: npt.NDArray[np.int64]
    """The last text that held each bucket, counted from 1."""
    buckets: Buckets
    """Those of the text that was read, each once."""


@compiled
def make_scratch() -> Scratch:
    """Return room for reading."""
    places = np.empty(MAX_BYTES, np.int32), np.empty(MAX_BYTES, np.int32)
    tokens = Tokens(np.empty(MAX_BYTES, np.uint64), np.empty(MAX_BYTES, np.int8), places[0], places[1])
    return Scratch(tokens, np.zeros(NUM_BUCKETS, np.int64), np.empty(NUM_BUCKETS, np.int32))


def read_texts(texts: Texts) -> tuple[Buckets, npt.NDArray[np.int64]]:
    """Return the buckets of all texts behind each other, and where those of each begin; for training."""
    ends = np.zeros(len(texts) + 1, np.int64)
    read_rows(texts.data, texts.offsets, ends, np.empty(0, np.int32))
    buckets = np.empty(ends[-1], np.int32)
    read_rows(texts.data, texts.offsets, ends, buckets)
    return buckets, ends


@compiled
def read_rows(data: Bytes, offsets: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], buckets: Buckets) -> None:
    """Write where the buckets of each row end, and the buckets too where there is room for them."""
    scratch = make_scratch()
    for row in range(len(offsets) - 1):
        count = read_text(data[offsets[row] : offsets[row + 1]], row + 1, scratch)
        if len(buckets):
            buckets[ends[row] : ends[row] + count] = scratch.buckets[:count]
        ends[row + 1] = ends[row] + count


@compiled
def read_text(text: Bytes, number: Scalar, scratch: Scratch) -> Scalar:
    """Write the buckets of a text to the scratch and return how many there are.

    Args:
        text: UTF-8.
        number: another one for each text that is read with this scratch, from 1.
        scratch: from `make_scratch`.
    """
    text = text[:MAX_BYTES]
    tokens = scratch.tokens
    num_tokens = read_tokens(text, tokens)
    count = 0
    for first in range(num_tokens):
        kind = tokens.kinds[first]
        key = tokens.hashes[first]
        count = add(key, number, count, scratch)
        together = HAN_TOGETHER if kind == HAN else WORDS_TOGETHER
        for other in range(first + 1, min(first + together, num_tokens)):
            key = mix(key * FACTOR + tokens.hashes[other])
            count = add(key, number, count, scratch)
        for other in range(first + 2, min(first + WORDS_APART, num_tokens)):
            if kind != SIGN and tokens.kinds[other] != SIGN:
                key = mix((tokens.hashes[first] ^ APART_SEED) * FACTOR + tokens.hashes[other])
                count = add(key, number, count, scratch)
        if kind == WORD:
            count = add_pieces(text, tokens.starts[first], tokens.ends[first], number, count, scratch)
        if kind == NUMBER and tokens.ends[first] - tokens.starts[first] <= SHORT_NUMBER:
            count = add(hash_bytes(text, tokens.starts[first], tokens.ends[first], NUMBER_SEED), number, count, scratch)
    return count


@compiled
def add_pieces(text: Bytes, start: Scalar, end: Scalar, number: Scalar, count: Scalar, scratch: Scratch) -> Scalar:
    """Add the pieces of a word, its boundaries counted as characters."""
    for first in range(start - 1, end - SHORT_PIECE + 2):
        key = PIECE_SEED
        for place in range(first, min(first + LONG_PIECE, end + 1)):
            is_inside = start <= place < end
            key = mix(key * FACTOR + (np.uint64(text[place]) | LOWER_BIT if is_inside else BOUNDARY))
            if place - first >= SHORT_PIECE - 1:
                count = add(key, number, count, scratch)
    return count


@compiled
def add(key: Scalar, number: Scalar, count: Scalar, scratch: Scratch) -> Scalar:
    """Add a feature's bucket unless the text has it already; return how many there are then."""
    bucket = np.int64((key * SECOND_FACTOR) >> TOP)
    if scratch.seen[bucket] != number:
        scratch.seen[bucket] = number
        scratch.buckets[count] = bucket
        return count + 1
    return count


# -- tokens ------------------------------------------------------------------------------------------------------------


@compiled
def read_tokens(text: Bytes, tokens: Tokens) -> Scalar:
    """Write the tokens of a text and return how many there are."""
    count = 0
    place = 0
    has_small = has_small_letters(text)
    while place < len(text):
        byte = text[place]
        kind, end, key = SIGN, place + 1, np.uint64(0)
        if is_letter(byte):
            kind, end = WORD, end_of_letters(text, place)
            if stands_at(text, place, ADDRESS):
                place = end_of_address(text, end)
                continue
            key = hash_word(text, place, end, has_small)
        elif is_digit(byte):
            kind = NUMBER
            while end < len(text) and is_digit(text[end]):
                end += 1
            key = mix(DIGITS_SEED * FACTOR + np.uint64(min(end - place, 4)))
        elif byte >= 0x80:
            kind, end = HAN, min(place + width_of(byte), len(text))
            key = hash_bytes(text, place, end, CHARACTER_SEED)
        elif stands_at(text, place, DRAWING):
            end = end_of_drawing(text, place)
            key = mix(DRAWING_SEED * FACTOR)
        elif SIGNS[byte]:
            key = mix(SIGN_SEED * FACTOR + np.uint64(byte))
        else:
            place = end
            continue
        tokens.hashes[count], tokens.kinds[count] = key, kind
        tokens.starts[count], tokens.ends[count] = place, end
        count += 1
        place = end
    return count


@compiled
def has_small_letters(text: Bytes) -> bool:
    """Return whether a text is not all in capitals: if it is, they are no points of a figure."""
    return bool(np.any((text >= 97) & (text <= 122)))


@compiled
def hash_word(text: Bytes, start: Scalar, end: Scalar, has_small: bool) -> Scalar:
    """Return the hash of letters: a command, a single letter, capitals in a row, or a word in lower case."""
    if start > 0 and text[start - 1] == BACKSLASH:
        return hash_bytes(text, start, end, COMMAND_SEED)
    length = end - start
    if length == 1:
        return mix(LETTER_SEED * FACTOR + np.uint64(text[start]))
    has_capitals_only = has_small and length <= 5
    key = WORD_SEED
    for place in range(start, end):
        has_capitals_only &= text[place] < 97
        key = mix(key * FACTOR + (np.uint64(text[place]) | LOWER_BIT))
    return mix(CAPITALS_SEED * FACTOR + np.uint64(length)) if has_capitals_only else key


@compiled
def hash_bytes(text: Bytes, start: Scalar, end: Scalar, seed: Scalar) -> Scalar:
    """Return the hash of bytes as they are."""
    key = seed
    for place in range(start, end):
        key = mix(key * FACTOR + np.uint64(text[place]))
    return key


@compiled
def mix(key: Scalar) -> Scalar:
    """Return a number each bit of which follows from all above it."""
    return key ^ (key >> HALF)


@compiled
def is_letter(byte: Scalar) -> bool:
    """Return whether a byte is an ASCII letter."""
    return 97 <= (byte | 32) <= 122


@compiled
def is_digit(byte: Scalar) -> bool:
    """Return whether a byte is an ASCII digit."""
    return 48 <= byte <= 57


@compiled
def width_of(byte: Scalar) -> Scalar:
    """Return the bytes of the character that begins with this one."""
    return 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4


@compiled
def end_of_letters(text: Bytes, place: Scalar) -> Scalar:
    """Return where the letters that begin here end."""
    while place < len(text) and is_letter(text[place]):
        place += 1
    return place


@compiled
def end_of_address(text: Bytes, place: Scalar) -> Scalar:
    """Return where an address ends: before a bracket or white space."""
    while place < len(text) and text[place] > 32 and text[place] != 41:
        place += 1
    return place


@compiled
def end_of_drawing(text: Bytes, place: Scalar) -> Scalar:
    """Return where the code of a drawing ends; the end of the text where it is not closed."""
    while place < len(text):
        if stands_at(text, place, END_OF_DRAWING):
            return place + len(END_OF_DRAWING)
        place += 1
    return place


@compiled
def stands_at(text: Bytes, place: Scalar, word: Bytes) -> bool:
    """Return whether a word stands here."""
    if place + len(word) > len(text):
        return False
    num_equal = 0
    while num_equal < len(word) and text[place + num_equal] == word[num_equal]:
        num_equal += 1
    return num_equal == len(word)
