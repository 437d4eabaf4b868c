"""Measure the endpoint client and the request cache: requests a second, memory, bytes and lookups.

    python -m measurements.endpoint [--requests 1000000] [--index-keys 100000000] [--quick] [--json]

Client: requests of some 300 characters, 64 at a time, to an echo server in a process of its own (`echo_server.py`), so
that the client bounds the speed. `adaptive` are requests of which each waits for the completion of the one before it,
four to a problem, on 256 problems at a time, as the cascade asks them; `through the cache` are the same requests with
the request cache between. Beside it, with fewer requests, the two ways that httpx offers: a pool of threads
(what this project did before) and its asynchronous client. `busy` is the share of the 64 slots that is at work while
replies take 50 ms on average and up to 8 times as long, as completions do: sum of the replies' times / (64 x wall
time), the end included, where the last replies are waited for.
Cache: see `request_cache.py`.
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
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import httpx

from limo_curation.sampling import SampleRequest
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling.chat import chat_body
from limo_curation.sampling.endpoint import EndpointSampler
from limo_curation.sampling.protocol import StreamingSampler
from limo_curation.store import Store
from measurements.request_cache import Cascade, cached, index_of, requests, resident_mib, resumed, speed, take

SLOTS: Final = 64
PEER_REQUESTS: Final = 2_000
ADAPTIVE_REQUESTS: Final = 200_000


def main() -> None:
    """Print the figures, and with --json one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--index-keys", type=int, default=100_000_000)
    parser.add_argument("--quick", action="store_true", help="20,000 requests, 40,000 cached attempts, 1M keys")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    arguments = parser.parse_args()
    num_requests = 20_000 if arguments.quick else arguments.requests
    num_attempts = 40_000 if arguments.quick else arguments.requests
    num_adaptive = min(num_requests, ADAPTIVE_REQUESTS)
    with echo_server() as url:
        peers = {
            "httpx, threads": speed(lambda: with_threads(url), PEER_REQUESTS),
            "httpx, async": speed(lambda: asyncio.run(with_async_httpx(url)), PEER_REQUESTS),
        }
        ours = {**client(url, num_requests), "busy": busy(url)}
        adaptive = {
            "all at once": speed(lambda: take(endpoint(url), requests(num_adaptive)), num_adaptive),
            "adaptive": speed(lambda: climb(endpoint(url), num_adaptive), num_adaptive),
            "adaptive, through the cache": cached_climb(url, num_adaptive),
        }
    cache = {
        "texts": {**cached(num_attempts), **resumed(num_attempts, keeps="text")},
        "answers": {**cached(num_attempts, keeps="answer"), **resumed(num_attempts, keeps="answer")},
        "answers, log-probabilities": cached(num_attempts, keeps="answer", with_logprobs=True),
        "index": index_of(1_000_000 if arguments.quick else arguments.index_keys),
    }
    named = {f"cache, {name}": one for name, one in cache.items()}
    for name, figures in {"ours": ours, **adaptive, **peers, **named}.items():
        print(f"{name:34}", ", ".join(f"{key} {value:,.4g}" for key, value in figures.items()))
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "ours": {**ours, "adaptive": adaptive, "cache": cache},
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


def client(url: str, num_requests: int) -> dict[str, float]:
    """Return the speed of our client, and its memory after a tenth and half of the requests and at the end."""
    sampler = endpoint(url)
    resident: dict[str, float] = {}

    def run() -> None:
        for number, _ in enumerate(sampler.sample(requests(num_requests)), start=1):
            if number in {num_requests // 10, num_requests // 2, num_requests}:
                resident[f"mib_at_{number}"] = resident_mib()

    return {**speed(run, num_requests), **resident}


def endpoint(url: str) -> EndpointSampler:
    """Return a client of one server."""
    return EndpointSampler({"ada": [url]}, max_concurrency=SLOTS, timeout_seconds=60)


def climb(sampler: StreamingSampler, num_requests: int) -> None:
    """Ask one attempt on each problem after the other, on four times as many problems as there are slots."""
    cascade = Cascade(num_requests, num_open=4 * SLOTS)
    for completion in sampler.stream(cascade):
        cascade.see(completion)


def cached_climb(url: str, num_requests: int) -> dict[str, float]:
    """Return the speed of the same with the request cache between."""
    with tempfile.TemporaryDirectory() as folder:
        sampler = CachedSampler(endpoint(url), Store(folder))
        return speed(lambda: climb(sampler, num_requests), num_requests)


def busy(url: str) -> float:
    """Return the share of the slots that is at work while the replies' times have a long tail."""
    rng = random.Random(0)  # noqa: S311
    times = [0.050 * min(8.0, rng.expovariate(1.0)) for _ in range(80 * SLOTS)]
    asked = [
        SampleRequest("ada", f"wait {seconds:.4f} s", 0.6, 0.95, 4_096, seed=seed, attempt=0)
        for seed, seconds in enumerate(times)
    ]
    began = time.perf_counter()
    list(endpoint(url).sample(asked))
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


if __name__ == "__main__":
    main()
