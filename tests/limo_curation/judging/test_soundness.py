"""Soundness: a text that arrives, moves on and keeps to the matter."""

import polars as pl
import pytest

from limo_curation.judging import score_rules
from limo_curation.judging.soundness import completeness, count_derivations

STEP = "Let n be the number of rows, so the sum is s = 3n + 4.\n"


def soundness_of(text: str) -> float:
    return score_rules(pl.DataFrame({"chain_id": ["c"], "chain": [text]}))["soundness"].item()


def completeness_of(text: str | None) -> float:
    return completeness(pl.Series([text], dtype=pl.String)).item()


@pytest.mark.parametrize(
    "ending",
    [
        r"Hence \boxed{60}.",
        r"\boxed{\frac{1}{2}}</think>",
        "#### 18",
        "The final answer is 18. I hope it helps.",
        "A: 18",
        "# Answer\n\n 18",
        "Therefore, she earns 18 dollars a day.",
        "I am sure that 18 is the right answer",
        "所以答案是18",
        "答案：18",
    ],
)
def test_a_chain_that_ends_in_an_answer_is_complete(ending: str) -> None:
    assert completeness_of(STEP * 50 + ending) == 1.0


@pytest.mark.parametrize(
    "ending",
    [
        "Similarly, for k = 3,",
        "So, for the case of 3 rows, we need",
        r"\boxed{}",
        "What is the answer? Let me think.",
        r"\boxed{7}" + "\n" + "Wait, what about the other case. " * 100,
        r"\boxed{7}. " * 200,
    ],
)
def test_a_chain_that_breaks_off_or_goes_on_is_not(ending: str) -> None:
    assert completeness_of(STEP * 50 + ending) == 0.0


def test_the_further_the_answer_is_from_the_end_the_less_complete() -> None:
    values = [completeness_of(r"\boxed{7}" + " more of it" * count) for count in (0, 30, 60, 90, 120)]
    assert values == sorted(values, reverse=True)
    assert values[0] == 1.0
    assert values[-1] == 0.0
    assert 0 < values[2] < 1


def test_null_and_empty_chains_are_not_complete() -> None:
    assert completeness_of(None) == completeness_of("") == 0.0


def test_a_loop_leaves_nothing() -> None:
    assert soundness_of(STEP * 300 + r"Hence \boxed{60}.") == 0.0


def test_words_about_thinking_are_no_substance() -> None:
    matter = STEP + "Twice of it is 2s = 6n + 8 = 60.\nAgain, 4 * 15 = 60.\n" + r"Hence \boxed{60}."
    talk = "I must be careful here. Let me think about everything again. This needs some thought.\n" * 5
    assert soundness_of(talk + matter) < soundness_of(matter) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (r"so 5 * 12 = 60.\nand (289 - 169) / 2 = 60.\nhence \boxed{60}.", 2),
        (r"so 5 * 12 = 60.\nhence \boxed{xy = 60}.", 1),
        (r"so 5 * 12 = 600.\nand 60 * 1 = 60 * 1, 6 = 60.5.\nhence \boxed{60}.", 0),
        (r"we get x = 60.5.\nhence \boxed{60}.", 0),
        (r"thus p = \frac{3}{4}.\nhence \boxed{\dfrac{3}{4}}", 1),
        (r"thus p = 3/4.\nhence \boxed{\frac{3}{4}}", 1),
        (r"the sum costs 3 * 6 = $18.\nthe answer is 18.", 1),
        ("the length is √6 = √6.\nhence \\boxed{\\sqrt{6}}", 1),
        (r"nothing is equal.\nhence \boxed{60}.", 0),
        ("no number at all", 0),
        ("", 0),
        (None, 0),
    ],
)
def test_a_derivation_is_an_equation_that_comes_to_the_answer(text: str | None, count: int) -> None:
    texts = pl.Series([text and text.replace(r"\n", "\n")], dtype=pl.String)
    assert count_derivations(texts).to_list() == [count]


def test_an_answer_that_is_reached_in_two_ways_is_sounder_than_one_that_is_only_announced() -> None:
    announced = STEP + r"Hence \boxed{60}."
    once = f"So s = 60.\n{announced}"
    again = f"So s = 60.\n{once}"
    twice = f"And 2 * 30 = 60.\n{once}"
    assert soundness_of(announced) < soundness_of(once) < soundness_of(twice)
    assert soundness_of(again) <= soundness_of(once)


def test_few_stuffed_sentences_leave_nothing() -> None:
    steps = [f"Step {word} gives s = {at}." for at, word in enumerate("abcdefghijklmnopqrstuvwxyz")]
    plain = "\n".join([*steps, r"Hence \boxed{25}."])
    assert soundness_of(plain) > 0
    assert soundness_of(f"The sum perhaps is s = 3.\nThe next wait gives s = 4.\n{plain}") == 0.0
