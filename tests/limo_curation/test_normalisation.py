r"""Normalisation: dirt goes, meaning stays, and doing it twice changes nothing."""

import re
import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.normalisation import MAX_BOX_DEPTH, PLAIN, boxed_answer, comparison_text, stored_text


def stored(*texts: str | None) -> list[str | None]:
    return pl.select(stored_text(pl.lit(pl.Series(texts, dtype=pl.String)))).to_series().to_list()


def compared(*texts: str | None) -> list[str | None]:
    return pl.select(comparison_text(stored_text(pl.lit(pl.Series(texts, dtype=pl.String))))).to_series().to_list()


def boxed(text: str | None) -> str | None:
    return pl.select(boxed_answer(pl.lit(text, pl.String))).item()


# every token that a rule looks for, so that random texts put them side by side
TOKENS = st.sampled_from(
    [
        *(
            "\\",
            "\\\\",
            "\\left",
            "\\right",
            "\\dfrac",
            "\\tfrac",
            "\\frac",
            "\\leq",
            "\\le",
            "q",
            "slant",
            "\\neq",
            "\\[",
            "\\(",
        ),
        *(
            "\\)",
            "\\]",
            "\\,",
            "\\;",
            "\\!",
            "\\ ",
            "\\quad",
            "\\qquad",
            "$",
            "$$",
            "{",
            "}",
            "(",
            ")",
            "|",
            "rac",
            "imes",
        ),
        *(
            " ",
            "  ",
            "\t",
            "\n",
            "\n\n",
            "\r\n",
            "\r",
            "\x00",
            "\x0c",
            "\x08",
            "\x1e",
            "\u2028",
            "\u00a0",
            "\u3000",
            "\u200b",
        ),
        *(
            "\u00ad",
            "\ufeff",
            "e",
            "\u0301",
            "é",
            "ａ",
            "（",
            "＄",
            "＼",
            "中",
            "求",
            "−",
            "’",
            "1",
            "2",
            "A",
            "\u2000",
            "\u1112\u1161",
        ),
    ]
)
TEXTS = st.lists(TOKENS, max_size=14).map("".join) | st.text(max_size=40)


@given(TEXTS)
def test_stored_text_is_idempotent(text: str) -> None:
    once = stored(text)
    assert stored(*once) == once


@given(TEXTS)
def test_comparison_text_is_idempotent(text: str) -> None:
    once = pl.Series(compared(text), dtype=pl.String)
    assert pl.select(comparison_text(pl.lit(once))).to_series().to_list() == once.to_list()


@given(TEXTS)
def test_stored_text_holds_nothing_invisible_and_is_composed(text: str) -> None:
    (clean,) = stored(text)
    assert clean is not None
    assert not any(unicodedata.category(sign) in ("Cc", "Cf") and sign not in "\n\t" for sign in clean)
    assert unicodedata.is_normalized("NFC", clean)
    assert clean == clean.strip()


def test_signs_that_are_taken_for_plain_are_changed_by_nothing() -> None:
    ranges = re.findall("(.)-(.)", PLAIN)
    assert len(ranges) >= 10
    for first, last in ranges:
        for code in range(ord(first), ord(last) + 1):
            assert unicodedata.is_normalized("NFC", chr(code)), hex(code)
            assert unicodedata.combining(chr(code)) == 0, hex(code)
            assert unicodedata.category(chr(code)) not in ("Cc", "Cf", "Mn", "Mc", "Zl", "Zp"), hex(code)
            assert not chr(code).isspace() or code == 0x20, hex(code)


@given(st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), max_size=40))
def test_clean_ascii_text_is_stored_as_it_is(text: str) -> None:
    assert stored(text) == [text]


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("Cafe\u0301", "Café"),
        ("a\u200bb\ufeffc\u00add\x00e", "abcde"),
        ("a\u00a0b\u2009c", "a b c"),
        ("one\r\ntwo\rthree\u2028four\x85five", "one\ntwo\nthree\nfour\nfive"),
        ("a  \n\n\n\n b\t\n", "a\n\n b"),
        ("a  b", "a  b"),  # a table's columns
        ("\x0crac{1}{2} \x08egin{x} 3\times 4 \x07lpha \x0bec v", r"\frac{1}{2} \begin{x} 3\times 4 \alpha \vec v"),
        ("page one\x0cthe next page", "page onethe next page"),
        (r"\dfrac12 \left( x \right) \[y\]", r"\dfrac12 \left( x \right) \[y\]"),  # the author's LaTeX
        ("求ｘ的值：（１）　", "求ｘ的值：（１）"),
        ("½ x² Ⅷ ℝ", "½ x² Ⅷ ℝ"),  # compatibility forms mean something in mathematics
    ],
)
def test_dirt_goes_from_stored_text_and_the_rest_stays(dirty: str, clean: str) -> None:
    assert stored(dirty) == [clean]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (r"\(\dfrac12\)", r"$ \frac12 $"),
        (r"\[x+1\]", "$$x+1$$"),
        (r"$x$ , $y$", r"$x$, $y$"),
        (r"a \leqslant b \geq c \neq d", r"a \le b \ge c \ne d"),
        (r"\left( a \right)", "( a )"),
        (r"\left\{ a \right\}", r"\{ a \}"),
        (r"a\,b\;c\quad d", "a b c d"),
        ("two\n\nlines", "two lines"),
        ("求 x 的值，共 3 个", "求x的值,共3个"),
        ("ｆ（１）＝２", "f(1)=2"),
        ("x − 1", "x - 1"),
        ("Bob’s “dog”", 'Bob\'s "dog"'),
    ],
)
def test_spellings_of_one_meaning_compare_as_one(left: str, right: str) -> None:
    first, second = compared(left, right)
    assert first == second


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1 2/3", "12/3"),
        ("Find n.", "Find N."),
        ("x-1", "x+1"),
        (r"\frac12", r"\frac13"),
        (r"\le", r"\left"),
        (r"1\\2", r"1 2"),
        ("x²", "x2"),
        ("a b", "ab"),
        (r"\neg a", r"\ne g a"),
    ],
)
def test_different_meanings_never_compare_as_one(left: str, right: str) -> None:
    first, second = compared(left, right)
    assert first != second


def test_null_stays_null() -> None:
    assert stored(None, "a ") == [None, "a"]
    assert compared(None, "a ") == [None, "a"]
    assert boxed(None) is None


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        (r"So $x = \boxed{7}$.", "7"),
        (r"First \boxed{3}, no: \boxed{\frac{1}{\sqrt{2}}}.", r"\frac{1}{\sqrt{2}}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed {  9 }", "9"),
        ("\\boxed{\n\\text{two\nlines}}", "\\text{two\nlines}"),
        (r"\boxed{}", ""),
        ("No box.", None),
        (r"It breaks off: \boxed{12", None),
        (r"\boxed 5", None),
        (
            "\\boxed" + "{" * (MAX_BOX_DEPTH + 1) + "1" + "}" * (MAX_BOX_DEPTH + 1),
            "{" * MAX_BOX_DEPTH + "1" + "}" * MAX_BOX_DEPTH,
        ),
    ],
)
def test_last_boxed_answer_is_taken_with_balanced_braces(solution: str, answer: str | None) -> None:
    assert boxed(solution) == answer


NESTED = st.recursive(
    st.sampled_from(["x", "1", r"\{", r"\frac", " "]), lambda inner: inner.map(lambda t: f"{{{t}}}"), max_leaves=4
)


@given(st.text("abc $\\n", max_size=20), st.lists(NESTED, min_size=1, max_size=4).map("".join))
def test_what_was_put_into_a_box_comes_out(before: str, inside: str) -> None:
    assert boxed(f"{before}\\boxed{{{inside}}} done.") == inside.strip()
