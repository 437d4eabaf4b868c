"""Parquet, through PyArrow."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Final

import polars as pl

from limo_curation.readers.batches import (
    ROW_NUMBER,
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

MAX_BATCH_BYTES: Final = 64 << 20  # of the wanted columns, decoded (ours: long chains would fill the memory)
STREAM_BYTES: Final = 8 << 20  # read at once of each column where row groups are too large to be fetched whole


@dataclass(frozen=True, slots=True)
class Groups:
    """Consecutive row groups that are opened together."""

    numbers: list[int]
    first_row: int
    """1-based, in the file."""
    num_rows: int
    num_bytes: int
    """Of the wanted columns, decoded."""

    def pieces(self, batch_rows: int) -> Iterator[tuple[int, int]]:
        """Return the row ranges, counted from the first of them, that become a batch each."""
        num_pieces = max(1, math.ceil(self.num_bytes / MAX_BATCH_BYTES))
        size = max(1, min(batch_rows, math.ceil(self.num_rows / num_pieces)))
        for start in range(0, self.num_rows, size):
            yield start, min(start + size, self.num_rows)


def read_parquet(
    stream: IO[bytes], name: str, columns: Columns, *, batch_rows: int, digest: str
) -> Iterator[PendingBatch]:
    """Read Parquet: whole row groups up to `batch_rows` rows and `MAX_BATCH_BYTES`, and a larger group in pieces.

    Only the wanted columns are fetched, and nothing but the footer until a batch is loaded. Small groups are fetched
    whole, in few requests; of large ones never more than a window is in memory.

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
    together = list(groups_together(sizes_of_groups(file.metadata, present), batch_rows))
    if any(groups.num_bytes > MAX_BATCH_BYTES for groups in together):
        file = arrow_parquet.ParquetFile(stream, metadata=file.metadata, pre_buffer=False, buffer_size=STREAM_BYTES)
    for groups in together:
        pieces = list(groups.pieces(batch_rows))
        size = pieces[0][1] if pieces else 1
        rows = RowGroups(partial(file.iter_batches, size, row_groups=groups.numbers, columns=present))
        for start, stop in pieces:
            first_row = groups.first_row + start
            load = partial(load_piece, rows, start, stop, name, first_row, columns)
            content = digest_of(digest, first_row, stop - start)
            yield PendingBatch(name, content, groups.first_row + stop - 1, load)


def sizes_of_groups(metadata: Any, columns: Sequence[str]) -> list[tuple[int, int]]:
    """Return of each row group its rows, and the decoded bytes of some columns as the footer tells them."""
    sizes: list[tuple[int, int]] = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = [group.column(place) for place in range(group.num_columns)]
        wanted = [chunk for chunk in chunks if chunk.path_in_schema.split(".")[0] in columns]
        sizes.append((group.num_rows, sum(chunk.total_uncompressed_size for chunk in wanted)))
    return sizes


def groups_together(sizes: Sequence[tuple[int, int]], batch_rows: int) -> Iterator[Groups]:
    """Return the row groups that are opened together, from the rows and bytes of each."""
    numbers: list[int] = []
    first_row, num_rows, num_bytes = 1, 0, 0
    for number, (rows, size) in enumerate(sizes):
        if numbers and (num_rows + rows > batch_rows or num_bytes + size > MAX_BATCH_BYTES):
            yield Groups(numbers, first_row, num_rows, num_bytes)
            numbers, first_row, num_rows, num_bytes = [], first_row + num_rows, 0, 0
        numbers.append(number)
        num_rows += rows
        num_bytes += size
    if numbers:
        yield Groups(numbers, first_row, num_rows, num_bytes)


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
    numbers = pl.int_range(first_row, first_row + stop - start, dtype=pl.Int64, eager=True).alias(ROW_NUMBER)
    frame, is_whole = frame_of(pieces.read(start, stop))
    # a file may hold none of the wanted columns, and still its rows count
    numbered = frame.insert_column(0, numbers) if frame.width else numbers.to_frame()
    kept, bad = (numbered, []) if is_whole else take_out_bad_bytes(numbered, name)
    return Batch(name, conform(kept, columns), bad)
