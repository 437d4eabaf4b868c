"""The measurement of judging: areas, ranks, folds, and attacks that do what they say."""

import itertools
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.judging.features import count_features
from limo_curation.judging.levels import read_rubric
from measurements.judging import area, fitted, fold_of, held_out, measure_stuffing, rank, step_factor
from measurements.judging_attacks import (
    INDISTINGUISHABLE,
    NUM_STUFFED,
    SPREAD,
    STUFFING,
    UNCONNECTED,
    paraphrases,
)

RIGHT = pl.col("is_right")
BEST = read_rubric()[-1].example


def scores(right: list[float], wrong: list[float]) -> pl.DataFrame:
    labels = [True] * len(right) + [False] * len(wrong)
    return pl.DataFrame({"score": [*right, *wrong], "is_right": labels}, schema={"score": float, "is_right": bool})


def test_the_area_counts_pairs_in_the_right_order_and_half_of_equal_ones() -> None:
    assert area(scores([0.9, 0.8], [0.1, 0.2]), "score", RIGHT, ~RIGHT) == 1.0
    assert area(scores([0.1], [0.1, 0.2]), "score", RIGHT, ~RIGHT) == 0.25
    assert area(scores([0.5, 0.5], [0.5]), "score", RIGHT, ~RIGHT) == 0.5


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_the_area_is_the_share_of_pairs(right: list[int], wrong: list[int]) -> None:
    pairs = [1.0 if one > other else 0.5 if one == other else 0.0 for one in right for other in wrong]
    found = area(scores([float(one) for one in right], [float(one) for one in wrong]), "score", RIGHT, ~RIGHT)
    assert found == pytest.approx(sum(pairs) / len(pairs))


def test_a_rank_counts_the_higher_scores() -> None:
    assert [rank(score, [0.1, 0.5, 0.5, 0.9]) for score in (0.0, 0.1, 0.5, 1.0)] == [4, 3, 1, 0]


def test_chains_of_one_problem_are_in_one_fold() -> None:
    assert fold_of("What is 1 + 1?") == fold_of("What is 1 + 1?")
    assert len({fold_of(str(number)) for number in range(1_000)}) == 60


def long_chains(count: int) -> pl.DataFrame:
    """Chains of more than 8,000 characters that don't loop, each on a problem of its own."""
    things = itertools.permutations(("sum", "product", "square", "cube", "root", "mean", "ratio", "half", "double"), 4)
    steps = [f"{' of the '.join(thing)} is {at}x = {at * at % 97}." for at, thing in enumerate(things)]
    texts = [
        f"{' '.join(steps[at * 5 : at * 5 + 200])} {BEST} Perhaps {at}x = 3. Maybe {at}y = 4. The answer is 3."
        for at in range(count)
    ]
    frame = pl.DataFrame({"chain": texts, "fold": range(count), "is_right": True, "source": "made up"})
    return frame.with_columns(num_characters=pl.col("chain").str.len_chars()).hstack(count_features(frame["chain"]))


def test_no_chain_is_scored_by_percentiles_of_its_own_fold() -> None:
    chains = long_chains(40)
    in_fold, one = pl.col("fold") % 5 == 2, pl.col("fold") == 7
    raised = pl.when(in_fold & ~one).then(20).otherwise("num_exploration")
    before, after = held_out(chains), held_out(chains.with_columns(num_exploration=raised))
    assert before.filter(one).equals(after.filter(one))
    assert after.filter(~in_fold)["exploration"].sum() < before.filter(~in_fold)["exploration"].sum()


def test_equations_that_hold_raise_the_factor_and_false_ones_lower_it() -> None:
    held, none, failed = step_factor(["So 3 + 4 = 7.", "So be it.", "So 3 + 4 = 8."])
    assert held > none == 1.0 > failed


def test_paraphrases_are_all_different_and_bring_neither_figure_nor_formula() -> None:
    every = list(paraphrases())
    assert len(set(every)) == len(every) > NUM_STUFFED
    assert len(SPREAD) > 100
    assert not any(character.isdigit() or character in "=+<>" for text in every for character in text)


@pytest.mark.parametrize(
    "attack",
    [*STUFFING.values(), *UNCONNECTED.values(), *INDISTINGUISHABLE.values()],
    ids=[*STUFFING, *UNCONNECTED, *INDISTINGUISHABLE],
)
def test_an_attack_keeps_the_chains_own_words_in_order(attack: Callable[[str], str]) -> None:
    stuffed, at = attack(BEST).lower(), 0
    assert stuffed != BEST.lower()
    for word in BEST.lower().split():
        at = stuffed.index(word, at) + len(word)


def test_an_attack_that_works_is_counted_and_one_that_does_not_is_not() -> None:
    chains = long_chains(40)
    short = chains.with_columns(pl.lit(BEST).alias("chain"), num_characters=pl.lit(len(BEST), dtype=pl.UInt32))
    found = measure_stuffing(pl.concat([chains.head(3), short.head(3)]), fitted(chains))
    assert {found[name]["chains"] for name in found} == {6}
    assert found["one phrase, behind"]["ranks_raised"] == 0
    assert found["one phrase, behind"]["mean_change"] < 0
    assert found["one sham check, behind"]["max_change"] > 0
