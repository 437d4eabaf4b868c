r"""Audit a gold answer by a vote: what do attempts of a strong solver say instead?

    gold `11`, 32 attempts: 20 x `12`, 9 x `\frac{24}{2}`, 2 x `7`, 1 without an answer
    ->  disputed: "29 of 32 attempts say 12, gold is 11"

A problem that a strong solver hardly ever solves is hard, or its gold answer is wrong; the band of rarely solved
problems collects both (LIMO's filter has no guard against it). Wrong answers of a solver that fails scatter; where
most attempts agree on one other answer, the gold answer is the likelier mistake.

Answers are one candidate where the exact tier of the comparison calls them equal. An attempt whose answer could not be
compared with the gold answer is no vote against it, unless the gold answer itself can't be read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Final, NamedTuple

from limo_curation.answers import Comparison, Verdict
from limo_curation.answers.normalisation import normalise
from limo_curation.answers.reading import is_understood, read
from limo_curation.answers.tiers import exact_tier

MAX_SHOWN_CHARACTERS: Final = 120  # of each answer in the evidence: both fit into the ledger's 500
MAX_READ_CHARACTERS: Final = 2_000  # ours: a longer gold answer is no answer


class Attempt(NamedTuple):
    """One attempt's final answer (None: it has none) and the verdict on it against the gold answer."""

    answer: str | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class GoldAudit:
    """What the attempts on one problem say about its gold answer."""

    num_attempts: int
    """All attempts, those without an answer too."""
    is_readable: bool
    """Whether the comparison understands the gold answer, or an attempt wrote the same."""
    other_answer: str | None
    """The most frequent other answer, in its most frequent spelling; None where too few contradict to dispute."""
    other_votes: int
    """Attempts that say so, in any spelling."""
    is_disputed: bool
    evidence: str
    """One sentence with the vote."""

    @property
    def other_share(self) -> float:
        """Attempts for the other answer as a fraction of all attempts."""
        return self.other_votes / self.num_attempts if self.num_attempts else 0.0


def gold_audit(attempts: Iterable[Attempt], gold: str, *, min_share: float, min_votes: int) -> GoldAudit:
    """Decide whether attempts dispute a gold answer; their order does not matter.

    Args:
        attempts: attempts of one strong solver on one problem, as many as were drawn.
        gold: the gold answer.
        min_share: fraction of all attempts that one other answer must have; above a half, so that at most one can.
        min_votes: attempts that it must have, however few there are.

    Returns:
        The audit. The gold answer is disputed where one other answer has `min_share` of the attempts and `min_votes`
        votes; and where it can't be read, no attempt wrote it and `min_votes` attempts have an answer.
    """
    counted = Counter(attempts)
    num_attempts = counted.total()
    is_readable = can_be_read(gold) or any(verdict is Verdict.EQUAL for _, verdict in counted)
    against = {Verdict.DIFFERENT} if is_readable else {Verdict.DIFFERENT, Verdict.UNDECIDED}
    votes = Counter[str]()
    for (answer, verdict), number in counted.items():
        if answer is not None and verdict in against:
            votes[answer] += number
    needed = max(min_votes, min_share * num_attempts) if is_readable else min_votes
    other, other_votes = most_voted(votes) if votes.total() >= needed else (None, 0)
    is_disputed = other_votes >= needed if is_readable else votes.total() >= needed
    evidence = f"{other_votes} of {num_attempts} attempts say {shown(other)}, gold is {shown(gold)}"
    if not is_readable:
        evidence += ", which can't be read"
    return GoldAudit(num_attempts, is_readable, other, other_votes, is_disputed, evidence)


def can_be_read(gold: str) -> bool:
    """Return whether the comparison understands a gold answer; a phrase is not understood, only found again."""
    return len(gold) <= MAX_READ_CHARACTERS and is_understood(read(normalise(gold)))


def most_voted(votes: Counter[str]) -> tuple[str | None, int]:
    """Return the answer that most votes equal, in its most frequent spelling, and how many do.

    Equality by the exact tier is not transitive (`5 cm`, `5` and `5 m`), so no partition is made: each spelling counts
    what equals it, and the first in the order of votes and text wins a draw.
    """
    spellings = sorted(votes, key=lambda answer: (-votes[answer], len(answer), answer))
    totals = dict(votes)
    for one, other in combinations(spellings, 2):
        if are_equal(one, other):
            totals[one] += votes[other]
            totals[other] += votes[one]
    winner = max(spellings, key=lambda answer: totals[answer], default=None)  # the first of equals
    return winner, totals[winner] if winner is not None else 0


def are_equal(left: str, right: str) -> bool:
    """Return whether the exact tier calls two answers equal."""
    found = exact_tier(left, right)
    return isinstance(found, Comparison) and found.verdict is Verdict.EQUAL


def shown(answer: str | None) -> str:
    """Return an answer as the evidence quotes it."""
    return "nothing" if answer is None else answer[:MAX_SHOWN_CHARACTERS]
