"""The regression behind rating on demand: it finds what there is to find, and nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.answers import Verdict
from limo_curation.difficulty.prediction import (
    ABOVE,
    BAND,
    BELOW,
    WEAK_NUMBERS,
    Features,
    fit_chances,
    gain,
    log_posterior,
    posterior_mode,
    weak_numbers,
)
from limo_curation.difficulty.tallies import GradedAttempt


def features_of(numbers: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Features:
    columns = np.asarray(numbers, dtype=np.float32).reshape(len(np.asarray(numbers)), -1)
    codes = np.zeros((len(columns), 1)) if groups is None else np.asarray(groups).reshape(len(columns), -1)
    return Features(columns, codes.astype(np.int16))


def outcomes_of(codes: npt.ArrayLike) -> npt.NDArray[np.float64]:
    return np.eye(3)[np.asarray(codes)]


def attempt(answer: str | None, **columns: object) -> GradedAttempt:
    given: dict[str, object] = {
        "solver": "weak",
        "number": 0,
        "answer": answer,
        "verdict": Verdict.DIFFERENT,
        "num_prompt_tokens": 10,
        "num_completion_tokens": 99,
        "is_truncated": False,
    }
    return GradedAttempt(**(given | columns))  # type: ignore[arg-type]


def test_band_is_found_between_what_is_never_and_what_is_mostly_solved() -> None:
    ease = np.linspace(-3, 3, 600)
    outcomes = np.digitize(ease + np.random.default_rng(0).normal(0, 0.5, 600), [-1, 1])
    prediction = fit_chances(features_of(ease), outcomes_of(outcomes), num_groups=[1])
    hard, middle, easy = prediction.chances_of(features_of([-2.5, 0.0, 2.5]))
    assert hard.argmax() == BELOW
    assert middle.argmax() == BAND
    assert easy.argmax() == ABOVE
    assert min(hard[BELOW], middle[BAND], easy[ABOVE]) > 0.8


def test_without_a_signal_the_chances_are_the_shares_that_were_seen() -> None:
    rng = np.random.default_rng(1)
    outcomes = rng.choice(3, 3_000, p=[0.6, 0.1, 0.3])
    prediction = fit_chances(features_of(rng.normal(size=3_000)), outcomes_of(outcomes), num_groups=[1])
    chances = prediction.chances_of(features_of(rng.normal(size=200)))
    shares = np.bincount(outcomes) / 3_000
    assert np.abs(chances - shares).max() < 0.05


def test_source_of_a_few_problems_is_believed_less_than_a_large_one() -> None:
    groups = np.repeat([0, 1, 2], [200, 2, 200])
    outcomes = np.concatenate([np.full(200, BELOW), np.full(2, BAND), np.full(200, BAND)])
    prediction = fit_chances(features_of(np.zeros(402), groups), outcomes_of(outcomes), num_groups=[4])
    none, few, many, never_seen = prediction.chances_of(features_of(np.zeros(4), [0, 1, 2, 3]))[:, BAND]
    assert none < never_seen < few < many


def test_number_that_is_not_known_counts_as_the_mean() -> None:
    numbers = np.random.default_rng(2).normal(5, 2, 300)
    outcomes = outcomes_of((numbers > 5) * ABOVE)
    prediction = fit_chances(features_of(numbers), outcomes, num_groups=[1])
    unknown, mean = prediction.chances_of(features_of([np.nan, numbers.astype(np.float32).mean()]))
    assert unknown == pytest.approx(mean, abs=1e-3)


def test_column_of_which_nothing_is_known_changes_nothing() -> None:
    numbers = np.random.default_rng(3).normal(size=(300, 1))
    outcomes = outcomes_of((numbers[:, 0] > 0) * ABOVE)
    alone = fit_chances(features_of(numbers), outcomes, num_groups=[1]).chances_of(features_of(numbers))
    beside = features_of(np.concatenate([numbers, np.full((300, 1), np.nan)], axis=1))
    assert np.array_equal(fit_chances(beside, outcomes, num_groups=[1]).chances_of(beside), alone)


def test_outcome_that_was_never_seen_is_unlikely_but_possible() -> None:
    prediction = fit_chances(features_of(np.zeros(50)), outcomes_of(np.full(50, BELOW)), num_groups=[1])
    chances = prediction.chances_of(features_of(np.zeros(1)))[0]
    assert chances[BELOW] > 0.9
    assert chances[BAND] > 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 60), st.integers(1, 4))
def test_no_weights_near_the_mode_are_likelier(seed: int, num_rows: int, num_columns: int) -> None:
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(num_rows, num_columns)) * 3
    outcomes = outcomes_of(rng.integers(0, 3, num_rows))
    precision = np.ones(num_columns)
    mode = posterior_mode(design, outcomes, precision)
    highest = log_posterior(mode, design, outcomes, precision)
    for _ in range(20):
        near = mode + rng.normal(size=mode.shape) * 0.01
        assert log_posterior(near, design, outcomes, precision) < highest


def test_soft_outcomes_are_learned_as_the_hard_ones_that_they_stand_for() -> None:
    soft = fit_chances(features_of(np.zeros(100)), np.full((100, 3), [0.25, 0.25, 0.5]), num_groups=[1])
    hard = fit_chances(features_of(np.zeros(100)), outcomes_of(np.repeat([0, 1, 2], [25, 25, 50])), num_groups=[1])
    assert np.array_equal(soft.chances_of(features_of([0.0])), hard.chances_of(features_of([0.0])))


def test_of_two_equal_chances_the_cheaper_rating_is_worth_more() -> None:
    chances = np.array([[0.8, 0.2, 0.0], [0.0, 0.2, 0.8]])
    costly, cheap = gain(chances, np.array([320.0, 320.0, 60.0]))
    assert (costly, cheap) == (pytest.approx(0.2 / 320), pytest.approx(0.2 / 112))


def test_weak_attempts_tell_their_votes_in_any_spelling_and_what_went_wrong() -> None:
    attempts = [
        attempt("8", mean_logprob=-0.5),
        attempt(r"\frac{16}{2}", mean_logprob=-0.3),
        attempt(None, is_truncated=True, num_completion_tokens=999),
        attempt("all good numbers", verdict=Verdict.UNDECIDED),
    ]
    told = dict(zip(WEAK_NUMBERS, weak_numbers(attempts), strict=True))
    assert list(told.values()) == pytest.approx([0.5, 0.75, -0.4, (3 * np.log(100) + np.log(1000)) / 4, 0.25, 0.25])


def test_attempts_without_answers_or_probabilities_have_no_votes_and_no_mean() -> None:
    votes, distinct, logprob, *_ = weak_numbers([attempt(None), attempt(None)])
    assert (votes, distinct) == (0, 0)
    assert np.isnan(logprob)
    assert np.isnan(weak_numbers([])).all()
