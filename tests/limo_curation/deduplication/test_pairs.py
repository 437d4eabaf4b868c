"""Pairs: what is the same problem, and what only looks like it."""

from __future__ import annotations

import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.deduplication import duplicate_pairs
from limo_curation.deduplication.pairs import compare_all, compare_by_band
from limo_curation.deduplication.similarity import Pool
from limo_curation.folding import fold, texts_of
from limo_curation.problem_config import DeduplicationConfig
from tests.limo_curation.deduplication.texts import (
    FARM,
    FARM_COMMA,
    FARM_OTHER_NUMBERS,
    FARM_SWAPPED,
    UNLIKE,
    WORDS,
    ZH,
    ZH_COMMA,
    ZH_OTHER_NUMBERS,
)

MANY = 3_200  # more texts than are compared all with all


def relation_of(first: str, second: str) -> str | None:
    found = duplicate_pairs([first, second])
    return found["relation"].to_list()[0] if found.height else None


def ngrams(text: str, size: int = 5) -> set[str]:
    return {text[start : start + size] for start in range(max(len(text) - size + 1, 1))}


def jaccard(left: str, right: str) -> float:
    a, b = ngrams(left), ngrams(right)
    return len(a & b) / len(a | b)


@pytest.mark.parametrize(
    ("first", "second", "relation"),
    [
        (FARM, FARM.upper(), "exact"),
        (FARM, f"\n {FARM.replace(' ', '  ')}\t", "exact"),
        (FARM, FARM_COMMA, "near"),
        (FARM, FARM_OTHER_NUMBERS, "variant"),
        (FARM, FARM_SWAPPED, "variant"),  # the same numbers in another order are another problem
        (FARM, FARM.replace("3 weeks", "3.5 weeks"), "variant"),
        (FARM, FARM.replace("12", "1,200").replace("30", "3,571").replace("4", "400"), "variant"),
        ("Compute 12 + 7 * 5.", "Compute 345 + 8 * 91.", "variant"),  # alike only where the numbers are masked
        ("Compute 12 + 7 * 5.", "Compute 12 + 7 - 5.", None),
        (FARM, FARM.replace("3 weeks", "three weeks"), "near"),  # the same number in a word
        (ZH, ZH.replace("12", " 12 ").replace(" 12 ", "12"), "exact"),
        (ZH, ZH_COMMA, "near"),
        (ZH, ZH_OTHER_NUMBERS, "variant"),
        (FARM, UNLIKE, None),
        (FARM, ZH, None),
        ("", "", "exact"),
        ("", "a", None),
        ("abc", "abd", None),  # shorter than an n-gram: equal or nothing
        ("😀" * 30, "😀" * 31, "near"),
    ],
)
def test_relation_of_two_texts(first: str, second: str, relation: str | None) -> None:
    assert relation_of(first, second) == relation
    assert relation_of(second, first) == relation


def test_pair_carries_the_exact_jaccard_similarity() -> None:
    found = duplicate_pairs([FARM, FARM_COMMA])
    assert found.select("a", "b", "jaccard").row(0) == (0, 1, jaccard(FARM.lower(), FARM_COMMA.lower()))


def test_threshold_counts_as_similar() -> None:
    similarity = jaccard(FARM.lower(), FARM_COMMA.lower())
    assert duplicate_pairs([FARM, FARM_COMMA], config=DeduplicationConfig(threshold=similarity)).height == 1
    above = DeduplicationConfig(threshold=similarity + 1e-9)
    assert duplicate_pairs([FARM, FARM_COMMA], config=above).height == 0


def test_further_copies_are_paired_with_the_first_only() -> None:
    found = duplicate_pairs([FARM, FARM.lower(), FARM_COMMA, FARM])
    assert found.select("a", "b", "relation").rows() == [(0, 1, "exact"), (0, 2, "near"), (0, 3, "exact")]


def test_no_texts_and_one_text_have_no_pairs() -> None:
    for texts in ([], [FARM]):
        found = duplicate_pairs(texts)
        assert found.height == 0
        assert dict(found.schema) == {"a": pl.Int64, "b": pl.Int64, "jaccard": pl.Float64, "relation": pl.String}


def edit(text: str) -> str:
    """Put an article before every eighth word."""
    return " ".join(f"the {word}" if place % 8 == 7 else word for place, word in enumerate(text.split()))


def test_planted_pairs_are_found_among_many_others() -> None:
    random_words = random.Random(3)
    texts = [" ".join(random_words.choices(WORDS, k=25)) for _ in range(MANY // 2)]
    found = duplicate_pairs(texts + [edit(text) for text in texts])
    planted = found.filter(pl.col("b") == pl.col("a") + MANY // 2)
    assert planted.height >= 0.99 * MANY // 2  # the index is approximate


def test_index_finds_what_comparing_all_pairs_finds() -> None:
    random_words = random.Random(4)
    texts = [" ".join(random_words.choices(WORDS, k=12)) for _ in range(200)]
    folded = fold(texts_of(pl.Series(texts + [edit(text) for text in texts])))
    pool = Pool(folded.data, folded.offsets[:-1], folded.offsets[1:], 5, 0.6)
    rows = np.arange(len(folded))
    places, similarities = compare_all(pool, rows)
    expected = {(int(a), int(b)): float(value) for (a, b), value in zip(places, similarities, strict=True)}
    places, similarities = compare_by_band(pool, rows, 60, 1)
    found = {(int(a), int(b)): float(value) for (a, b), value in zip(places, similarities, strict=True)}
    assert len(expected) >= 200
    assert found == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab 一2"), max_size=12), max_size=12), st.sampled_from([0.3, 0.7, 1.0]))
def test_similarities_are_those_of_the_sets_of_ngrams(texts: list[str], threshold: float) -> None:
    folded = [" ".join(text.split()) for text in texts]
    found = duplicate_pairs(texts, config=DeduplicationConfig(threshold=threshold))
    for a, b, similarity, relation in found.iter_rows():
        assert a < b
        assert similarity >= threshold
        assert (folded[a] == folded[b]) == (relation == "exact")
        if relation == "near":
            assert similarity == jaccard(folded[a], folded[b])
    distinct = [place for place, text in enumerate(folded) if text not in folded[:place]]
    similar = {(a, b) for a in distinct for b in distinct if a < b and jaccard(folded[a], folded[b]) >= threshold}
    assert similar <= {(a, b) for a, b, _, relation in found.iter_rows() if relation != "exact"}


@pytest.mark.parametrize("num_perm", [16, 128])
@pytest.mark.parametrize("threshold", [0.05, 0.5, 0.99, 1.0])
def test_every_threshold_that_the_config_allows_works(threshold: float, num_perm: int) -> None:
    config = DeduplicationConfig(threshold=threshold, num_perm=num_perm)
    assert duplicate_pairs([FARM, f"{FARM} "], config=config)["relation"].to_list() == ["exact"]
    assert duplicate_pairs([FARM, UNLIKE], config=config).filter(pl.col("jaccard") < threshold).height == 0
