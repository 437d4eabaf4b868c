"""The request cache: completions kept by content, so nothing that was sampled is paid for twice.

    <store>/requests/<revision>/<digest of the file>.parquet     a chunk of completions (`chunks.py`)
    <store>/requests/<revision>/index/<digest>.index             where each key stands (`chunk_index.py`)

What was recorded is never sampled again, also after the code changed, on another machine, or for another stage: the
strong band's attempts become chains for free where a teacher samples with the same settings. Completions are recorded
as they finish, every few seconds: a worker that is killed loses those of the last seconds and what was under way.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Final, Self

from limo_curation.sampling.chunk_index import ChunkIndex
from limo_curation.sampling.chunks import Cached, chunk_frame
from limo_curation.sampling.protocol import Completion, Sampler, SampleRequest, as_they_finish
from limo_curation.store import Store

CHUNK_ROWS: Final = 4_096
MAX_CHUNK_CHARACTERS: Final = 2**25
RECORD_SECONDS: Final = 5.0


class CachedSampler:
    """Answers from the cache what it can, samples the rest, and records it as it comes."""

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

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[Completion]:
        """Yield one completion for each request, in order; see `Sampler.sample`.

        All requests are taken first, and looked up together.
        """
        asked = list(requests)
        revisions = {model: self.revision(model) for model in dict.fromkeys(request.model for request in asked)}
        keys = [bytes.fromhex(request.key(revisions[request.model])) for request in asked]
        folders = {model: f"requests/{folder_name(revision)}" for model, revision in revisions.items()}
        found: dict[bytes, Cached] = {}
        for folder in dict.fromkeys(folders.values()):
            of_folder = {key for key, one in zip(keys, asked, strict=True) if folders[one.model] == folder}
            found |= self._index(folder).find(of_folder)
        missing = {key: request for key, request in zip(keys, asked, strict=True) if key not in found}
        with contextlib.closing(self._sample_and_record(missing, folders)) as sampled:
            for key, request in zip(keys, asked, strict=True):
                while key not in found:
                    new_key, completion = next(sampled)
                    found[new_key] = Cached.of(completion)
                yield found[key].answer_to(request)

    def _sample_and_record(
        self, missing: Mapping[bytes, SampleRequest], folders: Mapping[str, str]
    ) -> Generator[tuple[bytes, Completion]]:
        key_of = {request: key for key, request in missing.items()}
        with contextlib.ExitStack() as stack:
            recorders = {
                folder: stack.enter_context(Recorder(self._index(folder), self.chunk_size, self.record_seconds))
                for folder in dict.fromkeys(folders.values())
            }
            engine = stack.enter_context(contextlib.closing(as_they_finish(self.engine, key_of)))
            for completion in engine:
                key = key_of[completion.request]
                recorders[folders[completion.request.model]].add(key, completion)
                yield key, completion

    def _index(self, folder: str) -> ChunkIndex:
        return self._indices.setdefault(folder, ChunkIndex(self.store, folder))


class Recorder:
    """Writes completions into a folder while they come; what is left is written at the end, however it ends."""

    def __init__(self, index: ChunkIndex, chunk_size: int, record_seconds: float) -> None:
        self._index = index
        self._chunk_size = chunk_size
        self._record_seconds = record_seconds
        self._rows: list[tuple[bytes, Cached]] = []
        self._num_characters = 0
        self._last_write = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._write()

    def add(self, key: bytes, completion: Completion) -> None:
        """Take a completion, and write what has come so far if it is enough or has waited for long.

        Raises:
            ConfigError: the disk is full.
        """
        if completion.is_overflow:
            return  # it says nothing about the model: a server with a longer context would answer
        self._rows.append((key, Cached.of(completion)))
        self._num_characters += len(completion.text)
        is_late = time.monotonic() - self._last_write >= self._record_seconds
        if is_late or len(self._rows) >= self._chunk_size or self._num_characters >= MAX_CHUNK_CHARACTERS:
            self._write()

    def _write(self) -> None:
        self._last_write = time.monotonic()
        if self._rows:
            self._index.record(chunk_frame(self._rows))  # on a full disk they are kept, and tried once more at the end
            self._rows, self._num_characters = [], 0


def folder_name(revision: str) -> str:
    """Return a revision as a folder's name; Hub ids hold slashes."""
    return "".join(sign if sign.isalnum() or sign in "-_.@" else "_" for sign in revision)
