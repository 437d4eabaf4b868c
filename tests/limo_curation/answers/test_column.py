"""The tier for whole columns tells what the scalar tier tells, or nothing."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.answers import AnswerPolicy
from limo_curation.answers.column import compare_column, explain_column
from limo_curation.answers.tiers import exact_tier
from limo_curation.answers.verdicts import Comparison

TOLD = [
    ("42", "42", "equal"),
    ("42", "$42$.", "equal"),
    (r"\boxed{42}", "42", "equal"),
    (r"\text{42}", "42.0", "equal"),
    ("12,500", "12500", "equal"),
    ("12,500", "12501", None),
    ("$5", "6", None),
    ("5$", "5.0", None),
    ("0.667", "0.666", "different"),
    ("2/3", "0.66", None),
    (r"\dfrac{2}{4}", "0.5", "equal"),
    (r"-\frac{1}{2}", r"\frac{-1}{2}", "equal"),
    ("3/6", r"\frac12", None),
    ("-0", "0", "equal"),
    ("+5", "5", "equal"),
    ("1/3", "2/3", "different"),
    ("0.5", "0.75", "different"),
    ("999999999/999999998", "999999998/999999997", "different"),
    ("x+1", "x+1", "equal"),
]
TRAPS = [
    ("1/3", "0.333"),
    ("1 1/2", "11/2"),
    ("1,2", "12"),
    ("12,34", "1234"),
    ("100,200", "200,100"),
    ("５", "6"),
    ("٥", "6"),
    ("−5", "-6"),
    ("1/0", "2/0"),
    ("50%", "50"),
    ("5_7", "57"),
    ("1e3", "1001"),
    (r"\boxed{5", "6"),
    (r"\boxed{5}+\boxed{6}", "7"),
    (r"\frac{1}{2}3", "7"),
    ("9" * 400, "8" * 400),
    ("9" * 400 + ".0", "9" * 400),
    ("5" + " " * 3_000, "6"),
    ("5\x00", "6"),
    ("5\n6", "7"),
    ("", "0"),
    ("x", "y"),
    (None, "5"),
    (None, None),
]


def test_plain_numbers_are_told_exactly() -> None:
    left, right, verdicts = zip(*TOLD, strict=True)
    assert compare_column(pl.Series(left), pl.Series(right)).to_list() == list(verdicts)


def test_what_is_not_a_plain_number_is_not_told() -> None:
    left, right = zip(*TRAPS, strict=True)
    told = compare_column(pl.Series(left, dtype=pl.String), pl.Series(right, dtype=pl.String))
    assert dict(zip(TRAPS, told, strict=True)) == dict.fromkeys(TRAPS)


def test_empty_columns_give_an_empty_column() -> None:
    empty = pl.Series([], dtype=pl.String)
    assert compare_column(empty, empty).dtype == pl.String


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2 predicted answers and 1 gold"):
        compare_column(pl.Series(["1", "2"]), pl.Series(["1"]))


DIGITS = st.text("0123456789", min_size=1, max_size=17)
INTEGERS = st.integers(-(10**4), 10**4).map(str) | st.integers().map(str) | DIGITS
NUMBERS = st.one_of(
    INTEGERS,
    st.integers().map("{:,}".format),
    st.builds("{}.{}".format, INTEGERS, DIGITS),
    st.builds("{}.{}".format, st.integers(-9, 9), st.integers(0, 99)),
    st.builds("{}/{}".format, st.integers(-9, 9) | INTEGERS, st.integers(0, 9) | INTEGERS),
    st.builds(r"\{}{{{}}}{{{}}}".format, st.sampled_from(["frac", "dfrac", "tfrac", "cfrac"]), INTEGERS, INTEGERS),
    st.builds(r"{}\frac{{{}}}{{{}}}".format, st.sampled_from("+- "), st.integers(-9, 9), st.integers(-9, 9)),
)
WRAPPED = st.builds(
    str.format,
    st.sampled_from(
        ["{}", "${}$", r"\boxed{{{}}}", r"$\boxed{{{}}}$.", r"\text{{{}}}", " {} .", "+{}", "{}$", r"\${}"]
    ),
    NUMBERS,
)
HOSTILE = st.text("0123456789.,/-+ $\\{}−５٥\x00\n\u200b%", max_size=12) | st.text(max_size=8)
ANSWERS = WRAPPED | NUMBERS | HOSTILE | st.builds(str.__add__, WRAPPED, HOSTILE)
POLICIES = [
    AnswerPolicy(),
    AnswerPolicy(percent="hundredth", units="required", lists="ordered", repeats="ignored", decimals="gold_places"),
]


@given(st.lists(st.tuples(ANSWERS, ANSWERS), min_size=1, max_size=30))
@settings(max_examples=400, deadline=None)
def test_what_is_told_is_what_the_scalar_tier_tells(pairs: list[tuple[str, str]]) -> None:
    left, right = zip(*pairs, strict=True)
    reasons = explain_column(pl.Series(left), pl.Series(right))
    for pair, reason in zip(pairs, reasons, strict=True):
        for policy in POLICIES if reason is not None else []:
            found = exact_tier(*pair, policy)
            assert isinstance(found, Comparison)
            assert (pair, found.reason) == (pair, reason)


@given(st.lists(st.tuples(ANSWERS, ANSWERS), min_size=1, max_size=10))
@settings(max_examples=100, deadline=None)
def test_a_row_is_told_alike_whatever_stands_around_it(pairs: list[tuple[str, str]]) -> None:
    left, right = zip(*pairs, strict=True)
    alone = [explain_column(pl.Series([a]), pl.Series([b])).item() for a, b in pairs]
    assert explain_column(pl.Series(left), pl.Series(right)).to_list() == alone
    assert explain_column(pl.Series(right), pl.Series(left)).to_list() == alone
