"""Numerals: which texts have the same numbers in the same order."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.folding import fold, texts_of
from limo_curation.numerals import number_fingerprints


def fingerprints(*texts: str) -> list[int]:
    return number_fingerprints(fold(texts_of(pl.Series(texts, dtype=pl.String)))).tolist()


def have_same_numbers(left: str, right: str) -> bool:
    first, second = fingerprints(left, right)
    return first == second


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("3 apples and 5 pears", "three apples, five pears"),
        ("Twenty-one days", "21 nights"),
        ("twenty one", "21"),
        ("three hundred and twenty-one", "321"),
        ("two thousand five hundred", "2,500"),
        ("five million", "5000000"),
        ("1,000,000 birds", "1000000 birds"),
        ("３ cows", "3 cows"),
        ("三百二十一头牛", "321头牛"),
        ("二〇二四年", "2024年"),
        ("两万个", "20000个"),
        ("x − 5", "x - 5"),
        ("4 × 3", "4 · 3"),
        ("\\frac{1}{2}", "\\frac{ 1 }{ 2 }"),
        ("one", "1"),
        ("he often wins; none lose; then", "nothing"),  # words that begin like number words
        ("no number", ""),
    ],
)
def test_same_numbers(left: str, right: str) -> None:
    assert have_same_numbers(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("3 apples and 5 pears", "5 apples and 3 pears"),
        ("3 apples", "3 apples and 3 pears"),
        ("1 and 2", "12"),
        ("two three", "23"),
        ("twenty fifteen", "35"),
        ("3.5 weeks", "35 weeks"),
        ("3.5 weeks", "3 or 5 weeks"),
        ("1,2", "12"),
        ("1,0000", "10000"),
        ("x - 5", "x + 5"),
        ("x^{2}", "x_{2}"),
        ("half of it", "all of it"),
        ("the third day", "3 days"),
        ("x²", "x³"),
        ("½ litre", "⅓ litre"),
        ("三十", "三百"),
        ("一半", "一"),
    ],
)
def test_other_numbers(left: str, right: str) -> None:
    assert not have_same_numbers(left, right)


@settings(deadline=None)  # the first example compiles the kernels
@given(st.lists(st.integers(0, 10**9), max_size=6), st.lists(st.integers(0, 10**9), max_size=6))
def test_sequences_differ_where_their_numbers_do(left: list[int], right: list[int]) -> None:
    texts = [" ; ".join(map(str, numbers)) for numbers in (left, right)]
    assert have_same_numbers(*texts) == (left == right)


@settings(deadline=None)  # the first example compiles the kernels
@given(st.text(st.sampled_from("ab .,-一十半２½7five hundred"), max_size=40))
def test_any_text_has_a_fingerprint_that_neighbours_do_not_change(text: str) -> None:
    alone = fingerprints(text)
    assert fingerprints("3 cows", text, "", "x = 4")[1] == alone[0]
