"""pass@k is exact, intervals mean what they say, and nothing is certain because there is little of it."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.evaluation import pass_at_k
from limo_curation.evaluation.estimators import (
    accuracy_interval,
    bootstrap_means,
    chance_level,
    flipped_means,
    interval_of,
    wilson_interval,
)


@st.composite
def counts(draw: st.DrawFn, *, max_samples: int = 200) -> tuple[int, int, int]:
    num_samples = draw(st.integers(1, max_samples))
    return num_samples, draw(st.integers(0, num_samples)), draw(st.integers(1, num_samples))


# -- pass@k ------------------------------------------------------------------------------------------------------------


@given(counts())
def test_pass_at_k_is_the_nearest_float_to_the_exact_fraction(case: tuple[int, int, int]) -> None:
    num_samples, num_correct, k = case
    exact = 1 - Fraction(comb(num_samples - num_correct, k), comb(num_samples, k))

    assert pass_at_k(num_samples, num_correct, k) == float(exact)


@given(counts(max_samples=8))
def test_pass_at_k_is_the_share_of_all_choices_of_k_samples_with_a_correct_one(case: tuple[int, int, int]) -> None:
    num_samples, num_correct, k = case
    choices = list(combinations(range(num_samples), k))
    share = Fraction(sum(min(choice) < num_correct for choice in choices), len(choices))

    assert pass_at_k(num_samples, num_correct, k) == float(share)


@given(st.lists(counts(max_samples=40), min_size=1, max_size=30))
def test_arrays_and_series_say_what_single_numbers_say(cases: list[tuple[int, int, int]]) -> None:
    k = min(num_samples for num_samples, _, _ in cases)
    drawn, correct = [case[0] for case in cases], [case[1] for case in cases]
    singly = [pass_at_k(n, c, k) for n, c in zip(drawn, correct, strict=True)]

    assert pass_at_k(np.array(drawn), np.array(correct), k).tolist() == singly
    assert pass_at_k(pl.Series(drawn), pl.Series(correct), k).to_list() == singly


def test_one_number_of_samples_stands_for_all_items() -> None:
    assert pass_at_k(4, np.array([[0, 1], [2, 4]]), 2).tolist() == [[0.0, 0.5], [5 / 6, 1.0]]
    assert pass_at_k(4, pl.Series([0, 1]), 4).to_list() == [0.0, 1.0]
    assert pass_at_k(pl.Series([4, 8]), 1, 2).to_list() == [0.5, 0.25]
    assert pass_at_k(np.int64(4), np.int64(1), 2) == 0.5
    assert pass_at_k(4, pl.Series([], dtype=pl.Int64), 1).to_list() == []


def test_pass_at_k_does_not_lose_a_small_chance_among_many_samples() -> None:
    assert pass_at_k(100_000, 1, 1) == 1e-5
    assert pass_at_k(100_000, 1, 10_000) == 0.1
    assert pass_at_k(1_000_000, 999_999, 2) == 1.0


@pytest.mark.parametrize(
    ("num_samples", "num_correct", "k", "words"),
    [
        (4, 1, 5, "k = 5 of 4 samples"),
        (4, 1, 0, "k = 0 of 4 samples"),
        (0, 0, 1, "k = 1 of 0 samples"),
        (4, 5, 1, "5 of 4 samples are correct"),
        (4, -1, 1, "-1 of 4 samples are correct"),
        (np.array([8, 4]), np.array([1, 1]), 5, "k = 5 of 4 samples"),
        (np.array([4]), np.array([0.5]), 1, "num_correct holds float64"),
        (4, pl.Series([1, None]), 1, "num_correct has 1 nulls"),
    ],
)
def test_impossible_counts_are_refused_with_the_number(
    num_samples: object, num_correct: object, k: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        pass_at_k(num_samples, num_correct, k)  # type: ignore[call-overload]


# -- intervals ---------------------------------------------------------------------------------------------------------


def test_wilson_interval_agrees_with_published_values() -> None:
    # Wilson's score interval as Newcombe 1998 tabulates it: 81 of 263, and 0 of 20
    low, high, method = wilson_interval(81 / 263, 263)
    assert (round(low, 4), round(high, 4), method) == (0.2553, 0.3662, "Wilson")
    assert tuple(round(end, 4) for end in wilson_interval(0.0, 20)[:2]) == (0.0, 0.1611)


def test_no_interval_claims_certainty_because_every_item_came_out_alike() -> None:
    for share in (0.0, 0.5, 1.0):
        low, high, method = accuracy_interval(np.full(30, share), num_attempts=16, name="aime24")
        assert method == "Wilson"
        assert 0 <= low <= share <= high <= 1
        assert high - low > 0.1


def test_bootstrap_resamples_items_not_attempts() -> None:
    items = np.array([0.0] * 15 + [1.0] * 15)  # 16 attempts each, all of one kind: still 30 items
    low, high, method = accuracy_interval(items, num_attempts=16, name="aime24")

    assert method == "bootstrap"
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.25 / 30), rel=0.1)


def test_bootstrap_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for draw in range(200):
        chances = rng.beta(1, 1, size=100)
        low, high, _ = accuracy_interval(rng.binomial(16, chances) / 16, num_attempts=16, name=f"draw {draw}")
        covered += low <= 0.5 <= high
    assert 180 <= covered <= 199


def test_the_same_name_gives_the_same_draws_and_another_name_others() -> None:
    values = np.arange(20.0)

    assert np.array_equal(bootstrap_means(values, name="aime24"), bootstrap_means(values, name="aime24"))
    assert not np.array_equal(bootstrap_means(values, name="aime24"), bootstrap_means(values, name="amc23"))


def test_draws_do_not_depend_on_how_many_are_held_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(50.0)
    at_once = interval_of(bootstrap_means(values, name="set")), flipped_means(values, name="set").tolist()
    monkeypatch.setattr("limo_curation.evaluation.estimators.BLOCK_VALUES", 7_000)

    assert (interval_of(bootstrap_means(values, name="set")), flipped_means(values, name="set").tolist()) == at_once


# -- chance ------------------------------------------------------------------------------------------------------------


def test_sign_flip_test_agrees_with_all_signs_of_few_items() -> None:
    differences = np.array([0.5, 0.25, 1.0, 0.75, -0.25, 0.5, 0.5, 0.25])
    signs = (np.arange(256)[:, None] >> np.arange(8) & 1) * 2 - 1
    exact = float((np.abs((signs * differences).mean(axis=1)) >= differences.mean() - 1e-12).mean())

    found = chance_level(float(differences.mean()), flipped_means(differences, name="set"))

    assert found == pytest.approx(exact, abs=0.006)


def test_a_single_item_shows_nothing_whatever_its_difference() -> None:
    assert chance_level(-1.0, flipped_means(np.array([-1.0]), name="set")) == 1.0
