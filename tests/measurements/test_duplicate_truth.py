"""The judge of the deduplication's measurement, against a slow one in plain Python."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from limo_curation.store import Artifact, Store
from measurements.duplicate_truth import (
    MIN_JACCARD,
    Pairs,
    decisions_of,
    flags_of,
    judge_decisions,
    judge_flags,
    lost_share,
    missed_share,
    true_pairs,
)
from measurements.pool import folded, make_pool, questions, read_truth, write_texts

ROWS = 1_500


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(str(tmp_path_factory.mktemp("store")))


@pytest.fixture(scope="module")
def pool(store: Store) -> Artifact:
    return make_pool(store, ROWS)


def jaccard(left: str, right: str) -> float:
    own, other = ({text[start : start + 5] for start in range(max(len(text) - 4, 1))} for text in (left, right))
    return len(own & other) / len(own | other)


def test_true_pairs_are_those_that_comparing_all_rows_finds(store: Store, pool: Artifact) -> None:
    texts = folded(pl.concat(questions(store, pool))).to_list()
    numbers = read_truth(store, ROWS, ["numbers"])["numbers"].to_list()
    expected = {
        (left, right)
        for right in range(ROWS)
        for left in range(right)
        if numbers[left] == numbers[right] and jaccard(texts[left], texts[right]) >= MIN_JACCARD
    }

    found = true_pairs(store, pool, ROWS)

    pairs = list(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert {(min(pair), max(pair)) for pair in pairs} == expected
    assert len(pairs) == len(expected) > 100


def test_sample_finds_every_pair_that_one_of_its_rows_has(store: Store, pool: Artifact) -> None:
    every = true_pairs(store, pool, ROWS)
    some = true_pairs(store, pool, 300, seed=1)

    samples = set(np.random.default_rng(1).choice(ROWS, 300, replace=False).tolist())
    expected = {
        frozenset(pair) for pair in zip(every.left.tolist(), every.right.tolist(), strict=True) if samples & set(pair)
    }
    assert {frozenset(pair) for pair in zip(some.left.tolist(), some.right.tolist(), strict=True)} == expected


def test_pair_is_missed_where_both_rows_are_still_there() -> None:
    pairs = Pairs(np.array([0, 1, 2]), np.array([3, 4, 5]))

    assert missed_share(pairs, flags_of([0, 4], 6)) == pytest.approx(1 / 3)
    assert missed_share(Pairs(np.array([], np.int64), np.array([], np.int64)), flags_of([], 6)) == 0.0


def test_renumbered_problem_is_lost_unless_another_row_has_its_numbers(store: Store, pool: Artifact) -> None:
    truth = read_truth(store, ROWS)
    alone = truth.filter(pl.len().over("made_from", "numbers") == 1, kind="renumbered")["problem_id"]
    rows = truth.with_row_index("row").filter(kind="renumbered")

    everything = flags_of(rows["row"].to_numpy(), ROWS)
    twins_only = flags_of(rows.filter(~pl.col("problem_id").is_in(alone.to_list()))["row"].to_numpy(), ROWS)

    assert lost_share(store, ROWS, everything) == 1.0
    assert lost_share(store, ROWS, twins_only) == 0.0
    assert twins_only.any()


def test_perfect_deduplication_has_full_recall_and_loses_nothing(store: Store, pool: Artifact) -> None:
    truth = read_truth(store, ROWS).with_row_index("row")
    made = truth.filter(pl.col("kind").is_in(["edit", "copy"]))
    decisions = made.select(pl.col("row").cast(pl.Int64), duplicate_of="made_from", jaccard=pl.lit(0.9))

    figures = judge_decisions(store, ROWS, decisions, true_pairs(store, pool, ROWS))

    assert figures["recall"] > 0.99  # two renumbered problems may get the same numbers
    assert figures["renumbered_removed"] == 0.0
    assert figures["removed_for_other_numbers"] == 0.0
    assert figures["lowest_jaccard"] == 0.9


def test_removal_for_other_numbers_is_counted(store: Store, pool: Artifact) -> None:
    truth = read_truth(store, ROWS).with_row_index("row")
    renumbered = truth.filter(kind="renumbered")
    decisions = renumbered.select(pl.col("row").cast(pl.Int64), duplicate_of="made_from", jaccard=pl.lit(0.8))

    figures = judge_decisions(store, ROWS, decisions, true_pairs(store, pool, ROWS))

    assert figures["renumbered_removed_for_other_numbers"] == 1.0
    assert figures["removed_for_other_numbers"] == pytest.approx(renumbered.height / ROWS)
    assert figures["renumbered_removed"] == 1.0


def test_keeping_all_rows_misses_every_pair(store: Store, pool: Artifact) -> None:
    figures = judge_flags(store, ROWS, flags_of([], ROWS), true_pairs(store, pool, ROWS))

    assert figures["recall"] == 0.0
    assert figures["removed_share"] == 0.0


def test_ledger_of_the_stage_is_read_as_decisions(store: Store, pool: Artifact) -> None:
    ids = read_truth(store, ROWS)["problem_id"]
    ledger = pl.DataFrame(
        {"problem_id": [ids[7], ids[9]], "value": [0.75, 1.0], "evidence": ["x (pool:3)", "y (pool:1)"]}
    )

    found = decisions_of(LedgerOf(store, ledger), pool, ROWS)

    assert found.rows() == [(7, 2, 0.75), (9, 0, 1.0)]


def test_ledger_that_names_no_representative_is_refused(store: Store, pool: Artifact) -> None:
    ids = read_truth(store, ROWS)["problem_id"]
    ledger = pl.DataFrame({"problem_id": [ids[7], ids[9]], "value": [0.75, 1.0], "evidence": ["x (pool:3)", None]})

    with pytest.raises(ValueError, match="1 of 2 dropped rows names no row"):
        decisions_of(LedgerOf(store, ledger), pool, ROWS)


class LedgerOf(Store):
    """A store whose dropped half is a given ledger."""

    def __init__(self, store: Store, ledger: pl.DataFrame) -> None:
        super().__init__(store.url)
        self.ledger = ledger

    def scan(self, *arguments: object, **options: object) -> pl.LazyFrame:
        return self.ledger.lazy()


def test_larger_pool_begins_with_the_rows_of_a_smaller_one(tmp_path: Path) -> None:
    store = Store(str(tmp_path))

    small, large = (pl.concat(questions(store, make_pool(store, rows))) for rows in (100, 250))

    assert large.head(100).equals(small)
    assert read_truth(store, 250).head(100).equals(read_truth(store, 100))


def test_peers_texts_are_folded_one_a_line(store: Store, pool: Artifact, tmp_path: Path) -> None:
    write_texts(store, pool, tmp_path / "texts.txt")

    lines = (tmp_path / "texts.txt").read_text(encoding="utf-8").split("\n")
    assert lines[-1] == ""
    assert lines[:-1] == folded(pl.concat(questions(store, pool))).to_list()
