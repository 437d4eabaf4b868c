"""Digests of tables: the same for the same rows in any order and any number of parts, on any machine.

Each value is hashed to 64 bits by an algorithm that is fixed for good (Polars' own `hash` may change between versions),
a row is a mix of its values and of the columns they stand in, and a table is the sum of its rows, so the digest of a
table is the sum of its parts' digests. All of that twice, with unlike hashes, for 128 bits.

For telling changed data from unchanged, not for keeping out an adversary: a part's bytes have a SHA-256 beside.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import polars_hash as plh

Hashes = npt.NDArray[np.uint64]

ROWS_AT_A_TIME: Final = 1 << 17  # the hashes of so many rows stay small, and so does the memory for them
# the steps of splitmix64 (Steele, Lea and Flood 2014), whose every output bit depends on every input bit
SHIFTS: Final = (np.uint64(30), np.uint64(27), np.uint64(31))
MULTIPLIERS: Final = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
NAN: Final = 0x7FF8000000000000  # one of the many bit patterns for it


def frame_digest(frame: pl.DataFrame) -> str:
    """Return a digest of a frame's rows, 32 hex digits; neither the order of rows nor that of columns counts.

    A null is no value: it differs from "" and 0, and adds nothing, so that columns of nulls cost nothing.
    """
    left = right = 0
    for rows in frame.iter_slices(ROWS_AT_A_TIME):
        hashes = hash_columns(rows)
        left += digest_of_rows(hashes, side="left", num_rows=rows.height)
        right += digest_of_rows(hashes, side="right", num_rows=rows.height)
    return f"{left % 2**64:016x}{right % 2**64:016x}"


def id_digest(ids: pl.Series) -> int:
    """Return a sum of 64-bit hashes of ids, the same for the same multiset of ids in any order or number of parts."""
    present = ids.rename("id").drop_nulls().to_frame()
    return wrapping_sum(present.select(plh.col("id").nchash.xxh3_64()).to_series().to_numpy())


def add_digests(digests: Sequence[str]) -> str:
    """Return the digest of all rows of several frames from the digests of each."""
    left = sum(int(digest[:16], 16) for digest in digests) % 2**64
    right = sum(int(digest[16:], 16) for digest in digests) % 2**64
    return f"{left:016x}{right:016x}"


# -- values, rows, tables ----------------------------------------------------------------------------------------------


def hash_columns(rows: pl.DataFrame) -> dict[str, tuple[Hashes, Hashes]]:
    """Return both hashes of every value, by column; 0 for a null, and columns without a value are left out."""
    columns = [column for column in rows.iter_columns() if column.null_count() < rows.height]
    numbers = {column.name: number_bits(column) for column in columns if is_number(column.dtype)}
    texts = [as_text(column) for column in columns if column.name not in numbers]
    frame = pl.DataFrame(texts)
    # one query, so that the columns are hashed side by side
    hashed = frame.select(
        *(plh.col(name).nchash.wyhash().fill_null(0).name.prefix("left:") for name in frame.columns),
        *(plh.col(name).nchash.xxh3_64().fill_null(0).name.prefix("right:") for name in frame.columns),
    )
    both = {
        text.name: (hashed[f"left:{text.name}"].to_numpy(), hashed[f"right:{text.name}"].to_numpy()) for text in texts
    }
    for name, bits in numbers.items():
        present = rows[name].is_not_null().to_numpy()
        mixed = mix(bits)
        both[name] = mixed * present, mix(mixed + MULTIPLIERS[0]) * present
    return both


def digest_of_rows(hashes: dict[str, tuple[Hashes, Hashes]], *, side: str, num_rows: int) -> int:
    """Return the sum over the rows of one of their two hashes."""
    row: Hashes = np.full(num_rows, MULTIPLIERS[1])
    for name, both in hashes.items():
        row += both[side == "right"] * column_factor(side, name)
    return wrapping_sum(mix(row))


@functools.cache
def column_factor(side: str, name: str) -> np.uint64:
    """Return an odd number for a column, by which equal values in different columns come to differ."""
    return np.uint64(int.from_bytes(hashlib.sha256(f"{side}:{name}".encode()).digest()[:8], "little") | 1)


def is_number(dtype: pl.DataType) -> bool:
    """Return whether values fit into 64 bits, which then stand for them."""
    is_wide = isinstance(dtype, pl.Int128 | pl.UInt128)
    return dtype == pl.Boolean or dtype.is_float() or (dtype.is_integer() and not is_wide)


def number_bits(column: pl.Series) -> Hashes:
    """Return numbers as 64 bits each: whole numbers by their two's complement, others as IEEE doubles."""
    if column.dtype.is_float():
        bits: Any = column.cast(pl.Float64).fill_null(0.0).to_numpy().view(np.uint64)
        return np.where(column.is_nan().fill_null(False).to_numpy(), np.uint64(NAN), bits)
    if column.dtype == pl.UInt64:
        return column.fill_null(0).to_numpy()
    return column.cast(pl.Int64).fill_null(0).to_numpy().view(np.uint64)


def as_text(column: pl.Series) -> pl.Series:
    """Return texts as they are, and anything else (lists, structs, dates) as JSON."""
    if column.dtype == pl.String:
        return column
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    if column.dtype == pl.Binary:
        return column.bin.encode("hex")
    encoded = column.to_frame("value").select(pl.struct("value").struct.json_encode()).to_series()
    return encoded.rename(column.name).zip_with(column.is_not_null(), pl.Series([None], dtype=pl.String))


def mix(values: Hashes) -> Hashes:
    """Return a bijection of 64-bit numbers that leaves nothing of their order or pattern."""
    mixed = (values ^ (values >> SHIFTS[0])) * MULTIPLIERS[0]
    mixed = (mixed ^ (mixed >> SHIFTS[1])) * MULTIPLIERS[1]
    return mixed ^ (mixed >> SHIFTS[2])


def wrapping_sum(hashes: Hashes) -> int:
    """Add up 64-bit numbers modulo 2**64."""
    return int(hashes.sum(dtype=np.uint64))
