"""What the request cache costs: bytes an attempt, attempts written and looked up a second, and an index of millions.

Part of `python -m measurements.endpoint`. Attempts stand on 1,000 questions of some 300 characters each and end in an
answer: integers (half of them), fractions, other LaTeX, words, or none. They are written in calls of 4,096, as a stage
does, and looked up through a new sampler: in the order in which they were written, 2,000 drawn at random, and as a
cascade that was resumed does it, attempt by attempt on 1,000 problems at a time.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from limo_curation.files import Files
from limo_curation.sampling import Completion, Sampler, SampleRequest
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling.chunk_index import MAX_JOINED_KEYS, ChunkIndex
from limo_curation.sampling.index_runs import Run, write_run
from limo_curation.sampling.protocol import Keeps, Requests
from limo_curation.store import Store

CALL: Final = 4_096
SCATTERED: Final = 2_000
NUM_WORDS: Final = 8_192
TEXT_WORDS: Final = 150
ATTEMPTS_EACH: Final = 4
NUM_OPEN: Final = 1_000
KEYS_PER_CHUNK: Final = 90_000
"""Of answers alone: what the cache puts together into one file."""


class WritingEngine:
    """Writes random words and an answer, at once, with a log-probability where it is asked for."""

    def __init__(self) -> None:
        rng = random.Random(0)  # noqa: S311
        self.words = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 8))) for _ in range(NUM_WORDS)]

    def revision(self, model: str) -> str:
        """Return the model's name."""
        return model

    def sample(self, requests: Requests) -> Iterator[Completion]:
        """Yield a completion for each request."""
        for request in requests:
            if request is None:
                raise ValueError("all was handed out")
            rng = random.Random(request.seed)  # noqa: S311
            text = f"{' '.join(rng.choices(self.words, k=TEXT_WORDS))} {answer_in_words(rng)}"
            num_tokens = min(request.max_tokens, int(rng.expovariate(1 / 600)) + 1)
            mean_logprob = -rng.random() if request.with_logprobs else None
            yield Completion(request, text, "stop", 60 + request.seed // 4 % 100, num_tokens, mean_logprob)


def answer_in_words(rng: random.Random) -> str:
    """Return how an attempt ends: in the kinds of answers that problems of competitions have, or in none."""
    kind, number = rng.random(), int(10 ** (4 * rng.random()))
    if kind < 0.15:
        return "I can't finish this."
    if kind < 0.65:
        return rf"The answer is $\boxed{{{number}}}$."
    if kind < 0.8:
        return rf"The answer is $\boxed{{\frac{{{rng.randrange(1, 50)}}}{{{rng.randrange(2, 50)}}}}}$."
    if kind < 0.95:
        latex = (rf"{number}\sqrt2", rf"\sqrt{{{number}}}", f"({number}, 1)", f"x^2 + {number}", rf"{number}\pi")
        return rf"So it is \boxed{{{rng.choice(latex)}}}."
    return rf"\boxed{{\text{{{''.join(rng.choices('abcdefghij', k=12))}}}}}"


def requests(
    num_requests: int, *, first: int = 0, keeps: Keeps = "text", with_logprobs: bool = False
) -> Iterator[SampleRequest]:
    """Yield different requests, four to a question."""
    for number in range(first, first + num_requests):
        yield request_number(number, keeps=keeps, with_logprobs=with_logprobs)


def request_number(number: int, *, keeps: Keeps = "text", with_logprobs: bool = False) -> SampleRequest:
    """Return one of the requests."""
    problem, attempt = divmod(number, ATTEMPTS_EACH)
    question = f"Problem {problem}: what is the sum of its digits? " + "Reason step by step. " * 10
    return SampleRequest("ada", question, 0.6, 0.95, 4_096, number, attempt, with_logprobs=with_logprobs, keeps=keeps)


class Cascade:
    """Makes the attempts on each problem one after the other, on so many problems at a time."""

    def __init__(self, num_requests: int, *, num_open: int, keeps: Keeps = "text") -> None:
        self.num_requests = num_requests
        self.keeps: Keeps = keeps
        self.num_done = 0
        self._next_problem = num_open
        self._to_ask = deque(problem * ATTEMPTS_EACH for problem in range(num_open))

    def __iter__(self) -> Iterator[SampleRequest | None]:
        """Yield what can be asked now; None while all that is open is under way."""
        while self._to_ask or self.num_done < self.num_requests:
            number = self._to_ask.popleft() if self._to_ask else None
            if number is None:
                yield None
            elif number < self.num_requests:
                yield request_number(number, keeps=self.keeps)

    def see(self, completion: Completion) -> None:
        """Go on with the problem of a completion, or open the next one."""
        self.num_done += 1
        number = completion.request.seed + 1
        if number % ATTEMPTS_EACH == 0:
            number = self._next_problem * ATTEMPTS_EACH
            self._next_problem += 1
        if number < self.num_requests:
            self._to_ask.append(number)


def cached(num_attempts: int, *, keeps: Keeps = "text", with_logprobs: bool = False) -> dict[str, float]:
    """Return what the cache costs for attempts of which so much is kept."""
    calls = range(0, num_attempts, CALL)
    total = len(calls) * CALL

    def call(first: int, number: int = CALL) -> Iterator[SampleRequest]:
        return requests(number, first=first, keeps=keeps, with_logprobs=with_logprobs)

    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        sampler = CachedSampler(WritingEngine(), store)
        written = speed(lambda: [take(sampler, call(first)) for first in calls], total)
        sizes = [path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()]
        again = CachedSampler(WritingEngine(), store)
        opened = speed(lambda: take(again, call(0, 1)), 1)
        looked_up = speed(lambda: [take(again, call(first)) for first in calls], total)
        rng = random.Random(1)  # noqa: S311
        drawn = [next(call(rng.randrange(total), 1)) for _ in range(SCATTERED)]
        scattered = speed(lambda: take(again, drawn), SCATTERED)
    return {
        "bytes_per_attempt": sum(sizes) / total,
        "files": len(sizes),
        "written_per_s": written["per_s"],
        "opened_in_s": 1 / opened["per_s"],
        "looked_up_per_s": looked_up["per_s"],
        "scattered_per_s": scattered["per_s"],
        "mib": resident_mib(),
    }


def resumed(num_attempts: int, *, keeps: Keeps) -> dict[str, float]:
    """Return how fast a cascade is sampled by an engine that costs nothing, and how fast it is when all is cached."""
    with tempfile.TemporaryDirectory() as folder:

        def climb() -> None:
            cascade = Cascade(num_attempts, num_open=NUM_OPEN, keeps=keeps)
            for completion in CachedSampler(WritingEngine(), Store(folder)).stream(cascade):
                cascade.see(completion)

        return {
            "sampled_per_s": speed(climb, num_attempts)["per_s"],
            "resumed_per_s": speed(climb, num_attempts)["per_s"],
        }


def index_of(num_keys: int) -> dict[str, float]:
    """Return what an index of so many keys takes, and how fast keys that are not in it are told to be missing."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        files = Files(folder)
        for first in range(0, num_keys, MAX_JOINED_KEYS):
            rows = min(MAX_JOINED_KEYS, num_keys - first)
            chunks = tuple(f"{first + place:032x}.parquet" for place in range(0, rows, KEYS_PER_CHUNK))
            prefixes = np.sort(rng.integers(0, 2**64, rows, dtype=np.uint64))
            write_run(files, "ada/index", Run(chunks, prefixes, rng.integers(0, len(chunks), rows, dtype=np.uint32)))
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.index"))
        missing = [rng.bytes(16) for _ in range(25 * CALL)]
        before = resident_mib()
        index = ChunkIndex(files, "ada")
        opened = speed(lambda: index.find(missing[:1]), 1)
        after = resident_mib()
        together = speed(
            lambda: [index.find(missing[at : at + CALL], max_age_seconds=60) for at in range(0, len(missing), CALL)],
            len(missing),
        )
        alone = speed(lambda: [index.find([key], max_age_seconds=60) for key in missing[:CALL]], CALL)
    return {
        "bytes_per_key": size / num_keys,
        "mib": size / 2**20,
        "opened_in_s": 1 / opened["per_s"],
        "resident_mib_for_opening": after - before,
        "looked_up_per_s": together["per_s"],
        "looked_up_alone_per_s": alone["per_s"],
    }


def take(sampler: Sampler, asked: Iterable[SampleRequest]) -> None:
    """Sample, and throw the completions away."""
    for _ in sampler.sample(asked):
        pass


def speed(work: Callable[[], object], number: int) -> dict[str, float]:
    """Return how many a second of wall time, and the microseconds of CPU (of this process) for each."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    seconds = time.perf_counter() - wall
    return {"per_s": number / seconds, "cpu_us": (time.process_time() - cpu) / number * 1e6}


def resident_mib() -> float:
    """Return the memory that this process holds now (Linux), in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
