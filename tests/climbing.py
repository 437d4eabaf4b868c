"""A caller that makes each attempt on a problem after it has seen the one before, as the cascade does."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from limo_curation.sampling import Completion, Sampler, SampleRequest
from limo_curation.sampling.protocol import as_they_finish
from tests.counting_engine import request


def attempt_on(problem: int, attempt: int) -> SampleRequest:
    return request(f"problem {problem}", seed=100 * problem + attempt, attempt=attempt)


def climb(sampler: Sampler, heights: Sequence[int], *, in_order: bool = False) -> list[Completion]:
    """Make so many attempts on each problem, each after the one before it was seen."""
    to_ask = deque(attempt_on(problem, 0) for problem, height in enumerate(heights) if height)
    num_left = sum(heights)

    def requests() -> Iterator[SampleRequest | None]:
        while num_left:
            yield to_ask.popleft() if to_ask else None

    done: list[Completion] = []
    for completion in sampler.sample(requests()) if in_order else as_they_finish(sampler, requests()):
        done.append(completion)
        num_left -= 1
        problem, attempt = int(completion.request.question.split()[1]), completion.request.attempt
        if attempt + 1 < heights[problem]:
            to_ask.append(attempt_on(problem, attempt + 1))
    return done
