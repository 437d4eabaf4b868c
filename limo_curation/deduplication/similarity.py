"""The exact Jaccard similarity of two texts' character n-grams, and a bound that spares most comparisons.

For sets A and B with Jaccard similarity of at least t, |A xor B| <= (|A| + |B|) (1 - t) / (1 + t). Every bit in which
the bitmaps of two texts differ stands for at least one n-gram of A xor B. So a pair whose bitmaps differ in more bits
is not similar, and the bound rules out no similar pair.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from limo_curation.compiled import Scalar, compiled
from limo_curation.deduplication.sketching import (
    BITMAP_WORDS,
    FACTOR,
    HALF,
    ONE,
    SLACK,
    Sketches,
    gram_keys,
    num_differing_bits,
    sketch,
)
from limo_curation.folding import Bytes, Hashes, Offsets

NULS: Final = np.uint64(1 << 63)
NO_BITS: Final = np.zeros(BITMAP_WORDS, np.uint64)

States = npt.NDArray[np.int64]


class Pool(NamedTuple):
    """Folded texts, and how they are compared."""

    data: Bytes
    starts: Offsets
    ends: Offsets
    ngram_size: Scalar
    threshold: Scalar


class Scratch(NamedTuple):
    """Room for the n-grams of two texts, each in a table with open addressing; 0 is a free slot."""

    codes: npt.NDArray[np.uint32]
    keys: Hashes
    table: Hashes
    """The n-grams of one text."""
    met: npt.NDArray[np.bool_]
    """Which of them the other text has been found to hold."""
    others: Hashes
    """The n-grams that only the other text holds."""
    state: States
    """The text that is in `table` or -1, the bits of its slots' numbers, and the number of its different n-grams."""


@compiled
def make_scratch(longest: Scalar) -> Scratch:
    """Return room for texts of up to `longest` bytes."""
    size = 1 << table_bits(longest)
    codes, keys = np.empty(longest + 1, np.uint32), np.empty(longest + 1, np.uint64)
    tables = np.empty(size, np.uint64), np.empty(size, np.bool_), np.empty(size, np.uint64)
    return Scratch(codes, keys, *tables, np.array([-1, 0, 0]))


@compiled
def longest_text(pool: Pool) -> Scalar:
    """Return the bytes of the longest text."""
    longest = 1
    for text in range(len(pool.starts)):
        longest = max(longest, pool.ends[text] - pool.starts[text])
    return longest


@compiled
def table_bits(count: Scalar) -> Scalar:
    """Return the bits of the slots' numbers in a table that at most a quarter fills with `count` n-grams."""
    bits = 4
    while 1 << bits < 4 * count:
        bits += 1
    return bits


@compiled
def sketch_text(pool: Pool, text: Scalar, place: Scalar, sketches: Sketches, scratch: Scratch) -> Scalar:
    """Write the sketch of a text at a place, and its n-grams to `scratch.keys`; return their number."""
    count = gram_keys(pool.data, pool.starts[text], pool.ends[text], pool.ngram_size, scratch.codes, scratch.keys)
    sketch(scratch.keys, count, sketches.bitmaps[place])
    whole = np.uint64(count)
    for word in range(BITMAP_WORDS):
        whole = (whole ^ sketches.bitmaps[place, word]) * FACTOR
        whole ^= whole >> HALF
    sketches.counts[place] = count
    sketches.bits[place] = num_differing_bits(sketches.bitmaps[place], NO_BITS, 64 * BITMAP_WORDS)
    sketches.hashes[place] = whole
    return count


@compiled
def are_of_similar_size(sketches: Sketches, place: Scalar, count: Scalar, bits: Scalar, threshold: Scalar) -> bool:
    """Return whether the size of another text leaves it open that it is similar to the one at a place.

    Two bitmaps differ in at least as many bits as one has more than the other.

    Args:
        sketches: of the group.
        place: the one text.
        count: n-grams of the other.
        bits: in the bitmap of the other.
        threshold: the least similarity.
    """
    bound = (1 - threshold) / (1 + threshold)
    return abs(sketches.bits[place] - bits) <= bound * (sketches.counts[place] + count) + SLACK


@compiled
def may_be_similar(sketches: Sketches, left: Scalar, right: Scalar, threshold: Scalar) -> bool:
    """Return whether the bitmaps of two places leave it open that the texts are similar."""
    bound = (1 - threshold) / (1 + threshold)
    most = np.int64(bound * (sketches.counts[left] + sketches.counts[right]) + SLACK)
    return num_differing_bits(sketches.bitmaps[left], sketches.bitmaps[right], most) <= most


@compiled
def jaccard_similarity(pool: Pool, text: Scalar, other: Scalar, scratch: Scratch) -> Scalar:
    """Return the exact Jaccard similarity of two texts; cheapest where the first one stays the same for some calls."""
    state = scratch.state
    if state[0] != text:
        fill_table(pool, text, scratch)
    count = gram_keys(pool.data, pool.starts[other], pool.ends[other], pool.ngram_size, scratch.codes, scratch.keys)
    bits = state[1]
    other_bits = table_bits(count)
    scratch.met[: 1 << bits] = False
    num_shared = num_unmatched = 0
    for place in range(count):
        key = nonzero(scratch.keys[place])
        slot = find_slot(key, scratch.table, bits)
        if scratch.table[slot] == key:
            num_shared += not scratch.met[slot]
            scratch.met[slot] = True
            continue
        if num_unmatched == 0:
            scratch.others[: 1 << other_bits] = 0
        slot = find_slot(key, scratch.others, other_bits)
        num_unmatched += scratch.others[slot] == 0
        scratch.others[slot] = key
    return num_shared / (state[2] + num_unmatched)


@compiled
def fill_table(pool: Pool, text: Scalar, scratch: Scratch) -> None:
    """Put the n-grams of a text into the table."""
    count = gram_keys(pool.data, pool.starts[text], pool.ends[text], pool.ngram_size, scratch.codes, scratch.keys)
    bits = table_bits(count)
    scratch.table[: 1 << bits] = 0
    num_unique = 0
    for place in range(count):
        key = nonzero(scratch.keys[place])
        slot = find_slot(key, scratch.table, bits)
        num_unique += scratch.table[slot] == 0
        scratch.table[slot] = key
    scratch.state[0], scratch.state[1], scratch.state[2] = text, bits, num_unique


@compiled
def find_slot(key: Scalar, table: Hashes, bits: Scalar) -> Scalar:
    """Return the slot that holds an n-gram, or the free one where it would stand."""
    slot = key >> np.uint64(64 - bits)
    mask = np.uint64((1 << bits) - 1)
    while table[slot] != key and table[slot] != 0:
        slot = (slot + ONE) & mask
    return slot


@compiled
def nonzero(key: Scalar) -> Scalar:
    """Return the fingerprint of an n-gram, and for that of NUL characters, 0, one that no n-gram of ASCII has."""
    return key if key != 0 else NULS


@compiled
def is_same_text(pool: Pool, left: Scalar, right: Scalar) -> bool:
    """Return whether two texts are equal, byte by byte."""
    length = pool.ends[left] - pool.starts[left]
    if pool.ends[right] - pool.starts[right] != length:
        return False
    for place in range(length):  # noqa: SIM110 (Numba compiles no generator)
        if pool.data[pool.starts[left] + place] != pool.data[pool.starts[right] + place]:
            return False
    return True
