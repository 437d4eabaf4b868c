"""An engine that gives every request the same reply, and counts how often it is called."""

from collections.abc import Iterator, Sequence

from limo_curation.sampling import Completion, SampleRequest


class OneReplyEngine:
    def __init__(self, reply: str) -> None:
        self.reply = reply
        self.num_calls = 0

    def revision(self, model: str) -> str:
        return f"{model}@1"

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[Completion]:
        self.num_calls += 1
        for request in requests:
            yield Completion(request, self.reply, "stop", 200, 6)
