"""JSON lines, through Polars."""

from __future__ import annotations

import codecs
import io
import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import IO, TYPE_CHECKING, Final

import polars as pl

from limo_curation.readers.batches import (
    BATCH_BYTES,
    ROW_NUMBER,
    STREAM_ERRORS,
    BadRow,
    Batch,
    Columns,
    PendingBatch,
    UnreadableFileError,
    conform,
    digest_of,
    no_rows,
    number_rows,
    wrong_type,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_LINE_BYTES: Final = 64 << 20  # ours: a longer line is no problem, and reading it whole would break the memory bound
CHUNK_BYTES: Final = 1 << 18  # read at once: so much is lost at most before the place where a file breaks off
SAMPLE_LINES: Final = 100  # looked at for columns that hold lists or objects


def read_json_lines(stream: IO[bytes], name: str, columns: Columns) -> Iterator[PendingBatch]:
    """Read JSON lines; a line that is no JSON object of the asked-for types is reported with its row.

    Raises:
        UnreadableFileError: the file is one JSON array, or a wanted column holds objects.
    """
    buffered = io.BufferedReader(ReadOnly(stream), CHUNK_BYTES)
    first_row, types, error = 1, dict(columns), None
    while error is None:
        data, error = read_block(buffered)
        if first_row == 1:
            data = data.removeprefix(codecs.BOM_UTF8)
            types = types_of_lines(data, columns)
        if data:
            num_lines = data.count(b"\n") + (not data.endswith(b"\n"))
            load = partial(parse_text, data, name, first_row, types, columns)
            # how its columns are read follows from the file's first lines
            content = digest_of(first_row, types, data)
            yield PendingBatch(name, content, first_row + num_lines - 1, load)
            first_row += num_lines
        elif error is None:
            return
    raise error


class ReadOnly(io.RawIOBase):
    """Any stream by its `read` alone: fsspec's files of servers, for one, can't read a line up to a size."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self._stream = stream

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer as far as the stream has bytes."""
        view = memoryview(buffer)
        data = self._stream.read(len(view))
        view[: len(data)] = data
        return len(data)


def read_block(stream: io.BufferedIOBase) -> tuple[bytes, Exception | None]:
    """Read whole lines, and why they end where the file breaks off; what was read before that is not lost."""
    chunks: list[bytes] = []
    size = 0
    try:
        while size < BATCH_BYTES and (chunk := stream.read(min(CHUNK_BYTES, BATCH_BYTES))):
            chunks.append(chunk)
            size += len(chunk)
        if chunks and not chunks[-1].endswith(b"\n"):
            chunks.append(stream.readline(MAX_LINE_BYTES))
            end = chunks[-1]
            while len(end) == MAX_LINE_BYTES and not end.endswith(b"\n"):
                end = stream.readline(MAX_LINE_BYTES)  # not kept: the row is reported by its length
    except STREAM_ERRORS as error:
        return b"".join(chunks), error
    return b"".join(chunks), None


def types_of_lines(data: bytes, columns: Columns) -> dict[str, pl.DataType]:
    """Return how to read each column: a list of texts where one text is wanted is read as a list.

    Raises:
        UnreadableFileError: the file is one JSON array, or a wanted column holds objects.
    """
    lines = data.split(b"\n", SAMPLE_LINES)[:SAMPLE_LINES]
    if lines[0].strip() == b"[" or lines[0].lstrip().startswith(b"[{"):
        raise UnreadableFileError("it is one JSON array; write one object to a line (jq -c '.[]')")
    types = dict(columns)
    try:
        found = pl.read_ndjson(io.BytesIO(b"\n".join(lines[:-1] or lines))).schema
    except pl.exceptions.PolarsError:
        return types  # a broken line among them, which is reported when its batch is parsed
    for column in columns:
        dtype = found.get(column, pl.Null())
        inner = dtype.inner if isinstance(dtype, pl.List) else dtype
        if isinstance(inner, pl.Struct):
            raise UnreadableFileError(wrong_type(column, "objects"))
        if isinstance(columns[column], pl.List) and isinstance(dtype, pl.String):
            raise UnreadableFileError(f"column {column!r} holds texts, not lists; name it as a column of texts")
        if isinstance(dtype, pl.List):
            types[column] = pl.List(pl.String)
    return types


def parse_text(text: bytes, name: str, first_row: int, types: Columns, columns: Columns) -> Batch:
    """Parse whole lines; blank ones are no rows, but they count as lines."""
    num_lines = text.count(b"\n") + (not text.endswith(b"\n"))
    frame = parse_together(text, types)
    if isinstance(frame, pl.DataFrame) and frame.height == num_lines:
        return Batch(name, conform(number_rows(frame, first_row), columns))
    lines: list[tuple[int, bytes]] = []
    bad: list[BadRow] = []
    for row, line in enumerate(io.BytesIO(text).readlines(), first_row):
        if problem := problem_of(line):
            bad.append(bad_row(name, row, problem))
        elif line.strip():
            lines.append((row, line))
    batch = parse_lines(lines, name, types)
    return Batch(name, conform(batch.frame, columns), sorted([*bad, *batch.bad], key=lambda one: one.row or 0))


def problem_of(line: bytes) -> str | None:
    """Return why a line is no JSON object, where that is soon seen: halving costs a millisecond for each bad line."""
    if not line.strip() or len(line) > MAX_LINE_BYTES:
        return None
    try:
        return None if isinstance(json.loads(line), dict) else "no JSON object"
    except RecursionError:
        return None
    except ValueError as error:
        return f"{error}"[:200]


def bad_row(name: str, row: int, problem: str) -> BadRow:
    """Return the record of a line that can't be read."""
    return BadRow(name, row, f"{name}: row {row}: {problem}; mend the line or leave it out")


def parse_lines(lines: Sequence[tuple[int, bytes]], name: str, types: Columns) -> Batch:
    """Parse numbered lines together; where that fails, halve them until the bad lines stand alone."""
    frame = parse_together(b"".join(line for _, line in lines), types)
    if isinstance(frame, pl.DataFrame) and frame.height == len(lines):
        numbers = pl.Series(ROW_NUMBER, [row for row, _ in lines], pl.Int64)
        return Batch(name, frame.insert_column(0, numbers))
    if len(lines) == 1:
        row, line = lines[0]
        problem = "no JSON object" if isinstance(frame, pl.DataFrame) else frame
        if len(line) > MAX_LINE_BYTES:
            problem = f"longer than {MAX_LINE_BYTES:,} bytes"
        return Batch(name, no_rows(types), [bad_row(name, row, problem)])
    middle = len(lines) // 2
    halves = [parse_lines(lines[:middle], name, types), parse_lines(lines[middle:], name, types)]
    return Batch(name, pl.concat([half.frame for half in halves]), [bad for half in halves for bad in half.bad])


def parse_together(text: bytes, types: Columns) -> pl.DataFrame | str:
    """Parse lines, or say why they can't be parsed."""
    try:
        return pl.read_ndjson(io.BytesIO(text), schema=dict(types))
    except pl.exceptions.PolarsError as error:
        return " ".join(str(error).split())[:200]
