"""A hand-written engine with slots, which finishes what is under way in any order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.protocol import Requests


class AnyOrderEngine:
    """Hands out completions in a random order, and at random moments fills its slots again.

    `num_busy` holds how many slots were at work each time that a completion was handed out, and `asked_after` how many
    were handed out before each request was asked for.
    """

    def __init__(self, complete: Callable[[SampleRequest], Completion], *, num_slots: int, seed: int = 0) -> None:
        self.complete = complete
        self.num_slots = num_slots
        self.asked: list[SampleRequest] = []
        self.asked_after: list[int] = []
        self.num_busy: list[int] = []
        self.most_of_one_question = 0
        self._rng = random.Random(seed)

    def revision(self, model: str) -> str:
        return model

    def sample(self, requests: Requests) -> Iterator[Completion]:
        raise AssertionError("it can do better than to keep an order")

    def stream(self, requests: Requests) -> Iterator[Completion]:
        left = iter(requests)
        under_way: list[SampleRequest] = []
        of_question = Counter[str]()
        is_over = False
        while under_way or not is_over:
            is_asking = not under_way or self._rng.random() < 0.8
            while is_asking and not is_over and len(under_way) < self.num_slots:
                try:
                    request = next(left)
                except StopIteration:
                    is_over = True
                    break
                if request is None:
                    assert under_way, "a request is held back for nothing"
                    break
                under_way.append(request)
                self.asked.append(request)
                self.asked_after.append(len(self.num_busy))
                of_question[request.question] += 1
                self.most_of_one_question = max(self.most_of_one_question, of_question[request.question])
            if under_way:
                self.num_busy.append(len(under_way))
                finished = under_way.pop(self.choose(under_way))
                of_question[finished.question] -= 1
                yield self.complete(finished)

    def choose(self, under_way: list[SampleRequest]) -> int:
        """Return the place of the request that is finished next."""
        return self._rng.randrange(len(under_way))
