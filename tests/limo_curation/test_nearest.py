"""The nearest reference text: what brute force finds, up to the similarity below which nothing is looked for."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.folding import texts_of
from limo_curation.nearest import MAX_TEXTS_FOR_ALL_PAIRS, MIN_SIMILARITY, NO_REFERENCE, find_nearest, index_references

WORDS = ("apples", "pears", "a train", "leaves", "how many", "are left", "triangle", "面积", "多少", "#")


def grams(text: str) -> set[str]:
    return {text[start : start + 5] for start in range(max(len(text) - 4, 1))}


def by_brute_force(text: str, references: list[str]) -> tuple[int, float]:
    found = [len(grams(text) & grams(other)) / len(grams(text) | grams(other)) for other in references]
    best = max(found, default=0.0)
    return (found.index(best), best) if best >= MIN_SIMILARITY else (NO_REFERENCE, 0.0)


def nearest(texts: list[str], references: list[str]) -> list[tuple[int, float]]:
    index = index_references(texts_of(pl.Series(references, dtype=pl.String)))
    places, similarity = find_nearest(texts_of(pl.Series(texts, dtype=pl.String)), index)
    return list(zip(places.tolist(), similarity.tolist(), strict=True))


@settings(deadline=None)  # the first call loads the kernels
@given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), max_size=6),
    st.lists(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), max_size=6),
)
def test_nearest_of_few_is_that_of_brute_force(texts: list[str], references: list[str]) -> None:
    assert nearest(texts, references) == [by_brute_force(text, references) for text in texts]


def test_nearest_of_many_is_found_by_its_bands() -> None:
    random = np.random.default_rng(0)
    references = [" ".join(random.choice(list("abcdefghijklmnop"), 40)) for _ in range(3 * MAX_TEXTS_FOR_ALL_PAIRS)]
    texts = [" ".join(["q", *text.split()[1:]]) for text in references[::7]] + ["nothing of the kind " * 4]
    found = nearest(texts, references)
    assert found == [by_brute_force(text, references) for text in texts]
    assert found[-1] == (NO_REFERENCE, 0.0)


@pytest.mark.parametrize(("texts", "expected"), [([], []), (["a text"], [(NO_REFERENCE, 0.0)])])
def test_without_references_nothing_is_near(texts: list[str], expected: list[tuple[int, float]]) -> None:
    assert nearest(texts, []) == expected


def test_of_two_equal_ones_the_first_is_named() -> None:
    assert nearest(["how many apples"], ["a train leaves", "how many apples", "how many apples"]) == [(1, 1.0)]
