"""The measurement of difficulty: what it simulates, and how it counts."""

from dataclasses import replace

import numpy as np
import pytest

from limo_curation.config import DemandConfig
from measurements.difficulty import (
    CASCADE,
    ONE_WEAK,
    band_share,
    early,
    fixed,
    known_rates,
    left_by,
    measure,
    on_demand,
    weak_tokens_of,
)
from measurements.difficulty_pool import (
    STRONG_TOKENS,
    WEAK_TOKENS,
    Link,
    SimulatedPool,
    attempts_until,
    auc,
    odds_ratio,
    pass_rates,
    simulate,
)

RATES = np.array([0.001, 0.05, 0.5, 0.95])
WEIGHTS = np.array([0.4, 0.2, 0.2, 0.2])
LINK = Link("test", weak_noise=1.0, signal=0.6)


@pytest.fixture(scope="module")
def pool() -> SimulatedPool:
    return simulate(20_000, RATES, WEIGHTS, LINK)


def test_mixture_is_found_again_behind_its_counts() -> None:
    rng = np.random.default_rng(0)
    true = rng.choice([0.001, 0.06, 0.9], 20_000, p=[0.3, 0.2, 0.5])
    rates, weights = pass_rates(np.bincount(rng.binomial(128, true), minlength=129))
    assert weights.sum() == pytest.approx(1)
    assert weights[rates < 0.02].sum() == pytest.approx(0.3, abs=0.02)
    assert weights[(rates > 0.03) & (rates < 0.12)].sum() == pytest.approx(0.2, abs=0.02)
    assert weights[rates > 0.8].sum() == pytest.approx(0.5, abs=0.02)


def test_band_share_is_that_of_drawn_attempts() -> None:
    solved = np.random.default_rng(0).binomial(32, np.repeat(RATES, 50_000)).reshape(4, -1)
    drawn = ((solved >= 1) & (solved <= 3)).mean(axis=1) @ WEIGHTS
    assert band_share(RATES, WEIGHTS) == pytest.approx(drawn, abs=0.005)


def test_attempts_stop_where_enough_of_them_reach_the_answer() -> None:
    solved, last, counted = attempts_until(np.array([0.0, 1.0]), 32, 4, np.random.default_rng(0))
    assert (solved.tolist(), last.tolist(), counted.tolist()) == ([0, 32], [32, 4], [0, 4])
    solved, last, counted = attempts_until(np.full(20_000, 0.1), 32, 4, np.random.default_rng(0))
    assert (counted == np.minimum(solved, 4)).all()
    assert (last[solved < 4] == 32).all()
    assert last[solved >= 4].min() >= 4
    assert solved.mean() == pytest.approx(3.2, abs=0.05)


def test_larger_pool_begins_with_the_smaller_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("measurements.difficulty_pool.ROWS_AT_ONCE", 100)
    small, large = simulate(200, RATES, WEIGHTS, LINK), simulate(300, RATES, WEIGHTS, LINK)
    assert (small.num_solved == large.num_solved[:200]).all()
    assert (small.weak_numbers == large.weak_numbers[:200]).all()
    assert len(large) == 300


def test_early_stopping_keeps_what_fixed_sampling_keeps_for_fewer_tokens(pool: SimulatedPool) -> None:
    cost, kept = early(pool, ONE_WEAK)
    assert (kept == (left_by(pool, ONE_WEAK) & pool.is_in_band)).all()
    assert cost.num_kept == fixed(pool, for_every_problem=False).num_kept
    assert cost.tokens < fixed(pool, for_every_problem=False).tokens < fixed(pool, for_every_problem=True).tokens


def test_weak_solver_is_asked_only_what_the_one_before_it_left(pool: SimulatedPool) -> None:
    rows = np.arange(len(pool))
    small, large = weak_tokens_of(pool, rows, CASCADE)
    assert small == WEAK_TOKENS * pool.weak_attempts[:, 0].sum()
    assert large == WEAK_TOKENS * pool.weak_attempts[~pool.weak_solved[:, 0], 1].sum()
    assert weak_tokens_of(pool, rows, ONE_WEAK) == [0.0, WEAK_TOKENS * pool.weak_attempts[:, 1].sum()]


def test_tokens_are_weighted_by_the_size_of_their_solver(pool: SimulatedPool) -> None:
    cost = replace(early(pool, CASCADE)[0], num_kept=1, weak_tokens=(32_000.0, 32_000.0), strong_tokens=1_000.0)
    assert (cost.tokens, cost.gpu_tokens) == (65.0, 1.5 + 7 + 1)


def test_on_demand_stops_when_every_domain_has_enough(pool: SimulatedPool) -> None:
    cost, demand = on_demand(pool, ONE_WEAK, DemandConfig(problems_per_domain=20, round_problems=120))
    assert (demand.num_kept >= 20).all()
    assert cost.num_kept == demand.num_kept.sum() < 300
    assert cost.num_rated < 0.3 * left_by(pool, ONE_WEAK).sum()
    assert cost.strong_tokens <= STRONG_TOKENS * 32 * cost.num_rated


def test_strong_signal_makes_a_kept_problem_cheaper_and_known_rates_are_the_bound(pool: SimulatedPool) -> None:
    config = DemandConfig(problems_per_domain=40, round_problems=120)
    seeing, _ = on_demand(pool, ONE_WEAK, config)
    blind, _ = on_demand(pool, ONE_WEAK, config.model_copy(update={"random_share": 1.0}))
    assert known_rates(pool).tokens < seeing.tokens < 0.8 * blind.tokens


def test_draw_at_random_tells_the_bias_of_the_rest(pool: SimulatedPool) -> None:
    measured = measure(pool, DemandConfig(problems_per_domain=60, round_problems=240, random_share=0.3))
    bias = measured["bias"]
    true_share = pool.is_in_band[left_by(pool, ONE_WEAK)].mean()
    assert bias["random_kept_share"] == pytest.approx(true_share, abs=0.06)
    assert bias["predicted_kept_share"] > bias["random_kept_share"]
    assert 0 < measured["lost_by_cascade"] < 1


def test_links_are_told_by_an_odds_ratio_and_an_area() -> None:
    one = np.repeat([True, True, False, False], [30, 10, 10, 50])
    other = np.repeat([True, False, True, False], [30, 10, 10, 50])
    assert odds_ratio(one, other) == pytest.approx(30.5 * 50.5 / (10.5 * 10.5))
    assert auc(np.array([1.0, 2.0, 3.0, 3.0]), np.array([False, False, True, True])) == 1
    assert auc(np.ones(4), np.array([False, True, True, False])) == 0.5
