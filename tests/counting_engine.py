"""A hand-written engine: it writes a text that follows from the request, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Iterator

from limo_curation.errors import TransientError
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.protocol import Requests


class CountingEngine:
    """Costs 10 prompt tokens and 5 completion tokens a request; fails in a call that asks for `poison`."""

    def __init__(self, *, version: int = 1, poison: str | None = None) -> None:
        self.version = version
        self.poison = poison
        self.asked: list[SampleRequest] = []

    def revision(self, model: str) -> str:
        return f"{model}@{self.version}"

    def sample(self, requests: Requests) -> Iterator[Completion]:
        for asked in requests:
            assert asked is not None, "every completion was handed out, and the next request still waits for one"
            if asked.question == self.poison:
                raise TransientError("the engine is down")
            self.asked.append(asked)
            yield Completion(asked, self.text_for(asked), "length" if asked.seed % 2 else "stop", 10, 5)

    def text_for(self, asked: SampleRequest) -> str:
        return f"{asked.model}@{self.version} on {asked.question}, seed {asked.seed} \\boxed{{é}}"


def request(question: str, *, seed: int = 0, model: str = "ada", attempt: int = 0) -> SampleRequest:
    return SampleRequest(
        model=model, question=question, temperature=1.0, top_p=1.0, max_tokens=50, seed=seed, attempt=attempt
    )
