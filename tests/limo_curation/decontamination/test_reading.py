"""Reading a problem: what is one word, what is content, what is a number, and what leaves no trace."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.decontamination.index import ReadTexts, read_texts
from limo_curation.decontamination.scanning import BEGINS
from limo_curation.folding import texts_of


def read(text: str) -> ReadTexts:
    return read_texts(texts_of(pl.Series([text])))


def words(text: str) -> list[int]:
    return read(text).words.tolist()


def content(text: str) -> list[int]:
    return (read(text).content & ~BEGINS).tolist()


def sentences(text: str) -> list[bool]:
    """Return of each content word whether a sentence begins with it."""
    return [bool(mark) for mark in (read(text).content & BEGINS).tolist()]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann BUYS Nuts", "ann buys nuts"),
        (r"\dfrac{a}{b}", r"\frac{a}{b}"),
        (r"\frac12", r"\frac{1}{2}"),
        (r"\frac 12 x", r"\frac 1 2 x"),
        (r"\left( x \right)", "(x)"),
        (r"\text{if } x", "if x"),
        (r"\operatorname{lcm}", "lcm"),
        ("x²", "x^2"),
        ("３ ｐｅａｒｓ", "3 pears"),
        ("٣", "3"),
        ("1,000", "1000"),
        ("1{,}000", "1000"),
        (r"1,\!000", "1000"),
        ("three pears", "3 pears"),
        ("twenty-one pears", "21 pears"),
        ("三 个", "3 个"),
        ("a ≤ b", r"a \leq b"),
        ("a <= b", r"a \le b"),
        ("3 × 4", r"3 \cdot 4"),
        ("5 − 3", "5-3"),
        ("πr", "π r"),
        (r"\pi", "π"),
        ("[b]Ann[/b] runs.<br />", "Ann runs."),
        ("well-known", "well known"),
    ],
)
def test_typography_does_not_change_the_content(one: str, other: str) -> None:
    assert one != other
    if one == "πr":  # a run of letters is one word
        assert content(one) != content(other)
    else:
        assert content(one) == content(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("3 pears", "4 pears"),
        ("1.5", "15"),
        ("1,2", "12"),
        ("10,00", "1000"),
        ("x + 1", "x - 1"),
        ("x = 3", "x > 3"),
        (r"a \times b", r"a \cdot b"),
        ("the third day", "3 days"),
        ("twenty", "21"),
        (r"\sin x", r"\cos x"),
        ("find $a$.", "find $b$."),
        ("奇数", "偶数"),
        ("3 and then 5", "5 and then 3"),
    ],
)
def test_what_decides_an_answer_is_content(one: str, other: str) -> None:
    assert content(one) != content(other)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Find the value of x", "x"),
        ("Find x", "Determine x."),
        ("a pear", "pear"),
        ("Ann's pear", "ann pear"),
        ("请求出 x 的值", "x"),
        ("x-axis of 3-digit", "x axis 3 digit"),
        ("**bold** -- and", "bold and"),
    ],
)
def test_glue_words_and_dashes_are_no_content(text: str, same: str) -> None:
    assert content(text) == content(same)


def test_numbers_are_masked_among_the_words_and_glue_is_kept() -> None:
    assert words("the 3 pears") == words("the 41.5 pears")
    assert words("the 3 pears") != words("3 pears")
    assert words("x + 1") != words("x - 1")


def test_each_han_character_is_a_word() -> None:
    assert len(words("灯塔管理员")) == 5


def test_code_of_a_drawing_has_no_words_but_counts_for_equality() -> None:
    plain, drawn = read("Shade it."), read("Shade it. [asy] draw((0,0)--(3,4)); [/asy]")
    assert plain.words.tolist() == drawn.words.tolist()
    assert plain.keys[0, 2] == 0 != drawn.keys[0, 2]
    assert plain.keys[0, 0] != drawn.keys[0, 0]
    assert read("Shade it. [asy] never closed").words.tolist() == plain.words.tolist()


def test_sentences_begin_behind_stops_new_lines_and_closed_brackets() -> None:
    assert sentences("Ann runs. Bob sits?\nCem 3.5 km: Dan (no) Eve (x) fox") == [
        *(True, False),  # Ann runs
        *(True, False),  # Bob sits
        *(True, False, False),  # Cem 3.5 km
        *(True, False, True, False, False),  # Dan (no) Eve (x) fox
    ]


@given(st.text(), st.text())
def test_texts_are_read_one_by_one(first: str, second: str) -> None:
    both = read_texts(texts_of(pl.Series([first, second])))
    alone = [read(text) for text in (first, second)]
    assert both.words.tolist() == alone[0].words.tolist() + alone[1].words.tolist()
    assert both.content.tolist() == alone[0].content.tolist() + alone[1].content.tolist()
    assert both.keys.tolist() == alone[0].keys.tolist() + alone[1].keys.tolist()


@given(st.text(alphabet=st.characters(categories=("Lu", "Ll", "Nd", "Zs"), max_codepoint=0x7F)))
def test_case_and_spaces_leave_no_trace_in_the_letters(text: str) -> None:
    assert read(text).keys[0, 0] == read("".join(text.lower().split())).keys[0, 0]
