"""Similarity: the exact Jaccard similarity of sets of n-grams, and a bound that never rules out a similar pair."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from limo_curation.deduplication.similarity import (
    Pool,
    is_same_text,
    jaccard_similarity,
    make_scratch,
    may_be_similar,
    sketch_text,
)
from limo_curation.deduplication.sketching import make_sketches
from limo_curation.folding import texts_of

TEXTS = st.text(st.sampled_from("ab c\0é求😀"), max_size=30)


def pool_of(*texts: str, ngram_size: int, threshold: float = 0.7) -> Pool:
    found = texts_of(pl.Series(texts, dtype=pl.String))
    return Pool(found.data, found.offsets[:-1], found.offsets[1:], ngram_size, threshold)


def jaccard(left: str, right: str, size: int) -> float:
    a, b = ({text[start : start + size] for start in range(max(len(text) - size + 1, 1))} for text in (left, right))
    return len(a & b) / len(a | b)


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS, st.integers(1, 10))
@example("\0" * 9, "\0" * 5 + "a", 5)
@example("ab" * 9, "ab" * 5, 3)
def test_similarity_is_that_of_the_sets(left: str, right: str, size: int) -> None:
    pool, scratch = pool_of(left, right, ngram_size=size), make_scratch(400)
    expected = jaccard(left, right, size)
    assert jaccard_similarity(pool, 0, 1, scratch) == expected
    assert jaccard_similarity(pool, 0, 0, scratch) == 1.0  # the first text is still in the table
    assert jaccard_similarity(pool, 1, 0, scratch) == expected


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS, st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0]))
def test_bound_rules_out_no_similar_pair(left: str, right: str, threshold: float) -> None:
    pool = pool_of(left, right, ngram_size=5, threshold=threshold)
    sketches, scratch = make_sketches(2), make_scratch(400)
    for text in (0, 1):
        sketch_text(pool, text, text, sketches, scratch)
    if jaccard(left, right, 5) >= threshold:
        assert may_be_similar(sketches, 0, 1, threshold)
    assert sketches.bits.tolist() == [sum(int(word).bit_count() for word in row) for row in sketches.bitmaps.tolist()]


def test_bound_rules_out_texts_with_little_in_common() -> None:
    pool = pool_of("the quick brown fox jumps over", "an idle dog sleeps in the sun", ngram_size=5)
    sketches, scratch = make_sketches(2), make_scratch(100)
    for text in (0, 1):
        sketch_text(pool, text, text, sketches, scratch)
    assert not may_be_similar(sketches, 0, 1, 0.7)


@pytest.mark.parametrize(("left", "right", "same"), [("ab", "ab", True), ("ab", "ac", False), ("", "a", False)])
def test_texts_are_compared_byte_by_byte(left: str, right: str, same: bool) -> None:
    assert is_same_text(pool_of(left, right, ngram_size=5), 0, 1) == same


def test_sketches_of_equal_texts_are_equal() -> None:
    pool = pool_of("x = 3 apples", "x = 3 apples", "x = 3 applet", ngram_size=5)
    sketches, scratch = make_sketches(3), make_scratch(100)
    for text in range(3):
        sketch_text(pool, text, text, sketches, scratch)
    assert sketches.hashes[0] == sketches.hashes[1] != sketches.hashes[2]
    assert np.array_equal(sketches.bitmaps[0], sketches.bitmaps[1])
