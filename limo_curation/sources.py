"""Read the files that a source names, in bounded batches; a broken row or file becomes a record, never an exception.

One format, one reader: Parquet and CSV through PyArrow, JSON lines through Polars. Files are opened by fsspec, so a
path may be local, `s3://`, or `hf://datasets/OWNER/NAME@REVISION/FILE` (huggingface_hub's file system).
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import importlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Final, cast

import fsspec.core
import polars as pl

from limo_curation.errors import ConfigError, TableError, TransientError
from limo_curation.source_config import Source

# PyArrow ships no types, so its modules are taken as Any
arrow: Any = importlib.import_module("pyarrow")
arrow_csv: Any = importlib.import_module("pyarrow.csv")
arrow_parquet: Any = importlib.import_module("pyarrow.parquet")

BATCH_BYTES: Final = 32 << 20  # JSON lines that are decoded at a time (ours)
READ_ERRORS: Final[tuple[type[Exception], ...]] = (
    OSError,
    EOFError,
    arrow.ArrowException,
    pl.exceptions.PolarsError,
)
RETRIED_STATUS: Final = (408, 429, 500, 502, 503, 504)
ENDINGS: Final = {"parquet": "parquet", "jsonl": "jsonl", "json": "jsonl", "ndjson": "jsonl", "csv": "csv"}


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


def list_files(source: Source) -> tuple[Any, list[str]]:
    """Return the file system of a source and its files, sorted.

    Raises:
        TableError: there is no such file. Mend the path; retrying does not help.
    """
    location = source.location()
    try:
        fs, path = cast("tuple[Any, str]", fsspec.core.url_to_fs(location))  # pyright: ignore[reportUnknownMemberType]
        files: list[str] = sorted(fs.glob(path)) if any(sign in path for sign in "*?[") else [path]
        absent = [file for file in files if not fs.isfile(file)]
    except (ImportError, ValueError) as error:
        raise ConfigError(f"source {source.name!r}: {location} can't be opened: {error}") from None
    if not files or absent:
        raise TableError(f"source {source.name!r}: no file {location}; mend the path or fetch the file")
    return fs, files


def file_digests(source: Source) -> dict[str, str]:
    """Return a digest of the content of each file of a source, by file name.

    Local files are read (SHA-256); a remote one answers with its file system's own version key.
    """
    fs, files = list_files(source)
    digests: dict[str, str] = {}
    for index, path in enumerate(files):
        name = f"{index:05d}/{path.rsplit('/', 1)[-1]}"
        if "file" in fs.protocol:
            with fs.open(path, "rb") as file:
                digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
        else:
            digests[name] = str(fs.ukey(path))
    return digests


def read_source(source: Source, columns: Mapping[str, pl.DataType], *, batch_rows: int) -> Iterator[Batch]:
    """Read all files of a source.

    Args:
        source: where the files are.
        columns: the source's column names that are wanted, and the type each is read as.
        batch_rows: rows to a batch (JSON lines: `BATCH_BYTES` instead).

    Yields:
        Batches in file and row order. A file that breaks off ends with a batch whose `bad` names file and row.

    Raises:
        TransientError, TableError: a server did not hand a file out.
    """
    fs, files = list_files(source)
    for path in files:
        name = path.rsplit("/", 1)[-1]
        rows_read = 0
        try:
            with fs.open(path, "rb") as raw:
                for batch in read_file(raw, name, source, columns, batch_rows=batch_rows):
                    rows_read += batch.frame.height + len(batch.bad)
                    yield batch
        except READ_ERRORS as error:
            reason = " ".join(str(error).split())[:300]
            raise_if_refused(error, f"source {source.name!r}: {name}: {reason}")
            message = f"{name}: unreadable after row {rows_read} ({reason}); fetch or write the file again"
            yield Batch(name, no_rows(columns), [BadRow(name, None, message)])


def raise_if_refused(error: Exception, message: str) -> None:
    """Raise where a server did not hand a file out: the file may be whole, so nothing of it may be called dropped.

    Raises:
        TransientError: the server is overloaded or down. Retrying may help.
        TableError: the server refuses. Retrying does not help.
    """
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in RETRIED_STATUS or isinstance(error, (ConnectionError, TimeoutError)):
        raise TransientError(message) from None
    if status is not None:
        raise TableError(f"{message}; mend the path or the access token") from None


def read_file(
    raw: IO[bytes], name: str, source: Source, columns: Mapping[str, pl.DataType], *, batch_rows: int
) -> Iterator[Batch]:
    """Read one open file by its format.

    Raises:
        OSError, EOFError, pyarrow.ArrowException, PolarsError: the file breaks off.
        ConfigError: the ending says no known format. Name it in the source's `format`.
    """
    endings = name.lower().split(".")
    stream: IO[bytes] = raw
    if endings[-1] in ("zst", "zstd"):
        # zstandard's own reader takes a file that was cut off for a whole one
        stream = io.BufferedReader(arrow.CompressedInputStream(raw, "zstd"), 1 << 20)
    elif endings[-1] == "gz":
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
    inner = endings[-2] if endings[-1] in ("zst", "zstd", "gz") and len(endings) > 1 else endings[-1]
    file_format = source.format or ENDINGS.get(inner)
    if file_format == "jsonl":
        yield from read_json_lines(stream, name, columns)
    elif file_format == "parquet":
        yield from read_parquet(stream, name, columns, batch_rows=batch_rows)
    elif file_format == "csv":
        yield from read_csv(stream, name, columns)
    else:
        raise ConfigError(f"source {source.name!r}: the ending of {name} says no format; set format")


def read_json_lines(stream: IO[bytes], name: str, columns: Mapping[str, pl.DataType]) -> Iterator[Batch]:
    """Read JSON lines; a line that is no JSON object of the asked-for types is reported with its row."""
    first_row = 1
    while lines := stream.readlines(BATCH_BYTES):
        if first_row == 1:
            lines[0] = lines[0].removeprefix(codecs.BOM_UTF8)
        batch = parse_lines(lines, name, first_row, columns)
        first_row += len(lines)
        yield batch


def parse_lines(lines: list[bytes], name: str, first_row: int, columns: Mapping[str, pl.DataType]) -> Batch:
    """Parse lines together; where that fails, halve them until the bad lines stand alone."""
    schema = pl.Schema(dict(columns))
    try:
        frame = pl.read_ndjson(io.BytesIO(b"".join(lines)), schema=schema)
    except pl.exceptions.PolarsError as error:
        frame, problem = None, " ".join(str(error).split())[:200]
    else:
        problem = "no JSON object"
    if frame is not None and frame.height == len(lines):
        return Batch(name, number_rows(frame, first_row))
    if len(lines) == 1:
        if not lines[0].strip():
            return Batch(name, no_rows(columns))
        message = f"{name}: row {first_row}: {problem}; mend the line or leave it out"
        return Batch(name, no_rows(columns), [BadRow(name, first_row, message)])
    middle = len(lines) // 2
    halves = [
        parse_lines(lines[:middle], name, first_row, columns),
        parse_lines(lines[middle:], name, first_row + middle, columns),
    ]
    return Batch(name, pl.concat([half.frame for half in halves]), [bad for half in halves for bad in half.bad])


def read_parquet(
    stream: IO[bytes], name: str, columns: Mapping[str, pl.DataType], *, batch_rows: int
) -> Iterator[Batch]:
    """Read Parquet, a row group's batch at a time."""
    file = arrow_parquet.ParquetFile(stream)
    present = [column for column in columns if column in file.schema_arrow.names]
    first_row = 1
    for record_batch in file.iter_batches(batch_size=batch_rows, columns=present):
        frame = pl.DataFrame(arrow.Table.from_batches([record_batch]))
        yield Batch(name, number_rows(conform(frame, columns), first_row))
        first_row += record_batch.num_rows


def read_csv(stream: IO[bytes], name: str, columns: Mapping[str, pl.DataType]) -> Iterator[Batch]:
    """Read CSV with a header line (which is no row); a row with another number of fields is reported."""
    bad: list[BadRow] = []
    bad_numbers: list[int] = []

    def skip_row(row: Any) -> str:
        number = row.number - 1  # PyArrow counts the header
        bad_numbers.append(number)
        message = f"{name}: row {number}: {row.actual_columns} fields, the header has {row.expected_columns}"
        bad.append(BadRow(name, number, f"{message}; quote the text or mend the row"))
        return "skip"

    reader = arrow_csv.open_csv(
        stream,
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=BATCH_BYTES),  # a row must fit into a block
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip_row),
        convert_options=arrow_csv.ConvertOptions(
            column_types={column: arrow.string() for column in columns},
            strings_can_be_null=True,
            null_values=[""],
            quoted_strings_can_be_null=False,
        ),
    )
    first_row = 1
    for record_batch in reader:
        frame = conform(pl.DataFrame(arrow.Table.from_batches([record_batch])), columns)
        places = pl.int_range(first_row, first_row + frame.height + len(bad_numbers), dtype=pl.Int64, eager=True)
        numbers = places.filter(~places.is_in(bad_numbers)).head(frame.height).rename("row_number")
        yield Batch(name, frame.insert_column(0, numbers), list(bad))
        first_row = numbers[-1] + 1 if frame.height else first_row
        bad.clear()
    if bad:
        yield Batch(name, no_rows(columns), list(bad))


def conform(frame: pl.DataFrame, columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return the asked-for columns with their types; one that the file lacks, or a value that does not fit, is null."""
    return frame.select(
        pl.col(name).cast(dtype, strict=False) if name in frame.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in columns.items()
    )


def number_rows(frame: pl.DataFrame, first_row: int) -> pl.DataFrame:
    """Add `row_number`, counted from 1 in the file."""
    return frame.with_row_index("row_number", offset=first_row).with_columns(pl.col("row_number").cast(pl.Int64))


def no_rows(columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return a batch's frame without rows."""
    return number_rows(pl.DataFrame(schema=dict(columns)), 1)
