"""Choose the representative of every text of a partition.

A *group* is the texts of a partition with the same numbers; texts of two groups are never duplicates. A group's texts
are taken best first. A text that equals an earlier one follows it; one that is similar to kept texts is a duplicate of
the most similar of them; any other is kept. So a duplicate always matches a kept text itself, and nothing chains.

In a small group each text is compared with every kept one, so nothing is missed; in a larger one with those that share
a MinHash band.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from limo_curation.compiled import Scalar, compiled
from limo_curation.deduplication.banding import (
    Buckets,
    find_candidates,
    make_shelves,
    share_buckets,
    shelve,
)
from limo_curation.deduplication.similarity import (
    Pool,
    Scratch,
    are_of_similar_size,
    is_same_text,
    jaccard_similarity,
    longest_text,
    make_scratch,
    may_be_similar,
    sketch_text,
)
from limo_curation.deduplication.sketching import Sketches, make_sketches, write_band_keys
from limo_curation.folding import Hashes

SMALL_GROUP: Final = 256  # texts up to which comparing all bitmaps costs less than signatures (ours, measured)
INSERTED: Final = 48  # texts up to which a group is sorted by insertion (ours)
MAX_CANDIDATES: Final = (
    20_000  # kept texts that one text is compared with; texts that would have more are counted (ours)
)
KEPT: Final = -1
EXACT: Final = 1
NEAR: Final = 2

Indices = npt.NDArray[np.int64]


class Choices(NamedTuple):
    """What was chosen for each text of a partition."""

    representative: Indices
    """The kept text that it duplicates, or `KEPT`."""
    jaccard: npt.NDArray[np.float64]
    """Similarity to the representative."""
    relation: npt.NDArray[np.uint8]
    """`EXACT` or `NEAR`; 0 for kept texts."""
    is_capped: npt.NDArray[np.bool_]
    """Whether it has more than `MAX_CANDIDATES`."""


def sort_groups(numbers: Hashes, order: Indices, rank: Hashes, names: Hashes, rows: Indices) -> None:
    """Put the texts of each group, which stand together in `order`, in the order in which they are rather kept.

    The better text is the one with the lower rank, then the lower name (the first 16 bytes of its id), then the lower
    row.
    """
    sort_small_groups(numbers, order, rank, names, rows)
    grouped = numbers[order]
    starts = np.flatnonzero(np.concatenate([[True], grouped[1:] != grouped[:-1]])) if len(order) else order
    stops = np.concatenate([starts[1:], [len(order)]])
    is_large = stops - starts > INSERTED
    for start, stop in zip(starts[is_large].tolist(), stops[is_large].tolist(), strict=True):
        group = order[start:stop]
        order[start:stop] = group[np.lexsort((rows[group], names[group, 1], names[group, 0], rank[group]))]


@compiled
def sort_small_groups(numbers: Hashes, order: Indices, rank: Hashes, names: Hashes, rows: Indices) -> None:
    """Sort groups of up to `INSERTED` texts by insertion; larger ones are left as they are."""
    start = 0
    while start < len(order):
        stop = end_of_group(numbers, order, start)
        if stop - start <= INSERTED:
            for place in range(start + 1, stop):
                text = order[place]
                before = place - 1
                while before >= start and is_better(text, order[before], rank, names, rows):
                    order[before + 1] = order[before]
                    before -= 1
                order[before + 1] = text
        start = stop


@compiled
def end_of_group(numbers: Hashes, order: Indices, start: Scalar) -> Scalar:
    """Return the place behind the last text with the same numbers as the one at `start`."""
    stop = start + 1
    while stop < len(order) and numbers[order[stop]] == numbers[order[start]]:
        stop += 1
    return stop


@compiled
def is_better(left: Scalar, right: Scalar, rank: Hashes, names: Hashes, rows: Indices) -> Scalar:
    """Return whether the left text is rather kept than the right one."""
    if rank[left] != rank[right]:
        return rank[left] < rank[right]
    if names[left, 0] != names[right, 0]:
        return names[left, 0] < names[right, 0]
    if names[left, 1] != names[right, 1]:
        return names[left, 1] < names[right, 1]
    return rows[left] < rows[right]


@compiled
def choose_representatives(
    pool: Pool, numbers: Hashes, order: Indices, num_bands: Scalar, rows_per_band: Scalar, choices: Choices
) -> Scalar:
    """Choose for every text of a partition.

    Args:
        pool: the folded texts.
        numbers: each text's fingerprint of numbers.
        order: the texts, each group together and its best text first.
        num_bands: of the MinHash index of a large group.
        rows_per_band: values of the signature to a band.
        choices: out; `representative` comes filled with `KEPT`.

    Returns:
        The number of pairs that were compared n-gram by n-gram.
    """
    scratch = make_scratch(longest_text(pool))
    sketches = make_sketches(SMALL_GROUP)
    num_compared = 0
    start = 0
    while start < len(order):
        stop = end_of_group(numbers, order, start)
        group = order[start:stop]
        start = stop
        if len(group) == 1:
            continue
        if len(group) <= SMALL_GROUP:
            num_compared += choose_in_small_group(pool, group, sketches, scratch, choices)
        else:
            num_compared += choose_in_large_group(pool, group, num_bands, rows_per_band, scratch, choices)
    return num_compared


@compiled
def choose_in_small_group(pool: Pool, group: Indices, sketches: Sketches, scratch: Scratch, choices: Choices) -> Scalar:
    """Compare each text with every kept one; return the number of exact comparisons."""
    kept = np.empty(SMALL_GROUP, np.int64)
    num_kept = num_compared = 0
    for place in range(len(group)):
        text = group[place]
        sketch_text(pool, text, place, sketches, scratch)
        twin = -1
        for earlier in range(place):
            if sketches.hashes[earlier] == sketches.hashes[place] and is_same_text(pool, text, group[earlier]):
                twin = earlier
                break
        if twin >= 0:
            follow(text, group[twin], choices)
            continue
        best = -1
        best_jaccard = 0.0
        for candidate in kept[:num_kept]:
            if are_of_similar_size(
                sketches, place, sketches.counts[candidate], sketches.bits[candidate], pool.threshold
            ) and may_be_similar(sketches, place, candidate, pool.threshold):
                num_compared += 1
                similarity = jaccard_similarity(pool, text, group[candidate], scratch)
                if similarity >= pool.threshold and similarity > best_jaccard:  # the better text comes first
                    best = candidate
                    best_jaccard = similarity
        if best >= 0:
            settle(text, group[best], best_jaccard, choices)
        else:
            kept[num_kept] = place
            num_kept += 1
    return num_compared


@compiled
def follow(text: Scalar, twin: Scalar, choices: Choices) -> None:
    """Let a text share what was chosen for the earlier one that it equals."""
    if choices.representative[twin] == KEPT:
        choices.representative[text] = twin
        choices.jaccard[text] = 1.0
        choices.relation[text] = EXACT
    else:
        choices.representative[text] = choices.representative[twin]
        choices.jaccard[text] = choices.jaccard[twin]
        choices.relation[text] = NEAR


@compiled
def settle(text: Scalar, representative: Scalar, similarity: Scalar, choices: Choices) -> None:
    """Make a text a near-duplicate."""
    choices.representative[text] = representative
    choices.jaccard[text] = similarity
    choices.relation[text] = NEAR


@compiled
def choose_in_large_group(
    pool: Pool, group: Indices, num_bands: Scalar, rows_per_band: Scalar, scratch: Scratch, choices: Choices
) -> Scalar:
    """Compare each text with the kept ones that share a band; return the number of exact comparisons."""
    sketches = make_sketches(len(group))
    buckets, num_buckets = band_group(pool, group, num_bands, rows_per_band, sketches, scratch)
    twins = find_twins(pool, group, sketches)
    shelves = make_shelves(buckets, num_buckets)
    seen = np.zeros(len(group), np.int32)
    candidates = np.empty(MAX_CANDIDATES, np.int32)
    num_compared = 0
    for place in range(len(group)):
        text = group[place]
        if twins[place] >= 0:
            follow(text, group[twins[place]], choices)
            continue
        best = -1
        best_jaccard = 0.0
        num_candidates = find_candidates(place, buckets, sketches, shelves, pool.threshold, seen, candidates)
        for candidate in candidates[:num_candidates]:
            if may_be_similar(sketches, place, candidate, pool.threshold):
                num_compared += 1
                similarity = jaccard_similarity(pool, text, group[candidate], scratch)
                is_best = similarity > best_jaccard or (similarity == best_jaccard and candidate < best)
                if similarity >= pool.threshold and is_best:
                    best = candidate
                    best_jaccard = similarity
        choices.is_capped[text] = num_candidates == MAX_CANDIDATES
        if best >= 0:
            settle(text, group[best], best_jaccard, choices)
        else:
            shelve(place, buckets, sketches, shelves)
    return num_compared


@compiled
def band_group(
    pool: Pool, group: Indices, num_bands: Scalar, rows_per_band: Scalar, sketches: Sketches, scratch: Scratch
) -> tuple[Buckets, Scalar]:
    """Sketch the texts of a group and return their buckets, shape (bands, texts), and how many buckets there are."""
    keys = np.empty((num_bands, len(group)), np.uint32)
    bins = np.empty(num_bands * rows_per_band, np.uint32)
    for place in range(len(group)):
        count = sketch_text(pool, group[place], place, sketches, scratch)
        write_band_keys(scratch.keys, count, bins, rows_per_band, keys[:, place])
    buckets = np.empty((num_bands, len(group)), np.int32)
    return buckets, share_buckets(keys, buckets)


@compiled
def find_twins(pool: Pool, group: Indices, sketches: Sketches) -> npt.NDArray[np.int32]:
    """Return for each text of a group the first earlier one that it equals, or -1."""
    size = 16
    while size < 2 * len(group):
        size *= 2
    mask = np.uint64(size - 1)
    firsts = np.full(size, -1, np.int32)
    twins = np.full(len(group), -1, np.int32)
    for place in range(len(group)):
        slot = sketches.hashes[place] & mask
        while firsts[slot] >= 0:
            other = firsts[slot]
            if sketches.hashes[other] == sketches.hashes[place] and is_same_text(pool, group[place], group[other]):
                twins[place] = other
                break
            slot = (slot + np.uint64(1)) & mask
        if twins[place] < 0:
            firsts[slot] = place
    return twins
