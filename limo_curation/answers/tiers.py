r"""Compare answers, cheapest tier first: as text, as exact numbers and structure, and only then with algebra.

    `42` and `42`                    ->  equal, same_text        settled here
    `\frac{1}{2}` and `0.5`          ->  equal, same_number      settled here
    `\sqrt{8}` and `2\sqrt{2}`       ->  asked of the symbolic tier, in a worker process (`workers.py`)

A verdict does not depend on what else is in the same call, on the order of the pairs or on the number of workers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from limo_curation.answers.comparison import compare_readings
from limo_curation.answers.normalisation import normalise
from limo_curation.answers.policy import DEFAULT_POLICY, AnswerPolicy
from limo_curation.answers.reading import Reading, read
from limo_curation.answers.verdicts import Comparison, Reason, Verdict, different, equal, undecided
from limo_curation.answers.workers import LeafPair, compare_leaves

MAX_CHARACTERS: Final = 2_000  # ours: longer texts are compared as strings only
MAX_LEAF_PAIRS: Final = 16  # ours: what needs more questions of the symbolic tier is left undecided
DEFAULT_TIMEOUT_SECONDS: Final = 5.0
MIN_COLUMN_PAIRS: Final = 10_000  # ours, measured: from about 4,000 pairs on the column's tier costs less than it saves
NUM_REMEMBERED: Final = 1_024  # ours: readings, at most some kB each

SMALL_INTEGER: Final = re.compile("-?[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class OpenPair:
    """Two answers that the exact tier can't settle, and what to ask the symbolic tier about them."""

    left: Reading
    right: Reading
    leaves: tuple[LeafPair, ...]
    """The pairs of expressions on which the verdict depends."""

    def settle(self, found: Sequence[Comparison], policy: AnswerPolicy) -> Comparison:
        """Return the verdict, given one comparison for each pair of leaves."""
        known = dict(zip(self.leaves, found, strict=True))

        def look_up(left_leaf: str, right_leaf: str) -> Comparison:
            return known.get((left_leaf, right_leaf), undecided(Reason.NOT_UNDERSTOOD))

        return compare_readings(self.left, self.right, look_up, policy)


def compare_answers(predicted: str | None, gold: str | None, *, policy: AnswerPolicy = DEFAULT_POLICY) -> Verdict:
    """Return whether two answers are equal; under the default policy the order of the two does not matter.

    Args:
        predicted: the answer to be checked; None (no answer) is undecided.
        gold: the reference answer.
        policy: how to judge pairs that can be read in two ways.
    """
    return explain_answers(predicted, gold, policy=policy).verdict


def explain_answers(predicted: str | None, gold: str | None, *, policy: AnswerPolicy = DEFAULT_POLICY) -> Comparison:
    """Return whether two answers are equal, and why; arguments as for `compare_answers`."""
    return explain_many([predicted], [gold], num_workers=1, policy=policy)[0]


def compare_many(
    predicted: Sequence[str | None],
    gold: Sequence[str | None],
    *,
    num_workers: int = 2,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    policy: AnswerPolicy = DEFAULT_POLICY,
) -> list[Verdict]:
    """Compare answers pair by pair.

    Args:
        predicted: the answers to be checked; None is undecided.
        gold: as many reference answers.
        num_workers: processes for the pairs that need sympy.
        timeout_seconds: wall time after which one such pair is given up as undecided; half of it is the processor
            time that the pair may take.
        policy: how to judge pairs that can be read in two ways.

    Returns:
        One verdict for each pair, in order.

    Raises:
        ValueError: the two sequences differ in length.
        TransientError: a worker process did not start; trying again may help.
    """
    found = explain_many(predicted, gold, num_workers=num_workers, timeout_seconds=timeout_seconds, policy=policy)
    return [comparison.verdict for comparison in found]


def explain_many(
    predicted: Sequence[str | None],
    gold: Sequence[str | None],
    *,
    num_workers: int = 2,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    policy: AnswerPolicy = DEFAULT_POLICY,
) -> list[Comparison]:
    """Compare answers pair by pair, and say why; arguments and errors as for `compare_many`."""
    pairs = list(zip(predicted, gold, strict=True))
    settled = first_tiers(list(dict.fromkeys(pairs)), policy)
    questions = list(dict.fromkeys(found.leaves for found in settled.values() if isinstance(found, OpenPair)))
    replies = compare_leaves(questions, num_workers=num_workers, timeout_seconds=timeout_seconds)
    answers = dict(zip(questions, replies, strict=True))
    comparisons = {
        pair: found.settle(answers[found.leaves], policy) if isinstance(found, OpenPair) else found
        for pair, found in settled.items()
    }
    return [comparisons[pair] for pair in pairs]


def first_tiers(
    pairs: Sequence[tuple[str | None, str | None]], policy: AnswerPolicy
) -> dict[tuple[str | None, str | None], Comparison | OpenPair]:
    """Return what the exact tier says of each of many distinct pairs; long lists go by columns where they can."""
    if len(pairs) < MIN_COLUMN_PAIRS:
        return {pair: exact_tier(*pair, policy) for pair in pairs}
    import polars as pl

    from limo_curation.answers.column import VERDICTS, explain_column

    # other than ASCII is never told by column, and a lone surrogate can't even be in one
    ascii_only = (tuple(text if text and text.isascii() else None for text in pair) for pair in pairs)
    columns = [pl.Series(side, dtype=pl.String) for side in zip(*ascii_only, strict=True)]
    told = {reason: Comparison(Verdict(verdict), Reason(reason)) for reason, verdict in VERDICTS.items()}
    return {
        pair: exact_tier(*pair, policy) if reason is None else told[reason]
        for pair, reason in zip(pairs, explain_column(*columns), strict=True)
    }


def exact_tier(predicted: str | None, gold: str | None, policy: AnswerPolicy = DEFAULT_POLICY) -> Comparison | OpenPair:
    """Return the verdict where no sympy is needed, else what to ask of the symbolic tier."""
    if predicted is None or gold is None:
        return undecided(Reason.NO_ANSWER)
    if predicted == gold:
        return equal(Reason.SAME_TEXT)
    if SMALL_INTEGER.fullmatch(predicted) and SMALL_INTEGER.fullmatch(gold):  # most pairs, and they need no more
        is_same = int(predicted) == int(gold)
        return equal(Reason.SAME_NUMBER) if is_same else different(Reason.OTHER_NUMBER)
    if max(len(predicted), len(gold)) > MAX_CHARACTERS:
        return equal(Reason.SAME_TEXT) if predicted.strip() == gold.strip() else undecided(Reason.TOO_LONG)
    left, right = understood(predicted), understood(gold)
    if left[0] == right[0]:
        return equal(Reason.SAME_TEXT)
    if policy.decimals == "exact" and right[0] < left[0]:  # nothing asks which is the gold answer: one order for both
        left, right = right, left
    return compare_structure(left[1], right[1], policy)


@lru_cache(maxsize=NUM_REMEMBERED)
def understood(answer: str) -> tuple[str, Reading]:
    """Return an answer's normalised text and its structure; a gold answer is asked for once for each attempt at it."""
    text = normalise(answer)
    return text, read(text)


def compare_structure(left: Reading, right: Reading, policy: AnswerPolicy) -> Comparison | OpenPair:
    """Compare two readings, and collect what the symbolic tier would have to say."""
    leaves: dict[LeafPair, None] = {}

    def ask_later(left_leaf: str, right_leaf: str) -> Comparison:
        leaves[left_leaf, right_leaf] = None
        return undecided(Reason.NOT_UNDERSTOOD)

    found = compare_readings(left, right, ask_later, policy)
    if found.verdict is not Verdict.UNDECIDED or not leaves:
        return found
    return OpenPair(left, right, tuple(leaves)) if len(leaves) <= MAX_LEAF_PAIRS else undecided(Reason.TOO_LONG)
