"""The request cache: completions kept by content, so nothing that was sampled is paid for twice.

    <store>/requests/<revision>/<digest of the file>.parquet     a chunk of completions (`chunks.py`)
    <store>/requests/<revision>/index/<digest>.index             where each key stands (`chunk_index.py`)

What was recorded is never sampled again, also after the code changed, on another machine, or for another stage: the
strong band's attempts become chains for free where a teacher samples with the same settings. Completions are recorded
as they finish, every few seconds (`recorder.py`): a worker that is killed loses those of the last seconds and what was
under way. Where only the verdict on an attempt counts, its final answer is kept and handed out instead of its text.

    caller ──requests──▶ look up, some thousand at a time ──missing──▶ queue ──as slots get free──▶ engine
       ▲                        │ found                                                               │
       └────────────────────────┴──────────◀── recorded, and handed out ◀─────────────────────────────┘

A caller whose next request depends on completions says None (`protocol.Requests`). It is asked again when all that was
ready is handed out: so a resumed cascade of 1,000 problems is looked up in rounds, not request by request.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from itertools import islice
from typing import Final

from limo_curation.errors import StageError
from limo_curation.sampling.chunk_index import ChunkIndex
from limo_curation.sampling.chunks import Cached, answer_key
from limo_curation.sampling.protocol import (
    Completion,
    Requests,
    Sampler,
    SampleRequest,
    as_they_finish,
    held_back_for_ever,
)
from limo_curation.sampling.recorder import CHUNK_ROWS, RECORD_SECONDS, Recorder
from limo_curation.store import Store

LOOK_UP_ROWS: Final = 4_096
"""Requests that are looked up together, at most (ours, as the next one)."""
MAX_QUEUED: Final = 16_384
"""Missing requests that may wait for the engine before the caller is asked for more: more than an engine has slots."""


class CachedSampler:
    """Answers from the cache what it can, samples the rest, and records it as it comes. Threads may share it.

    A request that is repeated within a call is sampled once. Calls that run side by side may each sample it.
    """

    def __init__(
        self, engine: Sampler, store: Store, *, chunk_size: int = CHUNK_ROWS, record_seconds: float = RECORD_SECONDS
    ) -> None:
        """Put a cache above an engine.

        Args:
            engine: who samples what is not in the cache.
            store: where the cache is.
            chunk_size: completions that are written into one file, at most.
            record_seconds: how long a completion may wait for others to be recorded with.
        """
        self.engine = engine
        self.store = store
        self.chunk_size = chunk_size
        self.record_seconds = record_seconds
        self._indices: dict[str, ChunkIndex] = {}

    def revision(self, model: str) -> str:
        """Return the engine's revision of a model."""
        return self.engine.revision(model)

    def sample(self, requests: Requests) -> Iterator[Completion]:
        """Yield one completion for each request, in order; see `Sampler.sample`.

        Raises:
            ConfigError: the disk is full.
        """
        early: dict[int, Completion] = {}
        next_place = 0
        call = CachedCall(self, iter(requests))
        with closing(call.answers()) as answers:
            for place, completion in answers:
                early[place] = completion
                while next_place in early:
                    yield early.pop(next_place)
                    next_place += 1
                    call.may_ask = True

    def stream(self, requests: Requests) -> Iterator[Completion]:
        """Yield one completion for each request, as they finish, cached ones first; see `StreamingSampler.stream`.

        Raises:
            ConfigError: the disk is full.
        """
        call = CachedCall(self, iter(requests))
        with closing(call.answers()) as answers:
            for _, completion in answers:
                yield completion
                call.may_ask = True

    def index(self, folder: str) -> ChunkIndex:
        """Return what this process knows of a folder of chunks."""
        return self._indices.setdefault(folder, ChunkIndex(self.store, folder))


class CachedCall:
    """One call: what it asked, what the engine still owes, and what can be handed out."""

    def __init__(self, sampler: CachedSampler, requests: Iterator[SampleRequest | None]) -> None:
        self.may_ask = True
        """Whether the caller may have something to ask: it was handed a completion since it said that it has not."""
        self._sampler = sampler
        self._requests = requests
        self._is_over = False
        self._num_asked = 0
        self._ready: deque[tuple[int, Completion]] = deque()
        self._queue: deque[SampleRequest] = deque()  # the engine takes from it, maybe in another thread
        self._waiting: dict[bytes, list[tuple[int, SampleRequest]]] = {}  # by key; the first one is sent for all
        self._keys: dict[SampleRequest, bytes] = {}  # of those that were sent
        self._revisions: dict[str, str] = {}
        self._recorders: dict[str, Recorder] = {}
        self._stack = ExitStack()

    def answers(self) -> Generator[tuple[int, Completion]]:
        """Yield completions as they are there, each with its request's place in the call."""
        with self._stack:  # writes what came in, however this ends
            engine = as_they_finish(self._sampler.engine, self._missing())
            try:
                while True:
                    self._take()
                    if self._ready:
                        while self._ready:
                            yield self._ready.popleft()
                    elif not self._waiting:
                        if not self._is_over:
                            raise held_back_for_ever()
                        return
                    elif (completion := next(engine, None)) is not None:
                        self._receive(completion)
                    elif self._queue:  # it had nothing to do for a while, since all was in the cache
                        engine = as_they_finish(self._sampler.engine, self._missing())
                    else:
                        raise StageError(f"the engine has left {len(self._waiting)} requests without a completion")
            finally:
                engine.close()

    def _take(self) -> None:
        """Ask the caller and look up what it asks, until something is ready, or enough is missing."""
        while self.may_ask and not self._is_over and not self._ready and len(self._queue) < MAX_QUEUED:
            asked: list[SampleRequest] = []
            is_last = False
            for request in islice(self._requests, LOOK_UP_ROWS):
                if request is None:
                    self.may_ask = False
                    break
                asked.append(request)
            else:
                is_last = len(asked) < LOOK_UP_ROWS
            self._look_up(asked)
            self._is_over = is_last  # not before: the engine would take it that nothing more comes

    def _look_up(self, asked: list[SampleRequest]) -> None:
        by_folder: dict[str, list[tuple[bytes, int, SampleRequest]]] = {}
        for place, request in enumerate(asked, start=self._num_asked):
            revision = self._revision(request.model)
            key = bytes.fromhex(request.key(revision))
            by_folder.setdefault(folder_name(revision), []).append((key, place, request))
        self._num_asked += len(asked)
        for folder, rows in by_folder.items():
            answer_keys = {answer_key(key) for key, _, request in rows if request.keeps == "answer"}
            found = self._recorder(folder).find({key for key, _, _ in rows} | answer_keys)
            for key, place, request in rows:
                cached = found.get(answer_key(key) if request.keeps == "answer" else key)
                if cached is None and (whole := found.get(key)) is not None:
                    cached = whole.answer_only()
                if cached is not None:
                    self._ready.append((place, cached.answer_to(request)))
                elif key in self._waiting:
                    self._waiting[key].append((place, request))
                else:
                    self._keys[request] = key
                    self._queue.append(request)  # before it counts as waiting: the engine is not to wait for it
                    self._waiting[key] = [(place, request)]

    def _missing(self) -> Iterator[SampleRequest | None]:
        """Yield what the engine is to be asked; None while the caller may still ask more."""
        while self._queue or (self._waiting and not self._is_over):
            yield self._queue.popleft() if self._queue else None

    def _receive(self, completion: Completion) -> None:
        key = self._keys.pop(completion.request)
        answered = self._waiting.pop(key)
        keeps = {request.keeps for _, request in answered}
        whole = Cached.of(completion)
        short = whole.answer_only() if "answer" in keeps else whole
        for place, request in answered:
            self._ready.append((place, (short if request.keeps == "answer" else whole).answer_to(request)))
        if completion.is_overflow:
            return  # it says nothing about the model: a server with a longer context would answer
        recorder = self._recorder(folder_name(self._revision(completion.request.model)))
        if "text" in keeps:
            recorder.add(key, whole)
        else:
            recorder.add(answer_key(key), short)

    def _revision(self, model: str) -> str:
        if model not in self._revisions:
            self._revisions[model] = self._sampler.revision(model)
        return self._revisions[model]

    def _recorder(self, folder: str) -> Recorder:
        if folder not in self._recorders:
            sampler = self._sampler
            recorder = Recorder(sampler.index(f"requests/{folder}"), sampler.chunk_size, sampler.record_seconds)
            self._recorders[folder] = self._stack.enter_context(recorder)
        return self._recorders[folder]


def folder_name(revision: str) -> str:
    """Return a revision as a folder's name; Hub ids hold slashes."""
    return "".join(sign if sign.isalnum() or sign in "-_.@" else "_" for sign in revision)
