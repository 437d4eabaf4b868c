"""Difficulty: who is dropped and why, and that neither early stopping nor any order of completions changes anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from limo_curation.answers import Verdict
from limo_curation.answers.policy import AnswerPolicy
from limo_curation.config import DifficultyConfig
from limo_curation.difficulty import DROP_REASONS, rate_problems
from limo_curation.difficulty.cascade import try_weak
from limo_curation.difficulty.tallies import GradedAttempt, Tally
from limo_curation.engine_config import Solver
from limo_curation.errors import BudgetError
from limo_curation.ledger import StageResult
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.budget import MeteredSampler
from limo_curation.sampling.endpoint import EndpointSampler
from limo_curation.sampling.usage import Usage
from limo_curation.tables import CLASSIFIED, DROPPED, RATED
from tests.any_order_engine import AnyOrderEngine
from tests.chat_server import ChatServer, Reply, chat
from tests.rows import rows_of

GOLD = "7"
WRITTEN = {
    "+": "So the answer is \\boxed{7}.",
    "a": "So the answer is \\boxed{8}.",
    "A": "So the answer is \\boxed{\\frac{24}{3}}.",
    "b": "So the answer is \\boxed{9}.",
    "-": "I do not know.",
    "?": "So the answer is \\boxed{the set of all good numbers}.",  # can't be compared with 7
    "c": "The answer is \\boxed{7}. Wait, let me check this ag",  # cut off: a failure, whatever stands in it
}
STRONG = Solver(model="strong", num_attempts=8, max_tokens=50)
WEAK = Solver(model="weak", num_attempts=2, max_tokens=50)
OTHER_WEAK = Solver(model="other-weak", num_attempts=3, max_tokens=50)

Scripts = Mapping[str, Mapping[str, str]]


class ScriptedSampler:
    """Knows for each solver and question how every attempt ends (one sign of WRITTEN for each)."""

    def __init__(self, scripts: Scripts) -> None:
        self.scripts = scripts
        self.asked: list[tuple[str, str, int]] = []

    def revision(self, model: str) -> str:
        return model

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[Completion]:
        for request in requests:
            self.asked.append((request.model, request.question, request.attempt))
            sign = self.scripts[request.model][request.question][request.attempt]
            yield Completion(request, WRITTEN[sign], "length" if sign == "c" else "stop", 10, 5)


def problems_named(*names: str, **columns: Any) -> pl.DataFrame:
    return rows_of(CLASSIFIED, *[{"problem_id": name, "question": name, "answer": GOLD, **columns} for name in names])


def rate(scripts: Scripts, **settings: Any) -> tuple[StageResult, ScriptedSampler]:
    """Rate the problems that the scripts name, with the solvers that they name."""
    sampler = ScriptedSampler(scripts)
    given: dict[str, Any] = {
        "weak": tuple(solver for solver in (WEAK, OTHER_WEAK) if solver.model in scripts),
        "strong": STRONG if "strong" in scripts else None,
    }
    names = list(next(iter(scripts.values())))
    config = DifficultyConfig(**(given | settings))
    return rate_problems(problems_named(*names), config=config, sampler=sampler), sampler


def reasons(result: StageResult) -> dict[str, str]:
    return dict(result.dropped.select("problem_id", "drop_reason").iter_rows())


def row(result: StageResult, name: str) -> dict[str, Any]:
    return result.kept.row(by_predicate=pl.col("problem_id") == name, named=True)


def ledger(result: StageResult, name: str) -> dict[str, Any]:
    return result.dropped.row(by_predicate=pl.col("problem_id") == name, named=True)


# -- the strong band ---------------------------------------------------------------------------------------------------


def test_band_keeps_one_to_three_of_all_attempts() -> None:
    result, _ = rate(
        {
            "strong": {
                "none": "--------",
                "one": "-------+",
                "three": "+--+---+",
                "four": "-+--++-+",
                "all": "++++++++",
            }
        }
    )
    assert result.kept["problem_id"].to_list() == ["one", "three"]
    assert result.kept["strong_num_solved"].to_list() == [1, 3]
    assert result.kept["strong_num_attempts"].to_list() == [8, 8]
    assert reasons(result) == {"none": "never_solved", "four": "solved_too_often", "all": "solved_too_often"}
    assert result.kept.schema == RATED.schema
    assert result.dropped.schema == DROPPED.schema


def test_ledger_says_how_often_a_problem_was_solved() -> None:
    result, _ = rate({"strong": {"none": "--------", "four": "-+--++-+", "all": "++++++++"}})
    assert ledger(result, "none") == {
        "stage": "difficulty",
        "problem_id": "none",
        "chain_id": None,
        "drop_reason": "never_solved",
        "value": 0.0,
        "threshold": 1.0,
        "evidence": "0 of 8 attempts of strong",
    }
    assert ledger(result, "four")["evidence"] == "4 of 8 attempts of strong"
    assert ledger(result, "all")["evidence"] == "4 of 4 attempts of strong"  # attempts behind the fourth do not count
    assert (ledger(result, "all")["value"], ledger(result, "all")["threshold"]) == (4.0, 3.0)


@pytest.mark.parametrize(("attempts_per_round", "most"), [(1, 4), (4, 7)])
def test_problem_that_left_the_band_is_not_sampled_any_more(attempts_per_round: int, most: int) -> None:
    result, sampler = rate({"strong": {"all": "++++++++", "one": "+-------"}}, attempts_per_round=attempts_per_round)
    drawn = Counter(name for _, name, _ in sampler.asked)
    assert drawn["one"] == 8
    assert 4 <= drawn["all"] <= most  # what is under way when the fourth success comes is not counted
    assert ledger(result, "all")["evidence"] == "4 of 4 attempts of strong"
    assert result.metrics["strong_num_attempts"] == 12


def test_cut_off_attempt_has_failed_even_with_the_answer_in_it() -> None:
    result, _ = rate({"strong": {"cut": "cccccccc", "some": "ccc+----"}})
    assert reasons(result) == {"cut": "never_solved"}
    assert row(result, "some")["strong_num_solved"] == 1
    assert row(result, "some")["strong_num_truncated"] == 3
    assert row(result, "some")["strong_num_undecided"] == 0


def test_undecided_attempt_is_counted_and_is_neither_a_success_nor_a_vote() -> None:
    result, _ = rate({"strong": {"some": "?????+--", "none": "--------"}})
    assert row(result, "some")["strong_num_undecided"] == 5
    assert row(result, "some")["strong_num_solved"] == 1
    assert reasons(result) == {"none": "never_solved"}


def test_cut_off_attempt_is_drawn_once_more_where_a_larger_limit_is_given() -> None:
    class Longer(ScriptedSampler):
        def sample(self, requests: Sequence[SampleRequest]) -> Iterator[Completion]:
            for completion in super().sample(requests):
                if completion.request.max_tokens > 50 and completion.request.attempt == 0:
                    completion = replace(completion, text=WRITTEN["+"], finish_reason="stop")
                yield completion

    config = DifficultyConfig(strong=STRONG, truncated_retry_factor=8)
    sampler = Longer({"strong": {"one": "ccc-----"}})
    result = rate_problems(problems_named("one"), config=config, sampler=sampler)
    assert [attempt for _, _, attempt in sampler.asked].count(0) == 2
    assert len(sampler.asked) == 8 + 3
    assert (row(result, "one")["strong_num_solved"], row(result, "one")["strong_num_truncated"]) == (1, 2)
    assert result.metrics["num_sampled_tokens"] == 11 * 5


def test_policy_decides_what_counts_as_solved() -> None:
    config = DifficultyConfig(strong=STRONG, policy=AnswerPolicy(percent="sign"))
    problems = problems_named("one").with_columns(answer=pl.lit("7%"))
    result = rate_problems(problems, config=config, sampler=ScriptedSampler({"strong": {"one": "--+-----"}}))
    assert (row(result, "one")["strong_num_solved"], row(result, "one")["strong_num_undecided"]) == (1, 0)


def test_problem_whose_only_success_is_undecided_is_kept_and_says_so() -> None:
    result, _ = rate({"strong": {"all": "????????", "one": "---?----"}})
    assert result.kept.select("strong_num_solved", "strong_num_undecided").rows() == [(0, 8), (0, 1)]
    assert reasons(result) == {}


@pytest.mark.parametrize(
    ("script", "is_disputed"),
    [
        ("aaaaa+--", True),  # 5 of 8 is just the threshold
        ("aaaa++--", False),
        ("aaaab+--", False),  # the other answers do not agree
        ("aaaac+--", False),  # what was cut off has no vote
        ("aaaaa---", True),  # a disputed gold answer explains why nothing solved it
        ("aaaa++++", False),
    ],
)
def test_gold_answer_is_disputed_from_the_threshold_on(script: str, is_disputed: bool) -> None:
    result, _ = rate({"strong": {"p": script}}, disputed_share=5 / 8)
    assert (reasons(result).get("p") == "gold_disputed") == is_disputed
    if is_disputed:
        assert ledger(result, "p")["value"] == 5 / 8
        assert ledger(result, "p")["threshold"] == 5 / 8
        assert ledger(result, "p")["evidence"] == "5 of 8 attempts say 8, gold is 7"


@pytest.mark.parametrize("gold", [None, "", "see the figure above"])
def test_gold_answer_that_cant_be_read_is_disputed(gold: str | None) -> None:
    problems = problems_named("p").with_columns(answer=pl.lit(gold, pl.String))
    config = DifficultyConfig(strong=STRONG)
    result = rate_problems(problems, config=config, sampler=ScriptedSampler({"strong": {"p": "+++-+a++"}}))
    assert reasons(result) == {"p": "gold_disputed"}
    assert ledger(result, "p")["evidence"] == f"6 of 8 attempts say 7, gold is {gold or ''}, which can't be read"


def test_votes_for_one_answer_in_many_spellings_add_up() -> None:
    result, _ = rate({"strong": {"p": "aAaAA+--", "q": "aAbb-+--"}}, disputed_share=5 / 8)
    assert reasons(result) == {"p": "gold_disputed"}
    assert ledger(result, "p")["evidence"] == r"5 of 8 attempts say \frac{24}{3}, gold is 7"


def test_few_votes_dispute_nothing_however_large_their_share() -> None:
    solver = STRONG.model_copy(update={"num_attempts": 4})
    assert reasons(rate({"strong": {"p": "aaa+"}}, strong=solver)[0]) == {}
    assert reasons(rate({"strong": {"p": "aaa+"}}, strong=solver, disputed_min_votes=3)[0]) == {"p": "gold_disputed"}


# -- the weak cascade --------------------------------------------------------------------------------------------------


def test_first_success_of_any_weak_solver_ends_the_cascade() -> None:
    result, sampler = rate(
        {
            "weak": {"at once": "+-", "second": "-+", "other": "--", "hard": "-?"},
            "other-weak": {"at once": "---", "second": "---", "other": "-+-", "hard": "c?a"},
        },
        strong=None,
    )
    assert reasons(result) == dict.fromkeys(("at once", "second", "other"), "solved_by_weak")
    assert ledger(result, "at once")["evidence"] == "attempt 1 of weak"
    assert ledger(result, "second")["evidence"] == "attempt 2 of weak"
    assert ledger(result, "other")["evidence"] == "attempt 2 of other-weak"
    assert ledger(result, "other")["value"] == 4  # attempts of all weak solvers together
    assert Counter(name for _, name, _ in sampler.asked) == {"at once": 1, "second": 2, "other": 4, "hard": 5}
    hard = row(result, "hard")
    assert (hard["weak_solver"], hard["weak_num_attempts"], hard["weak_num_undecided"]) == ("other-weak", 5, 2)


def test_without_strong_solver_everything_that_is_left_is_kept_without_strong_counts() -> None:
    result, _ = rate({"weak": {"hard": "--"}}, strong=None)
    hard = row(result, "hard")
    assert [hard[name] for name in hard if name.startswith("strong_")] == [None] * 5
    assert result.dropped.height == 0


def test_what_a_weak_solver_solves_is_never_shown_to_the_strong_one() -> None:
    result, sampler = rate({"weak": {"easy": "+-", "hard": "--"}, "strong": {"easy": "++++++++", "hard": "+-------"}})
    assert {name for model, name, _ in sampler.asked if model == "strong"} == {"hard"}
    assert reasons(result) == {"easy": "solved_by_weak"}
    assert row(result, "hard")["weak_num_attempts"] == 2


# -- published rates ---------------------------------------------------------------------------------------------------


def with_published(**num_solved: int | None) -> pl.DataFrame:
    rows = [
        {"problem_id": name, "question": name, "answer": GOLD}
        | ({} if solved is None else {"published_solver": "r1", "published_num_attempts": 64})
        | {"published_num_solved": solved}
        for name, solved in num_solved.items()
    ]
    return rows_of(CLASSIFIED, *rows)


def test_published_rate_is_put_on_the_bands_scale() -> None:
    config = DifficultyConfig(use_published_rates=True, published_band_of=32)
    problems = with_published(none=0, half=1, one=2, three=6, above=7, all=64, unknown=None)
    result = rate_problems(problems, config=config)
    assert result.kept["problem_id"].to_list() == ["one", "three"]
    assert reasons(result) == {
        "none": "never_solved",
        "half": "never_solved",  # 1 of 64 is half an attempt of 32
        "above": "solved_too_often",
        "all": "solved_too_often",
        "unknown": "unrated",
    }
    assert (ledger(result, "above")["value"], ledger(result, "above")["threshold"]) == (3.5, 3.0)
    assert ledger(result, "above")["evidence"] == "7 of 64 attempts of r1"
    one = row(result, "one")
    assert (one["strong_solver"], one["strong_num_attempts"], one["strong_num_solved"]) == ("r1", 64, 2)
    assert (one["weak_solver"], one["weak_num_attempts"], one["strong_num_truncated"]) == (None, 0, None)


def test_only_problems_without_a_published_rate_are_sampled() -> None:
    sampler = ScriptedSampler({"weak": {"easy": "-+", "hard": "--"}, "strong": {"hard": "++------"}})
    config = DifficultyConfig(weak=(WEAK,), strong=STRONG, use_published_rates=True)
    result = rate_problems(with_published(one=2, easy=None, hard=None), config=config, sampler=sampler)
    assert {name for _, name, _ in sampler.asked} == {"easy", "hard"}
    assert result.kept.select("problem_id", "strong_solver", "strong_num_solved").rows() == [
        ("one", "r1", 2),
        ("hard", "strong", 2),
    ]
    assert reasons(result) == {"easy": "solved_by_weak"}


def test_published_rates_that_are_not_wanted_are_not_looked_at() -> None:
    sampler = ScriptedSampler({"strong": {"all": "+-------"}})
    result = rate_problems(with_published(all=64), config=DifficultyConfig(strong=STRONG), sampler=sampler)
    assert row(result, "all")["strong_solver"] == "strong"
    assert len(sampler.asked) == 8


def test_problem_that_nobody_could_rate_is_not_called_hard() -> None:
    result = rate_problems(problems_named("p"), config=DifficultyConfig(strong=STRONG), sampler=None)
    assert reasons(result) == {"p": "unrated"}


# -- laws --------------------------------------------------------------------------------------------------------------


def expected_reason(weak: str, strong: str, config: DifficultyConfig) -> str | None:
    """The rule, on all attempts of everybody, as plainly as it can be said."""
    if "+" in weak:
        return "solved_by_weak"
    if strong.count("+") > config.max_solved:
        return "solved_too_often"
    if max(strong.count("a") + strong.count("A"), strong.count("b")) / len(strong) >= config.disputed_share:
        return "gold_disputed"
    return "never_solved" if strong.count("+") + strong.count("?") < config.min_solved else None


attempts = st.sampled_from("+ab-?c" + "+aaAA")
weak_scripts = st.text(st.sampled_from("-ab?c---------+"), min_size=5, max_size=5)
strong_scripts = st.text(attempts, min_size=8, max_size=8)
bands = st.integers(0, 6).flatmap(lambda low: st.tuples(st.just(low), st.integers(low, 7)))


@settings(max_examples=60, deadline=None)
@given(
    scripts=st.lists(st.tuples(weak_scripts, strong_scripts), min_size=1, max_size=12),
    band=bands,
    disputed_share=st.sampled_from([0.51, 5 / 8, 0.6, 1.0]),
    attempts_per_round=st.integers(1, 9),
    num_slots=st.integers(1, 40),
    seed=st.integers(0, 2**32),
)
@example(
    scripts=[("-----", "aaaaa+++"), ("-----", "+++aaaaa")],
    band=(1, 2),
    disputed_share=0.6,
    attempts_per_round=3,
    num_slots=2,
    seed=0,
)
def test_early_stopping_keeps_exactly_what_full_sampling_keeps(
    scripts: list[tuple[str, str]],
    band: tuple[int, int],
    disputed_share: float,
    attempts_per_round: int,
    num_slots: int,
    seed: int,
) -> None:
    named = {f"p{index}": pair for index, pair in enumerate(scripts)}
    asked: Scripts = {
        "weak": {name: weak[:2] for name, (weak, _) in named.items()},
        "other-weak": {name: weak[2:] for name, (weak, _) in named.items()},
        "strong": {name: strong for name, (_, strong) in named.items()},
    }
    bounds = {"min_solved": band[0], "max_solved": band[1], "disputed_share": disputed_share}
    config = DifficultyConfig(weak=(WEAK, OTHER_WEAK), strong=STRONG, attempts_per_round=attempts_per_round, **bounds)
    scripted = ScriptedSampler(asked)
    engine = AnyOrderEngine(lambda one: next(scripted.sample([one])), num_slots=num_slots, seed=seed)
    result = rate_problems(problems_named(*named), config=config, sampler=engine)
    expected = {name: expected_reason(weak, strong, config) for name, (weak, strong) in named.items()}
    assert reasons(result) == {name: reason for name, reason in expected.items() if reason is not None}
    assert result.kept["problem_id"].to_list() == [name for name, reason in expected.items() if reason is None]
    for kept in result.kept.iter_rows(named=True):
        weak, strong = named[kept["problem_id"]]
        assert (kept["weak_num_attempts"], kept["weak_num_undecided"]) == (5, weak.count("?"))
        counts = [kept[f"strong_num_{name}"] for name in ("attempts", "solved", "undecided", "truncated")]
        assert counts == [8, strong.count("+"), strong.count("?"), strong.count("c")]
    one_by_one, sampler = rate(asked, attempts_per_round=1, **bounds)
    assert result.kept.equals(one_by_one.kept)
    assert result.dropped.equals(one_by_one.dropped)
    assert result.metrics == one_by_one.metrics
    assert len(scripted.asked) == len(set(scripted.asked))  # no attempt is drawn twice
    assert set(scripted.asked) >= set(sampler.asked)
    assert set(reasons(result).values()) <= set(DROP_REASONS)


def test_result_over_http_is_the_one_in_this_process() -> None:
    signs = "+-----ab?c"

    class Solving(ChatServer):
        def reply_to(self, body: dict[str, Any]) -> Reply:
            sign = signs[body["seed"] % len(signs)]
            return Reply(200, chat(WRITTEN[sign], finish_reason="length" if sign == "c" else "stop", num_tokens=5))

    def complete(request: SampleRequest) -> Completion:
        sign = signs[request.seed % len(signs)]
        return Completion(request, WRITTEN[sign], "length" if sign == "c" else "stop", 11, 5)

    problems = problems_named(*(f"p{number}" for number in range(40)))
    config = DifficultyConfig(weak=(WEAK,), strong=STRONG)
    with Solving() as server:
        urls = {model: [server.url] for model in ("weak", "strong")}
        endpoint = EndpointSampler(urls, max_concurrency=16, timeout_seconds=30)
        over_http = rate_problems(problems, config=config, sampler=endpoint)
    here = rate_problems(problems, config=config, sampler=AnyOrderEngine(complete, num_slots=5))
    assert over_http.kept.equals(here.kept)
    assert over_http.dropped.equals(here.dropped)
    assert over_http.metrics == here.metrics
    assert here.kept.height not in {0, 40}


def test_result_does_not_depend_on_the_order_of_the_problems() -> None:
    scripts = {"strong": {"one": "+-------", "none": "--------", "all": "++++++++", "two": "a+b+----"}}
    backwards = {"strong": dict(reversed(scripts["strong"].items()))}
    one, other = rate(scripts)[0], rate(backwards)[0]
    assert one.kept.sort("problem_id").equals(other.kept.sort("problem_id"))
    assert one.dropped.sort("problem_id").equals(other.dropped.sort("problem_id"))


# -- what it costs -----------------------------------------------------------------------------------------------------


def test_cost_of_each_solver_is_on_record() -> None:
    result, sampler = rate(
        {
            "weak": {"easy": "-+", "hard": "-c"},
            "other-weak": {"easy": "---", "hard": "cc-"},
            "strong": {"easy": "++++++++", "hard": "+-c-----"},
        }
    )
    assert len(sampler.asked) == 4 + 3 + 8
    metrics = result.metrics
    assert metrics.pop("num_sampled_tokens") == 15 * 5
    names = ("num_problems", "num_attempts", "num_prompt_tokens", "num_completion_tokens", "num_truncated")
    costs = {solver: [metrics.pop(f"{solver}_{name}") for name in names] for solver in ("weak_1", "weak_2", "strong")}
    assert costs == {
        "weak_1": [2, 4, 40, 20, 1],
        "weak_2": [1, 3, 30, 15, 2],
        "strong": [1, 8, 80, 40, 1],
    }
    assert metrics == {}


def test_tally_remembers_each_attempt() -> None:
    class WithLogprobs(ScriptedSampler):
        def sample(self, requests: Sequence[SampleRequest]) -> Iterator[Completion]:
            for completion in super().sample(requests):
                yield replace(completion, mean_logprob=-0.5)

    tally = Tally("p", "p", GOLD)
    config = DifficultyConfig(strong=STRONG)
    usage = try_weak([tally], OTHER_WEAK, config=config, sampler=WithLogprobs({"other-weak": {"p": "ac?"}}))
    different, undecided = Verdict.DIFFERENT, Verdict.UNDECIDED
    assert tally.weak_attempts == [
        GradedAttempt("other-weak", 0, "8", different, 10, 5, is_truncated=False, mean_logprob=-0.5),
        GradedAttempt("other-weak", 1, None, different, 10, 5, is_truncated=True, mean_logprob=-0.5),
        GradedAttempt(
            "other-weak", 2, "the set of all good numbers", undecided, 10, 5, is_truncated=False, mean_logprob=-0.5
        ),
    ]
    assert usage == Usage(1, 3, 30, 15, 1)


def test_spent_budget_is_not_turned_into_a_rating() -> None:
    metered = MeteredSampler(ScriptedSampler({"strong": {"p": "--------"}}), max_total_tokens=20)
    with pytest.raises(BudgetError):
        rate_problems(problems_named("p"), config=DifficultyConfig(strong=STRONG), sampler=metered)


def test_no_problems_need_no_attempts() -> None:
    sampler = ScriptedSampler({})
    result = rate_problems(CLASSIFIED.empty(), config=DifficultyConfig(weak=(WEAK,), strong=STRONG), sampler=sampler)
    assert (result.kept.height, result.dropped.height, sampler.asked) == (0, 0, [])
    assert result.kept.schema == RATED.schema
