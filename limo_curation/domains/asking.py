"""Ask a language model for the domain of a problem that the network is not sure of.

A reply is one JSON object with one of the six names; anything else says nothing, whatever the problem orders
(`sampling.choices`), and the network's own answer stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from limo_curation.problem_config import DomainClassifier
from limo_curation.sampling.choices import choice_schema, quote_texts, read_choice, read_prompt
from limo_curation.sampling.protocol import Completion, Sampler, SampleRequest
from limo_curation.sampling.usage import Usage
from limo_curation.tables import DOMAINS

REPLY_SCHEMA: Final = choice_schema("domain", DOMAINS)


def ask_domains(
    questions: Sequence[str], *, classifier: DomainClassifier, sampler: Sampler
) -> tuple[list[str | None], Usage]:
    """Return the domain of each question, None where the reply could not be read, and what the replies cost.

    Raises:
        TransientError, BudgetError: from the sampler.
    """
    completions = list(sampler.sample([request_for_question(one, classifier=classifier) for one in questions]))
    usage = Usage(num_problems=len(questions))
    usage.add_attempts(completions)
    return [domain_of(one) for one in completions], usage


def request_for_question(question: str, *, classifier: DomainClassifier) -> SampleRequest:
    """Return the request that asks about a question."""
    return SampleRequest(
        model=classifier.model,
        question=quote_texts(read_prompt("limo_curation.domains", "domain.txt"), {"question": question}),
        temperature=0.0,
        top_p=1.0,
        max_tokens=classifier.max_tokens,
        seed=classifier.seed,
        attempt=0,
        json_schema=REPLY_SCHEMA,
    )


def domain_of(completion: Completion) -> str | None:
    """Return the domain that a reply names; None for one that was cut off or is no JSON object with just that."""
    return read_choice(completion, "domain", DOMAINS)
