"""Judge what a deduplication removed from the generated pool: which true pairs it missed, which problems it lost.

Two rows are a true pair if their numbers are the same, in order, and the exact Jaccard similarity of the character
5-grams of their folded texts is at least 0.8. A pair is missed if both rows are still there. A renumbered problem is
lost if it was removed although no other row of its family (its original and what was made from that) has its numbers.
In the pool an original stands before what is made from it, so a tool that keeps the first of two texts and does not see
their numbers removes the renumbered one.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.compiled import Scalar, compiled
from limo_curation.folding import Bytes, Hashes, Texts, texts_of
from limo_curation.store import Artifact, Store
from measurements.pool import folded, questions, read_truth

MIN_JACCARD: Final = 0.8
GRAM_BYTES: Final = 5
TABLE_BITS: Final = 13  # 8,192 slots for the 5-grams of one text: none has 2,048 bytes
FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying permutes 64-bit numbers (golden ratio)

Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]


class Pairs(NamedTuple):
    """True pairs of rows."""

    left: Rows
    right: Rows


def true_pairs(store: Store, pool: Artifact, num_samples: int, *, seed: int = 0) -> Pairs:
    """Return the true pairs of some rows: each is compared with every row of the pool that has the same numbers."""
    numbers = read_truth(store, pool.rows, ["numbers"])["numbers"].to_numpy()
    samples = np.random.default_rng(seed).choice(pool.rows, min(num_samples, pool.rows), replace=False)
    concerned = np.flatnonzero(np.isin(numbers, numbers[samples]))
    concerned = concerned[np.argsort(numbers[concerned], kind="stable")]
    texts = gather_texts(store, pool, concerned)
    places = np.flatnonzero(np.isin(concerned, samples))
    left, right = compare(texts.data, texts.offsets, numbers[concerned], places)
    return Pairs(concerned[left], concerned[right])


def gather_texts(store: Store, pool: Artifact, rows: Rows) -> Texts:
    """Return the folded texts of some rows, in the order in which they are asked for."""
    order = np.argsort(rows)
    parts: list[pl.Series] = []
    start = 0
    for part in questions(store, pool):
        chosen = rows[order][np.searchsorted(rows[order], start) : np.searchsorted(rows[order], start + len(part))]
        parts.append(folded(part.gather(chosen - start)))
        start += len(part)
    place_of = np.empty(len(rows), np.int64)
    place_of[order] = np.arange(len(rows))
    return texts_of(pl.concat(parts).gather(place_of))


def missed_share(pairs: Pairs, is_removed: Flags) -> float:
    """Return the share of pairs of which both rows are still there."""
    return float((~(is_removed[pairs.left] | is_removed[pairs.right])).mean()) if len(pairs.left) else 0.0


def lost_share(store: Store, rows: int, is_removed: Flags) -> float:
    """Return the share of renumbered problems, of those that no other row of their family equals, that were removed."""
    truth = read_truth(store, rows, ["kind", "made_from", "numbers"]).with_columns(removed=pl.Series(is_removed))
    alone = truth.filter(pl.len().over("made_from", "numbers") == 1, pl.col("kind") == "renumbered")
    return float(alone.select(pl.col("removed").mean()).item() or 0.0)


def decisions_of(store: Store, deduplicated: Artifact, rows: int) -> pl.DataFrame:
    """Return the decisions in the stage's ledger: `row, duplicate_of` (numbers of rows of the pool), `jaccard`.

    Raises:
        ValueError: dropped rows whose evidence does not name the row that they duplicate; the stage has a mistake.
    """
    ledger = store.scan(deduplicated, half="dropped").select(
        "problem_id", jaccard="value", duplicate_of=pl.col("evidence").str.extract(r"pool:(\d+)").cast(pl.Int64) - 1
    )
    ids = read_truth(store, rows, ["problem_id"]).with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    found = ledger.collect().join(ids, on="problem_id", how="left").select("row", "duplicate_of", "jaccard")
    if num_unnamed := found["duplicate_of"].null_count():
        raise ValueError(f"the evidence of {num_unnamed} of {found.height} dropped rows names no row of the pool")
    return found


def judge_decisions(store: Store, rows: int, decisions: pl.DataFrame, pairs: Pairs) -> dict[str, float]:
    """Return the figures of a deduplication that says for which row it removed another."""
    is_removed = flags_of(decisions["row"].to_numpy(), rows)
    truth = read_truth(store, rows, ["numbers", "kind"])
    numbers = truth["numbers"].to_numpy()
    row, duplicate_of = decisions["row"].to_numpy(), decisions["duplicate_of"].to_numpy()
    other_numbers = row[numbers[row] != numbers[duplicate_of]]
    is_renumbered = (truth["kind"] == "renumbered").to_numpy()
    return judge_flags(store, rows, is_removed, pairs) | {
        "removed_for_other_numbers": len(other_numbers) / rows,
        "renumbered_removed_for_other_numbers": float(is_renumbered[other_numbers].sum() / max(is_renumbered.sum(), 1)),
        "lowest_jaccard": float(decisions["jaccard"].min() or 0.0),  # pyright: ignore[reportArgumentType]
    }


def judge_flags(store: Store, rows: int, is_removed: Flags, pairs: Pairs) -> dict[str, float]:
    """Return the figures of a deduplication that says only which rows it removed."""
    return {
        "removed_share": float(is_removed.mean()),
        "true_pairs": len(pairs.left),
        "recall": 1.0 - missed_share(pairs, is_removed),
        "renumbered_removed": lost_share(store, rows, is_removed),
    }


def flags_of(rows: Any, num_rows: int) -> Flags:
    """Return a flag for each row of the pool, set for the given ones."""
    flags = np.zeros(num_rows, np.bool_)
    flags[rows] = True
    return flags


@compiled
def compare(data: Bytes, offsets: Rows, numbers: Hashes, places: Rows) -> tuple[Rows, Rows]:
    """Return the true pairs of the texts at some places; those of the same numbers stand side by side."""
    room = 1 << 10
    left, right = np.empty(room, np.int64), np.empty(room, np.int64)
    count = 0
    table, stamps = np.zeros(1 << TABLE_BITS, np.uint64), np.zeros(1 << TABLE_BITS, np.int64)
    own = np.zeros(1 << TABLE_BITS, np.uint64)
    is_sample = np.zeros(len(numbers), np.bool_)
    for place in places:
        is_sample[place] = True
    for place in places:
        table[:] = 0
        stamps[:] = -1
        size = put_grams(data, offsets[place], offsets[place + 1], table)
        first = place
        while first > 0 and numbers[first - 1] == numbers[place]:
            first -= 1
        other = first
        while other < len(numbers) and numbers[other] == numbers[place]:
            length = offsets[other + 1] - offsets[other]
            # the longer text has room for no more than its length in n-grams, repeated ones count too
            is_new = other != place and not (is_sample[other] and other < place)
            if is_new and length >= MIN_JACCARD * size:
                shared = count_shared(
                    data, offsets[other], offsets[other + 1], table, stamps, other, MIN_JACCARD * size
                )
                if shared >= MIN_JACCARD * size:
                    own[:] = 0
                    total = size + put_grams(data, offsets[other], offsets[other + 1], own) - shared
                    if shared >= MIN_JACCARD * total:
                        if count == len(left):
                            left, right = np.concatenate((left, left)), np.concatenate((right, right))
                        left[count], right[count] = place, other
                        count += 1
            other += 1
    return left[:count], right[:count]


@compiled
def put_grams(data: Bytes, start: Scalar, end: Scalar, table: Hashes) -> int:
    """Put a text's 5-grams into an empty table and return how many distinct ones there are."""
    count = 0
    for place in range(start, max(end - GRAM_BYTES + 1, start + 1)):
        key = gram_at(data, place, end)
        slot = slot_of(key)
        while table[slot] != 0 and table[slot] != key:
            slot = (slot + 1) & ((1 << TABLE_BITS) - 1)
        if table[slot] == 0:
            table[slot] = key
            count += 1
    return count


@compiled
def count_shared(data: Bytes, start: Scalar, end: Scalar, table: Hashes, stamps: Rows, stamp: int, least: float) -> int:
    """Return how many of the table's 5-grams stand in a text, or fewer than `least` once there can't be as many.

    The stamp keeps repeated ones from counting twice.
    """
    count = 0
    last = max(end - GRAM_BYTES + 1, start + 1)
    for place in range(start, last):
        if count + last - place < least:
            return count
        key = gram_at(data, place, end)
        slot = slot_of(key)
        while table[slot] != 0 and table[slot] != key:
            slot = (slot + 1) & ((1 << TABLE_BITS) - 1)
        if table[slot] == key and stamps[slot] != stamp:
            stamps[slot] = stamp
            count += 1
    return count


@compiled
def gram_at(data: Bytes, place: Scalar, end: Scalar) -> Scalar:
    """Return the 5-gram at a place as a number; the generated texts are ASCII, so bytes are characters."""
    key = np.uint64(1)
    for byte in range(place, min(place + GRAM_BYTES, end)):
        key = (key << np.uint64(8)) | np.uint64(data[byte])
    return key


@compiled
def slot_of(key: Scalar) -> Scalar:
    """Return where the search for a 5-gram begins."""
    return np.int64((key * FACTOR) >> np.uint64(64 - TABLE_BITS))
