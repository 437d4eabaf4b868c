"""Ask a language model whether a problem is a benchmark item in other words or another language.

A pair is asked about twice, the second time in the other order, and counts as the same problem only if both replies say
so. A reply is one JSON object with one of three words; anything else says nothing, whatever a problem orders
(`sampling.choices`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from limo_curation.problem_config import ParaphraseJudge
from limo_curation.sampling.choices import choice_schema, quote_texts, read_choice, read_prompt
from limo_curation.sampling.protocol import Completion, Sampler, SampleRequest

Relation = Literal["same", "variant", "different"]
RELATIONS: Final[tuple[Relation, ...]] = get_args(Relation)
REPLY_SCHEMA: Final = choice_schema("relation", RELATIONS)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What the judge said of each pair: the relation in both orders, None where a reply could not be read."""

    pairs: list[tuple[Relation | None, Relation | None]]
    num_tokens: int

    def are_same(self) -> list[bool]:
        """Return of each pair whether both orders say that it is one problem."""
        return [pair == ("same", "same") for pair in self.pairs]

    @property
    def num_unreadable(self) -> int:
        """Pairs of which a reply could not be read."""
        return sum(None in pair for pair in self.pairs)

    @property
    def num_inconsistent(self) -> int:
        """Pairs on which the two orders disagree, though both were read."""
        return sum(None not in pair and pair[0] != pair[1] for pair in self.pairs)


def judge_pairs(questions: Sequence[tuple[str, str]], *, judge: ParaphraseJudge, sampler: Sampler) -> Verdicts:
    """Ask about pairs of a problem's question and an item's.

    Raises:
        TransientError, BudgetError: from the sampler.
    """
    requests = [
        request_for_pair(first, second, judge=judge)
        for question, item in questions
        for first, second in ((question, item), (item, question))
    ]
    completions = list(sampler.sample(requests))
    relations: list[Relation | None] = [relation_of(completion) for completion in completions]
    return Verdicts(
        [(relations[place], relations[place + 1]) for place in range(0, len(relations), 2)],
        sum(completion.num_completion_tokens for completion in completions),
    )


def request_for_pair(first: str, second: str, *, judge: ParaphraseJudge) -> SampleRequest:
    """Return the request that asks about two texts in this order."""
    return SampleRequest(
        model=judge.model,
        question=fill_prompt(first, second),
        temperature=0.0,
        top_p=1.0,
        max_tokens=judge.max_tokens,
        seed=judge.seed,
        attempt=0,
        json_schema=REPLY_SCHEMA,
    )


def fill_prompt(first: str, second: str) -> str:
    """Return the prompt for two texts; braces in them are left alone, and their marks follow from both."""
    template = read_prompt("limo_curation.decontamination", "paraphrase.txt")
    return quote_texts(template, {"first": first, "second": second})


def relation_of(completion: Completion) -> Relation | None:
    """Return what a reply says; None for one that was cut off or is no JSON object with just a relation."""
    return cast("Relation | None", read_choice(completion, "relation", RELATIONS))
