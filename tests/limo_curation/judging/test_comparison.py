"""Comparisons of two chains: both orders have to agree, and how often the order decided is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.judge_config import JudgeConfig, JudgeModel
from limo_curation.judging.comparison import (
    PREFERENCES,
    ask_preferences,
    best_pairs,
    order_bias,
    put_winners_first,
    settle,
)
from limo_curation.judging.judge import usages
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.usage import Usage
from tests.limo_curation.judging.judges import Judge, preference

ALONE = JudgeConfig(models=(JudgeModel(model="one"),))
PANEL = JudgeConfig(models=(JudgeModel(model="one"), JudgeModel(model="other", num_seeds=2, temperature=0.6)))
GOOD, POOR = "3 times 7 is 21, since 7 and 7 and 7 are 21.", "21."
PAIR = pl.DataFrame(
    {"question": ["3 times 7?"], "first_id": ["g"], "first": [GOOD], "second_id": ["p"], "second": [POOR]}
)


def longer(first: str, second: str) -> str:
    return preference("first" if len(first) > len(second) else "second")


class Divided(Judge):
    """Only the judge `other` sees a difference."""

    def sample(self, requests: Iterable[SampleRequest | None]) -> Iterator[Completion]:
        for done in super().sample(requests):
            yield done if done.request.model == "other" else replace(done, text=preference("tie"))


def winner(compare: Callable[[str, str], str], config: JudgeConfig = ALONE) -> str:
    preferences = ask_preferences(PAIR, config=config, sampler=Judge(compare=compare))
    assert preferences.schema == PREFERENCES
    return settle(preferences)["winner"].item()


def test_each_pair_is_shown_in_both_orders_to_each_judge_for_each_seed() -> None:
    judge = Judge(compare=longer)
    preferences = ask_preferences(PAIR, config=PANEL, sampler=judge)
    assert preferences.select("judge", "attempt").rows() == [("one", 0), ("other", 0), ("other", 1)]
    good_first = [request.question.index(GOOD) < request.question.index(POOR) for request in judge.requests]
    assert good_first == [True, False] * 3
    assert len({request.seed for request in judge.requests if request.model == "other"}) == 2


@pytest.mark.parametrize(
    ("compare", "expected"),
    [
        (longer, "first"),
        (lambda first, second: preference("second" if len(first) > len(second) else "first"), "second"),
        (lambda first, second: preference("first"), "tie"),
        (lambda first, second: preference("second"), "tie"),
        (lambda first, second: preference("tie"), "tie"),
        (lambda first, second: preference("first") if first == GOOD else preference("tie"), "tie"),
        (lambda first, second: preference("first") if first == GOOD else "The first!", "tie"),
        (lambda first, second: "{}", "tie"),
    ],
)
def test_a_chain_wins_only_if_both_orders_agree(compare: Callable[[str, str], str], expected: str) -> None:
    assert winner(compare) == expected


def test_of_several_judges_more_than_half_have_to_agree() -> None:
    two = PANEL.model_copy(update={"models": (JudgeModel(model="one"), JudgeModel(model="other"))})

    assert settle(ask_preferences(PAIR, config=PANEL, sampler=Divided(compare=longer)))["winner"].item() == "first"
    assert settle(ask_preferences(PAIR, config=two, sampler=Divided(compare=longer)))["winner"].item() == "tie"


def test_a_judge_that_prefers_the_first_place_is_found_out() -> None:
    biased = order_bias(ask_preferences(PAIR, config=PANEL, sampler=Judge(compare=lambda a, b: preference("first"))))
    assert (biased.num_read, biased.inconsistent_fraction, biased.first_place_fraction) == (3, 1.0, 1.0)
    fair = order_bias(ask_preferences(PAIR, config=PANEL, sampler=Judge(compare=longer)))
    assert (fair.inconsistent_fraction, fair.first_place_fraction) == (0.0, 0.5)


def test_pairs_that_could_not_be_read_are_counted_and_ties_prefer_no_place() -> None:
    unread = order_bias(ask_preferences(PAIR, config=ALONE, sampler=Judge(compare=lambda a, b: "?")))
    assert (unread.num_read, unread.num_unread, unread.inconsistent_fraction) == (0, 1, None)
    tied = order_bias(ask_preferences(PAIR, config=ALONE, sampler=Judge()))
    assert (tied.inconsistent_fraction, tied.first_place_fraction) == (0.0, None)


def test_each_judge_is_counted_for_itself() -> None:
    of_pairs = partial(usages, role="comparison", about=["first_id", "second_id"], replies_in_row=2)
    found = of_pairs(ask_preferences(PAIR, config=PANEL, sampler=Judge(compare=longer)), config=PANEL)
    assert found == {"comparison_1": Usage(1, 2, 1_800, 240, 0), "comparison_2": Usage(1, 4, 3_600, 480, 0)}
    cut_off = Judge(compare=longer, finish_reason="length")
    preferences = ask_preferences(PAIR, config=ALONE, sampler=cut_off)
    assert of_pairs(preferences, config=ALONE)["comparison_1"].num_truncated == 2
    assert settle(preferences)["winner"].item() == "tie"


def test_no_pairs_are_no_requests() -> None:
    preferences = ask_preferences(PAIR.clear(), config=PANEL, sampler=Judge())
    assert settle(preferences).rows() == []
    assert order_bias(preferences).num_read == 0


# -- what follows ------------------------------------------------------------------------------------------------------

CHAINS = pl.DataFrame(
    [("p", "a", 0.5), ("p", "b", 0.7), ("p", "c", 0.5), ("q", "d", 0.9), ("r", "f", 0.2), ("r", "e", 0.2)],
    ["problem_id", "chain_id", "quality"],
    orient="row",
)


def settled(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, ["first_id", "second_id", "winner"], orient="row")


def test_the_two_best_chains_of_a_problem_compete() -> None:
    assert best_pairs(CHAINS).rows() == [("b", "a"), ("e", "f")]
    assert best_pairs(CHAINS.reverse()).rows() == [("b", "a"), ("e", "f")]


def test_where_the_second_wins_both_exchange_their_quality() -> None:
    found = put_winners_first(CHAINS, settled(("b", "a", "second"), ("e", "f", "tie")))
    assert found["quality"].to_list() == [0.7, 0.5, 0.5, 0.9, 0.2, 0.2]
    assert found["comparison"].to_list() == ["won", "lost", None, None, "tie", "tie"]
    assert found["chain_id"].equals(CHAINS["chain_id"])


@given(st.lists(st.tuples(st.sampled_from("pqr"), st.sampled_from([0.1, 0.5, 0.9])), max_size=8), st.data())
def test_comparing_changes_no_problem_s_set_of_qualities(rows: list[tuple[str, float]], data: st.DataObject) -> None:
    chains = pl.DataFrame(
        [(problem, f"c{place}", quality) for place, (problem, quality) in enumerate(rows)],
        schema={"problem_id": pl.String, "chain_id": pl.String, "quality": pl.Float64},
        orient="row",
    )
    pairs = best_pairs(chains)
    winners = [data.draw(st.sampled_from(["first", "second", "tie"])) for _ in range(pairs.height)]
    found = put_winners_first(chains, pairs.with_columns(winner=pl.Series(winners, dtype=pl.String)))
    for problem in "pqr":
        before, after = (frame.filter(pl.col("problem_id") == problem)["quality"] for frame in (chains, found))
        assert before.sort().equals(after.sort())
