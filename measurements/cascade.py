"""Measure how full an engine is kept while difficulty is rated: rounds, as this project did before, or interleaved.

    python -m measurements.cascade [--problems 500] [--quick] [--json]

A server of 64 slots is simulated by the echo server (`echo_server.py`), which answers after a while. Lengths are
log-normal (sigma .8, half of its variance between problems; ours), cut off at the token limit: weak attempts have 700
tokens on average (ours) and at most 4,096; strong ones 11,450 (the mean of LIMO v2's chains) and at most 32,768 (its
limit). A reply of mean length takes .3 s. 30 % of the problems are never solved; the pass rates of the others are
uniform for the strong solver, and the squares of uniform ones for the weak one. One answer in ten needs sympy (ours).

weak: up to 4 attempts, stop at the first success. strong: up to 32, stop at the fourth, 4 at a time.
`busy` is the share of the slots that is at work: sum of the replies' times / (64 x wall time), the end included, where
the last replies are waited for, and the grading. `attempts` are those that were drawn, needed or not.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final

from limo_curation.answers import Verdict
from limo_curation.config import DifficultyConfig
from limo_curation.difficulty.cascade import try_strong, try_weak
from limo_curation.difficulty.interleaving import grade
from limo_curation.difficulty.tallies import Tally
from limo_curation.engine_config import Solver
from limo_curation.sampling import Completion, Sampler, SampleRequest
from limo_curation.sampling.endpoint import EndpointSampler
from limo_curation.sampling.protocol import Requests, StreamingSampler, closable, request_for
from measurements.endpoint import SLOTS, echo_server

MEAN_SECONDS: Final = 0.3
SIGMA: Final = 0.8
NEVER_SOLVED: Final = 0.3
POWER: Final = {"weak": 2.0, "strong": 1.0}
NEEDS_SYMPY: Final = 0.1
GOLD: Final = r"\frac{3}{\sqrt{2}}"
ROUND: Final = 4
WEAK: Final = Solver(model="weak", num_attempts=4, max_tokens=4_096)
STRONG: Final = Solver(model="strong", num_attempts=32, max_tokens=32_768)
MEAN_TOKENS: Final = {"weak": 700, "strong": 11_450}
CONFIG: Final = DifficultyConfig(weak=(WEAK,), strong=STRONG, attempts_per_round=ROUND)


def main() -> None:
    """Print the figures, and with --json one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=500)
    parser.add_argument("--quick", action="store_true", help="60 problems")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    arguments = parser.parse_args()
    num_problems = 60 if arguments.quick else arguments.problems
    with echo_server() as url:
        engine = EndpointSampler({"ada": [url]}, max_concurrency=SLOTS, timeout_seconds=60)
        figures = {pattern: compare(pattern, num_problems, engine) for pattern in ("weak", "strong")}
    report = {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "problems": num_problems, **figures}
    for pattern, ways in figures.items():
        for way, one in ways.items():
            print(f"{pattern:8} {way:12}", ", ".join(f"{name} {value:,.4g}" for name, value in one.items()))
        print(
            f"{pattern:8} interleaved takes 1 / {ways['rounds']['seconds'] / ways['interleaved']['seconds']:.2f} of it"
        )
    if arguments.json:
        print(json.dumps(report))


def compare(pattern: str, num_problems: int, engine: StreamingSampler) -> dict[str, dict[str, float]]:
    """Rate the same problems in both ways.

    Raises:
        SystemExit: they do not give the same verdicts.
    """
    figures: dict[str, dict[str, float]] = {}
    counts: list[list[tuple[int, int]]] = []
    for way in ("rounds", "interleaved"):
        tallies, sampler = problems(num_problems), Simulation(engine)
        began = time.perf_counter()
        if way == "rounds":
            counts.append(in_rounds(tallies, WEAK if pattern == "weak" else STRONG, sampler))
        elif pattern == "weak":
            try_weak(tallies, WEAK, config=CONFIG, sampler=sampler)
            counts.append([(len(tally.weak_attempts), int(tally.is_solved_by_weak)) for tally in tallies])
        else:
            try_strong(tallies, STRONG, config=CONFIG, sampler=sampler)
            counts.append([(len(tally.strong_attempts), tally.strong_num_solved) for tally in tallies])
        seconds = time.perf_counter() - began
        figures[way] = {
            "attempts": sampler.num_attempts,
            "busy": sampler.seconds / (SLOTS * seconds),
            "seconds": seconds,
        }
    if counts[0] != counts[1]:
        raise SystemExit(f"{pattern}: rounds and interleaved attempts rate problems differently")
    return figures


def problems(number: int) -> list[Tally]:
    """Return problems that differ in their ids alone: what becomes of their attempts follows from these."""
    return [Tally(f"p{place}", f"p{place}", GOLD) for place in range(number)]


def in_rounds(tallies: Sequence[Tally], solver: Solver, sampler: Sampler) -> list[tuple[int, int]]:
    """Draw as this project did before: a round of all open problems is waited for before the next one begins.

    Returns:
        For each problem its attempts up to the deciding one, and how many of them solved it.
    """
    num_needed, size = (1, 1) if solver is WEAK else (CONFIG.max_solved + 1, ROUND)
    verdicts: dict[str, list[bool]] = {tally.problem_id: [] for tally in tallies}
    waiting = list(tallies)
    for first in range(0, solver.num_attempts, size):
        asked = [(tally, number) for tally in waiting for number in range(first, first + size)]
        completions = list(
            sampler.sample(
                [
                    request_for(solver, problem_id=tally.problem_id, question=tally.question, attempt=number)
                    for tally, number in asked
                ]
            )
        )
        graded = grade(completions, [tally.gold for tally, _ in asked], policy=CONFIG.policy)
        for (tally, _), (verdict, _) in zip(asked, graded, strict=True):
            of_problem = verdicts[tally.problem_id]
            if sum(of_problem) < num_needed:
                of_problem.append(verdict is Verdict.EQUAL)
        waiting = [tally for tally in waiting if sum(verdicts[tally.problem_id]) < num_needed]
    return [(len(of_problem), sum(of_problem)) for of_problem in verdicts.values()]


@dataclass(frozen=True)
class Fate:
    """What becomes of an attempt."""

    seconds: float
    text: str
    is_truncated: bool


def fate_of(request: SampleRequest) -> Fate:
    """Return what becomes of an attempt; it follows from problem, solver and seed."""
    of_problem, of_attempt = random.Random(request.question), random.Random(request.seed)  # noqa: S311
    pass_rate = of_problem.random() ** POWER[request.model] if of_problem.random() >= NEVER_SOLVED else 0.0
    deviation = math.sqrt(0.5) * SIGMA * (of_problem.gauss() + of_attempt.gauss())
    length = math.exp(deviation - SIGMA**2 / 2)  # in means
    limit = request.max_tokens / MEAN_TOKENS[request.model]
    is_solved, is_hard_to_compare = of_attempt.random() < pass_rate, of_attempt.random() < NEEDS_SYMPY
    number = of_attempt.randint(5, 99)
    right = r"\frac{3\sqrt{2}}{2}" if is_hard_to_compare else GOLD
    wrong = rf"\frac{{{number}\sqrt{{2}}}}{{2}}" if is_hard_to_compare else str(number)
    text = rf"\boxed{{{right if is_solved else wrong}}}"
    return Fate(MEAN_SECONDS * min(length, limit), text, is_truncated=length > limit)


class Simulation:
    """Puts the fate of each attempt in the place of its question, and adds up how long the replies take."""

    def __init__(self, engine: StreamingSampler) -> None:
        self.engine = engine
        self.num_attempts = 0
        self.seconds = 0.0

    def revision(self, model: str) -> str:
        """Return the model's name."""
        return model

    def sample(self, requests: Requests) -> Iterator[Completion]:
        """Yield one completion for each request, in order."""
        return self._through(self.engine.sample, requests)

    def stream(self, requests: Requests) -> Iterator[Completion]:
        """Yield one completion for each request, as they finish."""
        return self._through(self.engine.stream, requests)

    def _through(self, draw: Callable[[Requests], Iterator[Completion]], requests: Requests) -> Generator[Completion]:
        asked: dict[SampleRequest, tuple[SampleRequest, Fate]] = {}

        def sent() -> Iterator[SampleRequest | None]:
            for request in requests:
                if request is None:
                    yield None
                    continue
                fate = fate_of(request)
                simulated = replace(request, model="ada", question=f"wait {fate.seconds:.4f} s, then {fate.text}")
                asked[simulated] = request, fate
                yield simulated

        with closing(closable(draw(sent()))) as completions:
            for completion in completions:
                request, fate = asked.pop(completion.request)
                self.num_attempts += 1
                self.seconds += fate.seconds
                yield replace(completion, request=request, finish_reason="length" if fate.is_truncated else "stop")


if __name__ == "__main__":
    main()
