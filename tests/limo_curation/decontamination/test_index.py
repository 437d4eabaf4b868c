"""The index of the benchmarks: weights, the filter in front of the table, and that it is built once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.decontamination.index import (
    GLUE_WEIGHT,
    NUMBER_WEIGHT,
    bit_filter,
    build_index,
    grams_of,
    hash_table,
    index_of,
    read_texts,
)
from limo_curation.decontamination.matching import find
from limo_curation.folding import texts_of

hashes = st.lists(st.integers(1, 2**64 - 1), unique=True, max_size=200)


def items(*texts: str) -> pl.DataFrame:
    return pl.DataFrame({"benchmark_id": [f"b{place}" for place in range(len(texts))], "question": list(texts)})


def weights_of(text: str, size: int) -> list[float]:
    return grams_of(read_texts(texts_of(pl.Series([text]))), size)["weight"].to_list()


def test_weight_of_an_ngram_is_the_mean_of_its_words() -> None:
    assert weights_of("lighthouse keepers climb", 3) == [1.0]
    assert weights_of("lighthouse 14", 2) == [(1 + NUMBER_WEIGHT) / 2]
    assert weights_of("find the lighthouse", 3) == pytest.approx([(1 + 2 * GLUE_WEIGHT) / 3])


def test_weight_falls_with_the_number_of_items_that_hold_the_ngram() -> None:
    common, own = "keepers climb towers each night", "bakers fill trays every noon"
    index = build_index(
        items(*[f"{common}. {chr(97 + place) * 3} {own if place == 0 else ''}" for place in range(9)]), ngram_size=5
    )
    assert index.weights.max() == 1.0
    assert 0 < index.weights.min() < 0.6  # of the one that all nine hold


def test_ngram_that_stands_twice_in_an_item_counts_once() -> None:
    once, twice = (build_index(items(" ".join(["hens lay eggs"] * times)), ngram_size=3) for times in (2, 3))
    assert once.num_grams.tolist() == twice.num_grams.tolist() == [3]
    assert once.totals.tolist() == twice.totals.tolist()


def test_text_that_is_shorter_than_an_ngram_has_none() -> None:
    index = build_index(items("What is 2+2?", ""), ngram_size=8)
    assert index.num_grams.tolist() == [0, 0]
    assert len(index.weights) == 0


@given(hashes, hashes)
def test_filter_lets_every_ngram_of_the_items_through_to_the_table(keys: list[int], others: list[int]) -> None:
    held = np.array(keys, np.uint64)
    bits = bit_filter(held)
    place = held & np.uint64(len(bits) * 64 - 1)
    is_set = (bits[(place >> np.uint64(6)).astype(np.int64)] >> (place & np.uint64(63))) & np.uint64(1)
    assert is_set.all()
    table, places = hash_table(held)
    assert [find(table, places, key) for key in held] == list(range(len(keys)))
    assert all(find(table, places, np.uint64(key)) == -1 for key in others if key not in keys)


def test_index_is_built_once_however_many_threads_ask_for_it() -> None:
    benchmarks = items("Keepers climb towers each night.", "Bakers fill trays every noon.")
    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(lambda _: index_of(benchmarks, ngram_size=5), range(8)))
    assert all(index is built[0] for index in built)
    assert index_of(benchmarks, ngram_size=4) is not built[0]
    assert index_of(benchmarks.head(1), ngram_size=5) is not built[0]
