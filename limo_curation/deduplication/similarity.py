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
    Sketches,
    gram_keys,
    num_differing_bits,
    sketch,
)
from limo_curation.folding import Bytes, Hashes, Offsets

NO_BITS: Final = np.zeros(BITMAP_WORDS, np.uint64)
SLACK: Final = 1e-9  # a similarity equal to the threshold counts, whatever the rounding of the bound

Stamps = npt.NDArray[np.int64]
Sizes = npt.NDArray[np.int32]


class Pool(NamedTuple):
    """Folded texts, and how they are compared."""

    data: Bytes
    starts: Offsets
    ends: Offsets
    ngram_size: Scalar
    threshold: Scalar


class Scratch(NamedTuple):
    """Room for the n-grams of two texts. A slot of a table is in use where its stamp is the current one."""

    codes: npt.NDArray[np.uint32]
    keys: Hashes
    table: Hashes
    stamps: Stamps
    other_table: Hashes
    other_stamps: Stamps
    state: Stamps
    """The last stamp given; the text that is in `table` or -1, the number of its different n-grams, and its stamp."""


@compiled
def make_scratch(longest: Scalar) -> Scratch:
    """Return room for texts of up to `longest` bytes."""
    size = 16
    while size < 2 * longest:
        size *= 2
    return Scratch(
        np.empty(longest + 1, np.uint32),
        np.empty(longest + 1, np.uint64),
        np.empty(size, np.uint64),
        np.zeros(size, np.int64),
        np.empty(size, np.uint64),
        np.zeros(size, np.int64),
        np.array([0, -1, 0, 0]),
    )


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
def sizes_may_be_similar(sketches: Sketches, left: Scalar, right: Sizes, threshold: Scalar) -> bool:
    """Return whether the sizes of a text at a place, and of another on its shelf, leave it open that they are similar.

    Two bitmaps differ in at least as many bits as one has more than the other.
    """
    bound = (1 - threshold) / (1 + threshold)
    return abs(sketches.bits[left] - right[2]) <= bound * (sketches.counts[left] + right[1]) + SLACK


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
    if state[1] != text:
        count = gram_keys(pool.data, pool.starts[text], pool.ends[text], pool.ngram_size, scratch.codes, scratch.keys)
        state[0] += 1
        state[1], state[2], state[3] = text, 0, state[0]
        for place in range(count):
            state[2] += put_new(scratch.keys[place], scratch.table, scratch.stamps, state[0])
    count = gram_keys(pool.data, pool.starts[other], pool.ends[other], pool.ngram_size, scratch.codes, scratch.keys)
    state[0] += 1
    num_shared = 0
    num_union = state[2]
    for place in range(count):
        key = scratch.keys[place]
        if put_new(key, scratch.other_table, scratch.other_stamps, state[0]):
            if holds(key, scratch.table, scratch.stamps, state[3]):
                num_shared += 1
            else:
                num_union += 1
    return num_shared / num_union


@compiled
def put_new(key: Scalar, table: Hashes, stamps: Stamps, stamp: Scalar) -> bool:
    """Put an n-gram into a table, and return whether it was not in it."""
    mask = np.uint64(len(table) - 1)
    slot = home(key) & mask
    while stamps[slot] == stamp:
        if table[slot] == key:
            return False
        slot = (slot + np.uint64(1)) & mask
    stamps[slot] = stamp
    table[slot] = key
    return True


@compiled
def holds(key: Scalar, table: Hashes, stamps: Stamps, stamp: Scalar) -> bool:
    """Return whether an n-gram is in a table."""
    mask = np.uint64(len(table) - 1)
    slot = home(key) & mask
    while stamps[slot] == stamp:
        if table[slot] == key:
            return True
        slot = (slot + np.uint64(1)) & mask
    return False


@compiled
def home(key: Scalar) -> Scalar:
    """Return where the search for an n-gram begins."""
    return ((key ^ (key >> HALF)) * FACTOR) >> HALF


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
