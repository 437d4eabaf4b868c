"""Bounded batches of rows, each read only when it is asked for, and what all readers do with columns and texts.

A batch says first what it is made of (`content`), so that whoever has done those rows before need not read them. A row
that can't be read becomes a record that names file and row; a file that can't be read on raises, and `sources.py` puts
that on record.
"""

from __future__ import annotations

import hashlib
import importlib
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import polars as pl

arrow: Any = importlib.import_module("pyarrow")  # PyArrow ships no types, so its modules are taken as Any

BATCH_BYTES: Final = 32 << 20  # JSON lines or CSV that are decoded at a time (ours)
STREAM_ERRORS: Final[tuple[type[Exception], ...]] = (OSError, EOFError, zlib.error, arrow.ArrowException)
ROW_NUMBER: Final = "row_number"
LIST_SEPARATOR: Final = "; "  # a list of words where one text is asked for, such as the domains of a problem

Columns = Mapping[str, pl.DataType]
"""The source's column names that are wanted, and how each is read: String, or List(String)."""


class UnreadableFileError(ValueError):
    """A file's layout is not what its column map says; the message names the column and the fix."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read, or (row None) a file that could not be read on."""

    file: str
    row: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one file with the asked-for columns, `row_number` (1-based, Int64), and what could not be read."""

    file: str
    frame: pl.DataFrame
    bad: list[BadRow] = field(default_factory=list[BadRow])


@dataclass(frozen=True, slots=True)
class PendingBatch:
    """Rows that are read when `load` is called, once, before the next batch is asked for."""

    file: str
    content: str
    """A digest of the bytes that the rows are read from, and of where they stand in the file."""
    last_row: int
    """The number of the last of them in the file."""
    load: Callable[[], Batch]


def digest_of(*parts: object) -> str:
    """Return a short digest of values by their text, and of bytes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else f"{part}".encode())
        digest.update(b"\0")
    return digest.hexdigest()[:32]


def check_no_duplicates(names: Sequence[str], columns: Columns) -> None:
    """Check that each wanted column stands once.

    Raises:
        UnreadableFileError: one stands twice, so that nobody can say which is meant.
    """
    for column, times in Counter(names).items():
        if times > 1 and column in columns:
            raise UnreadableFileError(f"column {column!r} stands {times} times; rename all but one")


def wrong_type(column: str, found: str) -> str:
    """Say that a column holds something that is no text."""
    return f"column {column!r} holds {found}, not text; name another column, or flatten it"


def frame_of(table: Any) -> tuple[pl.DataFrame, bool]:
    """Return an Arrow table as a frame of texts and lists, and whether all bytes in it are UTF-8.

    Arrow does not check what is in a text column, and Polars trusts it, so texts go through bytes.
    """
    fields = [arrow.field(field.name, as_bytes(field.type)) for field in table.schema]
    frame = pl.DataFrame(table.cast(arrow.schema(fields)))
    try:
        return decode(frame), True
    except pl.exceptions.ComputeError:
        return frame, False


def as_bytes(found: Any) -> Any:
    """Return the Arrow type with bytes in place of text."""
    types = arrow.types
    if types.is_dictionary(found):
        found = found.value_type
    if types.is_list(found) or types.is_large_list(found) or types.is_fixed_size_list(found):
        return arrow.list_(as_bytes(found.value_type))
    return (
        arrow.binary()
        if types.is_string(found) or types.is_large_string(found) or types.is_string_view(found)
        else found
    )


def decode(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame with bytes as text.

    Raises:
        ComputeError: some are not UTF-8.
    """
    kinds: dict[pl.DataType, pl.DataType] = {pl.Binary(): pl.String(), pl.List(pl.Binary): pl.List(pl.String)}
    return frame.with_columns(pl.col(name).cast(kinds[dtype]) for name, dtype in frame.schema.items() if dtype in kinds)


def take_out_bad_bytes(frame: pl.DataFrame, name: str) -> tuple[pl.DataFrame, list[BadRow]]:
    """Return the rows whose bytes are UTF-8, decoded, and a record of each other row."""
    bad: list[BadRow] = []
    for row in frame.iter_rows(named=True):
        for column, value in row.items():
            if not is_text(value):
                message = f"{name}: row {row[ROW_NUMBER]}: field {column!r} is not UTF-8; mend the row or leave it out"
                bad.append(BadRow(name, row[ROW_NUMBER], message))
                break
    return decode(frame.filter(~pl.col(ROW_NUMBER).is_in([row.row for row in bad]))), bad


def is_text(value: object) -> bool:
    """Return whether a value holds no bytes that are not UTF-8."""
    try:
        if isinstance(value, bytes):
            value.decode()
        elif isinstance(value, list):
            b" ".join(item for item in cast("list[object]", value) if isinstance(item, bytes)).decode()
    except UnicodeDecodeError:
        return False
    return True


def conform(frame: pl.DataFrame, columns: Columns) -> pl.DataFrame:
    """Return `row_number` and the asked-for columns with their types; one that the file lacks is null."""
    return frame.select(
        ROW_NUMBER,
        *(conform_column(frame.schema.get(name), name, dtype).alias(name) for name, dtype in columns.items()),
    )


def conform_column(found: pl.DataType | None, name: str, wanted: pl.DataType) -> pl.Expr:
    """Return one column as it is wanted: numbers as they are written, a list of words as one text."""
    if found is None:
        return pl.lit(None, wanted)
    if isinstance(found, pl.List) and isinstance(wanted, pl.String):
        return pl.col(name).cast(pl.List(pl.String)).list.join(LIST_SEPARATOR)
    return pl.col(name).cast(wanted, strict=False)


def number_rows(frame: pl.DataFrame, first_row: int) -> pl.DataFrame:
    """Add `row_number`, counted from 1 in the file."""
    return frame.with_row_index(ROW_NUMBER, offset=first_row).with_columns(pl.col(ROW_NUMBER).cast(pl.Int64))


def no_rows(columns: Columns) -> pl.DataFrame:
    """Return a batch's frame without rows."""
    return number_rows(pl.DataFrame(schema=dict(columns)), 1)
