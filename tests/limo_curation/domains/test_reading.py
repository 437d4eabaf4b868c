"""Reading: which texts have the same features, which share none, and that no bucket comes twice."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.domains.reading import MAX_BYTES, NUM_BUCKETS, read_texts
from limo_curation.folding import texts_of


def features(text: str) -> set[int]:
    buckets, _ = read_texts(texts_of(pl.Series([text])))
    return set(buckets.tolist())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Find x", "find x"),  # case of words
        ("Find x", "  Find\n\n{x} $"),  # white space, braces, dollar signs
        ("Add 123 and 456", "Add 789 and 204"),  # longer numbers count by their digits
        ("see [asy]draw(a);[/asy] now", "see [asy]fill(b, red);[/asy] now"),
        ("see (http://a.b/c?d=1) now", "see (https://example.org) now"),
    ],
)
def test_texts_that_mean_the_same_have_the_same_features(one: str, other: str) -> None:
    assert features(one) == features(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("int", r"\int"),  # a command is no word
        ("a", "A"),
        ("7", "8"),  # short numbers count as themselves too
        ("12", "x"),
        ("概", "率"),
        ("+", "-"),
    ],
)
def test_texts_that_differ_have_different_features(one: str, other: str) -> None:
    assert features(one) != features(other)


def test_points_of_a_figure_count_by_how_many_there_are() -> None:
    assert features("In triangle ABC") & features("in PQR") - features("in pqr")


def test_order_of_words_counts() -> None:
    assert features("two odd primes") != features("primes odd two")


def test_text_all_in_capitals_is_read_as_words() -> None:
    assert features("HOW MANY WAYS") == features("how many ways")


def test_what_stands_beyond_the_limit_is_not_read() -> None:
    text = "word " * (MAX_BYTES // 5 + 1)
    assert features(text) == features(text + "triangle " * 100)


@settings(deadline=None)  # the first call compiles
@given(st.text(max_size=300))
def test_buckets_of_a_text_are_in_range_and_differ(text: str) -> None:
    buckets, ends = read_texts(texts_of(pl.Series([text, text])))
    first, second = buckets[: ends[1]], buckets[ends[1] :]
    assert first.tolist() == second.tolist()
    assert len(np.unique(first)) == len(first)
    assert ((first >= 0) & (first < NUM_BUCKETS)).all()
