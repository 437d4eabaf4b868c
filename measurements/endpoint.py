"""Measure the endpoint client and the request cache: requests a second, memory, bytes and lookups.

    python -m measurements.endpoint [--requests 1000000] [--quick] [--json]

Client: requests of some 300 characters, 64 at a time, to an echo server in a process of its own (`echo_server.py`), so
that the client bounds the speed. Beside it, with fewer requests, the two ways that httpx offers: a pool of threads
(what this project did before) and its asynchronous client. `busy` is the share of the 64 slots that is at work while
replies take 50 ms on average and up to 8 times as long, as completions do: sum of the replies' times / (64 x wall
time), the end included, where the last replies are waited for.
Cache: attempts of some 900 characters of random words, and of none, written in calls of 4,096 as a stage does; then
looked up through a new sampler: as they were written, and 2,000 drawn at random.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling.chat import chat_body
from limo_curation.sampling.endpoint import EndpointSampler
from limo_curation.store import Store

SLOTS: Final = 64
PEER_REQUESTS: Final = 2_000
CALL: Final = 4_096
SCATTERED: Final = 2_000
NUM_WORDS: Final = 8_192


def main() -> None:
    """Print the figures, and with --json one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--quick", action="store_true", help="20,000 requests, 100,000 cached attempts")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    arguments = parser.parse_args()
    num_requests = 20_000 if arguments.quick else arguments.requests
    num_attempts = 100_000 if arguments.quick else arguments.requests
    with echo_server() as url:
        peers = {
            "httpx, threads": speed(lambda: with_threads(url), PEER_REQUESTS),
            "httpx, async": speed(lambda: asyncio.run(with_async_httpx(url)), PEER_REQUESTS),
        }
        ours = {**client(url, num_requests), "busy": busy(url)}
    cache = {"with texts": cached(num_attempts, text_words=150), "without texts": cached(num_attempts, text_words=0)}
    for name, figures in {"ours": ours, **peers, **{f"cache, {name}": one for name, one in cache.items()}}.items():
        print(f"{name:22}", ", ".join(f"{key} {value:,.4g}" for key, value in figures.items()))
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "ours": {**ours, "cache": cache},
        "peers": peers,
        "ratios": {name: one["cpu_us"] / ours["cpu_us"] for name, one in peers.items()},
    }
    if arguments.json:
        print(json.dumps(report))


@contextmanager
def echo_server() -> Generator[str]:
    """Run the server in its own process and give its base URL."""
    command = [sys.executable, "-m", "measurements.echo_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None  # noqa: S101  it is a pipe
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.kill()


def requests(num_requests: int, *, first: int = 0) -> Iterator[SampleRequest]:
    """Yield different requests, four to a question."""
    for number in range(first, first + num_requests):
        question = f"Problem {number // 4}: what is the sum of its digits? " + "Reason step by step. " * 10
        yield SampleRequest("ada", question, 0.6, 0.95, 4_096, seed=number, attempt=number % 4)


def client(url: str, num_requests: int) -> dict[str, float]:
    """Return the speed of our client, and its memory after a tenth of the requests and at the end."""
    sampler = EndpointSampler({"ada": [url]}, max_concurrency=SLOTS, timeout_seconds=60)
    resident: dict[str, float] = {}

    def run() -> None:
        for number, _ in enumerate(sampler.sample(requests(num_requests)), start=1):
            if number in {num_requests // 10, num_requests}:
                resident[f"mib_at_{number}"] = resident_mib()

    return {**speed(run, num_requests), **resident}


def busy(url: str) -> float:
    """Return the share of the slots that is at work while the replies' times have a long tail."""
    rng = random.Random(0)  # noqa: S311
    times = [0.050 * min(8.0, rng.expovariate(1.0)) for _ in range(80 * SLOTS)]
    asked = [
        SampleRequest("ada", f"wait {seconds:.4f} s", 0.6, 0.95, 4_096, seed=seed, attempt=0)
        for seed, seconds in enumerate(times)
    ]
    began = time.perf_counter()
    list(EndpointSampler({"ada": [url]}, max_concurrency=SLOTS, timeout_seconds=60).sample(asked))
    return sum(times) / (SLOTS * (time.perf_counter() - began))


def with_threads(url: str) -> None:
    """Ask as this project did before: one httpx client, a thread for each slot."""
    limits = httpx.Limits(max_connections=SLOTS, max_keepalive_connections=SLOTS)
    with httpx.Client(limits=limits) as connections, ThreadPoolExecutor(SLOTS) as pool:

        def ask(request: SampleRequest) -> Any:
            return connections.post(f"{url}/chat/completions", content=chat_body(request)).json()

        list(pool.map(ask, requests(PEER_REQUESTS)))


async def with_async_httpx(url: str) -> None:
    """Ask through httpx's asynchronous client, with a task for each slot."""
    limits = httpx.Limits(max_connections=SLOTS, max_keepalive_connections=SLOTS)
    left = requests(PEER_REQUESTS)
    async with httpx.AsyncClient(limits=limits) as connections:

        async def ask() -> None:
            for request in left:
                (await connections.post(f"{url}/chat/completions", content=chat_body(request))).json()

        await asyncio.gather(*(ask() for _ in range(SLOTS)))


class WritingEngine:
    """Writes random words, or nothing, at once."""

    def __init__(self, text_words: int) -> None:
        rng = random.Random(0)  # noqa: S311
        self.words = ["".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 8))) for _ in range(NUM_WORDS)]
        self.text_words = text_words

    def revision(self, model: str) -> str:
        """Return the model's name."""
        return model

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[Completion]:
        """Yield a completion for each request."""
        for request in requests:
            text = " ".join(random.Random(request.seed).choices(self.words, k=self.text_words))  # noqa: S311
            yield Completion(request, text, "stop", 60, 50 + request.seed % 1_000)


def cached(num_attempts: int, *, text_words: int) -> dict[str, float]:
    """Return what the cache costs for attempts with texts of so many words."""
    calls = range(0, num_attempts, CALL)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        sampler = CachedSampler(WritingEngine(text_words), store)
        written = speed(lambda: [take(sampler, requests(CALL, first=first)) for first in calls], len(calls) * CALL)
        sizes = [path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()]
        again = CachedSampler(WritingEngine(text_words), store)
        opened = speed(lambda: take(again, requests(1)), 1)
        looked_up = speed(lambda: [take(again, requests(CALL, first=first)) for first in calls], len(calls) * CALL)
        rng = random.Random(1)  # noqa: S311
        drawn = [next(requests(1, first=rng.randrange(num_attempts))) for _ in range(SCATTERED)]
        scattered = speed(lambda: take(again, drawn), SCATTERED)
    return {
        "bytes_per_attempt": sum(sizes) / (len(calls) * CALL),
        "files": len(sizes),
        "written_per_s": written["per_s"],
        "opened_in_s": 1 / opened["per_s"],
        "looked_up_per_s": looked_up["per_s"],
        "scattered_per_s": scattered["per_s"],
        "mib": resident_mib(),
    }


def take(sampler: CachedSampler, asked: Iterable[SampleRequest]) -> None:
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


if __name__ == "__main__":
    main()
