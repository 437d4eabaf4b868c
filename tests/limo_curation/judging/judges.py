"""Hand-written judges: they answer by a rule on the chain that they are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from limo_curation.judging.judge import AXES
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.protocol import FinishReason

SOLUTION = re.compile(r"BEGIN SOLUTION (\w+)\n(.*?)\nEND SOLUTION \1\n", re.DOTALL)
PAIR = re.compile(r"BEGIN (?:FIRST|SECOND) SOLUTION (\w+)\n(.*?)\nEND (?:FIRST|SECOND) SOLUTION \1\n", re.DOTALL)


def grades(level: str = "L3", score: int = 5, reason: str = "The sum is checked.", **changes: Any) -> str:
    """Return a reply that can be read, but for the changes."""
    axes = {axis: {"reason": f"{axis} at step 2", "score": score} for axis in AXES}
    return json.dumps({**axes, "reason": reason, "level": level, **changes})


def preference(better: str) -> str:
    return json.dumps({"reason": "It explains more.", "better": better})


class Judge:
    """An engine whose replies are functions of what it is shown; it remembers what it was asked."""

    def __init__(
        self,
        grade: Callable[[str, SampleRequest], str] = lambda chain, request: grades(),
        compare: Callable[[str, str], str] = lambda first, second: preference("tie"),
        *,
        finish_reason: FinishReason = "stop",
        revision: str = "1",
    ) -> None:
        self.grade = grade
        self.compare = compare
        self.finish_reason: FinishReason = finish_reason
        self.of = revision
        self.requests: list[SampleRequest] = []

    def revision(self, model: str) -> str:
        return f"{model}@{self.of}"

    def sample(self, requests: Iterable[SampleRequest | None]) -> Iterator[Completion]:
        for request in requests:
            if request is None:
                continue
            yield self.complete(request)

    def complete(self, request: SampleRequest) -> Completion:
        self.requests.append(request)
        return Completion(request, self._answer(request), self.finish_reason, 900, 120)

    def _answer(self, request: SampleRequest) -> str:
        chains = [chain for _, chain in PAIR.findall(request.question)]
        if chains:
            return self.compare(*chains)
        [(_, chain)] = SOLUTION.findall(request.question)
        return self.grade(chain, request)
