"""Digests of tables: the same for the same rows in any order and any number of parts, on any machine.

A row's two 64-bit hashes are added up over the rows, so the digest of a table is the sum of its parts' digests.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import polars_hash as plh


def frame_digest(frame: pl.DataFrame) -> str:
    """Return a digest of a frame's rows that does not depend on their order: 32 hex digits.

    Two 64-bit hashes of each row are added up, so digests of parts can be added too (`add_digests`).
    """
    if frame.height == 0:
        return "0" * 32
    row = pl.struct(pl.all()).struct.json_encode().alias("row")
    rows = frame.select(row)
    hashes = rows.select(plh.col("row").nchash.wyhash().alias("left"), plh.col("row").nchash.xxh3_64().alias("right"))
    return f"{column_sum(hashes['left']):016x}{column_sum(hashes['right']):016x}"


def id_digest(ids: pl.Series) -> int:
    """Return a sum of 64-bit hashes of ids, the same for the same multiset of ids in any order or number of parts."""
    present = ids.rename("id").drop_nulls().to_frame()
    return column_sum(present.select(plh.col("id").nchash.wyhash()).to_series())


def add_digests(digests: Sequence[str]) -> str:
    """Return the digest of all rows of several frames from the digests of each."""
    left = sum(int(digest[:16], 16) for digest in digests) % 2**64
    right = sum(int(digest[16:], 16) for digest in digests) % 2**64
    return f"{left:016x}{right:016x}"


def column_sum(hashes: pl.Series) -> int:
    """Add up unsigned 64-bit numbers modulo 2**64, in halves, since a plain sum may overflow."""
    high = int((hashes // 2**32).sum())
    low = int((hashes % 2**32).sum())
    return ((high << 32) + low) % 2**64
