"""Which text of a chain is its final answer."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.answers import extract_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"First \boxed{3}, but after the correction \boxed{4}.", "4"),
        (r"\boxed{\frac{1}{\sqrt{2}}}", r"\frac{1}{\sqrt{2}}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"a stray { and then \boxed {7}", "7"),
        (r"\boxed 5 it is", "5"),
        (r"\boxed{\boxed{6}}", r"\boxed{6}"),
        (r"the roots are \boxed{2} and \boxed{3}.", "2, 3"),
        (r"\boxed{8}. Checking once more: \boxed{8}", "8"),
    ],
)
def test_last_closed_box_counts(text: str, answer: str) -> None:
    assert extract_answer(text) == answer


def test_box_that_is_cut_off_does_not_hide_the_one_before() -> None:
    assert extract_answer(r"So \boxed{12}. In other words \boxed{\frac{24}{") == "12"


def test_empty_box_is_no_answer() -> None:
    assert extract_answer(r"Write it as \boxed{}.") is None


def test_box_while_thinking_does_not_count_once_there_is_a_final_part() -> None:
    assert extract_answer(r"<think>maybe \boxed{1}</think> It is \boxed{2}.") == "2"
    assert extract_answer(r"<think>maybe \boxed{1}</think> I could not finish.") is None


def test_box_while_thinking_counts_where_nothing_follows() -> None:
    assert extract_answer("<think>so \\boxed{1}</think>\n") == "1"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("3 + 4 = 7\n#### 7", "7"),
        ("The answer is 4. No: the answer is 5.", "5"),
        ("**Final answer:** $x^2$ for all x", "x^2"),
        ("The answer is: (B)", "(B)"),
        ("The answer is 3.5.", "3.5"),
        ("所以答案是 $\\frac{1}{2}$。", r"\frac{1}{2}"),
        ("综上，答案为：12。", "12"),
    ],
)
def test_markers_and_phrases_count_without_a_box(text: str, answer: str) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "We compute 3 + 4 = 7 and are done.",
        "The answer is not 5.",
        "The answer is hard to find since nothing is given about the side lengths",
        "What is the answer?",
        "答案是不知道",
    ],
)
def test_nothing_is_guessed(text: str) -> None:
    assert extract_answer(text) is None


def test_extraction_is_linear_in_long_and_deep_texts() -> None:
    deep = r"\boxed{" + "{" * 10_000 + "1" + "}" * 10_000 + "}"
    assert extract_answer("work " + deep) == deep[7:-1]
    started = time.perf_counter()
    assert extract_answer(r"\boxed{" * 300_000) is None
    assert extract_answer("answer " * 300_000 + " " * 1_000_000) is None
    assert extract_answer("so it goes, " * 800_000 + r"\boxed{1}") == "1"
    assert time.perf_counter() - started < 20


@given(st.text())
def test_any_text_is_survived(text: str) -> None:
    answer = extract_answer(text)
    assert answer is None or answer


@given(st.text(alphabet=st.characters(exclude_characters="\\{}", exclude_categories=["Cs"]), min_size=1))
def test_what_is_boxed_is_found(held: str) -> None:
    assert extract_answer(f"so \\boxed{{{held}}} holds") == (held.strip() or None)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("He has 3 + 4 = 7 pens.\nA: 7", "7"),
        ("He has 3 + 4 = 7 pens.\nA: 1,200 \n", "1,200"),
        ("A: 7\nB: 8\nBoth fit.", None),  # not the last line
        ("Let point A: 7 be given.", None),  # not a line of its own
        ("The answer is 8.\n#### 9\nA: 7", "9"),
    ],
)
def test_a_last_line_that_is_marked_as_the_answer_counts(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer
