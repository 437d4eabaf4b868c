"""Parquet, through PyArrow."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import IO, Any

import polars as pl

from limo_curation.readers.batches import (
    Batch,
    Columns,
    PendingBatch,
    UnreadableFileError,
    arrow,
    check_no_duplicates,
    conform,
    digest_of,
    frame_of,
    take_out_bad_bytes,
    wrong_type,
)

arrow_parquet: Any = importlib.import_module("pyarrow.parquet")


def read_parquet(
    stream: IO[bytes], name: str, columns: Columns, *, batch_rows: int, digest: str
) -> Iterator[PendingBatch]:
    """Read Parquet: whole row groups up to `batch_rows` rows, and a larger group in pieces.

    Only the wanted columns are fetched, and nothing but the footer until a batch is loaded.

    Args:
        stream: the open file.
        name: of the file, for messages.
        columns: what to read.
        batch_rows: rows to a batch.
        digest: of the whole file's content.

    Raises:
        pyarrow.ArrowException, OSError: the footer can't be read.
        UnreadableFileError: a wanted column stands twice, or holds no text.
    """
    file = arrow_parquet.ParquetFile(stream)
    names: list[str] = file.schema_arrow.names
    check_no_duplicates(names, columns)
    present = [column for column in columns if column in names]
    for column in present:
        check_type(column, file.schema_arrow.field(column).type, columns[column])
    for groups, first_row, num_rows in batches_of_groups(
        [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)], batch_rows
    ):
        pieces = RowGroups(partial(file.iter_batches, batch_rows, row_groups=groups, columns=present))
        for start in range(0, num_rows, batch_rows):
            stop = min(start + batch_rows, num_rows)
            load = partial(load_piece, pieces, start, stop, name, first_row + start, columns)
            content = digest_of(digest, first_row + start, stop - start)
            yield PendingBatch(name, content, first_row + stop - 1, load)


def batches_of_groups(sizes: Sequence[int], batch_rows: int) -> Iterator[tuple[list[int], int, int]]:
    """Return consecutive row groups that are read together, the number of their first row, and their rows."""
    groups: list[int] = []
    first_row, num_rows = 1, 0
    for group, size in enumerate(sizes):
        if groups and num_rows + size > batch_rows:
            yield groups, first_row, num_rows
            groups, first_row, num_rows = [], first_row + num_rows, 0
        groups.append(group)
        num_rows += size
    if groups:
        yield groups, first_row, num_rows


def check_type(column: str, found: Any, wanted: pl.DataType) -> None:
    """Check that a Parquet column can be read as text, or as a list of texts where that is wanted.

    Raises:
        UnreadableFileError: it can't.
    """
    types = arrow.types
    is_list = types.is_list(found) or types.is_large_list(found) or types.is_fixed_size_list(found)
    inner = found.value_type if is_list else found
    if types.is_nested(inner) or (isinstance(wanted, pl.List) and not is_list and not types.is_null(found)):
        raise UnreadableFileError(wrong_type(column, str(found)))


class RowGroups:
    """Reads some row groups in pieces; pieces that nobody asks for are passed over only if a later one is wanted."""

    def __init__(self, batches: Callable[[], Iterator[Any]]) -> None:
        self._open = batches
        self._batches: Iterator[Any] | None = None
        self._row = 0
        """The first row of the groups that was not handed out."""
        self._ahead: list[Any] = []
        """Batches from that row on."""

    def read(self, start: int, stop: int) -> Any:
        """Return rows [start, stop) as an Arrow table; ranges must ascend."""
        self._take(start - self._row)
        return arrow.Table.from_batches(self._take(stop - start))

    def _take(self, num_rows: int) -> list[Any]:
        if self._batches is None:
            self._batches = self._open()
        self._row += num_rows
        taken: list[Any] = []
        while num_rows > 0:
            batch = self._ahead.pop() if self._ahead else next(self._batches)
            taken.append(batch.slice(0, num_rows))
            if batch.num_rows > num_rows:
                self._ahead.append(batch.slice(num_rows))
            num_rows -= taken[-1].num_rows
        return taken


def load_piece(pieces: RowGroups, start: int, stop: int, name: str, first_row: int, columns: Columns) -> Batch:
    """Read one batch of a Parquet file."""
    numbers = pl.int_range(first_row, first_row + stop - start, dtype=pl.Int64, eager=True).alias("row_number")
    frame, is_whole = frame_of(pieces.read(start, stop))
    # a file may hold none of the wanted columns, and still its rows count
    numbered = frame.insert_column(0, numbers) if frame.width else numbers.to_frame()
    kept, bad = (numbered, []) if is_whole else take_out_bad_bytes(numbered, name)
    return Batch(name, conform(kept, columns), bad)
