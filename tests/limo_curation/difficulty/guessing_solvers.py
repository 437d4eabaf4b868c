"""A made-up pool, and solvers whose attempts follow from each problem's own pass rate and the request's seed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import polars as pl

from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.protocol import Requests
from limo_curation.tables import CLASSIFIED, DOMAINS
from tests.rows import rows_of

GOLD = "7"


def pool_of(num_rows: int, *, seed: int = 0, domains: tuple[str | None, ...] = DOMAINS[:2]) -> pl.DataFrame:
    """Return problems of which a third each is never solved, rarely solved and mostly solved, whatever their text."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 3, num_rows)
    rates = np.choose(kinds, [np.zeros(num_rows), rng.uniform(0.1, 0.4, num_rows), rng.uniform(0.7, 1, num_rows)])
    return rows_of(
        CLASSIFIED,
        *(
            {
                "problem_id": hashlib.sha256(f"{seed}/{row}".encode()).hexdigest()[:20],
                "question": f"Problem {row}, solved at {rate:.3f}",
                "answer": GOLD,
                "source": ("exam", "olympiad")[row % 2],
                "domain": domains[row % len(domains)],
            }
            for row, rate in enumerate(rates)
        ),
    )


def rate_of(question: str) -> float:
    """Return the pass rate of the strong solver that a problem of the pool has."""
    return float(question.rpartition(" ")[2])


class GuessingSolvers:
    """The solver `strong` solves a problem at its rate; others never, but they are the surer of it the higher it is."""

    def __init__(self, *, num_requests: int | None = None) -> None:
        """With `num_requests`, the engine breaks down when it has answered so many."""
        self.num_requests = num_requests
        self.asked: list[SampleRequest] = []

    def revision(self, model: str) -> str:
        return f"{model}@1"

    def sample(self, requests: Requests) -> Iterator[Completion]:
        for request in requests:
            if request is None:
                continue
            if len(self.asked) == self.num_requests:
                raise KeyboardInterrupt
            self.asked.append(request)
            yield self.answer(request)

    def answer(self, request: SampleRequest) -> Completion:
        """Return one attempt."""
        chance, other, doubt = np.random.default_rng(request.seed).random(3)
        rate = rate_of(request.question)
        answer = str(10 + int(1_000 * other))
        if chance < rate:
            answer = GOLD if request.model == "strong" else "8"
        logprob = rate - 1 - 0.2 * doubt if request.with_logprobs else None
        return Completion(request, f"So the answer is \\boxed{{{answer}}}.", "stop", 10, 20, logprob)
