"""The request cache: completions kept by content, so nothing that was sampled is paid for twice.

    <store>/requests/<revision>/<digest of the file>.parquet     one chunk of completions, written whole

A chunk is the unit that is sampled and recorded. What was recorded is never sampled again, also after the code
changed, on another machine, or for another stage: the strong band's attempts become chains for free where a teacher
samples with the same settings.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import polars as pl

from limo_curation.sampling.protocol import Completion, FinishReason, Sampler, SampleRequest
from limo_curation.store import Store

CACHED: Final = pl.Schema(
    {
        "key": pl.String,
        "text": pl.String,
        "finish_reason": pl.String,
        "num_prompt_tokens": pl.Int64,
        "num_completion_tokens": pl.Int64,
    }
)


class CachedSampler:
    """Answers from the cache what it can, samples the rest, and records it chunk by chunk."""

    def __init__(self, engine: Sampler, store: Store, *, chunk_size: int) -> None:
        self.engine = engine
        self.store = store
        self.chunk_size = chunk_size

    def revision(self, model: str) -> str:
        """Return the engine's revision of a model."""
        return self.engine.revision(model)

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[Completion]:
        """Yield one completion for each request, in order; see `Sampler.sample`."""
        keys = {request: request.key(self.revision(request.model)) for request in requests}
        cached = self._read(keys)
        for start in range(0, len(requests), self.chunk_size):
            chunk = requests[start : start + self.chunk_size]
            missing = [request for request in dict.fromkeys(chunk) if request not in cached]
            for model in dict.fromkeys(request.model for request in missing):
                wanted = [request for request in missing if request.model == model]
                cached |= self._sample_and_record(wanted, keys, self.revision(model))
            yield from (cached[request] for request in chunk)

    def _sample_and_record(
        self, requests: Sequence[SampleRequest], keys: Mapping[SampleRequest, str], revision: str
    ) -> dict[SampleRequest, Completion]:
        completions = list(self.engine.sample(requests))
        rows = [
            (keys[done.request], done.text, done.finish_reason, done.num_prompt_tokens, done.num_completion_tokens)
            for done in completions
        ]
        buffer = io.BytesIO()
        pl.DataFrame(rows, schema=CACHED, orient="row").write_parquet(buffer, compression="zstd")
        self.store.write_bytes(f"requests/{folder_name(revision)}/{chunk_name(buffer.getvalue())}", buffer.getvalue())
        return {done.request: done for done in completions}

    def _read(self, keys: Mapping[SampleRequest, str]) -> dict[SampleRequest, Completion]:
        rows: dict[str, dict[str, Any]] = {}
        wanted = list(keys.values())
        for folder in {folder_name(self.revision(model)) for model in {request.model for request in keys}}:
            for name in self.store.list(f"requests/{folder}"):
                rows |= {row["key"]: row for row in self._read_chunk(folder, name, wanted)}
        return {request: completion_of(request, rows[key]) for request, key in keys.items() if key in rows}

    def _read_chunk(self, folder: str, name: str, wanted: Sequence[str]) -> list[dict[str, Any]]:
        data = self.store.read_bytes(f"requests/{folder}/{name}") if name.endswith(".parquet") else None
        if data is None or name != chunk_name(data):
            return []  # a damaged chunk counts as not sampled; the same completions are written under the same name
        return pl.read_parquet(io.BytesIO(data)).filter(pl.col("key").is_in(wanted)).to_dicts()


def chunk_name(data: bytes) -> str:
    """Return the file name of a chunk, from its bytes: a single flipped bit may leave a readable file, but not this."""
    return f"{hashlib.sha256(data).hexdigest()[:32]}.parquet"


def completion_of(request: SampleRequest, row: Mapping[str, Any]) -> Completion:
    """Return a cached row as the completion of a request."""
    return Completion(
        request=request,
        text=row["text"],
        finish_reason=cast("FinishReason", row["finish_reason"]),
        num_prompt_tokens=row["num_prompt_tokens"],
        num_completion_tokens=row["num_completion_tokens"],
    )


def folder_name(revision: str) -> str:
    """Return a revision as a folder's name; Hub ids hold slashes."""
    return "".join(sign if sign.isalnum() or sign in "-_.@" else "_" for sign in revision)
