"""Callers whose next request depends on a completion that they have seen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.protocol import Requests
from tests.counting_engine import request


class Asker:
    """Asks several questions so many times each, and each question again only after it has seen the reply before."""

    def __init__(
        self, num_questions: int, *, num_times: int, request_for: Callable[[int, int], SampleRequest] | None = None
    ) -> None:
        self.num_questions = num_questions
        self.num_times = num_times
        self.num_left = num_questions * num_times
        self._request_for = request_for or (lambda number, attempt: request(f"question {number}", attempt=attempt))
        self._ready = deque((number, 0) for number in range(num_questions))
        self._numbers: dict[SampleRequest, int] = {}
        self.num_held_back = 0  # how often an engine asked in vain

    def requests(self) -> Iterator[SampleRequest | None]:
        while self.num_left:
            if not self._ready:
                self.num_held_back += 1
                yield None
                continue
            number, attempt = self._ready.popleft()
            asked = self._request_for(number, attempt)
            self._numbers[asked] = number
            yield asked

    def see(self, completion: Completion) -> None:
        attempt = completion.request.attempt + 1
        if attempt < self.num_times:
            self._ready.append((self._numbers[completion.request], attempt))
        self.num_left -= 1

    def ask(self, draw: Callable[[Requests], Iterator[Completion]]) -> list[tuple[str, int]]:
        """Return the question and attempt of each completion, in the order in which they came."""
        seen: list[tuple[str, int]] = []
        for completion in draw(self.requests()):
            seen.append((completion.request.question, completion.request.attempt))
            self.see(completion)
        return seen

    def in_order(self) -> list[tuple[str, int]]:
        """Return what is asked, in order of questions and attempts."""
        return [
            (self._request_for(number, 0).question, attempt)
            for number in range(self.num_questions)
            for attempt in range(self.num_times)
        ]


def held_back_for_nothing(*first: SampleRequest) -> Iterator[SampleRequest | None]:
    """Ask, and then hold the next request back for a completion that nobody can give."""
    yield from first
    while True:
        yield None
