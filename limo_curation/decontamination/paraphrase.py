"""Ask a language model whether a problem is a benchmark item in other words or another language.

A pair is asked about twice, the second time in the other order, and counts as the same problem only if both replies say
so. A reply is one JSON object with one of three words; anything else says nothing. What stands in a problem can't take
the place of a reply: it is quoted between marks that no text can foresee, and a reply with more than the object in it
is not read.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from limo_curation.problem_config import ParaphraseJudge
from limo_curation.sampling.protocol import Completion, Sampler, SampleRequest

Relation = Literal["same", "variant", "different"]
RELATIONS: Final[tuple[Relation, ...]] = get_args(Relation)
REPLY_SCHEMA: Final = json.dumps(
    {
        "type": "object",
        "properties": {"relation": {"type": "string", "enum": list(RELATIONS)}},
        "required": ["relation"],
        "additionalProperties": False,
    }
)
PLACEHOLDER: Final = re.compile(r"\{(mark|first|second)\}")
MAX_REPLY_CHARACTERS: Final = 1_000  # ours: the object has some 25, deep nesting would break the parser
END_OF_THOUGHT: Final = "</think>"  # reasoning models write their thoughts in front of the reply
FENCE: Final = re.compile(r"\A```(?:json)?\s*\n(.*)\n```\Z", re.DOTALL)


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
    template = importlib.resources.files("limo_curation.decontamination") / "prompts" / "paraphrase.txt"
    mark = hashlib.sha256(json.dumps([first, second]).encode()).hexdigest()[:16]
    values = {"mark": mark, "first": first, "second": second}
    # in one pass, so that a text that holds {second} stays as it is
    return PLACEHOLDER.sub(lambda found: values[found[1]], template.read_text(encoding="utf-8"))


def relation_of(completion: Completion) -> Relation | None:
    """Return what a reply says; None for one that was cut off or is no JSON object with just a relation."""
    if completion.is_truncated:
        return None
    text = completion.text.rpartition(END_OF_THOUGHT)[2].strip()
    if len(text) > MAX_REPLY_CHARACTERS:
        return None
    fenced = FENCE.match(text)
    try:
        reply: Any = json.loads(fenced[1] if fenced else text)
    except ValueError:
        return None
    if not isinstance(reply, dict):
        return None
    fields = cast("dict[str, Any]", reply)
    relation = fields.get("relation")
    return relation if list(fields) == ["relation"] and relation in RELATIONS else None
