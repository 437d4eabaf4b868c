"""Banding: which texts share a bucket, against a dictionary; and what a shelf hands out."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.deduplication.banding import (
    KEYS_PER_PART,
    NO_BUCKET,
    find_candidates,
    make_shelves,
    share_buckets,
    shelve,
)
from limo_curation.deduplication.sketching import NO_KEY, make_sketches

Keys = list[list[int]]


def groups_of(buckets: np.ndarray) -> set[tuple[int, frozenset[int]]]:
    groups: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for band, row in enumerate(buckets.tolist()):
        for place, bucket in enumerate(row):
            if bucket != NO_BUCKET:
                groups[band, bucket].add(place)
    return {(band, frozenset(places)) for (band, _), places in groups.items()}


def expected_groups(keys: np.ndarray) -> set[tuple[int, frozenset[int]]]:
    groups: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for band, row in enumerate(keys.tolist()):
        for place, key in enumerate(row):
            if key != NO_KEY:
                groups[band, key].add(place)
    return {(band, frozenset(places)) for (band, _), places in groups.items() if len(places) > 1}


def shared(keys: np.ndarray) -> tuple[np.ndarray, int]:
    buckets = np.empty(keys.shape, np.int32)
    return buckets, share_buckets(keys, buckets)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from([0, 1, 2, 3, 2**31, 2**32 - 1]), min_size=9, max_size=9), max_size=4))
def test_texts_with_one_key_share_a_bucket(rows: Keys) -> None:
    keys = np.array(rows, np.uint32).reshape(len(rows), 9)
    buckets, num_buckets = shared(keys)
    assert groups_of(buckets) == expected_groups(keys)
    assert num_buckets == len(expected_groups(keys))


@pytest.mark.parametrize("size", [KEYS_PER_PART, 5 * KEYS_PER_PART])
def test_keys_in_many_parts_are_met_too(size: int) -> None:
    keys = np.random.default_rng(7).integers(0, size, (3, size), dtype=np.uint32) * np.uint32(2**32 // size)
    assert groups_of(shared(keys)[0]) == expected_groups(keys)


def test_shelf_hands_out_each_kept_text_once_and_none_of_another_size() -> None:
    buckets, num_buckets = shared(np.array([[5, 5, 5, 7], [8, 8, 9, 9]], np.uint32))
    sketches = make_sketches(4)
    sketches.counts[:] = [100, 100, 10, 100]
    sketches.bits[:] = [90, 95, 10, 95]
    shelves = make_shelves(buckets, num_buckets)
    for place in (0, 2):
        shelve(place, buckets, sketches, shelves)

    def candidates_of(place: int, room: int = 4) -> list[int]:
        found, seen = np.empty(room, np.int32), np.zeros(4, np.int32)
        return found[: find_candidates(place, buckets, sketches, shelves, 0.7, seen, found)].tolist()

    assert candidates_of(1) == [0]  # in two buckets; 2 is far smaller
    assert candidates_of(3) == []
    assert candidates_of(1, room=0) == []
