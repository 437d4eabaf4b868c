"""Find the duplicates of a pool of any size: fold and partition batch by batch, then decide partition by partition.

Duplicates have the same numbers, so a pool is partitioned by the fingerprint of the numbers and each partition is
decided alone: whatever order batches, threads and partitions come in, the decisions are the same.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from limo_curation.compiled import compiled
from limo_curation.deduplication.matching import KEPT, Choices, Indices, choose_representatives, sort_groups
from limo_curation.deduplication.similarity import Pool
from limo_curation.deduplication.spilling import RECORD, Records, Spill
from limo_curation.folding import Bytes, Hashes, Offsets, Room, Texts, fold
from limo_curation.numerals import number_fingerprints
from limo_curation.progress import Progress
from limo_curation.threads import run_all

ROWS_PER_PARTITION: Final = 150_000  # ours: about 40 MB of folded text
MAX_PARTITIONS: Final = 1_024
DECISIONS: Final = pl.Schema({"row": pl.Int64, "duplicate_of": pl.Int64, "jaccard": pl.Float64, "relation": pl.UInt8})


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of the pool: their texts, and what decides which of two duplicates is kept."""

    first_row: int
    texts: Texts
    rank: Hashes
    """Lower is rather kept."""
    names: Hashes
    """First 16 bytes of each id, big-endian, shape (rows, 2): they decide between rows of one rank."""


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
    """The decisions: `row, duplicate_of, jaccard, relation` for each duplicate, by row; and what it took."""

    decisions: pl.DataFrame
    num_compared: int
    num_capped: int


class Rooms(threading.local):
    """A room for each thread."""

    def __init__(self) -> None:
        self.mine = Room()


def find_duplicates(
    batches: Iterable[Callable[[], Batch]],
    *,
    num_rows: int,
    settings: Settings,
    num_threads: int | None,
    max_bytes: int,
    progress: Progress,
) -> Found:
    """Decide which rows of a pool duplicate which kept row.

    Args:
        batches: what reads each batch; called on several threads.
        num_rows: of all batches.
        settings: what similar means.
        num_threads: batches or partitions that are worked on at the same time; None: one for each core.
        max_bytes: of folded text in memory; beyond them it is kept in files.
        progress: told of each row as it is folded and as it is compared.
    """
    num_partitions = 1
    while settings.same_numbers and num_partitions < min(num_rows / ROWS_PER_PARTITION, MAX_PARTITIONS):
        num_partitions *= 2
    rooms = Rooms()
    with Spill(num_partitions, max_bytes=max_bytes) as spill:

        def partition(load: Callable[[], Batch]) -> None:
            batch = load()
            put(batch, spill, settings, rooms.mine)
            progress.advance(len(batch.rank))

        def decide(index: int) -> Found:
            records, texts = spill.take(index, rooms.mine)
            found = decide_partition(records, texts, settings)
            progress.advance(len(records))
            return found

        progress.start(num_rows, step="folding")
        run_all(partition, batches, num_threads=num_threads)
        sizes = spill.sizes()
        progress.start(num_rows, step="comparing")
        largest_first = sorted(range(num_partitions), key=lambda index: -sizes[index])
        found = run_all(decide, largest_first, num_threads=num_threads)
    return Found(
        pl.concat([part.decisions for part in found]).sort("row"),
        sum(part.num_compared for part in found),
        sum(part.num_capped for part in found),
    )


def put(batch: Batch, spill: Spill, settings: Settings, room: Room) -> None:
    """Fold a batch and put its rows into their partitions."""
    folded = fold(batch.texts, room=room)
    numbers = number_fingerprints(folded) if settings.same_numbers else np.zeros(len(folded), np.uint64)
    bits = (spill.num_partitions - 1).bit_length()
    partitions = (numbers >> np.uint64(64 - bits)).astype(np.uint16) if bits else np.zeros(len(folded), np.uint16)
    order = np.argsort(partitions, kind="stable")  # of 16-bit numbers: a radix sort
    records = np.empty(len(order), RECORD)
    records["numbers"] = numbers[order]
    records["name"] = batch.names[order]
    records["rank"] = batch.rank[order]
    records["row"] = batch.first_row + order
    records["length"] = np.diff(folded.offsets)[order]
    texts = np.empty(int(folded.offsets[-1]), np.uint8)
    gather(folded.data, folded.offsets, order, texts)
    row_ends = np.cumsum(np.bincount(partitions, minlength=spill.num_partitions))
    text_ends = np.concatenate([[0], np.cumsum(records["length"])])[row_ends]
    spill.add(records, texts, row_ends=row_ends.tolist(), text_ends=text_ends.tolist())


@compiled
def gather(data: Bytes, offsets: Offsets, order: Indices, out: Bytes) -> None:
    """Copy texts behind each other in another order."""
    end = 0
    for place in range(len(order)):
        for byte in range(offsets[order[place]], offsets[order[place] + 1]):
            out[end] = data[byte]
            end += 1


def decide_partition(records: Records, texts: Bytes, settings: Settings) -> Found:
    """Return the decisions of one partition."""
    lengths = records["length"].astype(np.int64)
    ends = np.cumsum(lengths)
    rows = np.ascontiguousarray(records["row"])
    numbers = np.ascontiguousarray(records["numbers"])
    order = np.argsort(numbers)
    sort_groups(numbers, order, np.ascontiguousarray(records["rank"]), np.ascontiguousarray(records["name"]), rows)
    size = len(rows)
    choices = Choices(np.full(size, KEPT, np.int64), np.zeros(size, np.float64), np.zeros(size, np.uint8))
    pool = Pool(texts, ends - lengths, ends, settings.ngram_size, settings.threshold)
    num_compared, num_capped = choose_representatives(
        pool, numbers, order, settings.num_bands, settings.rows_per_band, choices
    )
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
    return Found(decisions, num_compared, num_capped)
