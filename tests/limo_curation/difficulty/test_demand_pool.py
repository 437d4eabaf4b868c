"""Which problems a round looks at: a uniform sample, and the likeliest of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from limo_curation.config import DemandConfig
from limo_curation.difficulty.demand_pool import DONE, UNSEEN, DemandPool, highest
from limo_curation.difficulty.prediction import ABOVE, BAND, BELOW, WEAK_NUMBERS, Features

NUM_DOMAINS = 2


@dataclass
class World:
    """A pool of which everything is known: outcomes, and weak numbers that tell them more or less."""

    outcomes: npt.NDArray[np.int8]
    domains: npt.NDArray[np.int16]
    weak_numbers: npt.NDArray[np.float32]
    priority: npt.NDArray[np.uint64]

    def pool(self, **settings: Any) -> DemandPool:
        given: dict[str, Any] = {"problems_per_domain": 40, "round_problems": 60}
        size = len(self.outcomes)
        return DemandPool(
            Features(np.zeros((size, 1), dtype=np.float32), self.domains[:, None]),
            self.priority,
            num_groups=[NUM_DOMAINS],
            settled=np.zeros(size, dtype=np.bool_),
            num_kept=np.zeros(NUM_DOMAINS, dtype=np.int64),
            config=DemandConfig(**(given | settings)),
        )

    def go_on(self, pool: DemandPool, *, num_rounds: int = 10_000) -> int:
        """Go through rounds until the pool has enough; return how many there were."""
        for number in range(num_rounds):
            shares = pool.begin_round()
            if not shares:
                return number
            rows = pool.candidates(shares)
            assert (pool.standing[rows] == UNSEEN).all()
            pool.add_weak(rows, is_solved=np.zeros(len(rows), dtype=np.bool_), weak_numbers=self.weak_numbers[rows])
            rows, _ = pool.picks(shares)
            assert (np.diff(rows) > 0).all()
            pool.add_strong(rows, outcomes=self.outcomes[rows], num_tokens=np.full(len(rows), 100.0))
        return num_rounds


def world_of(num_rows: int, *, signal: float, share: float = 0.15, seed: int = 0) -> World:
    """Return a world in which every weak number is the problem's ease, seen through noise."""
    rng = np.random.default_rng(seed)
    ease = rng.normal(size=num_rows)
    edges = np.quantile(ease, [0.5, 0.5 + share])
    noise = rng.normal(size=(num_rows, len(WEAK_NUMBERS)))
    return World(
        outcomes=np.digitize(ease, edges).astype(np.int8),
        domains=rng.integers(0, NUM_DOMAINS, num_rows).astype(np.int16),
        weak_numbers=(signal * ease[:, None] + noise).astype(np.float32),
        priority=rng.integers(0, 2**63, num_rows).astype(np.uint64),
    )


def test_what_is_drawn_at_random_is_a_uniform_sample_whatever_is_picked_beside_it() -> None:
    world = world_of(8_000, signal=3.0)
    pool = world.pool(problems_per_domain=300, random_share=0.3)
    world.go_on(pool)
    drawn = world.outcomes[pool.is_random]
    picked = world.outcomes[(pool.standing == DONE) & ~pool.is_random]
    for outcome in (BELOW, BAND, ABOVE):
        share = (world.outcomes == outcome).mean()
        error = np.sqrt(share * (1 - share) / len(drawn))
        assert abs((drawn == outcome).mean() - share) < 3 * error
    assert (picked == BAND).mean() > 2 * (drawn == BAND).mean()  # else it would be no wonder


def test_share_at_random_is_as_stated() -> None:
    world = world_of(6_000, signal=0.0)
    pool = world.pool(problems_per_domain=1_000, round_problems=200, random_share=0.25)
    world.go_on(pool, num_rounds=1)
    assert pool.is_random.sum() == 200  # nothing to predict from yet
    world.go_on(pool, num_rounds=8)
    assert pool.is_random.sum() == 200 + 8 * 50
    assert 1_600 < pool.num_rated <= 200 + 8 * 200  # some were picked before their turn came


def test_nothing_is_picked_where_all_is_drawn_at_random() -> None:
    world = world_of(2_000, signal=2.0)
    pool = world.pool(problems_per_domain=60, random_share=1.0)
    world.go_on(pool)
    assert (pool.is_random == (pool.standing == DONE)).all()


def test_picks_beat_chance_where_the_weak_attempts_tell_something() -> None:
    world = world_of(20_000, signal=2.0)
    blind, seeing = world.pool(problems_per_domain=150, random_share=1.0), world.pool(problems_per_domain=150)
    world.go_on(blind)
    world.go_on(seeing)
    assert seeing.num_rated < 0.6 * blind.num_rated


@pytest.mark.parametrize("seed", range(3))
def test_picks_cost_next_to_nothing_where_they_tell_nothing(seed: int) -> None:
    world = world_of(20_000, signal=0.0, seed=seed)
    blind, seeing = world.pool(problems_per_domain=150, random_share=1.0), world.pool(problems_per_domain=150)
    world.go_on(blind)
    world.go_on(seeing)
    assert seeing.num_rated < 1.15 * blind.num_rated  # both are draws of some 2,000: 6 % is one standard deviation


def test_domain_that_has_enough_is_left_alone() -> None:
    world = world_of(6_000, signal=2.0)
    world.outcomes[(world.domains == 1) & (world.outcomes == BAND)] = BELOW
    pool = world.pool(problems_per_domain=40)
    world.go_on(pool)
    assert pool.num_kept[0] >= 40
    assert pool.num_kept[1] == 0
    assert (pool.standing[world.domains == 1] == DONE).all()  # looked through to the end, in vain
    assert (pool.standing[world.domains == 0] == UNSEEN).any()


def test_pool_without_enough_problems_is_rated_to_the_last_one() -> None:
    world = world_of(500, signal=1.0)
    pool = world.pool(problems_per_domain=400)
    world.go_on(pool)
    assert (pool.standing == DONE).all()
    assert pool.num_kept.sum() == (world.outcomes == BAND).sum()
    assert pool.begin_round() == []


def test_last_round_looks_at_few_where_few_are_missing() -> None:
    world = world_of(20_000, signal=0.0)
    pool = world.pool(problems_per_domain=100, round_problems=2_000)
    pool.num_kept[:] = 0
    world.go_on(pool, num_rounds=1)
    pool.num_kept[:] = 99
    before = pool.num_rated
    world.go_on(pool, num_rounds=1)
    assert pool.num_rated - before < 40  # 2 missing, at one of some seven


def test_problems_with_published_rates_are_never_looked_at() -> None:
    world = world_of(400, signal=0.0)
    settled = np.arange(400) % 2 == 0
    pool = DemandPool(
        Features(np.zeros((400, 1), dtype=np.float32), world.domains[:, None]),
        world.priority,
        num_groups=[NUM_DOMAINS],
        settled=settled,
        num_kept=np.array([40, 3]),
        config=DemandConfig(problems_per_domain=40, round_problems=60),
    )
    shares = pool.begin_round()
    assert [(share.domain, share.num_missing) for share in shares] == [(1, 37)]
    assert not settled[pool.candidates(shares)].any()


def test_same_problem_is_never_shown_twice() -> None:
    world = world_of(3_000, signal=1.0)
    pool = world.pool(problems_per_domain=120)
    seen: list[int] = []
    rated: list[int] = []
    while shares := pool.begin_round():
        rows = pool.candidates(shares)
        seen.extend(rows.tolist())
        pool.add_weak(rows, is_solved=np.zeros(len(rows), dtype=np.bool_), weak_numbers=world.weak_numbers[rows])
        rows, _ = pool.picks(shares)
        rated.extend(rows.tolist())
        pool.add_strong(rows, outcomes=world.outcomes[rows], num_tokens=np.full(len(rows), 100.0))
    assert len(seen) == len(set(seen))
    assert len(rated) == len(set(rated))
    assert set(rated) <= set(seen)


def test_highest_values_come_first_and_equal_ones_by_their_priority() -> None:
    values = np.array([0.2, 0.9, 0.2, 0.5, 0.2])
    priority = np.array([3, 0, 1, 0, 2], dtype=np.uint64)
    assert highest(values, priority, 4).tolist() == [1, 3, 2, 4]
    assert highest(values, priority, 9).tolist() == [1, 3, 2, 4, 0]
    assert highest(values, priority, 0).tolist() == []
