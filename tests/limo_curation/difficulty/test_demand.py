"""Rating on demand: nothing is lost, nothing is paid twice, and it ends when there is enough."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.config import DemandConfig, DifficultyConfig
from limo_curation.difficulty import DIFFICULTY, rate_problems
from limo_curation.difficulty.demand import DIFFICULTY_ON_DEMAND, codes_of
from limo_curation.engine_config import Solver
from limo_curation.runner import run_stage
from limo_curation.sampling import Sampler
from limo_curation.sampling.cache import CachedSampler
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Store
from limo_curation.tables import CLASSIFIED, DOMAINS
from tests.limo_curation.difficulty.guessing_solvers import GuessingSolvers, pool_of, rate_of
from tests.rows import Outcome, outcome_of, put_in_store
from tests.small_pipeline import bytes_of

WEAK = Solver(model="weak", num_attempts=4, max_tokens=50)
STRONG = Solver(model="strong", num_attempts=8, max_tokens=50)


def config_of(**demand: Any) -> DifficultyConfig:
    needed: dict[str, Any] = {"problems_per_domain": 25, "round_problems": 40, "candidates": 3}
    return DifficultyConfig(weak=(WEAK,), strong=STRONG, demand=DemandConfig(**(needed | demand)))


def plan_of(
    folder: Path,
    problems: pl.DataFrame,
    config: DifficultyConfig,
    *,
    part_rows: int = 1_000,
    store: Store | None = None,
) -> StagePlan:
    store = store or Store(str(folder))
    inputs = {"problems": put_in_store(problems, CLASSIFIED, store, part_rows=100)}
    return plan_stage(DIFFICULTY_ON_DEMAND, inputs, config=config, store=store, part_rows=part_rows)


def rate_on_demand(plan: StagePlan, sampler: Sampler) -> Outcome:
    return outcome_of(run_stage(plan, sampler=sampler), plan.store)


def asked_of(sampler: GuessingSolvers) -> Counter[tuple[str, str, int]]:
    return Counter((request.model, request.question, request.attempt) for request in sampler.asked)


# -- accounting --------------------------------------------------------------------------------------------------------


def test_every_domain_gets_what_it_needs_and_the_rest_is_not_sampled(tmp_path: Path) -> None:
    problems, sampler = pool_of(900), GuessingSolvers()
    outcome = rate_on_demand(plan_of(tmp_path, problems, config_of()), sampler)
    kept = dict(outcome.kept["domain"].value_counts().iter_rows())
    assert set(kept) == set(DOMAINS[:2])
    assert all(25 <= number < 40 for number in kept.values())
    left = outcome.dropped.filter(pl.col("drop_reason") == "not_sampled")
    shown_to_strong = {request.question for request in sampler.asked if request.model == "strong"}
    untouched = problems.filter(~pl.col("question").is_in(list(shown_to_strong)))
    assert set(left["problem_id"]) == set(untouched["problem_id"])
    assert left.height > 300
    assert left["value"].is_between(0, 1).all()
    domain = left.join(problems, on="problem_id")["domain"]
    assert left["evidence"].to_list() == [f"{name}: {kept[name]} problems kept, 25 needed" for name in domain]


def test_what_is_rated_ends_as_in_the_stage_that_rates_everything(tmp_path: Path) -> None:
    problems, config = pool_of(600), config_of()
    outcome = rate_on_demand(plan_of(tmp_path, problems, config), GuessingSolvers())
    everything = rate_problems(problems, config=config, sampler=GuessingSolvers())
    counted = [name for name in outcome.kept.columns if name not in ("drawn", "predicted_chance")]
    expected = everything.kept.filter(pl.col("problem_id").is_in(outcome.kept["problem_id"].implode()))
    assert outcome.kept.select(counted).equals(expected.select(counted))
    rated = outcome.dropped.filter(pl.col("drop_reason") != "not_sampled")
    same = everything.dropped.filter(pl.col("problem_id").is_in(rated["problem_id"].implode()))
    assert rated.sort("problem_id").equals(same.sort("problem_id"))
    assert rated.height > 50


def test_both_draws_are_told_apart_and_add_up(tmp_path: Path) -> None:
    outcome = rate_on_demand(plan_of(tmp_path, pool_of(900), config_of(random_share=0.3)), GuessingSolvers())
    metrics = outcome.manifest.metrics
    drawn = dict(outcome.kept["drawn"].value_counts().iter_rows())
    assert drawn == {"random": metrics["random_num_kept"], "predicted": metrics["predicted_num_kept"]}
    assert outcome.kept.filter(drawn="predicted")["predicted_chance"].is_between(0, 1).all()
    for draw in ("random", "predicted"):
        of_band = sum(metrics[f"{draw}_num_kept_{solved}_solved"] for solved in (1, 2, 3))
        assert of_band == metrics[f"{draw}_num_kept"]
        dropped = sum(
            metrics[f"{draw}_num_{reason}"]
            for reason in ("solved_by_weak", "solved_too_often", "gold_disputed", "never_solved")
        )
        assert dropped + metrics[f"{draw}_num_kept"] == metrics[f"{draw}_num_problems"]
    rated = metrics["random_num_problems"] + metrics["predicted_num_problems"]
    assert rated == outcome.kept.height + outcome.dropped.filter(pl.col("drop_reason") != "not_sampled").height


def test_costs_are_those_of_all_attempts(tmp_path: Path) -> None:
    sampler = GuessingSolvers()
    config = config_of().model_copy(update={"attempts_per_round": 1})  # so that no attempt is drawn in vain
    metrics = rate_on_demand(plan_of(tmp_path, pool_of(600), config), sampler).manifest.metrics
    attempts = Counter(request.model for request in sampler.asked)
    problems = {model: len({one.question for one in sampler.asked if one.model == model}) for model in attempts}
    for solver, model in (("weak_1", "weak"), ("strong", "strong")):
        assert metrics[f"{solver}_num_problems"] == problems[model]
        assert metrics[f"{solver}_num_attempts"] == attempts[model]
        assert metrics[f"{solver}_num_completion_tokens"] == 20 * attempts[model]
        assert metrics[f"{solver}_num_prompt_tokens"] == 10 * attempts[model]
    assert metrics["num_sampled_tokens"] == 20 * len(sampler.asked)


def test_problems_without_a_domain_are_a_domain_of_their_own(tmp_path: Path) -> None:
    outcome = rate_on_demand(
        plan_of(tmp_path, pool_of(900, domains=(None, "geometry")), config_of()), GuessingSolvers()
    )
    kept = dict(outcome.kept["domain"].value_counts().iter_rows())
    assert all(kept[domain] >= 25 for domain in (None, "geometry"))
    evidence = outcome.dropped.filter(pl.col("drop_reason") == "not_sampled")["evidence"]
    assert set(evidence.str.split(":").list.first()) == {"(no domain)", "geometry"}


def test_published_rates_count_first_and_cost_nothing(tmp_path: Path) -> None:
    problems, config = pool_of(600), config_of().model_copy(update={"use_published_rates": True})
    is_published = pl.int_range(pl.len()) % 4 == 0  # all of them of the first domain
    solved = pl.when(is_published).then(pl.lit(4, pl.Int64))
    published = problems.with_columns(
        published_solver=pl.when(is_published).then(pl.lit("r1")),
        published_num_attempts=pl.when(is_published).then(pl.lit(64, pl.Int64)),
        published_num_solved=solved,
    )
    sampler = GuessingSolvers()
    outcome = rate_on_demand(plan_of(tmp_path, published, config), sampler)
    rated_by_others = outcome.kept.filter(pl.col("strong_solver") == "r1")
    assert rated_by_others.height == 150  # also those beyond the need, as it is free
    assert rated_by_others["drawn"].null_count() == 150
    of_first = problems.filter(domain=DOMAINS[0])["question"].to_list()
    assert not {request.question for request in sampler.asked} & set(of_first)
    assert outcome.kept.filter(domain=DOMAINS[1]).height >= 25


def test_no_problems_need_no_rounds(tmp_path: Path) -> None:
    sampler = GuessingSolvers()
    outcome = rate_on_demand(plan_of(tmp_path, CLASSIFIED.empty(), config_of()), sampler)
    assert (outcome.kept.height, outcome.dropped.height, sampler.asked) == (0, 0, [])
    assert outcome.manifest.metrics["num_rounds"] == 0


# -- the same bytes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part_rows", [37, 250])
def test_number_of_parts_changes_neither_what_is_asked_nor_what_is_kept(tmp_path: Path, part_rows: int) -> None:
    problems, config = pool_of(500), config_of()
    one, other = GuessingSolvers(), GuessingSolvers()
    whole = rate_on_demand(plan_of(tmp_path / "whole", problems, config), one)
    in_parts = rate_on_demand(plan_of(tmp_path / "parts", problems, config, part_rows=part_rows), other)
    assert asked_of(one) == asked_of(other)
    assert whole.kept.equals(in_parts.kept)
    assert whole.dropped.sort("problem_id").equals(in_parts.dropped.sort("problem_id"))
    assert whole.manifest.metrics == in_parts.manifest.metrics


def test_pool_that_has_grown_gives_the_same_bytes_as_a_fresh_store(tmp_path: Path) -> None:
    problems, config = pool_of(500), config_of(problems_per_domain=15)
    small, grown = (plan_of(tmp_path / "old", rows, config, part_rows=100) for rows in (problems.head(400), problems))
    rate_on_demand(small, GuessingSolvers())
    outcome = rate_on_demand(grown, GuessingSolvers())
    fresh = plan_of(tmp_path / "new", problems, config, part_rows=100)
    assert outcome.artifact.digest == rate_on_demand(fresh, GuessingSolvers()).artifact.digest
    assert bytes_of(grown) == bytes_of(fresh)


def test_order_at_random_follows_from_the_ids_alone(tmp_path: Path) -> None:
    problems, config = pool_of(500), config_of(problems_per_domain=1, random_share=1.0, round_problems=100)
    one, other = GuessingSolvers(), GuessingSolvers()
    rate_on_demand(plan_of(tmp_path / "one", problems, config), one)
    rate_on_demand(plan_of(tmp_path / "other", problems.reverse(), config), other)
    assert asked_of(one) == asked_of(other)


def test_small_sources_share_a_code() -> None:
    names = pl.Series(["olympiad", "exam", None, "blog", "exam"])
    assert codes_of(names, ["exam", "olympiad"]).tolist() == [1, 0, 2, 2, 0]
    assert codes_of(names, []).tolist() == [0] * 5


class FailingStore(Store):
    """Is interrupted behind a number of interim results."""

    def __init__(self, url: str, *, num_interim: int) -> None:
        super().__init__(url)
        self.num_interim = num_interim

    def write_bytes(self, path: str, data: bytes) -> None:
        super().write_bytes(path, data)
        self.num_interim -= "/work/" in path and path.endswith(".json")
        if self.num_interim == 0:
            self.num_interim = -1
            raise KeyboardInterrupt


@pytest.mark.parametrize("num_interim", [1, 2, 5])
def test_stage_that_was_stopped_between_halves_of_rounds_asks_only_for_the_rest(
    tmp_path: Path, num_interim: int
) -> None:
    problems, config = pool_of(500), config_of()
    alone, first, second = GuessingSolvers(), GuessingSolvers(), GuessingSolvers()
    undisturbed = plan_of(tmp_path / "undisturbed", problems, config)
    expected = rate_on_demand(undisturbed, alone)
    url = str(tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        rate_on_demand(plan_of(tmp_path, problems, config, store=FailingStore(url, num_interim=num_interim)), first)
    resumed = plan_of(tmp_path / "stopped", problems, config)
    outcome = rate_on_demand(resumed, second)
    assert asked_of(first) + asked_of(second) == asked_of(alone)
    assert bytes_of(resumed) == bytes_of(undisturbed)
    assert outcome.manifest.metrics == expected.manifest.metrics


@pytest.mark.parametrize("num_requests", [60, 700, 1_500])
def test_stage_that_was_stopped_within_a_round_pays_for_no_attempt_twice(tmp_path: Path, num_requests: int) -> None:
    problems, config = pool_of(500), config_of()
    first, second = GuessingSolvers(num_requests=num_requests), GuessingSolvers()
    undisturbed = plan_of(tmp_path / "undisturbed", problems, config)
    rate_on_demand(undisturbed, GuessingSolvers())
    stopped = plan_of(tmp_path / "stopped", problems, config)
    with pytest.raises(KeyboardInterrupt):
        rate_on_demand(stopped, CachedSampler(first, stopped.store))
    rate_on_demand(stopped, CachedSampler(second, stopped.store))
    assert max((asked_of(first) + asked_of(second)).values()) == 1
    assert bytes_of(stopped) == bytes_of(undisturbed)


# -- it does what it is for --------------------------------------------------------------------------------------------


def test_prediction_needs_fewer_strong_attempts_than_chance(tmp_path: Path) -> None:
    problems = pool_of(2_500)
    need = {"problems_per_domain": 60, "round_problems": 80}
    seeing, blind = GuessingSolvers(), GuessingSolvers()
    rate_on_demand(plan_of(tmp_path / "seeing", problems, config_of(**need)), seeing)
    rate_on_demand(plan_of(tmp_path / "blind", problems, config_of(**need, random_share=1.0)), blind)
    attempts = [sum(one.model == "strong" for one in sampler.asked) for sampler in (seeing, blind)]
    assert attempts[0] < 0.8 * attempts[1]


@settings(max_examples=15, deadline=None)
@given(
    num_rows=st.integers(1, 60),
    seed=st.integers(0, 1_000),
    round_problems=st.integers(1, 40),
    random_share=st.sampled_from([0.05, 0.5, 1.0]),
    candidates=st.integers(1, 6),
)
def test_pool_that_is_too_small_is_kept_as_by_the_stage_that_rates_everything(
    tmp_path_factory: pytest.TempPathFactory,
    num_rows: int,
    seed: int,
    round_problems: int,
    random_share: float,
    candidates: int,
) -> None:
    folder = tmp_path_factory.mktemp("pool")
    problems = pool_of(num_rows, seed=seed)
    config = config_of(
        problems_per_domain=1_000, round_problems=round_problems, random_share=random_share, candidates=candidates
    )
    on_demand = rate_on_demand(plan_of(folder, problems, config), GuessingSolvers())
    everything = plan_stage(
        DIFFICULTY,
        {"problems": put_in_store(problems, CLASSIFIED, Store(str(folder)), part_rows=100)},
        config=config.model_copy(update={"demand": None}),
        store=Store(str(folder)),
    )
    expected = outcome_of(run_stage(everything, sampler=GuessingSolvers()), everything.store)
    added = ["drawn", "predicted_chance"]
    assert on_demand.kept.drop(added).equals(expected.kept.drop(added))
    assert on_demand.dropped.sort("problem_id").equals(expected.dropped.sort("problem_id"))


def test_demand_is_off_unless_it_is_asked_for() -> None:
    assert DifficultyConfig(strong=STRONG).demand is None


def test_made_up_pool_holds_what_its_tests_look_for() -> None:
    rates = [rate_of(question) for question in pool_of(900)["question"]]
    assert 250 < sum(rate == 0 for rate in rates) < 350
    assert 250 < sum(0.1 <= rate <= 0.4 for rate in rates) < 350
