"""Find the duplicates of a pool of any size: fold and partition batch by batch, then decide partition by partition.

Duplicates have the same numbers, so a pool is partitioned by the fingerprint of the numbers and each partition is
decided alone: whatever order batches, threads and partitions come in, the decisions are the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from limo_curation.compiled import compiled
from limo_curation.deduplication.index import occurs
from limo_curation.deduplication.matching import KEPT, Choices, Indices, choose_representatives, sort_groups
from limo_curation.deduplication.similarity import Pool
from limo_curation.deduplication.spilling import RECORD, Records, Spill
from limo_curation.folding import Bytes, Hashes, Offsets, Room, Texts, fold
from limo_curation.numerals import number_fingerprints
from limo_curation.progress import Progress
from limo_curation.threads import run_all

ROWS_PER_PARTITION: Final = 150_000  # ours: about 40 MB of folded text
MAX_PARTITIONS: Final = 1_024
NO_HASHES: Final = np.empty(0, np.uint64)
DECISIONS: Final = pl.Schema({"row": pl.Int64, "duplicate_of": pl.Int64, "jaccard": pl.Float64, "relation": pl.UInt8})


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of the pool: their texts, and what decides which of two duplicates is kept."""

    rows: Indices
    texts: Texts
    rank: Hashes
    """Lower is rather kept."""
    names: Hashes
    """First 16 bytes of each id, big-endian, shape (rows, 2): they decide between rows of one rank."""


@dataclass(frozen=True, slots=True)
class PoolPart:
    """Rows [start, stop) of the pool, and how they are read."""

    start: int
    stop: int
    load: Callable[[Indices | None], Batch]
    """Reads all rows, or those at some places within the part; called on several threads."""
    numbers: Hashes | None = None
    """Fingerprints of the rows' numbers where they are known, together with what was decided about the rows."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the result."""

    ngram_size: int
    threshold: float
    num_bands: int
    rows_per_band: int
    same_numbers: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """The decisions on the rows that were looked at, and what it took."""

    decisions: pl.DataFrame
    """`row, duplicate_of, jaccard, relation` of each duplicate, by row."""
    numbers: Hashes
    """Fingerprint of the numbers of every row of the pool."""
    touched: Hashes
    """Fingerprints of the rows that were looked at, sorted."""
    capped: Indices
    """Rows that had more candidates than they were compared with."""
    num_compared: int


class Rooms(threading.local):
    """A room for each thread."""

    def __init__(self) -> None:
        self.mine = Room()


def find_duplicates(
    parts: Sequence[PoolPart],
    *,
    settings: Settings,
    num_partitions: int,
    num_threads: int | None,
    max_bytes: int,
    progress: Progress,
    gone: Hashes = NO_HASHES,
) -> Found:
    """Decide which rows of a pool duplicate which kept row.

    Of parts whose numbers are known, only rows are looked at with which a row of another part, or one that is gone,
    shares the numbers: what was decided about the others stands.

    Args:
        parts: of the pool, in order.
        settings: what similar means.
        num_partitions: a power of two, from `partitions_for`.
        num_threads: parts or partitions that are worked on at the same time; None: one for each core.
        max_bytes: of folded text in memory; beyond them it is kept in files.
        progress: told of each row as it is folded and as it is compared.
        gone: fingerprints of rows that are not in the pool any more.
    """
    rooms = Rooms()
    with Spill(num_partitions, max_bytes=max_bytes) as spill:
        folded = fold_pool(parts, gone, spill, settings, rooms, num_threads=num_threads, progress=progress)

        def decide(index: int) -> Decisions:
            records, texts = spill.take(index, rooms.mine)
            found = decide_partition(records, texts, settings)
            progress.advance(len(records))
            return found

        sizes = spill.sizes()
        progress.start(folded.num_rows, step="comparing")
        largest_first = sorted(range(num_partitions), key=lambda index: -sizes[index])
        found = run_all(decide, largest_first, num_threads=num_threads)
    return Found(
        pl.concat([part.frame for part in found]).sort("row"),
        folded.numbers,
        folded.touched,
        np.sort(np.concatenate([part.capped for part in found])),
        sum(part.num_compared for part in found),
    )


class Folded(NamedTuple):
    """What is known of a pool once it is in its partitions."""

    numbers: Hashes
    touched: Hashes
    num_rows: int
    """In the partitions."""


def fold_pool(
    parts: Sequence[PoolPart],
    gone: Hashes,
    spill: Spill,
    settings: Settings,
    rooms: Rooms,
    *,
    num_threads: int | None,
    progress: Progress,
) -> Folded:
    """Put all rows of new parts into their partitions, then those rows of known parts that share their numbers."""
    num_rows = parts[-1].stop if parts else 0
    numbers = np.empty(num_rows, np.uint64)

    def put_all(part: PoolPart) -> int:
        numbers[part.start : part.stop] = put(part.load(None), spill, settings, rooms.mine)
        progress.advance(part.stop - part.start)
        return part.stop - part.start

    def put_touched(known: tuple[PoolPart, Hashes]) -> int:
        part, numbers[part.start : part.stop] = known
        places = np.flatnonzero(occurs(known[1], touched))
        if len(places):
            put(part.load(places), spill, settings, rooms.mine)
        progress.advance(part.stop - part.start)
        return len(places)

    progress.start(num_rows, step="folding")
    new = [part for part in parts if part.numbers is None]
    num_folded = sum(run_all(put_all, new, num_threads=num_threads))
    touched = np.unique(np.concatenate([gone, *(numbers[part.start : part.stop] for part in new)]))
    known = [(part, part.numbers) for part in parts if part.numbers is not None]
    num_folded += sum(run_all(put_touched, known, num_threads=num_threads))
    return Folded(numbers, touched, num_folded)


def partitions_for(num_rows: int, settings: Settings) -> int:
    """Return how many partitions a pool is decided in."""
    num_partitions = 1
    while settings.same_numbers and num_partitions < min(num_rows / ROWS_PER_PARTITION, MAX_PARTITIONS):
        num_partitions *= 2
    return num_partitions


def put(batch: Batch, spill: Spill, settings: Settings, room: Room) -> Hashes:
    """Fold a batch, put its rows into their partitions and return the fingerprints of their numbers."""
    folded = fold(batch.texts, room=room)
    numbers = number_fingerprints(folded) if settings.same_numbers else np.zeros(len(folded), np.uint64)
    bits = (spill.num_partitions - 1).bit_length()
    partitions = (numbers >> np.uint64(64 - bits)).astype(np.uint16) if bits else np.zeros(len(folded), np.uint16)
    order = np.argsort(partitions, kind="stable")  # of 16-bit numbers: a radix sort
    records = np.empty(len(order), RECORD)
    records["numbers"] = numbers[order]
    records["name"] = batch.names[order]
    records["rank"] = batch.rank[order]
    records["row"] = batch.rows[order]
    records["length"] = np.diff(folded.offsets)[order]
    texts = np.empty(int(folded.offsets[-1]), np.uint8)
    gather(folded.data, folded.offsets, order, texts)
    row_ends = np.cumsum(np.bincount(partitions, minlength=spill.num_partitions))
    text_ends = np.concatenate([[0], np.cumsum(records["length"])])[row_ends]
    spill.add(records, texts, row_ends=row_ends.tolist(), text_ends=text_ends.tolist())
    return numbers


@compiled
def gather(data: Bytes, offsets: Offsets, order: Indices, out: Bytes) -> None:
    """Copy texts behind each other in another order."""
    end = 0
    for place in range(len(order)):
        for byte in range(offsets[order[place]], offsets[order[place] + 1]):
            out[end] = data[byte]
            end += 1


class Decisions(NamedTuple):
    """The decisions of one partition."""

    frame: pl.DataFrame
    capped: Indices
    num_compared: int


def decide_partition(records: Records, texts: Bytes, settings: Settings) -> Decisions:
    """Return the decisions of one partition."""
    lengths = records["length"].astype(np.int64)
    ends = np.cumsum(lengths)
    rows = np.ascontiguousarray(records["row"])
    numbers = np.ascontiguousarray(records["numbers"])
    order = np.argsort(numbers)
    sort_groups(numbers, order, np.ascontiguousarray(records["rank"]), np.ascontiguousarray(records["name"]), rows)
    size = len(rows)
    choices = Choices(np.full(size, KEPT, np.int64), np.zeros(size), np.zeros(size, np.uint8), np.zeros(size, np.bool_))
    pool = Pool(texts, ends - lengths, ends, settings.ngram_size, settings.threshold)
    num_compared = choose_representatives(pool, numbers, order, settings.num_bands, settings.rows_per_band, choices)
    dropped = np.flatnonzero(choices.representative != KEPT)
    decisions = pl.DataFrame(
        {
            "row": rows[dropped],
            "duplicate_of": rows[choices.representative[dropped]],
            "jaccard": choices.jaccard[dropped],
            "relation": choices.relation[dropped],
        },
        schema=DECISIONS,
    )
    return Decisions(decisions, rows[choices.is_capped], num_compared)
