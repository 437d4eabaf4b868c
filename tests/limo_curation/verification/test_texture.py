"""Loops, mixed languages and bare answers, measured on texts written here."""

import random

import polars as pl
import pytest

from limo_curation.verification.texture import language_share, reasoning_characters, repetition

ENGLISH = (
    "First we add both numbers, then we divide the sum by the number of children and compare it with the other result. "
)
CHINESE = "首先我们把两个数相加，然后用总和除以孩子的人数，最后把得到的结果与另外一个结果进行比较和检查。"


def share(text: str | None) -> float:
    return pl.DataFrame({"chain": [text]}, schema={"chain": pl.String}).select(language_share(pl.col("chain"))).item()


def written(chain: str, answer: str) -> int:
    frame = pl.DataFrame({"chain": [chain], "answer": [answer]})
    return frame.select(reasoning_characters(pl.col("chain"), pl.col("answer"))).item()


def test_loop_at_the_end_of_a_long_chain_is_seen() -> None:
    words = random.Random(1).choices(["sum", "then", "take", "line", "angle", "so", "left", "half", "prime"], k=4_000)
    reasoned = " ".join(f"{word}{at}" for at, word in enumerate(words))
    assert repetition(reasoned) < 5
    assert repetition(reasoned + " Wait, so x = 3." * 300) > 8
    assert repetition(ENGLISH) < 2
    assert repetition("") == repetition(None) == 0


def test_both_scripts_count_in_words_of_prose_alone() -> None:
    assert share(ENGLISH * 5) == 0
    assert share(CHINESE * 5) == 0
    assert share(ENGLISH * 3 + CHINESE * 3) > 0.3
    assert share(None) == 0


@pytest.mark.parametrize(
    "foreign",
    [
        r"\operatorname{area} $sum total area$ \text{}",
        "```python\nprint(total, area, number)\n```",
        "`total area`",
        "Euler Gauss",
    ],
)
def test_formulas_code_and_names_are_no_other_language(foreign: str) -> None:
    assert share(CHINESE * 20 + foreign * 5) == 0


@pytest.mark.parametrize(
    ("chain", "answer"),
    [
        (r"\boxed{7}", "7"),
        ("The answer is 7.", "7"),
        ("Therefore, the final answer is $\\boxed{\\frac{1}{2}}$.", r"\frac{1}{2}"),
        ("#### 42", "42"),
        ("所以答案是 7。", "7"),
    ],
)
def test_bare_answer_has_no_reasoning(chain: str, answer: str) -> None:
    assert written(chain, answer) < 5


def test_one_step_is_reasoning() -> None:
    assert written(r"3 + 4 = 7, so \boxed{7}", "7") >= 4
    assert written(ENGLISH, "7") > 60


@pytest.mark.parametrize("unit", ["`", "```", "$", "<", "\\", "中", "a ", "$a", "https://"])
def test_hostile_text_takes_linear_time(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    assert 0 <= share(text) <= 0.5
    assert repetition(text) > 8
    written(text, "7")
