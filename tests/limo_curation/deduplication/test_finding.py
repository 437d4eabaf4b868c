"""Finding: the decisions on a pool, against a plain implementation of the same rule."""

from __future__ import annotations

import random
from collections import defaultdict
from functools import partial

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.deduplication.finding import Batch, PoolPart, Settings, find_duplicates
from limo_curation.deduplication.matching import EXACT, NEAR, SMALL_GROUP, Indices
from limo_curation.folding import fold, texts_of
from limo_curation.numerals import number_fingerprints
from limo_curation.progress import Progress, Standing, shown_by
from tests.limo_curation.deduplication.texts import WORDS

Decision = tuple[int, int, float, int]
THRESHOLD = 0.6
MANY_BANDS = Settings(ngram_size=5, threshold=THRESHOLD, num_bands=128, rows_per_band=1)  # misses next to nothing


def decide(
    texts: list[str], ranks: list[int], *, batch_rows: int = 50, threads: int = 2, max_bytes: int = 1 << 30
) -> list[Decision]:
    told: list[Standing] = []
    with shown_by(told.append):
        progress = Progress("deduplication")
    found = find_duplicates(
        pool_of(texts, ranks, batch_rows=batch_rows),
        settings=MANY_BANDS,
        num_partitions=4,
        num_threads=threads,
        max_bytes=max_bytes,
        progress=progress,
    )
    assert [standing.done for standing in told][-1:] == ([len(texts)] if texts else [])
    return found.decisions.rows()


def pool_of(texts: list[str], ranks: list[int], *, batch_rows: int) -> list[PoolPart]:
    def load(start: int, stop: int, places: Indices | None) -> Batch:
        rows = np.arange(start, stop) if places is None else start + places
        rank = np.array(ranks, np.uint64)[rows]
        chosen = pl.Series([texts[row] for row in rows], dtype=pl.String)
        return Batch(rows, texts_of(chosen), rank, np.zeros((len(rows), 2), np.uint64))

    starts = range(0, len(texts), batch_rows)
    ranges = [(start, min(start + batch_rows, len(texts))) for start in starts]
    return [PoolPart(start, stop, partial(load, start, stop)) for start, stop in ranges]


def decide_plainly(texts: list[str], ranks: list[int]) -> list[Decision]:
    folded = fold(texts_of(pl.Series(texts, dtype=pl.String)))
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for row, numbers in enumerate(number_fingerprints(folded).tolist()):
        groups[numbers].append(row)
    plain = folded.tolist()
    decisions: list[Decision] = []
    for group in groups.values():
        decided: dict[int, Decision] = {}
        kept: list[int] = []
        first: dict[str, int] = {}
        for row in sorted(group, key=lambda row: (ranks[row], row)):
            twin = first.setdefault(plain[row], row)
            similar = [(-jaccard(plain[row], plain[other]), place, other) for place, other in enumerate(kept)]
            best = min(similar, default=(0.0, 0, 0))
            if twin != row and twin in decided:
                decided[row] = (row, decided[twin][1], decided[twin][2], NEAR)
            elif twin != row:
                decided[row] = (row, twin, 1.0, EXACT)
            elif -best[0] >= THRESHOLD:
                decided[row] = (row, best[2], -best[0], NEAR)
            else:
                kept.append(row)
        decisions += decided.values()
    return sorted(decisions)


def jaccard(left: str, right: str) -> float:
    a, b = ({text[start : start + 5] for start in range(max(len(text) - 4, 1))} for text in (left, right))
    return len(a & b) / len(a | b)


WORD_LISTS = st.lists(st.sampled_from([*WORDS[:6], "3", "three", "7"]), min_size=1, max_size=9)


@settings(max_examples=60, deadline=None)
@given(st.lists(WORD_LISTS, max_size=30), st.randoms(use_true_random=False))
def test_decisions_are_those_of_the_plain_rule(lists: list[list[str]], chance: random.Random) -> None:
    texts = [" ".join(words) for words in lists]
    ranks = [chance.randrange(5) for _ in texts]
    assert decide(texts, ranks) == decide_plainly(texts, ranks)


def test_large_groups_are_decided_by_the_same_rule() -> None:
    chance = random.Random(5)
    texts = [" ".join(chance.choices(WORDS[:9], k=8)) for _ in range(3 * SMALL_GROUP)]
    texts += [text.replace(" ", ", ", 1) for text in texts[::3]] + texts[::5]
    ranks = [chance.randrange(1_000) for _ in texts]
    expected = decide_plainly(texts, ranks)
    assert len(expected) > SMALL_GROUP
    assert decide(texts, ranks) == expected


@pytest.mark.parametrize("batch_rows", [1, 7, 1_000])
@pytest.mark.parametrize(("threads", "max_bytes"), [(1, 1 << 30), (3, 1 << 30), (3, 1), (2, 2_000)])
def test_batches_threads_and_memory_change_nothing(batch_rows: int, threads: int, max_bytes: int) -> None:
    chance = random.Random(6)
    texts = [" ".join(chance.choices([*WORDS[:4], "5", "12", "twelve"], k=6)) for _ in range(200)]
    ranks = [chance.randrange(9) for _ in texts]
    found = decide(texts, ranks, batch_rows=batch_rows, threads=threads, max_bytes=max_bytes)
    assert found == decide(texts, ranks)


def test_error_in_a_batch_ends_the_search() -> None:
    def broken(places: Indices | None) -> Batch:
        del places
        raise OSError("the disk is gone")

    progress = Progress("deduplication")
    with pytest.raises(OSError, match="the disk is gone"):
        find_duplicates(
            [PoolPart(row, row + 1, broken) for row in range(3)],
            settings=MANY_BANDS,
            num_partitions=1,
            num_threads=2,
            max_bytes=1,
            progress=progress,
        )
