"""The files that a source names: where they are, what their content is, and what in them can't be read.

Files are opened by fsspec, so a path may be local, `s3://`, or `hf://datasets/OWNER/NAME@REVISION/FILE`
(huggingface_hub's file system, which fetches the ranges that are read and nothing twice). A broken row or file becomes
a record, never an exception; a server that refuses is an exception, since the file may be whole.
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import IO, Any, Final, cast

import aiohttp  # the HTTP library of fsspec
import fsspec.core
import httpx2  # huggingface_hub's own HTTP library
import polars as pl

from limo_curation.errors import ConfigError, TableError, TransientError
from limo_curation.files import without_credentials
from limo_curation.readers.batches import (
    STREAM_ERRORS,
    BadRow,
    Batch,
    Columns,
    PendingBatch,
    UnreadableFileError,
    arrow,
    digest_of,
    no_rows,
)
from limo_curation.readers.comma_separated import read_csv
from limo_curation.readers.json_lines import read_json_lines
from limo_curation.readers.parquet import read_parquet
from limo_curation.source_config import Source

SERVER_ERRORS: Final[tuple[type[Exception], ...]] = (OSError, httpx2.TransportError, aiohttp.ClientError)
READ_ERRORS: Final[tuple[type[Exception], ...]] = (
    *SERVER_ERRORS,
    *STREAM_ERRORS,
    UnreadableFileError,
    pl.exceptions.PolarsError,
)
DOWN: Final = (ConnectionError, TimeoutError, httpx2.TransportError, aiohttp.ClientConnectionError)
RETRIED_STATUS: Final = (408, 429, 500, 502, 503, 504)
ENDINGS: Final = {"parquet": "parquet", "jsonl": "jsonl", "json": "jsonl", "ndjson": "jsonl", "csv": "csv"}


def list_files(source: Source) -> tuple[Any, list[str]]:
    """Return the file system of a source and its files, sorted (a folder that a pattern meets stands among them).

    Raises:
        TableError: there is no such file, or a server refuses. Mend the path; retrying does not help.
        TransientError: a server does not answer.
    """
    location, shown = source.location(), without_credentials(source.location())
    try:
        fs, path = cast("tuple[Any, str]", fsspec.core.url_to_fs(location))  # pyright: ignore[reportUnknownMemberType]
        has_pattern = any(sign in path for sign in "*?[")
        files: list[str] = sorted(fs.glob(path)) if has_pattern else [path]
        kind = "file" if has_pattern else kind_of(fs, path)
    except (ImportError, ValueError) as error:
        raise ConfigError(
            f"source {source.name!r}: {shown} can't be opened: {without_credentials(str(error))}"
        ) from None
    except SERVER_ERRORS as error:
        raise_if_refused(error, f"source {source.name!r}: {location}: {error}")
        raise
    if kind == "directory":
        raise TableError(f"source {source.name!r}: no file {shown}, but a folder; write {shown.rstrip('/')}/*")
    if not files or kind is None:
        raise TableError(f"source {source.name!r}: no file {shown}; mend the path or fetch the file")
    return fs, files


def kind_of(fs: Any, path: str) -> str | None:
    """Return "file", "directory", or None where there is neither.

    Raises:
        OSError: a server does not tell.
    """
    try:
        return fs.info(path)["type"]
    except FileNotFoundError as error:  # fsspec calls a server that refuses or is down so too
        if status_of(error) in (None, 404) and not isinstance(error.__cause__, DOWN):
            return None
        raise


def file_digests(source: Source) -> dict[str, str]:
    """Return a digest of the content of each file of a source, by place and name.

    Local files are read (SHA-256); the Hub tells the digest that it keeps; any other server answers with its file
    system's own version key.

    Raises:
        TransientError, TableError: a server, or the file system, did not hand a file out.
    """
    fs, files = list_files(source)
    try:
        return {file_label(index, path): file_digest(fs, path) for index, path in enumerate(files)}
    except SERVER_ERRORS as error:
        raise_if_refused(error, f"source {source.name!r}: {error}")
        raise


def file_label(index: int, path: str) -> str:
    """Return what a file of a source is called among its digests: two folders may hold files of one name."""
    return f"{index:05d}/{base_name(path)}"


def base_name(path: str) -> str:
    """Return a file's name without its folders."""
    return without_credentials(path).rstrip("/").rsplit("/", 1)[-1]


def file_digest(fs: Any, path: str) -> str:
    """Return a digest of one file's content, without fetching a file that is not here."""
    if "file" not in fs.protocol:
        info: dict[str, Any] = fs.info(path)
        large_file = cast("dict[str, str]", info.get("lfs") or {})
        # fsspec takes what stands at an HTTP address for unchanging; its server knows better
        version = info.get("ETag") or info.get("Last-Modified") or fs.ukey(path)
        return str(large_file.get("sha256") or info.get("blob_id") or version)
    if kind_of(fs, path) == "directory":
        return "folder"
    with fs.open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_source(source: Source, columns: Columns, *, batch_rows: int) -> Iterator[Batch]:
    """Read all files of a source; as `pending_batches`, each batch at once."""
    for pending in pending_batches(source, columns, batch_rows=batch_rows):
        yield pending.load()


def pending_batches(
    source: Source, columns: Columns, *, batch_rows: int, digests: Mapping[str, str] | None = None
) -> Iterator[PendingBatch]:
    """Go through all files of a source.

    Args:
        source: where the files are.
        columns: the source's column names that are wanted, and the type each is read as.
        batch_rows: rows to a batch (JSON lines and CSV: `BATCH_BYTES` instead).
        digests: of `file_digests`, so that they are not computed again.

    Yields:
        Batches in file and row order. A file that breaks off ends with a batch whose `bad` names file and row.

    Raises:
        TransientError, TableError: a server did not hand a file out.
    """
    fs, files = list_files(source)
    for index, path in enumerate(files):
        digest = (digests or {}).get(file_label(index, path)) or file_digest(fs, path)
        yield from batches_of_file(fs, path, source, columns, batch_rows=batch_rows, digest=digest)


def batches_of_file(
    fs: Any, path: str, source: Source, columns: Columns, *, batch_rows: int, digest: str
) -> Iterator[PendingBatch]:
    """Go through one file; where it can't be read on, the last batch is a record of that.

    Raises:
        TransientError, TableError: a server did not hand the file out.
    """
    name, last_row = base_name(path), 0

    def load(pending: PendingBatch, row_before: int) -> Batch:
        try:
            return pending.load()
        except READ_ERRORS as error:  # other batches of the file may be whole
            return Batch(name, no_rows(columns), [unreadable(error, source, name, row_before)])

    try:
        info: dict[str, Any] = fs.info(path)
        if info["type"] == "directory":
            raise UnreadableFileError("it is a folder; name the files in it")
        if info["size"] == 0:
            raise UnreadableFileError("it is empty; fetch or write it again")
        with fs.open(path, "rb") as raw:
            for pending in read_file(raw, name, source, columns, batch_rows=batch_rows, digest=digest):
                yield replace(pending, load=partial(load, pending, last_row))
                last_row = pending.last_row
    except READ_ERRORS as error:
        record = unreadable(error, source, name, last_row)
        yield PendingBatch(name, digest_of(digest, record), last_row, lambda: Batch(name, no_rows(columns), [record]))


def unreadable(error: Exception, source: Source, name: str, last_row: int) -> BadRow:
    """Return the record of a file that can't be read on after a row.

    Raises:
        TransientError, TableError: it is the server that did not hand it out.
    """
    reason = without_credentials(" ".join(str(error).split()))[:300]
    raise_if_refused(error, f"source {source.name!r}: {name}: {reason}")
    if isinstance(error, UnreadableFileError):
        return BadRow(name, None, f"{name}: {reason}")
    message = f"{name}: unreadable after row {last_row} ({reason}); fetch or write the file again"
    return BadRow(name, None, message)


def raise_if_refused(error: Exception, message: str) -> None:
    """Raise where a server did not hand a file out: the file may be whole, so nothing of it may be called dropped.

    Raises:
        TransientError: the server is overloaded or down. Retrying may help.
        TableError: the server refuses. Retrying does not help.
    """
    message = without_credentials(message)
    status = status_of(error)
    if status in RETRIED_STATUS or isinstance(error, DOWN) or isinstance(error.__cause__, DOWN):
        raise TransientError(message) from None
    if status is not None or isinstance(error, PermissionError):
        raise TableError(f"{message}; mend the path or the access token") from None


def status_of(error: BaseException | None) -> int | None:
    """Return the HTTP status that an error, or the one that it comes from, tells."""
    if error is None:
        return None
    response_status = getattr(getattr(error, "response", None), "status_code", None)
    return response_status or getattr(error, "status", None) or status_of(error.__cause__)


def read_file(
    raw: IO[bytes], name: str, source: Source, columns: Columns, *, batch_rows: int, digest: str
) -> Iterator[PendingBatch]:
    """Read one open file by its format.

    Raises:
        OSError, EOFError, pyarrow.ArrowException, PolarsError, UnreadableFileError: the file can't be read on.
        ConfigError: the ending says no known format. Name it in the source's `format`.
    """
    endings = name.lower().split(".")
    stream: IO[bytes] = raw
    if endings[-1] in ("zst", "zstd"):
        # zstandard's own reader takes a file that was cut off for a whole one
        stream = io.BufferedReader(arrow.CompressedInputStream(raw, "zstd"), 1 << 20)
    elif endings[-1] == "gz":
        stream = cast("IO[bytes]", io.BufferedReader(gzip.GzipFile(fileobj=raw), 1 << 20))
    inner = endings[-2] if endings[-1] in ("zst", "zstd", "gz") and len(endings) > 1 else endings[-1]
    file_format = source.format or ENDINGS.get(inner)
    if file_format == "jsonl":
        yield from read_json_lines(stream, name, columns)
    elif file_format == "parquet":
        yield from read_parquet(stream, name, columns, batch_rows=batch_rows, digest=digest)
    elif file_format == "csv":
        yield from read_csv(stream, name, columns)
    else:
        raise ConfigError(f"source {source.name!r}: the ending of {name} says no format; set format")
