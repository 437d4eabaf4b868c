"""When attempts dispute a gold answer: votes in any spelling, in any order, and what is no vote."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.answers import Verdict
from limo_curation.gold_audit import Attempt, GoldAudit, gold_audit

OTHER, GOLD, OPEN = Verdict.DIFFERENT, Verdict.EQUAL, Verdict.UNDECIDED


def audit(*attempts: tuple[str | None, Verdict, int], gold: str = "11") -> GoldAudit:
    """Audit attempts that are given with how often each occurs."""
    drawn = [Attempt(answer, verdict) for answer, verdict, number in attempts for _ in range(number)]
    return gold_audit(drawn, gold, min_share=0.6, min_votes=5)


def test_evidence_gives_the_vote() -> None:
    found = audit(("12", OTHER, 29), ("7", OTHER, 2), ("11", GOLD, 1))
    assert found.is_disputed
    assert found.evidence == "29 of 32 attempts say 12, gold is 11"
    assert found.other_share == 29 / 32


def test_other_spellings_are_the_same_candidate() -> None:
    found = audit(("0.5", OTHER, 8), (r"\frac{1}{2}", OTHER, 9), ("1/2", OTHER, 7), ("3", OTHER, 8))
    assert (found.other_answer, found.other_votes, found.is_disputed) == (r"\frac{1}{2}", 24, True)


def test_scattered_wrong_answers_dispute_nothing() -> None:
    assert not audit(*[(str(number), OTHER, 1) for number in range(20, 52)]).is_disputed


@pytest.mark.parametrize(("votes", "is_disputed"), [(19, False), (20, True)])
def test_share_is_of_all_attempts_those_without_an_answer_too(votes: int, is_disputed: bool) -> None:
    assert audit(("12", OTHER, votes), (None, OTHER, 32 - votes)).is_disputed == is_disputed


def test_four_attempts_are_too_few() -> None:
    assert not audit(("12", OTHER, 4)).is_disputed
    assert audit(("12", OTHER, 5)).is_disputed


def test_answer_that_could_not_be_compared_is_no_vote() -> None:
    found = audit(("all numbers that fit", OPEN, 32))
    assert (found.other_answer, found.other_votes, found.is_disputed) == (None, 0, False)


@pytest.mark.parametrize("gold", ["", "see the figure above", "x" * 5_000, r"\frac{1}{", "by induction on $n$"])
def test_gold_answer_that_cant_be_read_is_disputed_by_any_answers(gold: str) -> None:
    found = audit(("12", OPEN, 3), ("7", OPEN, 2), (None, OPEN, 27), gold=gold)
    assert found.is_disputed
    assert not found.is_readable
    assert found.evidence.startswith("3 of 32 attempts say 12, gold is ")
    assert found.evidence.endswith(", which can't be read")
    assert len(found.evidence) < 500


def test_gold_answer_in_words_that_an_attempt_wrote_is_readable() -> None:
    assert not audit(("by induction", GOLD, 1), ("12", OPEN, 31), gold="by induction").is_disputed


def test_no_attempts_dispute_nothing() -> None:
    found = audit()
    assert (found.is_disputed, found.other_share, found.other_answer) == (False, 0.0, None)


answers = st.sampled_from(["1/2", "0.5", r"\frac{1}{2}", "12", "12.0", "5", "5 cm", "5 m", "x+1", None])
drawn_attempts = st.lists(st.builds(Attempt, answers, st.sampled_from([OTHER, OPEN, GOLD])), max_size=32)


@given(drawn_attempts, st.randoms(use_true_random=False), st.sampled_from(["11", "see above"]))
def test_order_of_attempts_changes_nothing(attempts: list[Attempt], order: random.Random, gold: str) -> None:
    shuffled = attempts.copy()
    order.shuffle(shuffled)
    one, other = (gold_audit(each, gold, min_share=0.6, min_votes=5) for each in (attempts, shuffled))
    assert one == other


@given(drawn_attempts, st.integers(1, 8))
def test_votes_are_never_more_than_the_attempts_that_contradict(attempts: list[Attempt], min_votes: int) -> None:
    found = gold_audit(attempts, "11", min_share=0.6, min_votes=min_votes)
    against = sum(attempt.verdict is OTHER and attempt.answer is not None for attempt in attempts)
    assert found.other_votes <= against
    assert found.is_disputed == (found.other_votes >= max(min_votes, 0.6 * len(attempts)))


@given(drawn_attempts)
def test_one_more_vote_for_the_other_answer_never_settles_a_dispute(attempts: list[Attempt]) -> None:
    before = gold_audit(attempts, "11", min_share=0.6, min_votes=5)
    if before.is_disputed and before.other_answer is not None:
        more = [*attempts, Attempt(before.other_answer, OTHER)]
        assert gold_audit(more, "11", min_share=0.6, min_votes=5).is_disputed
