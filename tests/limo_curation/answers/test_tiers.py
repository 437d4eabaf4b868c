"""The tiers together: the same verdict alone or among many, in any order, with its reason, under every policy."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.answers import (
    AnswerPolicy,
    Comparison,
    Reason,
    Verdict,
    compare_answers,
    compare_many,
    explain_answers,
    explain_many,
    tiers,
)
from limo_curation.answers.tiers import MAX_CHARACTERS, MAX_LEAF_PAIRS, OpenPair, exact_tier, first_tiers

REASONS = [
    ("42", "42", Verdict.EQUAL, Reason.SAME_TEXT),
    ("$42$.", "42", Verdict.EQUAL, Reason.SAME_TEXT),
    ("42.0", "42", Verdict.EQUAL, Reason.SAME_NUMBER),
    ("42", "43", Verdict.DIFFERENT, Reason.OTHER_NUMBER),
    ("1/3", "0.333", Verdict.UNDECIDED, Reason.ROUNDED),
    ("50%", "0.5", Verdict.UNDECIDED, Reason.PERCENT),
    ("(0,1]", "[0,1]", Verdict.DIFFERENT, Reason.BRACKET),
    (r"\sqrt{8}", r"2\sqrt{2}", Verdict.EQUAL, Reason.SYMBOLIC),
    ("2x", "3x", Verdict.DIFFERENT, Reason.SYMBOLIC),
    ("(x+1)^2", "x^2+3x+1", Verdict.DIFFERENT, Reason.SYMBOLIC),
    ("x" * 3_000, "y", Verdict.UNDECIDED, Reason.TOO_LONG),
]


@pytest.mark.parametrize(("predicted", "gold", "verdict", "reason"), REASONS)
def test_verdict_comes_with_its_reason(predicted: str, gold: str, verdict: Verdict, reason: Reason) -> None:
    assert explain_answers(predicted, gold) == Comparison(verdict, reason)
    assert explain_answers(gold, predicted) == Comparison(verdict, reason)
    assert compare_answers(predicted, gold) is verdict


@pytest.mark.parametrize("decimal", ["--1.0x", "+-1.00x", "--1.0"])
def test_a_decimal_with_two_signs_does_not_crash_the_worker(decimal: str) -> None:
    assert explain_answers(decimal, r"-\sqrt{23}y").reason is not Reason.DEADLINE
    assert explain_answers(decimal, r"-\sqrt{23}").reason is not Reason.DEADLINE


def test_missing_answer_has_its_own_reason() -> None:
    missing = Comparison(Verdict.UNDECIDED, Reason.NO_ANSWER)
    assert explain_many([None, "5", None], ["5", None, None]) == [missing] * 3


def test_policy_reaches_every_pair() -> None:
    hundredth = AnswerPolicy(percent="hundredth")
    assert compare_many(["50%", "50%"], ["0.5", "50"], policy=hundredth) == [Verdict.EQUAL, Verdict.DIFFERENT]
    assert compare_answers("50%", "0.5") is Verdict.UNDECIDED


def test_gold_places_ask_which_of_the_two_is_the_gold_answer() -> None:
    policy = AnswerPolicy(decimals="gold_places")
    assert compare_answers("1/3", "0.33", policy=policy) is Verdict.EQUAL
    assert compare_answers(r"\sqrt{2}", "1.414", policy=policy) is Verdict.EQUAL
    assert compare_answers("1.414", r"\sqrt{2}", policy=policy) is Verdict.UNDECIDED


def test_verdict_does_not_depend_on_the_other_pairs_or_their_order() -> None:
    pairs = [(predicted, gold) for predicted, gold, _, _ in REASONS]
    alone = {pair: explain_answers(*pair) for pair in pairs}
    for seed in range(3):
        mixed = pairs * 2
        random.Random(seed).shuffle(mixed)
        left, right = zip(*mixed, strict=True)
        assert explain_many(left, right, num_workers=1 + seed) == [alone[pair] for pair in mixed]


def test_long_lists_get_the_same_verdicts_by_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(f"{n}", f"{n % 7}.0") for n in range(40)] + [(None, "1"), ("1/3", "0.3"), (r"\frac{4}{2}", "2")]
    pairs += [("\ud800", "2"), ("２", "2"), ("", "2"), ("2", "\ud800")]
    one_by_one = first_tiers(pairs, AnswerPolicy())
    monkeypatch.setattr(tiers, "MIN_COLUMN_PAIRS", 1)
    assert first_tiers(pairs, AnswerPolicy()) == one_by_one


def test_pairs_that_need_too_many_questions_are_too_long() -> None:
    several = [", ".join(f"x^{power}+{n}" for n in range(1, 6)) for power in (2, 3)]
    assert isinstance(exact_tier("x^2, x+1", "x^3, x+2"), OpenPair)
    assert MAX_LEAF_PAIRS < 5 * 5
    assert exact_tier(several[0], several[1]) == Comparison(Verdict.UNDECIDED, Reason.TOO_LONG)


def test_long_texts_are_compared_as_texts_only() -> None:
    text = "1+" * MAX_CHARACTERS + "1"
    assert compare_answers(text, f" {text}\n") is Verdict.EQUAL
    assert compare_answers(text, f"{text}+0") is Verdict.UNDECIDED


@given(st.lists(st.tuples(st.integers(-9, 99), st.integers(-9, 99)), min_size=1, max_size=20))
@settings(max_examples=100)
def test_many_integers_are_equal_exactly_when_they_are(pairs: list[tuple[int, int]]) -> None:
    left, right = zip(*pairs, strict=True)
    expected = [Verdict.EQUAL if a == b else Verdict.DIFFERENT for a, b in pairs]
    assert compare_many([str(a) for a in left], [f"${b}.0$" for b in right]) == expected
