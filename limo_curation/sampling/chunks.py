r"""Chunks of the request cache: completions of one revision, some thousand to a file, as zstd Parquet.

    key (16 bytes)   text                     finish_reason   num_prompt_tokens   num_completion_tokens   mean_logprob
    73bf6645...      "2 + 2 is \boxed{4}."       stop            11                  7                       null

A chunk is named for its bytes, so two runs can write into one folder without a lock, and a file that was damaged is
known by its name: what it held counts as not sampled.

Of an attempt that is only graded (`SampleRequest.keeps`) the text is cut down to its final answer, "\boxed{4}", and
stands under a key of its own (`answer_key`): so it never answers a request for the text.
"""

from __future__ import annotations

import errno
import hashlib
import importlib
import io
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.answers import extract_answer
from limo_curation.errors import ConfigError
from limo_curation.files import Files, without_credentials
from limo_curation.sampling.protocol import Completion, FinishReason, SampleRequest

Prefixes = npt.NDArray[np.uint64]

CHUNK: Final = pl.Schema(
    {
        "key": pl.Binary,
        "text": pl.String,
        "finish_reason": pl.String,
        "num_prompt_tokens": pl.UInt32,
        "num_completion_tokens": pl.UInt32,
        "mean_logprob": pl.Float64,
    }
)
ZSTD_LEVEL: Final = 6
"""Smaller by a seventh than level 3 on real chains; next to sampling, its CPU time is nothing (ours)."""
SUFFIX: Final = ".parquet"
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Cached:
    """A completion without its request."""

    text: str
    finish_reason: str
    num_prompt_tokens: int
    num_completion_tokens: int
    mean_logprob: float | None

    @staticmethod
    def of(completion: Completion) -> Cached:
        """Return what is kept of a completion."""
        return Cached(
            completion.text,
            completion.finish_reason,
            completion.num_prompt_tokens,
            completion.num_completion_tokens,
            completion.mean_logprob,
        )

    def answer_only(self) -> Cached:
        """Return this with no more of its text than the final answer."""
        return replace(self, text=answer_text(self.text))

    def answer_to(self, request: SampleRequest) -> Completion:
        """Return this as the completion of a request."""
        return Completion(
            request,
            self.text,
            cast("FinishReason", self.finish_reason),
            self.num_prompt_tokens,
            self.num_completion_tokens,
            self.mean_logprob,
        )


def answer_text(text: str) -> str:
    """Return a short text with the same final answer, or the text itself where none is known that has it."""
    answer = extract_answer(text)
    boxed = "" if answer is None else rf"\boxed{{{answer}}}"
    return boxed if extract_answer(boxed) == answer else text


def answer_key(key: bytes) -> bytes:
    """Return the key under which the answer alone is kept: the last bit is turned.

    Both keys begin alike, so the index finds both in one place.
    """
    return key[:-1] + bytes([key[-1] ^ 1])


@dataclass(frozen=True, slots=True)
class Written:
    """A chunk that was written."""

    name: str
    num_bytes: int
    prefixes: Prefixes


def chunk_frame(rows: Sequence[tuple[bytes, Cached]]) -> pl.DataFrame:
    """Return completions with their keys as a chunk's table."""
    values = [
        (key, one.text, one.finish_reason, one.num_prompt_tokens, one.num_completion_tokens, one.mean_logprob)
        for key, one in rows
    ]
    return pl.DataFrame(values, schema=CHUNK, orient="row")


def write_chunk(files: Files, folder: str, frame: pl.DataFrame) -> Written:
    """Write a chunk into a folder, whole or not at all.

    Raises:
        ConfigError: the disk is full. Chunks that were written stay; free some space and run again.
    """
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=ZSTD_LEVEL, statistics=False)
    data = buffer.getvalue()
    name = chunk_name(data)
    write_file(files, f"{folder}/{name}", data)
    return Written(name, len(data), prefixes_of(frame["key"].to_list()))


def write_file(files: Files, path: str, data: bytes) -> None:
    """Write a file of the cache.

    Raises:
        ConfigError: the disk is full.
    """
    try:
        files.write_bytes(path, data)
    except OSError as error:
        if error.errno not in FULL:
            raise
        remove_unfinished(files, path)
        shown = without_credentials(files.url)
        raise ConfigError(
            f"the store at {shown} is full: {len(data):,} bytes of completions could not be recorded. "
            "What was recorded before is kept; free some space there and run again"
        ) from error


def read_chunk(files: Files, folder: str, name: str, wanted: Collection[bytes]) -> dict[bytes, Cached] | None:
    """Return those of the wanted completions that a chunk holds; None where it is gone or damaged."""
    is_wanted = pl.col("key").is_in(pl.Series(list(wanted), dtype=pl.Binary).implode())
    frame = chunk_rows(files, folder, name, where=is_wanted)
    return None if frame is None else {row[0]: Cached(*row[1:]) for row in frame.iter_rows()}


def chunk_rows(files: Files, folder: str, name: str, *, where: pl.Expr) -> pl.DataFrame | None:
    """Return the rows of a chunk for which something holds; None where the chunk is gone or damaged."""
    data = files.read_bytes(f"{folder}/{name}")
    if data is None or name != chunk_name(data):  # a single flipped bit may leave a readable file, but not this name
        return None
    try:
        # a scan unpacks the texts of those rows only
        return pl.scan_parquet(io.BytesIO(data)).match_to_schema(CHUNK).filter(where).collect()
    except pl.exceptions.PolarsError:  # a whole file, but no chunk
        return None


def read_prefixes(files: Files, folder: str, name: str) -> tuple[Prefixes, int] | None:
    """Return the prefixes of a chunk's keys and its size in bytes; None where it is gone or unreadable.

    Reads the keys alone and checks no digest: whatever they say, a completion is taken from a whole chunk only.
    """
    arrow: Any = importlib.import_module("pyarrow")  # Polars reads a remote file whole
    parquet: Any = importlib.import_module("pyarrow.parquet")
    try:
        with files.fs.open(f"{files.root}/{folder}/{name}", "rb") as file:
            keys: list[Any] = parquet.ParquetFile(file).read(columns=["key"])["key"].to_pylist()
            size = int(file.seek(0, io.SEEK_END))
    except (FileNotFoundError, KeyError, arrow.ArrowException):
        return None
    except OSError as error:
        if error.errno is not None:  # a server that is down must not make us pay for what it holds
            raise
        return None  # Arrow's word for a footer that it can't read
    return (prefixes_of(keys), size) if all(isinstance(key, bytes) for key in keys) else None


def prefixes_of(keys: Iterable[bytes]) -> Prefixes:
    """Return the first 8 bytes of each key as a number, which orders as the keys do."""
    joined = b"".join(key[:8].ljust(8, b"\0") for key in keys)
    return np.frombuffer(joined, dtype=">u8").astype(np.uint64)


def chunk_name(data: bytes) -> str:
    """Return the file name of a chunk, from its bytes."""
    return f"{hashlib.sha256(data).hexdigest()[:32]}{SUFFIX}"


def remove_unfinished(files: Files, path: str) -> None:
    """Delete what a write that failed has left beside a file: it would keep the disk full."""
    folder, _, name = path.rpartition("/")
    for left in files.list(folder):
        if left.startswith(f"{name}.") and left.endswith(".tmp"):
            files.remove(f"{folder}/{left}")
