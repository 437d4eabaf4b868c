"""Retrieval: which benchmark items are shown to the judge, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.decontamination.retrieval import build_word_index, candidates, word_index_of
from limo_curation.folding import texts_of

ITEMS = {
    "hens": "Mira owns 37 hens. Every hen lays 5 eggs a week. How many eggs does Mira collect in 8 weeks?",
    "ring": "Two concentric circles have radii 57 and 52. Determine the width of the ring between the circles.",
    "sale": "A shop sells 37 lamps for 5 coins each and pays 8 coins of rent. What is left of the money?",
    "root": "Find the largest root of the polynomial x^3 - 7x + 6.",
}


def items(texts: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame({"benchmark_id": list(texts), "question": list(texts.values())})


def found(question: str, texts: dict[str, str] = ITEMS, *, least: float = 0.3, most: int = 4) -> list[str]:
    ranked = candidates(
        texts_of(pl.Series([question])), build_word_index(items(texts)), min_similarity=least, max_candidates=most
    )
    return items(texts)["benchmark_id"].gather(ranked["item"]).to_list()


def similarities(questions: Sequence[str], *, least: float = 0.01) -> list[tuple[int, int, float]]:
    index = build_word_index(items(ITEMS))
    ranked = candidates(texts_of(pl.Series(questions, dtype=pl.String)), index, min_similarity=least, max_candidates=4)
    return ranked.rows()


def test_likest_item_comes_first_and_no_more_than_asked_for() -> None:
    question = "Mira's 37 hens lay 5 eggs a week each, so how many eggs are collected in 9 weeks?"
    assert found(question) == ["hens", "sale"]
    assert found(question, most=1) == ["hens"]
    assert found(question, least=0.95) == []


def test_translation_is_found_by_its_numbers_in_their_order() -> None:
    assert found("37只母鸡，每只每周下5个蛋，8周一共下多少个蛋？", least=0.9) == ["hens", "sale"]
    assert found("8只母鸡，每只每周下37个蛋，5周一共下多少个蛋？", least=0.9) == []


def test_one_shared_number_is_no_reason_to_ask() -> None:
    assert found("某数是57，求它的两倍。", least=0.4) == []


def test_item_itself_has_similarity_one_and_is_symmetric() -> None:
    rows = similarities(list(ITEMS.values()))
    own = {row: similarity for row, item, similarity in rows if row == item}
    assert own == pytest.approx(dict.fromkeys(range(4), 1.0))
    both = {(row, item): similarity for row, item, similarity in rows}
    assert all(both[item, row] == pytest.approx(similarity) for (row, item), similarity in both.items())


def test_word_of_most_items_finds_none() -> None:
    many = {
        f"b{place}": f"{word} lantern"
        for place, word in enumerate(["arc", "bow", "cup", "dot", "egg", "fig", "gem", "hat", "ink", "jar"])
    }
    assert found("lantern", many, least=0.01) == []
    assert found("fig lantern", many, least=0.01) == ["b5"]


def test_index_is_built_once_for_the_same_items() -> None:
    first, again = (word_index_of(items(ITEMS)) for _ in range(2))
    assert first is again
    assert word_index_of(items(ITEMS).head(3)) is not first


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.text(max_size=60), st.sampled_from(sorted(ITEMS.values()))), max_size=6))
def test_each_text_is_ranked_by_itself(questions: list[str]) -> None:
    together = similarities(questions)
    apart = [(row, item, score) for row, text in enumerate(questions) for _, item, score in similarities([text])]
    assert together == apart
    assert all(0 < score <= 1 for _, _, score in together)
