"""Files that people write: labelled chains, by which judges are measured, and decisions about contested chains.

JSON lines or CSV, one row for each chain. Columns that are not asked for are left alone, so the list of contested
chains that a run writes is, filled in, the file of decisions that the next run reads. Every fault is told with file,
row and field.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, cast

import polars as pl
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from limo_curation.errors import ConfigError, TableError

MAX_FILE_BYTES: Final = 256 << 20  # ours: no one writes more by hand, and the file is read whole
MAX_FAULTS_TOLD: Final = 5

Text = Annotated[str, StringConstraints(strip_whitespace=True)]
Name = Annotated[Text, Field(min_length=1)]
EmptyIsNone = BeforeValidator(lambda value: (value.strip() or None) if isinstance(value, str) else value)  # as in a CSV


class HandWrittenRow(BaseModel):
    """A row of a file; other columns than its own are not looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Row = TypeVar("Row", bound=HandWrittenRow)


class LabelledChain(HandWrittenRow):
    """A chain whose level a person has set."""

    chain_id: Name
    question: Name
    chain: Annotated[str, Field(min_length=1)]
    level: Literal["L1", "L2", "L3", "L4", "L5"]
    teacher: Annotated[Text | None, EmptyIsNone] = None
    """Who wrote the chain, called as the run file calls its models; by it a judge's own chains are known."""


class Decision(HandWrittenRow):
    """What a person has decided of a chain: keep it as it is graded, drop it, or give it another level."""

    chain_id: Name
    decision: Annotated[Literal["keep", "drop", "L1", "L2", "L3", "L4", "L5"] | None, EmptyIsNone]
    """None: not decided yet, the row is passed over."""
    reviewer: Annotated[Text | None, EmptyIsNone] = None
    note: Annotated[Text | None, EmptyIsNone] = None


DECISIONS: Final = pl.Schema({"chain_id": pl.String, "decision": pl.String, "reviewer": pl.String, "note": pl.String})


def read_labelled(path: str) -> pl.DataFrame:
    """Read labelled chains: `chain_id, question, chain, level, teacher`.

    Raises:
        ConfigError: there is no such file.
        TableError: it can't be read, holds no row, or a chain twice; the message names file, row and field.
    """
    rows = [row.model_dump() for _, row in read_rows(path, LabelledChain)]
    table = pl.DataFrame(rows, schema=dict.fromkeys(LabelledChain.model_fields, pl.String))
    twice = table.filter(pl.col("chain_id").is_duplicated())
    if table.is_empty() or twice.height:
        found = f"chain_id {twice['chain_id'][0]!r} stands there twice" if twice.height else "no row"
        raise TableError(f"{path}: {found}; one row for each labelled chain is needed")
    return table


def read_decisions(path: str | None) -> pl.DataFrame:
    """Read what people have decided: `chain_id, decision, reviewer, note`, one row for each chain; no file is no row.

    Raises:
        ConfigError: there is no such file.
        TableError: it can't be read, or decides on a chain in two ways; the message names file, row and field.
    """
    decided: dict[str, tuple[int, Decision]] = {}
    for number, row in read_rows(path, Decision) if path is not None else ():
        if row.decision is None:
            continue
        earlier, first = decided.setdefault(row.chain_id, (number, row))
        if first.decision != row.decision:
            raise TableError(
                f"{path}: row {number}: decision: {row.decision!r} for chain {row.chain_id!r}, for which row {earlier} "
                f"says {first.decision!r}; leave one of the two"
            )
    return pl.DataFrame([row.model_dump() for _, row in decided.values()], schema=DECISIONS)


def content_of(path: str) -> str:
    """Return the SHA-256 of a file that a person has written, for the key of the stage that reads it.

    Raises:
        ConfigError, TableError: it can't be read.
    """
    return hashlib.sha256(read_bytes(path)).hexdigest()


def read_rows(path: str, row_type: type[Row]) -> Iterator[tuple[int, Row]]:
    """Yield the rows of a file with their numbers, from 1; the header of a CSV and blank lines are none.

    Raises:
        ConfigError: there is no such file.
        TableError: some rows are not as they should be; the message tells the first ones, by file, row and field.
    """
    faults: list[str] = []
    for number, fields in raw_rows(path):
        try:
            row = row_type.model_validate(fields)
        except ValidationError as error:
            faults += [f"row {number}: {fault}" for fault in faults_of(error)]
        else:
            yield number, row
    if faults:
        more = f" and {len(faults) - MAX_FAULTS_TOLD} more" if len(faults) > MAX_FAULTS_TOLD else ""
        raise TableError(f"{path}: {'; '.join(faults[:MAX_FAULTS_TOLD])}{more}; mend them or leave the rows out")


def raw_rows(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the fields of each row with its number.

    Raises:
        ConfigError: there is no such file.
        TableError: it is too large, not UTF-8, no JSON lines, or no CSV.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: byte {error.start} is no UTF-8; save it as UTF-8") from None
    ending = Path(path).suffix.lower()
    if ending == ".csv":
        yield from comma_separated(path, text)
    elif ending == ".jsonl":
        yield from json_lines(path, text)
    else:
        raise TableError(f"{path}: its name ends in neither .jsonl nor .csv; rename it to what it is")


def json_lines(path: str, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of JSON lines; a row's number is its line's."""
    for number, line in enumerate(text.split("\n"), 1):  # a reason may hold other ends of lines
        if not line.strip():
            continue
        try:
            fields: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise TableError(f"{path}: row {number}: no JSON: {error}; mend the line or leave it out") from None
        if not isinstance(fields, dict):
            raise TableError(f"{path}: row {number}: {type(fields).__name__}, not an object; mend the line")
        yield number, cast("dict[str, Any]", fields)


def comma_separated(path: str, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a CSV; the header has no number."""
    csv.field_size_limit(MAX_FILE_BYTES)  # of this process; the default is shorter than a long chain
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    number = 0
    try:
        for number, fields in enumerate(reader, 1):
            if None in fields or None in fields.values():
                raise TableError(f"{path}: row {number}: not as many fields as the header has; quote commas")
            yield number, fields
    except csv.Error as error:
        raise TableError(f"{path}: behind row {number}: {error}; save it as CSV anew") from None


def read_bytes(path: str) -> bytes:
    """Return a file's bytes.

    Raises:
        ConfigError: there is no such file.
        TableError: it is too large.
    """
    file = Path(path)
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise TableError(f"{path}: {file.stat().st_size:,} bytes, {MAX_FILE_BYTES:,} at the most are read")
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} can't be read ({error.strerror}); mend the path in the run file") from None


def faults_of(error: ValidationError) -> list[str]:
    """Return each fault of a row as `field: what is wrong`."""
    return [
        f"{'.'.join(str(part) for part in item['loc']) or 'row'}: {item['msg'].removeprefix('Value error, ')}"
        for item in error.errors()
    ]
