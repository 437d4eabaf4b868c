"""What deduplication leaves for its next run: which rows have the same numbers, and what was decided about them.

    before    part A | part B | part C        now    part A | part C | part D

Only rows with the same numbers are compared, so a decision stands until a row with those numbers comes or goes. Here
these are the rows of B and D: what was decided about rows of A and C with other numbers is taken over as it is, and no
text of theirs is read. The result is that of a run without an index, byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl

from limo_curation.deduplication.matching import Indices
from limo_curation.folding import Hashes
from limo_curation.stage import InputPart
from limo_curation.store import json_digest

DECIDED: Final = pl.Schema(
    {"row": pl.Int64, "duplicate_of": pl.Int64, "jaccard": pl.Float64, "relation": pl.UInt8, "evidence": pl.String}
)
GONE: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a pool before it is read."""

    numbers: Mapping[int, Hashes]
    """Fingerprints of the numbers of each row, by the place of the part that the rows are in."""
    gone: Hashes
    """Fingerprints of the rows that were there and are not any more."""
    decisions: pl.DataFrame
    """Columns as in `DECIDED`, rows as they are numbered now, in order."""
    capped: Indices
    """Rows that had more candidates than they were compared with."""


NOTHING_KNOWN: Final = Known({}, np.empty(0, np.uint64), pl.DataFrame(schema=DECIDED), np.empty(0, np.int64))


def known_of(parts: Sequence[InputPart], index: Mapping[str, pl.DataFrame]) -> Known:
    """Return what an index tells of a pool.

    Args:
        parts: of the pool.
        index: from `index_of`; empty where there is none.
    """
    if not index:
        return NOTHING_KNOWN
    before = index["parts"]
    places = shared_places(before["part"].to_list(), [json_digest(part.content) for part in parts])
    if any(left[1] > right[1] for left, right in pairwise(places)):
        # of rows that are equally good the first one is kept, so another order gives other decisions
        return NOTHING_KNOWN
    starts = np.cumsum([0, *before["rows"]])
    numbers = index["numbers"]["numbers"].to_numpy()
    shifts = np.full(before.height, GONE)
    known: dict[int, Hashes] = {}
    for old, new in places:
        known[new] = numbers[starts[old] : starts[old + 1]]
        shifts[old] = parts[new].start - starts[old]
    gone = [numbers[starts[old] : starts[old + 1]] for old in np.flatnonzero(shifts == GONE)]
    rows = renumbered(index["decisions"]["row"].to_numpy(), starts, shifts)
    decisions = index["decisions"].with_columns(
        row=pl.Series(rows, dtype=pl.Int64),
        duplicate_of=pl.Series(renumbered(index["decisions"]["duplicate_of"].to_numpy(), starts, shifts)),
    )
    capped = renumbered(index["capped"]["row"].to_numpy(), starts, shifts)
    return Known(
        known,
        np.concatenate([NOTHING_KNOWN.gone, *gone]),
        decisions.filter(pl.Series(rows != GONE)),
        capped[capped != GONE],
    )


def shared_places(before: Sequence[str], now: Sequence[str]) -> list[tuple[int, int]]:
    """Return the places of each part that is in both pools, in the order of the first; a name may occur repeatedly."""
    places: dict[str, list[int]] = {}
    for place in reversed(range(len(now))):
        places.setdefault(now[place], []).append(place)
    return [(old, places[name].pop()) for old, name in enumerate(before) if places.get(name)]


def renumbered(rows: Indices, starts: Indices, shifts: Indices) -> Indices:
    """Return where rows stand now; `GONE` for those whose part is gone."""
    shift = shifts[np.searchsorted(starts, rows, side="right") - 1] if len(rows) else rows
    return np.where(shift == GONE, GONE, rows + shift)


def index_of(
    parts: Sequence[InputPart], *, numbers: Hashes, decisions: pl.DataFrame, capped: Indices
) -> dict[str, pl.DataFrame]:
    """Return the index of a pool.

    Args:
        parts: of the pool.
        numbers: fingerprint of the numbers of each row.
        decisions: columns as in `DECIDED`.
        capped: rows that had more candidates than they were compared with.
    """
    return {
        "parts": pl.DataFrame(
            {"part": [json_digest(part.content) for part in parts], "rows": [part.rows for part in parts]},
            schema={"part": pl.String, "rows": pl.Int64},
        ),
        "numbers": pl.DataFrame({"numbers": numbers}, schema={"numbers": pl.UInt64}),
        "decisions": decisions,
        "capped": pl.DataFrame({"row": capped}, schema={"row": pl.Int64}),
    }


def untouched(known: Known, numbers: Hashes, touched: Hashes) -> tuple[pl.DataFrame, Indices]:
    """Return the decisions and the capped rows that stand: those of rows whose numbers are not among `touched`."""
    rows = known.decisions["row"].to_numpy()
    stands = pl.Series(~occurs(numbers[rows], touched), dtype=pl.Boolean)
    return known.decisions.filter(stands), known.capped[~occurs(numbers[known.capped], touched)]


def occurs(values: Hashes, among: Hashes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which values are in a sorted array."""
    if not len(among):
        return np.zeros(len(values), np.bool_)
    places = np.minimum(np.searchsorted(among, values), len(among) - 1)
    return among[places] == values
