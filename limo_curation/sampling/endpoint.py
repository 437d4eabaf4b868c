"""The endpoint engine: OpenAI-compatible servers (vLLM among them), one or many replicas of each model.

    with 64 slots:   request 1 ████████████            a slot is filled again as soon as it is free, so the servers'
                     request 2 ███ request 65 ████     queues never run empty while requests are left
                     ...

One event loop in a thread of its own holds all connections, for all calls at a time. Requests are taken as slots get
free; completions come back when they are finished (`stream`) or in order (`sample`), and whoever does not take them
slows the engine down instead of filling the memory. A generator that is closed, or left by an error, cancels what is
under way, and leaves no thread and no connection.

An API key is read from LIMO_ENGINE_API_KEY; it stands in a request header and nowhere else, also where a server's
refusal repeats it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from limo_curation.errors import ConfigError, TransientError
from limo_curation.sampling.calls import Call, End, Finished
from limo_curation.sampling.chat import (
    MAX_WORDS,
    TRANSIENT_STATUS,
    Failure,
    chat_body,
    completion_from,
    failure_from,
    refused,
)
from limo_curation.sampling.loop_thread import LoopThread, SharedLoop
from limo_curation.sampling.protocol import Completion, Requests, SampleRequest
from limo_curation.sampling.replicas import FIRST_REST_SECONDS, Replica, api_key, next_replica, replicas_of

logger = logging.getLogger(__name__)

NUM_TRIES: Final = 5
HANG_COST: Final = 3
"""A deadline that passed uses up three tries: after the second one the request has failed, not after hours more."""
PATIENCE_SECONDS: Final = 300.0
"""How long a request waits for a server that asks to wait, or that is started again: vLLM loads 32B in minutes."""
CONNECT_SECONDS: Final = 30.0
KEEP_ALIVE_SECONDS: Final = 4.0
"""Below uvicorn's 5: a connection that the server closes while it is used again costs a try."""
WINDOW_PER_SLOT: Final = 16
"""Requests taken ahead of the oldest one that was not handed out, for each slot. A completion at the token limit is
some 8 times as long as the mean one; the slots beside it must not stand empty while it is written (ours)."""
MAX_REPLY_BYTES: Final = 64 * 2**20
MAX_WORDS_BYTES: Final = 10_000
"""Of a refusal; the rest is not read for what it means."""


@dataclass(frozen=True, slots=True)
class Connections:
    """What lives in the loop: the connections, and the slots that all calls share."""

    session: aiohttp.ClientSession
    slots: asyncio.Semaphore


@dataclass(slots=True)
class Tries:
    """What became of one request so far."""

    began: float
    cost: int = 0
    by_url: Counter[str] = field(default_factory=Counter[str])
    last: str = ""
    waits_since: float | None = None
    """Since when servers only ask to wait, or are gone; a try that came through ends that."""

    def add(self, failure: Failure, url: str, *, now: float) -> None:
        """Count a failed try."""
        self.cost += failure.cost
        self.by_url[url] += 1
        self.last = f"{failure.reason} at {url}"
        self.waits_since = None if failure.cost else self.waits_since or now

    def are_spent(self, *, patience_seconds: float, now: float) -> bool:
        """Return whether the request has failed for good."""
        has_waited = self.waits_since is not None and now - self.waits_since > patience_seconds
        return self.cost >= NUM_TRIES or has_waited


class EndpointSampler:
    """Samples over HTTP."""

    def __init__(
        self,
        urls: Mapping[str, Sequence[str]],
        *,
        max_concurrency: int,
        timeout_seconds: float,
        first_delay_seconds: float = FIRST_REST_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Make a sampler; it connects when it is used.

        Args:
            urls: base URLs of the replicas that serve each model.
            max_concurrency: requests under way at once, over all replicas and all calls.
            timeout_seconds: deadline of one try, from the sending to the last byte.
            first_delay_seconds: how long a replica is left alone after its first failure.
            patience_seconds: how long a request waits for a server that asks to wait or is started again.

        Raises:
            ConfigError: a URL is not one of HTTP.
        """
        self.max_concurrency = max_concurrency
        self.timeout_seconds = timeout_seconds
        self.patience_seconds = patience_seconds
        self.first_delay_seconds = first_delay_seconds
        self._replicas: dict[str, list[Replica]] = {}
        for model, of_model in urls.items():
            self.serve(model, of_model)
        self._warned: set[str] = set()
        self._shared = SharedLoop(self._connect)

    def serve(self, model: str, urls: Sequence[str]) -> None:
        """Send a model's requests to these replicas from now on."""
        self._replicas[model] = replicas_of(urls, api_key=api_key(), first_rest_seconds=self.first_delay_seconds)

    def revision(self, model: str) -> str:
        """Return the model's name; pin a revision in the name that the servers serve it under."""
        return model

    def sample(self, requests: Requests) -> Iterator[Completion]:
        """Yield one completion for each request, in order; see `Sampler.sample`."""
        with self._call(requests) as (thread, call):
            early: dict[int, Completion] = {}
            for finished in call.completions():
                early[finished.place] = finished.completion
                while call.num_handed_out in early:
                    yield early.pop(call.num_handed_out)
                    call.count_handed_out(thread)

    def stream(self, requests: Requests) -> Iterator[Completion]:
        """Yield one completion for each request, as they finish; see `StreamingSampler.stream`."""
        with self._call(requests) as (thread, call):
            for finished in call.completions():
                yield finished.completion
                call.count_handed_out(thread)

    @contextmanager
    def _call(self, requests: Requests) -> Generator[tuple[LoopThread, Call]]:
        with self._shared.use() as (thread, connections):
            call = Call(iter(requests), window=WINDOW_PER_SLOT * self.max_concurrency)
            task = thread.start(self._feed(call, connections))
            try:
                yield thread, call
            finally:
                thread.cancel(task)

    @asynccontextmanager
    async def _connect(self) -> AsyncGenerator[Connections]:
        async with aiohttp.ClientSession(
            # slots bound the connections; cookies would carry one server's state into the next request
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self.timeout_seconds, sock_connect=CONNECT_SECONDS),
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
            auto_decompress=False,  # a small reply must not become a large one
        ) as session:
            yield Connections(session, asyncio.Semaphore(self.max_concurrency))

    async def _feed(self, call: Call, connections: Connections) -> None:
        """Fill free slots with requests until none is left, then wait for the last ones."""
        try:
            async with asyncio.TaskGroup() as group:
                while (taken := await call.take()) is not None:
                    await connections.slots.acquire()
                    group.create_task(self._finish(call, connections, *taken))
        except BaseExceptionGroup as errors:  # what ended the group; its other requests are cancelled by now
            call.results.put(End(errors.exceptions[0]))
        else:
            call.results.put(End(call.failure))

    async def _finish(self, call: Call, connections: Connections, place: int, request: SampleRequest) -> None:
        try:
            if call.failure is None:  # another may have failed while this one waited for its slot
                call.results.put(Finished(place, await self._complete(connections, request)))
        except TransientError as error:
            call.fail(error)
        finally:
            connections.slots.release()

    async def _complete(self, connections: Connections, request: SampleRequest) -> Completion:
        replicas = self._replicas.get(request.model)
        if not replicas:
            raise ConfigError(f"engine.urls names no server of {request.model}; add its base URLs")
        tries = Tries(began=time.monotonic())
        while True:
            replica = next_replica(replicas, tries.by_url, now=time.monotonic())
            if (rest := replica.rests_until - time.monotonic()) > 0:
                await asyncio.sleep(rest)
                continue  # another one may have become the better choice
            began = time.monotonic()
            reply = await self._try(connections, replica, request)
            if isinstance(reply, Completion):
                replica.note_answer()
                return reply
            now = time.monotonic()
            replica.note_failure(reply, began=began, now=now)
            tries.add(reply, replica.url, now=now)
            if tries.are_spent(patience_seconds=self.patience_seconds, now=now):
                num_tries, seconds = tries.by_url.total(), now - tries.began
                raise TransientError(
                    f"{request.model}: {num_tries} tries in {seconds:.0f} s failed, the last with {tries.last}; "
                    "is the server up?"
                )

    async def _try(self, connections: Connections, replica: Replica, request: SampleRequest) -> Completion | Failure:
        """Ask one replica once."""
        replica.owed_tokens += request.max_tokens
        try:
            async with connections.session.post(
                f"{replica.url}/chat/completions",
                data=chat_body(request),
                headers=replica.headers,
                proxy=replica.proxy,
                allow_redirects=False,  # the key is for this server only
            ) as response:
                return await self._read(response, replica, request)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            # a server that has worked is being started again: it is waited for
            return Failure(type(error).__name__, cost=0 if replica.has_answered else 1)
        except TimeoutError:
            return Failure(f"no whole reply within {self.timeout_seconds:g} s", cost=HANG_COST)
        except (aiohttp.ClientError, OSError) as error:
            return Failure(type(error).__name__)
        finally:
            replica.owed_tokens -= request.max_tokens

    async def _read(
        self, response: aiohttp.ClientResponse, replica: Replica, request: SampleRequest
    ) -> Completion | Failure:
        if response.status in TRANSIENT_STATUS:
            return failure_from(response.status, response.headers.get("Retry-After"), now=time.time())
        data = bytearray()
        async for chunk in response.content.iter_any():
            data += chunk
            if len(data) > MAX_REPLY_BYTES:
                return Failure(f"a reply of more than {MAX_REPLY_BYTES >> 20} MiB")
        if response.status == 200:
            return completion_from(request, bytes(data))
        words = replica.without_secrets(data[:MAX_WORDS_BYTES].decode(errors="replace"))
        overflowed = refused(request, response.status, words, url=replica.url)
        self._warn_of_overflow(request, words)
        return overflowed

    def _warn_of_overflow(self, request: SampleRequest, words: str) -> None:
        if request.model not in self._warned:  # the ledger counts the others
            self._warned.add(request.model)
            told = words[:MAX_WORDS]
            logger.warning("%s: a prompt leaves no room in the context and counts as cut off: %s", request.model, told)
