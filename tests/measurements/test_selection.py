"""The measurement of selection: every candidate, ours and the peers, chooses what it says on the same table."""

import pytest

from limo_curation.store import Store
from measurements.selection import CHAINS_A_PROBLEM, WANTED, described, judged_pool, measure

ROWS = 8_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(str(tmp_path_factory.mktemp("store")))
    judged_pool(store, ROWS)
    return store


def test_817_samples_are_wanted() -> None:
    assert list(WANTED.values()) == [137, 136, 136, 136, 136, 136]


def test_table_has_four_chains_a_problem_and_no_chain_twice(store: Store) -> None:
    rows = store.scan(judged_pool(store, ROWS)).select("problem_id", "chain_id", "num_tokens", "domain").collect()
    assert rows["chain_id"].n_unique() == ROWS
    assert rows["problem_id"].n_unique() == pytest.approx(ROWS / CHAINS_A_PROBLEM, rel=0.1), "some problems stand twice"
    assert rows["num_tokens"].mean() == pytest.approx(7_000, rel=0.1)


def test_peers_and_ours_choose_the_same_where_no_cap_is_in_the_way(store: Store) -> None:
    pytest.importorskip("pandas")
    chosen = {name: set(measure(store, ROWS, name, None)["chosen"]) for name in ("stage", "choice", "polars", "pandas")}
    assert {len(found) for found in chosen.values()} == {817}
    assert chosen["stage"] == chosen["choice"]
    assert chosen["polars"] == chosen["pandas"]
    assert len(chosen["choice"] & chosen["polars"]) > 780


def test_diversity_and_a_budget_move_what_they_are_about(store: Store) -> None:
    pool = judged_pool(store, ROWS)
    plain = described(store, pool, measure(store, ROWS, "choice", None)["chosen"])
    budget = int(0.8 * plain["tokens"])
    diverse = described(store, pool, measure(store, ROWS, "diverse", None)["chosen"])
    budgeted = described(store, pool, measure(store, ROWS, "budgeted", budget)["chosen"])
    assert diverse["similarity"] < plain["similarity"]
    assert diverse["quality"] < plain["quality"]
    assert budgeted["tokens"] <= budget
    assert budgeted["quality"] < plain["quality"]
