"""CSV with a header line, through PyArrow."""

from __future__ import annotations

import codecs
import csv
import importlib
import io
from collections.abc import Callable, Iterator
from typing import IO, Any, Final

import polars as pl

from limo_curation.readers.batches import (
    BATCH_BYTES,
    ROW_NUMBER,
    BadRow,
    Batch,
    Columns,
    PendingBatch,
    arrow,
    check_no_duplicates,
    conform,
    digest_of,
    frame_of,
    no_rows,
    take_out_bad_bytes,
)

arrow_csv: Any = importlib.import_module("pyarrow.csv")

MAX_HEADER_BYTES: Final = 1 << 16  # looked at for columns that stand twice


def read_csv(stream: IO[bytes], name: str, columns: Columns) -> Iterator[PendingBatch]:
    """Read CSV with a header line (which is no row); a row with another number of fields is reported.

    A batch is parsed before its content is known: blocks may be cut in the middle of a quoted text.

    Raises:
        pyarrow.ArrowException: a quote is not closed, or the file is empty.
        UnreadableFileError: a wanted column stands twice.
    """
    head = stream.read(MAX_HEADER_BYTES)
    check_no_duplicates(header_of(head), columns)
    bad: list[BadRow] = []
    bad_numbers: list[int] = []

    def skip_row(row: Any) -> str:
        number = row.number - 1  # PyArrow counts the header
        bad_numbers.append(number)
        message = f"{name}: row {number}: {row.actual_columns} fields, the header has {row.expected_columns}"
        bad.append(BadRow(name, number, f"{message}; quote the text or mend the row"))
        return "skip"

    first_row = 1
    for record_batch in open_csv(Rewound(head, stream), columns, skip_row):
        frame, is_whole = frame_of(arrow.Table.from_batches([record_batch]))
        places = pl.int_range(first_row, first_row + frame.height + len(bad_numbers), dtype=pl.Int64, eager=True)
        numbers = places.filter(~places.is_in(bad_numbers)).head(frame.height).rename(ROW_NUMBER)
        first_row = numbers[-1] + 1 if frame.height else first_row
        numbered = frame.insert_column(0, numbers)
        kept, bad_bytes = (numbered, []) if is_whole else take_out_bad_bytes(numbered, name)
        yield ready(Batch(name, conform(kept, columns), [*bad, *bad_bytes]), first_row - 1)
        bad.clear()
    if bad:
        yield ready(Batch(name, no_rows(columns), list(bad)), first_row - 1)


class Rewound(io.RawIOBase):
    """A stream of which the head was read already, from its beginning."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        super().__init__()
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""
        if not self._head:
            return self._rest.read(size)
        taken = self._head if size < 0 else self._head[:size]
        self._head = self._head[len(taken) :]
        return taken + self._rest.read(size - len(taken) if size >= 0 else -1)


def open_csv(stream: Rewound, columns: Columns, skip_row: Callable[[Any], str]) -> Any:
    """Return PyArrow's reader of blocks, with the wanted columns as bytes: a bad byte costs one row, not the file."""
    return arrow_csv.open_csv(
        stream,
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=BATCH_BYTES),  # a row must fit into a block
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip_row),
        convert_options=arrow_csv.ConvertOptions(
            include_columns=list(columns),
            include_missing_columns=True,
            column_types={column: arrow.binary() for column in columns},
            check_utf8=False,
            strings_can_be_null=True,
            null_values=[""],
            quoted_strings_can_be_null=False,
        ),
    )


def header_of(head: bytes) -> list[str]:
    """Return the column names in the first line of a CSV file."""
    text = head.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    return next(csv.reader(io.StringIO(text, newline="")), list[str]())  # a lone \r ends a line too


def ready(batch: Batch, last_row: int) -> PendingBatch:
    """Return a batch that is read already."""
    rows = io.BytesIO()
    batch.frame.write_ipc(rows)
    return PendingBatch(batch.file, digest_of(rows.getvalue(), batch.bad), last_row, lambda: batch)
