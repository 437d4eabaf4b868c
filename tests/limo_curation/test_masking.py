"""Masking: what a template leaves open gets a sign, and nothing else does."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.folding import fold, texts_of
from limo_curation.masked_words import (
    GIVEN_NAMES,
    HAN_NAMES,
    HAN_QUESTIONS,
    HAN_UNITS,
    HAN_UNITS_BEHIND_DIGITS,
    PERSONS,
    TITLES,
    UNITS,
    UNITS_BEHIND_NUMBERS,
)
from limo_curation.masking import MAX_HAN_WORD, mask
from limo_curation.number_words import NUMBER_WORDS

KELVIN_SIGN = "\u212a"  # its small letter is one of ASCII, so that folding makes a new word of one with it
NUMBERS = st.one_of(
    st.integers(0, 10**12).map(str),
    st.integers(0, 10**12).map(lambda number: f"{number:,}"),
    st.decimals(0, 10**6, places=2).map(str),
    st.sampled_from(["three", "Twenty-one", "three hundred and five", "half", "second", "三", "二十一", "½"]),
)
PIECES = st.one_of(
    NUMBERS,
    st.sampled_from(
        ["Ann", "Mr. ", "Bob's", "her", "km", " miles", "5 feet", "\\frac", "\\", "几", "小明", "千米", "元"]
    ),
    st.text(max_size=5),
)


def masked(*texts: str, numbers_only: bool = False) -> list[str]:
    return mask(fold(texts_of(pl.Series(texts, dtype=pl.String)), keep_case=True), numbers_only=numbers_only).tolist()


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("It has 3 apples and 1,000.50 pears.", "it has # apples and # pears."),
        ("Three hundred and twenty-one pears, half of them", "# pears, # of them"),
        ("the third of 5 days", "the # of # ~"),
        ("x^2 + 3x - 12 = 0", "x^# + #x - # = #"),
        ("\\frac{1}{2} of \\three", "\\frac{#}{#} of \\three"),
        ("有三百二十一个苹果和3万个梨", "有#个苹果和#个梨"),
        ("½ of ten\n\tthousand", "# of #"),
        ("", ""),
    ],
)
def test_numbers_are_masked_however_they_are_written(text: str, template: str) -> None:
    assert masked(text) == [template]


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("How many Kilometers in 2 hours?", "how many ~ in # ~?"),
        ("5 km, 5km, 5-foot, $5 \\mathrm{~cm}$, 5\\text{ feet}", "# ~, #~, #-~, $# \\mathrm{~~}$, #\\text{ ~}"),
        ("the product km and a foot", "the product km and a foot"),
        ("a polynomial of degree 5, turned by 90 degrees", "a polynomial of degree #, turned by # ~"),
        ("5 \\km", "# \\km"),
        ("5 percent of 5%", "# percent of #%"),  # a kind of number, no unit
        ("走了5千米，三公里，用了多少小时", "走了#~,#~,用了多少~"),
        ("5元、几米、二元一次方程", "#~、几~、#元#次方程"),
    ],
)
def test_units_are_masked_and_words_that_only_look_like_units_are_not(text: str, template: str) -> None:
    assert masked(text) == [template]


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("Ann gives Bob's sister her book.", "@ gives @'s sister @ book."),
        ("Mr. Foo and Dr Bar meet Mrs. O'Brien", "mr. @ and dr @ meet mrs. o'brien"),
        ("小明和小红", "@和@"),
        ("小时候的小数", "~候的小数"),
        ("On Monday a Cartesian plane has Euler's line.", "on monday a cartesian plane has euler's line."),
        ("the jack and \\Ann and BOB", "the jack and \\ann and bob"),
        ("Mark the point where the rose stands.", "mark the point where the rose stands."),
    ],
)
def test_given_names_are_masked_and_other_capitalised_words_are_not(text: str, template: str) -> None:
    assert masked(text) == [template]


def test_numbers_alone_are_masked_where_no_more_is_asked_for() -> None:
    assert masked("Ann walks 5 Km, 小明走三千米", numbers_only=True) == ["Ann walks # Km, 小明走#米"]


def test_each_word_has_one_meaning() -> None:
    lists = [
        GIVEN_NAMES, HAN_NAMES, HAN_QUESTIONS, HAN_UNITS, HAN_UNITS_BEHIND_DIGITS, PERSONS, TITLES, UNITS,
        UNITS_BEHIND_NUMBERS, frozenset(NUMBER_WORDS),
    ]  # fmt: skip
    assert sum(map(len, lists)) == len(frozenset[str]().union(*lists))
    assert all(word == word.lower() for words in lists for word in words)
    assert max(len(word) for word in HAN_NAMES | HAN_QUESTIONS | HAN_UNITS) <= MAX_HAN_WORD


@settings(deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join).filter(lambda text: KELVIN_SIGN not in text))
def test_masking_a_template_again_changes_nothing(text: str) -> None:
    for numbers_only in (False, True):
        (template,) = masked(text, numbers_only=numbers_only)
        assert masked(template, numbers_only=numbers_only) == [template]


@settings(deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_a_masked_text_is_valid_and_never_longer(text: str) -> None:
    assert len(masked(text)[0].encode()) <= len(text.encode())


@settings(deadline=None)
@given(
    st.lists(NUMBERS, min_size=3, max_size=3),
    st.sampled_from(["Ann", "Bob", "Elizabeth"]),
    st.sampled_from(["km", "miles", "feet"]),
)
def test_other_numbers_names_and_units_leave_the_template(numbers: list[str], name: str, unit: str) -> None:
    first, second, third = numbers
    text = f"{name} walks {first} {unit} with {second} dogs ({third})."
    assert masked(text) == ["@ walks # ~ with # dogs (#)."]


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=6))
def test_a_text_is_masked_alike_whatever_stands_beside_it(texts: list[str]) -> None:
    assert masked(*texts) == [masked(text)[0] for text in texts]
