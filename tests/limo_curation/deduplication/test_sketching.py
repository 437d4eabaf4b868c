"""Sketching: n-grams are characters, bins agree as often as texts are similar, and bands of empty bins say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from limo_curation.deduplication.sketching import (
    BITMAP_WORDS,
    EMPTY_BIN,
    NO_KEY,
    band_key,
    gram_keys,
    num_differing_bits,
    sign,
)


def keys_of(text: str, size: int = 5) -> list[int]:
    data = np.frombuffer(text.encode() or b" ", np.uint8)
    room = len(data) + 1
    codes, keys = np.empty(room, np.uint32), np.empty(room, np.uint64)
    count = gram_keys(data, 0, len(text.encode()), size, codes, keys)
    return keys[:count].tolist()


@pytest.mark.parametrize(
    ("text", "size", "count"),
    [("abcdefg", 5, 3), ("abcde", 5, 1), ("abc", 5, 1), ("", 5, 1), ("求三角形的面积", 5, 3), ("ab😀d", 3, 2)],
)
def test_ngrams_are_counted_in_characters(text: str, size: int, count: int) -> None:
    assert len(keys_of(text, size)) == count


def test_ngram_has_one_fingerprint_wherever_it_stands() -> None:
    assert keys_of("abcde")[0] == keys_of("求abcde")[1]  # in a text that is not ASCII too
    assert keys_of("求三角形的")[0] == keys_of("ab求三角形的")[2]
    assert len(set(keys_of("abcdeabcde"))) == 5


def test_bins_agree_as_often_as_texts_are_similar() -> None:
    chance = np.random.default_rng(1)
    shared, left, right = (chance.integers(1, 2**63, size, dtype=np.uint64) for size in (6_000, 2_000, 2_000))
    bins = np.empty((2, 512), np.uint32)
    for row, own in enumerate((left, right)):
        keys = np.concatenate([shared, own])
        sign(keys, len(keys), bins[row])
    assert (bins[0] == bins[1]).mean() == pytest.approx(0.6, abs=0.08)  # 6,000 of 10,000; four standard deviations


def test_band_without_a_value_has_no_key() -> None:
    bins = np.full(10, EMPTY_BIN, np.uint32)
    bins[7] = 3
    assert band_key(bins, 0, 5) == NO_KEY
    assert band_key(bins, 1, 5) != NO_KEY


def test_bits_that_differ_are_counted_up_to_a_bound() -> None:
    left, right = np.zeros(BITMAP_WORDS, np.uint64), np.full(BITMAP_WORDS, 2**64 - 1, np.uint64)
    assert num_differing_bits(left, right, 64 * BITMAP_WORDS) == 64 * BITMAP_WORDS
    assert num_differing_bits(left, right, 10) > 10
    right[1:] = 0
    right[0] = 0b1011
    assert num_differing_bits(left, right, 512) == 3
