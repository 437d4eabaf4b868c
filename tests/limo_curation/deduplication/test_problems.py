"""The stage: which of the same problems stays, and what the ledger says of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limo_curation.deduplication import DEDUPLICATION, duplicate_pairs
from limo_curation.problem_config import DeduplicationConfig
from limo_curation.tables import CLUSTERED, SCREENED
from tests.limo_curation.deduplication.texts import (
    FARM,
    FARM_COMMA,
    FARM_OTHER_NUMBERS,
    FARM_SWAPPED,
    WINDOWS,
    ZH,
    ZH_COMMA,
)
from tests.rows import Outcome, rows_of, run_on


def problem(problem_id: str, question: str, **more: Any) -> dict[str, Any]:
    return {"problem_id": problem_id, "question": question, "answer": "5", "origin": f"{problem_id}.jsonl:1", **more}


def run(folder: Path, *rows: dict[str, Any], part_rows: int = 100_000, **config: Any) -> Outcome:
    return run_on(DEDUPLICATION, folder, DeduplicationConfig(**config), rows_of(SCREENED, *rows), part_rows=part_rows)


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        (problem("z", FARM), problem("a", FARM_COMMA, answer=None)),
        (problem("z", FARM), problem("a", FARM_COMMA, answer="")),
        (problem("z", FARM, published_num_attempts=128), problem("a", FARM_COMMA)),
        (problem("z", FARM_COMMA), problem("a", FARM)),  # the longer one
        (problem("a", FARM), problem("z", FARM.upper())),  # equally good: the lower id
        (problem("z", FARM), problem("a", FARM_COMMA, answer=None, published_num_attempts=128)),  # an answer first
    ],
)
def test_representative_rule(tmp_path: Path, winner: dict[str, Any], loser: dict[str, Any]) -> None:
    for index, rows in enumerate(([winner, loser], [loser, winner])):
        outcome = run(tmp_path / str(index), *rows)
        assert outcome.kept.select("problem_id", "cluster_size").rows() == [(winner["problem_id"], 2)]
        assert outcome.dropped["problem_id"].to_list() == [loser["problem_id"]]


def test_ledger_names_the_representative_and_the_similarity(tmp_path: Path) -> None:
    rows = [problem("a", FARM), problem("b", FARM.lower()), problem("c", FARM[:-1]), problem("d", FARM_OTHER_NUMBERS)]
    outcome = run(tmp_path, *rows, part_rows=2)
    assert outcome.kept.schema == CLUSTERED.schema
    assert outcome.kept.select("problem_id", "cluster_size").rows() == [("a", 3), ("d", 1)]
    ledger = {row["problem_id"]: row for row in outcome.dropped.iter_rows(named=True)}
    assert {row["evidence"] for row in ledger.values()} == {"a (a.jsonl:1)"}
    assert (ledger["b"]["drop_reason"], ledger["b"]["value"]) == ("exact_duplicate", 1.0)
    assert ledger["c"]["drop_reason"] == "near_duplicate"
    assert ledger["c"]["threshold"] == 0.7
    assert 0.7 <= ledger["c"]["value"] < 1.0
    assert outcome.manifest.metrics["num_rows_capped"] == 0


def test_similar_texts_do_not_chain_below_the_threshold(tmp_path: Path) -> None:
    left, middle, right = WINDOWS
    assert duplicate_pairs(WINDOWS).select("a", "b").rows() == [(0, 1), (1, 2)]
    # the middle one is the longest, hence kept: both others match it itself
    both = run(tmp_path / "both", problem("a", left), problem("b", f"{middle}."), problem("c", right))
    assert both.reasons() == {"a": "near_duplicate", "c": "near_duplicate"}
    # the left one is preferred: the right one matches only what was dropped, so it stays
    rows = [problem("a", left, published_num_attempts=8), problem("b", middle), problem("c", right)]
    apart = run(tmp_path / "apart", *rows)
    assert apart.reasons() == {"b": "near_duplicate"}
    assert apart.kept["cluster_size"].to_list() == [2, 1]


def test_rows_with_one_problem_id_are_told_apart_by_their_place(tmp_path: Path) -> None:
    rows = [problem("same", FARM, origin=f"pool.jsonl:{number}") for number in (1, 2, 3)]
    outcome = run(tmp_path, *rows, part_rows=1)
    assert outcome.kept.select("origin", "cluster_size").rows() == [("pool.jsonl:1", 3)]
    assert outcome.dropped["evidence"].to_list() == ["same (pool.jsonl:1)"] * 2


def test_copy_of_a_near_duplicate_is_counted_for_the_representative_that_is_kept(tmp_path: Path) -> None:
    outcome = run(tmp_path, problem("a", FARM), problem("b", FARM_COMMA), problem("c", FARM.lower()))
    assert outcome.kept.select("problem_id", "cluster_size").rows() == [("b", 3)]
    assert set(outcome.dropped["drop_reason"]) == {"near_duplicate"}  # c equals a, which is dropped itself


def test_cluster_sizes_add_up_to_the_rows(tmp_path: Path) -> None:
    texts = [FARM, FARM_COMMA, FARM_SWAPPED, ZH, ZH_COMMA, ZH, *WINDOWS, FARM.upper()]
    outcome = run(tmp_path, *(problem(f"p{index}", text) for index, text in enumerate(texts)))
    assert outcome.kept["cluster_size"].sum() == len(texts)


def test_result_does_not_depend_on_the_parts(tmp_path: Path) -> None:
    rows = [problem(f"p{index}", text) for index, text in enumerate([FARM, FARM_COMMA, ZH, ZH_COMMA, *WINDOWS])]
    outcomes = [run(tmp_path / str(size), *rows, part_rows=size) for size in (1, 3, 100)]
    assert len({outcome.artifact.digest for outcome in outcomes}) == 1
    assert len({outcome.manifest.dropped_digest for outcome in outcomes}) == 1


def test_empty_pool_gives_an_empty_table(tmp_path: Path) -> None:
    outcome = run(tmp_path)
    assert (outcome.kept.height, outcome.dropped.height) == (0, 0)


POOL = [
    FARM,
    FARM_COMMA,
    FARM.upper(),
    FARM_OTHER_NUMBERS,
    FARM_SWAPPED,
    ZH,
    ZH_COMMA,
    *WINDOWS,
    FARM_COMMA.lower(),
    "",
]


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.permutations(range(len(POOL))), st.sets(st.integers(0, len(POOL) - 1)))
def test_order_of_the_rows_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], without_answer: set[int]
) -> None:
    def result_of(indices: list[int]) -> tuple[str, str]:
        answers = [None if index in without_answer else "5" for index in indices]
        rows = [problem(f"p{i}", POOL[i], answer=answer) for i, answer in zip(indices, answers, strict=True)]
        outcome = run(tmp_path_factory.mktemp("pool"), *rows)
        representatives = {text.split()[0] for text in outcome.dropped["evidence"].to_list()}
        assert representatives <= set(outcome.kept["problem_id"])  # a representative is never dropped
        return outcome.artifact.digest, outcome.manifest.dropped_digest

    assert result_of(order) == result_of(list(range(len(POOL))))


def test_source_that_is_named_first_is_kept(tmp_path: Path) -> None:
    rows = [problem("a", FARM_COMMA, source="many"), problem("b", FARM, source="few"), problem("c", FARM, source="new")]
    outcome = run(tmp_path, *rows, source_priority=("few", "many"))
    assert outcome.kept["problem_id"].to_list() == ["b"]
    assert run(tmp_path / "other", *rows, source_priority=("new",)).kept["problem_id"].to_list() == ["c"]
    assert run(tmp_path / "none", *rows).kept["problem_id"].to_list() == ["a"]  # the longest


def test_numbers_can_be_left_out_of_account(tmp_path: Path) -> None:
    rows = [problem("a", FARM), problem("b", FARM_OTHER_NUMBERS)]
    assert run(tmp_path / "aware", *rows).dropped.height == 0
    assert run(tmp_path / "blind", *rows, same_numbers=False).dropped["problem_id"].to_list() == ["b"]


def test_threads_and_memory_do_not_change_the_bytes(tmp_path: Path) -> None:
    rows = [problem(f"p{index:03d}", f"{text} {index % 7}") for index, text in enumerate(POOL[:-1] * 20)]
    outcomes = [
        run(tmp_path / f"{threads} {memory}", *rows, part_rows=37, num_threads=threads, memory_gib=memory)
        for threads, memory in ((1, 1.0), (2, 1.0), (3, 1e-9))
    ]
    assert len({outcome.artifact.key for outcome in outcomes}) == 1
    assert len({outcome.artifact.digest for outcome in outcomes}) == 1
    assert {outcome.manifest.dropped_digest for outcome in outcomes} == {outcomes[0].manifest.dropped_digest}
