"""Deduplication: what is the same problem, what only looks like it, and which of the same ones stays."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from datasketch import MinHash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limo_curation.deduplication import (
    DEDUPLICATION,
    choose_representatives,
    duplicate_pairs,
    ngrams,
    signatures,
)
from limo_curation.problem_config import DeduplicationConfig
from limo_curation.tables import CLUSTERED, SCREENED
from tests.rows import Outcome, rows_of, run_on

DEFAULT = DeduplicationConfig()
FARM = (
    "A farmer in the valley has 12 cows and 30 hens, and every cow eats 4 bales of hay a week while the hens eat none. "
    "How many bales of hay are eaten on the farm in 3 weeks?"
)
FARM_COMMA = FARM.replace("cows and", "cows, and")
FARM_OTHER_NUMBERS = FARM.replace("12", "17").replace("4", "5")
FARM_SWAPPED = FARM.replace("12 cows and 30 hens", "30 cows and 12 hens")
ZH = (
    "山谷里的农场养着12头牛和30只鸡，其中每一头牛每周都要吃掉4捆干草，而所有的鸡都完全不吃干草，"
    "请问在接下来的三周之内，这个农场里所有的牛一共需要吃掉多少捆干草？请写出答案。"
)
ZH_COMMA = ZH.replace("牛和", "牛，和")
ZH_OTHER_NUMBERS = ZH.replace("12", "17").replace("4", "5")
# windows over one text: each is close to the next, but the first and the last have little in common
WORDS = [
    "copper",
    "river",
    "lantern",
    "meadow",
    "violin",
    "harbour",
    "timber",
    "falcon",
    "granite",
    "orchard",
    "saddle",
]
WORDS += ["beacon", "marble", "thistle", "anchor", "walnut", "candle", "ferry", "hammer", "pepper"]
UNLIKE = "Find every prime below 100 that is one more than a square."
WINDOWS = [" ".join(WORDS[start : start + 14]) for start in (0, 1, 3)]


def relation_of(first: str, second: str) -> str | None:
    found = duplicate_pairs([first, second])
    return found["relation"].to_list()[0] if found.height else None


def problem(problem_id: str, question: str, **more: Any) -> dict[str, Any]:
    return {"problem_id": problem_id, "question": question, "answer": "5", "origin": f"{problem_id}.jsonl:1", **more}


def run(folder: Path, *rows: dict[str, Any], part_rows: int = 100_000, **config: Any) -> Outcome:
    return run_on(DEDUPLICATION, folder, DeduplicationConfig(**config), rows_of(SCREENED, *rows), part_rows=part_rows)


# -- pairs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "relation"),
    [
        (FARM, FARM.upper(), "exact"),
        (FARM, f"\n {FARM.replace(' ', '  ')}\t", "exact"),
        (FARM, FARM_COMMA, "near"),
        (FARM, FARM_OTHER_NUMBERS, "variant"),
        (FARM, FARM_SWAPPED, "variant"),  # the same numbers in another order are another problem
        (FARM, FARM.replace("3 weeks", "3.5 weeks"), "variant"),
        (ZH, ZH.replace("12", " 12 ").replace(" 12 ", "12"), "exact"),
        (ZH, ZH_COMMA, "near"),
        (ZH, ZH_OTHER_NUMBERS, "variant"),
        (FARM, "Find every prime below 100 that is one more than a square.", None),
        (FARM, ZH, None),
        ("", "", "exact"),
        ("", "a", None),
        ("abc", "abd", None),  # shorter than an n-gram: equal or nothing
        ("😀" * 30, "😀" * 31, "near"),
    ],
)
def test_relation_of_two_texts(first: str, second: str, relation: str | None) -> None:
    assert relation_of(first, second) == relation
    assert relation_of(second, first) == relation


def test_pair_carries_the_exact_jaccard_similarity() -> None:
    left, right = (ngrams(text.lower(), DEFAULT.ngram_size) for text in (FARM, FARM_COMMA))
    found = duplicate_pairs([FARM, FARM_COMMA])
    assert found.select("a", "b", "jaccard").row(0) == (0, 1, len(left & right) / len(left | right))


def test_threshold_counts_as_similar() -> None:
    left, right = (ngrams(text.lower(), DEFAULT.ngram_size) for text in (FARM, FARM_COMMA))
    similarity = len(left & right) / len(left | right)
    assert duplicate_pairs([FARM, FARM_COMMA], config=DeduplicationConfig(threshold=similarity)).height == 1
    above = DeduplicationConfig(threshold=similarity + 1e-9)
    assert duplicate_pairs([FARM, FARM_COMMA], config=above).height == 0


def test_further_copies_are_paired_with_the_first_only() -> None:
    found = duplicate_pairs([FARM, FARM.lower(), FARM_COMMA, FARM])
    assert found.select("a", "b", "relation").rows() == [(0, 1, "exact"), (0, 2, "near"), (0, 3, "exact")]


def test_no_texts_and_one_text_have_no_pairs() -> None:
    for texts in ([], [FARM]):
        found = duplicate_pairs(texts)
        assert found.height == 0
        assert dict(found.schema) == {"a": pl.Int64, "b": pl.Int64, "jaccard": pl.Float64, "relation": pl.String}


def edit(text: str) -> str:
    """Put an article before every eighth word."""
    return " ".join(f"the {word}" if place % 8 == 7 else word for place, word in enumerate(text.split()))


def test_planted_pairs_are_found_among_many_others() -> None:
    random_words = random.Random(3)
    texts = [" ".join(random_words.choices(WORDS, k=25)) for _ in range(300)]
    edited = [edit(text) for text in texts]
    found = duplicate_pairs(texts + edited)
    planted = found.filter(pl.col("b") == pl.col("a") + 300)
    print(f"{planted.height} of 300 planted pairs, Jaccard {planted['jaccard'].min()} to {planted['jaccard'].max()}")
    assert planted.height >= 290  # the index is approximate


# -- signatures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [FARM, ZH, "", "ab", "naïve Σ 😀 𝑥²", "求" * 400])
@pytest.mark.parametrize(("num_perm", "seed"), [(128, 1), (16, 7)])
def test_signature_is_datasketchs_own(text: str, num_perm: int, seed: int) -> None:
    own = MinHash(num_perm=num_perm, seed=seed)
    for start in range(max(len(text) - 4, 1)):  # characters, not bytes
        own.update(text[start : start + 5].encode())
    assert np.array_equal(signatures([text], num_perm=num_perm, seed=seed)[0], own.hashvalues)


def test_signatures_have_one_row_for_each_text() -> None:
    assert signatures([], num_perm=16).shape == (0, 16)
    assert signatures([FARM, FARM], num_perm=16).shape == (2, 16)


def test_unknown_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme 'rho' is unknown"):
        signatures([FARM], scheme="rho")


# -- representatives ---------------------------------------------------------------------------------------------------


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
    assert outcome.manifest.metrics["num_variant_pairs"] == 2  # of a and c, which are looked at apart


def test_similar_texts_do_not_chain_below_the_threshold(tmp_path: Path) -> None:
    left, middle, right = WINDOWS
    assert (relation_of(left, middle), relation_of(middle, right), relation_of(left, right)) == ("near", "near", None)
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


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.permutations(range(len(POOL))), st.sets(st.integers(0, len(POOL) - 1)))
def test_order_of_the_rows_changes_nothing(order: list[int], without_answer: set[int]) -> None:
    def kept_of(indices: list[int]) -> set[str]:
        answers = [None if index in without_answer else "5" for index in indices]
        rows = rows_of(
            SCREENED,
            *[problem(f"p{i}", POOL[i], answer=answer) for i, answer in zip(indices, answers, strict=True)],
        )
        decisions = choose_representatives(rows, duplicate_pairs(rows["question"].to_list()))
        assert decisions["row"].n_unique() == decisions.height
        assert not set(decisions["row"]) & set(decisions["duplicate_of"])  # a representative is never dropped
        return {f"p{index}" for place, index in enumerate(indices) if place not in set(decisions["row"])}

    assert kept_of(order) == kept_of(list(range(len(POOL))))


@pytest.mark.parametrize("num_perm", [16, 128])
@pytest.mark.parametrize("threshold", [0.05, 0.5, 0.99, 1.0])
def test_every_threshold_that_the_config_allows_works(threshold: float, num_perm: int) -> None:
    config = DeduplicationConfig(threshold=threshold, num_perm=num_perm)
    assert duplicate_pairs([FARM, f"{FARM} "], config=config)["relation"].to_list() == ["exact"]
    assert duplicate_pairs([FARM, UNLIKE], config=config).filter(pl.col("jaccard") < threshold).height == 0
