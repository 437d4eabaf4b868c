"""MinHash bands of a group of texts: which texts share a band, found without a table larger than a core's cache.

Two texts that share a band are candidates. Most texts share none, so each band's keys are parted by their highest bits,
and a part of some thousand keys is searched for repeated ones in a small table.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from limo_curation.compiled import Scalar, compiled
from limo_curation.deduplication.similarity import are_of_similar_size
from limo_curation.deduplication.sketching import NO_KEY, Sketches

KEYS_PER_PART: Final = 2_048  # ours: a part's table then fits into a core's first cache
NO_BUCKET: Final = -1

BandKeys = npt.NDArray[np.uint32]
Buckets = npt.NDArray[np.int32]


@compiled
def share_buckets(keys: BandKeys, buckets: Buckets) -> Scalar:
    """Write the bucket of each text in each band, or `NO_BUCKET` where no other text has its key.

    Args:
        keys: of shape (bands, texts).
        buckets: out; of the same shape.

    Returns:
        The number of buckets of all bands.
    """
    num_bands, size = keys.shape
    bits = 0
    while size >> bits > KEYS_PER_PART:
        bits += 1
    ends = np.empty((1 << bits) + 1, np.int64)
    parted = np.empty(size, np.int64)
    table = np.empty(4 * KEYS_PER_PART, np.int64)
    num_buckets = 0
    for band in range(num_bands):
        part_keys(keys[band], bits, ends, parted)
        buckets[band, :] = NO_BUCKET
        start = 0
        for part in range(1 << bits):
            stop = ends[part]
            room = 16
            while room < 2 * (stop - start):
                room *= 2
            if room > len(table):
                table = np.empty(room, np.int64)
            num_buckets = number_repeated(keys[band], parted[start:stop], table[:room], buckets[band], num_buckets)
            start = stop
    return num_buckets


@compiled
def part_keys(keys: BandKeys, bits: Scalar, ends: npt.NDArray[np.int64], parted: npt.NDArray[np.int64]) -> None:
    """Write the places of the keys in the order of their highest bits, and where each part ends (a counting sort)."""
    shift = np.uint64(32 - bits)
    ends[:] = 0
    for place in range(len(keys)):
        ends[np.int64(np.uint64(keys[place]) >> shift) + 1] += 1
    for part in range(1, len(ends)):
        ends[part] += ends[part - 1]
    for place in range(len(keys)):
        part = np.int64(np.uint64(keys[place]) >> shift)
        parted[ends[part]] = place
        ends[part] += 1


@compiled
def number_repeated(
    keys: BandKeys,
    places: npt.NDArray[np.int64],
    table: npt.NDArray[np.int64],
    buckets: npt.NDArray[np.int32],
    num_buckets: Scalar,
) -> Scalar:
    """Number the keys that more than one place has, from `num_buckets` on; return how many there are then."""
    table[:] = -1
    mask = np.uint64(len(table) - 1)
    for place in places:
        key = keys[place]
        if key == NO_KEY:
            continue
        slot = np.uint64(key) & mask
        while table[slot] >= 0 and keys[table[slot]] != key:
            slot = (slot + np.uint64(1)) & mask
        first = table[slot]
        if first < 0:
            table[slot] = place
            continue
        if buckets[first] == NO_BUCKET:
            buckets[first] = num_buckets
            num_buckets += 1
        buckets[place] = buckets[first]
    return num_buckets


class Shelves(NamedTuple):
    """The texts that are kept so far, by bucket, each with what is asked first: a bucket is read in one go."""

    bounds: npt.NDArray[np.int64]
    """Shape (buckets, 2): where the texts of a bucket begin and end; side by side, since they are read together."""
    places: npt.NDArray[np.int32]
    """Shape (rooms, 3): a text's place, its number of n-grams, and of bits in its bitmap."""


@compiled
def make_shelves(buckets: Buckets, num_buckets: Scalar) -> Shelves:
    """Return empty shelves with room for all texts of each bucket."""
    ends = np.zeros(num_buckets + 1, np.int64)
    for band in range(len(buckets)):
        for bucket in buckets[band]:
            if bucket != NO_BUCKET:
                ends[bucket + 1] += 1
    ends = np.cumsum(ends)
    bounds = np.empty((num_buckets, 2), np.int64)
    bounds[:, 0] = bounds[:, 1] = ends[:-1]
    return Shelves(bounds, np.empty((ends[-1], 3), np.int32))


@compiled
def shelve(place: Scalar, buckets: Buckets, sketches: Sketches, shelves: Shelves) -> None:
    """Put a kept text into its buckets."""
    for band in range(len(buckets)):
        bucket = buckets[band, place]
        if bucket != NO_BUCKET:
            end = shelves.bounds[bucket, 1]
            shelves.places[end, 0] = place
            shelves.places[end, 1] = sketches.counts[place]
            shelves.places[end, 2] = sketches.bits[place]
            shelves.bounds[bucket, 1] = end + 1


@compiled
def find_candidates(
    place: Scalar,
    buckets: Buckets,
    sketches: Sketches,
    shelves: Shelves,
    threshold: Scalar,
    seen: npt.NDArray[np.int32],
    candidates: npt.NDArray[np.int32],
) -> Scalar:
    """Write the kept texts that share a bucket with a text and have about its size; return how many they are."""
    count = 0
    for band in range(len(buckets)):
        bucket = buckets[band, place]
        if bucket == NO_BUCKET:
            continue
        for entry in range(shelves.bounds[bucket, 0], shelves.bounds[bucket, 1]):
            candidate = shelves.places[entry, 0]
            is_new = seen[candidate] != place
            seen[candidate] = place
            num_grams, bits = shelves.places[entry, 1], shelves.places[entry, 2]
            if is_new and are_of_similar_size(sketches, place, num_grams, bits, threshold):
                if count == len(candidates):
                    return count
                candidates[count] = candidate
                count += 1
    return count
