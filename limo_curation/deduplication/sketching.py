"""Sketch texts: the fingerprints of their character n-grams, a bitmap that rules pairs out, and MinHash band keys.

    "ann has" and n = 5   ->   "ann h", "nn ha", "n has"

An n-gram of ASCII characters that fits into eight bytes is its own fingerprint; others are hashed to 64 bits. A text
shorter than one n-gram is its own only one.

The signature is one-permutation MinHash (Li, Owen and Zhang 2012): each n-gram is hashed once, into one of num_perm
bins, and each bin keeps its least value. Bins agree with the probability of the Jaccard similarity, as permutations do,
for a fraction of the cost.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from limo_curation.compiled import Scalar, compiled
from limo_curation.folding import Bytes, Hashes

BITMAP_WORDS: Final = 8  # 512 bits: a problem has about 200 n-grams (ours)
FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying permutes 64-bit numbers (golden ratio)
SECOND_FACTOR: Final = np.uint64(0xD6E8FEB86659FD93)  # another odd constant, for hashes that must not follow the first
BYTE: Final = np.uint64(8)
HALF: Final = np.uint64(32)
TOP_BIT: Final = np.uint64(55)  # leaves 9 bits: a place in the bitmap
WORD_BITS: Final = np.uint64(63)
ONE: Final = np.uint64(1)
LOW_HALF: Final = np.uint64(0xFFFFFFFF)
SLACK: Final = 1e-9  # a similarity equal to the threshold counts, whatever the rounding of the bound
EMPTY_BIN: Final = np.uint32(0xFFFFFFFF)
NO_KEY: Final = np.uint32(0)  # of a band whose bins are all empty: it says nothing about a text
M1: Final = np.uint64(0x5555555555555555)
M2: Final = np.uint64(0x3333333333333333)
M4: Final = np.uint64(0x0F0F0F0F0F0F0F0F)
H01: Final = np.uint64(0x0101010101010101)
S1: Final = np.uint64(1)
S2: Final = np.uint64(2)
S4: Final = np.uint64(4)
S56: Final = np.uint64(56)


class Sketches(NamedTuple):
    """What is known of each text of a group, by its place in the group."""

    bitmaps: Hashes
    """Shape (texts, BITMAP_WORDS)."""
    counts: npt.NDArray[np.int32]
    """N-grams of each text, repeated ones counted."""
    bits: npt.NDArray[np.int32]
    """Bits set in each bitmap."""
    hashes: Hashes
    """Of each text's n-grams in order; equal texts have equal ones."""


@compiled
def make_sketches(size: Scalar) -> Sketches:
    """Return room for the sketches of a group."""
    counts, bits = np.empty(size, np.int32), np.empty(size, np.int32)
    return Sketches(np.empty((size, BITMAP_WORDS), np.uint64), counts, bits, np.empty(size, np.uint64))


@compiled
def gram_keys(data: Bytes, start: Scalar, end: Scalar, size: Scalar, codes: Any, keys: Hashes) -> Scalar:
    """Write the fingerprints of a text's n-grams to `keys` and return their number (repeated ones count).

    `codes` is room for the characters of non-ASCII texts.
    """
    if size <= 8 and end - start >= size:
        window = np.uint64(0)
        cut = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - 8 * size)
        is_ascii = True
        for i in range(start, start + size - 1):
            window = (window << BYTE) | np.uint64(data[i])
            is_ascii &= data[i] < 0x80
        count = 0
        for i in range(start + size - 1, end):
            window = ((window << BYTE) | np.uint64(data[i])) & cut
            is_ascii &= data[i] < 0x80
            keys[count] = window * FACTOR
            count += 1
        if is_ascii:
            return count
    num_characters = 0
    i = start
    while i < end:
        code = np.uint32(data[i])
        if code < 0x80:
            i += 1
        elif code < 0xE0:
            code = ((code & np.uint32(31)) << np.uint32(6)) | np.uint32(data[i + 1] & 63)
            i += 2
        elif code < 0xF0:
            code = (
                ((code & np.uint32(15)) << np.uint32(12))
                | (np.uint32(data[i + 1] & 63) << np.uint32(6))
                | np.uint32(data[i + 2] & 63)
            )
            i += 3
        else:
            code = (
                ((code & np.uint32(7)) << np.uint32(18))
                | (np.uint32(data[i + 1] & 63) << np.uint32(12))
                | (np.uint32(data[i + 2] & 63) << np.uint32(6))
                | np.uint32(data[i + 3] & 63)
            )
            i += 4
        codes[num_characters] = code
        num_characters += 1
    length = min(size, num_characters)
    count = max(num_characters - size + 1, 1)
    for first in range(count):
        keys[first] = key_of(codes, first, length, size)
    return count


@compiled
def key_of(codes: Any, first: Scalar, length: Scalar, size: Scalar) -> Scalar:
    """Return the fingerprint of the n-gram of `length` characters that begins at `first`."""
    packed = np.uint64(0)
    hashed = np.uint64(length + 1)  # not 0, which five NUL characters have
    is_ascii = size <= 8 and length == size
    for place in range(first, first + length):
        code = np.uint64(codes[place])
        is_ascii &= code < np.uint64(0x80)
        packed = (packed << BYTE) | code
        hashed = (hashed + code) * SECOND_FACTOR
        hashed ^= hashed >> HALF
    return packed * FACTOR if is_ascii else hashed


@compiled
def sketch(keys: Hashes, count: Scalar, bitmap: Hashes) -> None:
    """Set a bit of the bitmap for each n-gram."""
    for word in range(BITMAP_WORDS):
        bitmap[word] = np.uint64(0)
    for place in range(count):
        mixed = (keys[place] ^ (keys[place] >> HALF)) * SECOND_FACTOR
        bit = mixed >> TOP_BIT
        bitmap[bit >> np.uint64(6)] |= ONE << (bit & WORD_BITS)


@compiled
def sign(keys: Hashes, count: Scalar, bins: npt.NDArray[np.uint32]) -> None:
    """Write the one-permutation signature: the least value of the n-grams in each bin, or `EMPTY_BIN`."""
    num_bins = np.uint64(len(bins))
    for place in range(len(bins)):
        bins[place] = EMPTY_BIN
    for place in range(count):
        mixed = (keys[place] ^ (keys[place] >> HALF)) * SECOND_FACTOR
        bin_ = ((mixed >> HALF) * num_bins) >> HALF
        value = np.uint32(((mixed ^ (mixed >> np.uint64(29))) * FACTOR) >> HALF)
        bins[bin_] = min(bins[bin_], value)  # compiled without a branch, which no text would let predict


@compiled
def band_key(bins: npt.NDArray[np.uint32], band: Scalar, rows: Scalar) -> Scalar:
    """Return the 32-bit key of one band, or `NO_KEY`."""
    key = np.uint64(band + 1)
    is_empty = True
    for place in range(band * rows, band * rows + rows):
        is_empty &= bins[place] == EMPTY_BIN
        key = (key ^ np.uint64(bins[place])) * FACTOR
        key ^= key >> HALF
    return NO_KEY if is_empty else np.uint32(key | ONE)


@compiled
def write_band_keys(
    keys: Hashes, count: Scalar, bins: npt.NDArray[np.uint32], rows: Scalar, band_keys: npt.NDArray[np.uint32]
) -> None:
    """Write the key of each band of a text's signature, which is made in `bins`."""
    sign(keys, count, bins)
    for band in range(len(band_keys)):
        band_keys[band] = band_key(bins, band, rows)


@compiled
def num_differing_bits(left: Hashes, right: Hashes, most: Scalar) -> Scalar:
    """Count the bits in which two bitmaps differ; once there are more than `most`, the count so far."""
    total = 0
    for word in range(BITMAP_WORDS):
        bits = left[word] ^ right[word]
        bits = bits - ((bits >> S1) & M1)
        bits = (bits & M2) + ((bits >> S2) & M2)
        bits = (bits + (bits >> S4)) & M4
        total += np.int64((bits * H01) >> S56)
        if total > most:
            return total
    return total
