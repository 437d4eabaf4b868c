from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from limo_curation.config import DemandConfig, DifficultyConfig, GenerationConfig, RunConfig
from limo_curation.engine_config import EngineConfig
from limo_curation.errors import TableError
from limo_curation.forecast.forecast import Forecast, load_forecast, save_forecast, saved_forecast
from limo_curation.forecast.gathering import gather_evidence
from limo_curation.forecast.gpus import gpu_named
from limo_curation.forecast.making import make_forecast
from limo_curation.forecast.models import model_size
from limo_curation.forecast.throughput import place
from limo_curation.store import Store
from limo_curation.vllm_config import VllmConfig
from tests.pilot_run import STRONG, TEACHER, WEAK, World, make_run, pilot_config


def plan(config: RunConfig, store: Store, *, rows: int | None = 10**5, price: float | None = None) -> Forecast:
    evidence = gather_evidence(config, store, pilot=None, rows=rows)
    return make_forecast(config, evidence, gpus=[(gpu_named("h100"), price), (gpu_named("h200"), None)])


def test_same_evidence_gives_the_same_plan_to_the_byte(tmp_path: Path):
    store = Store(str(tmp_path))
    assert plan(pilot_config(), store).model_dump_json() == plan(pilot_config(), store).model_dump_json()


def test_rows_never_grow_but_where_problems_become_chains(tmp_path: Path):
    stages = plan(pilot_config(), Store(str(tmp_path))).stages
    for one, following in pairwise(stages):
        assert following.rows_in == one.rows_kept
        if one.stage != "generation":
            assert one.rows_kept.high <= one.rows_in.high
            assert one.rows_kept.low <= one.rows_kept.middle <= one.rows_kept.high


def test_finished_run_is_planned_as_it_came_out(tmp_path: Path):
    store, config = Store(str(tmp_path)), pilot_config()
    make_run(store, config, rows=4_000)
    forecast = plan(config, store, rows=None)
    for one in forecast.stages:
        assert one.basis == "counted"
        assert one.rows_kept.low == one.rows_kept.high
    assert all(one.completion_tokens.low == one.completion_tokens.high for one in forecast.solvers)
    assert forecast.notes[0].startswith("the size of tiny/strong-32B is read from its name")


def test_money_is_hours_times_the_price_and_absent_without_one(tmp_path: Path):
    with_price, without = plan(pilot_config(), Store(str(tmp_path)), price=2.5).gpus
    assert with_price.money is not None
    assert with_price.money.middle == pytest.approx(2.5 * with_price.total_hours.middle)
    assert without.money is None


def test_hours_of_known_tokens_lie_between_the_best_and_the_worst_use_of_the_gpu(tmp_path: Path):
    store, config = Store(str(tmp_path)), pilot_config()
    make_run(store, config, rows=4_000)
    forecast = plan(config, store, rows=None)
    strong = forecast.solvers[1]
    placed = place(STRONG.model, model_size(STRONG.model, {}), gpu_named("h100"))
    prompt, completion = strong.prompt_tokens.middle, strong.completion_tokens.middle
    context = (prompt + completion / 2) / (4 * strong.problems.middle)  # each problem took four attempts
    best, worst = (
        completion * placed.decode_seconds(context, bandwidth_use=one, arithmetic_use=two)
        + prompt * placed.prefill_seconds(arithmetic_use=two)
        for one, two in ((np.array([0.8]), np.array([0.6])), (np.array([0.4]), np.array([0.3])))
    )
    hours = forecast.gpus[0].hours["strong"]
    assert best[0] / 3_600 <= hours.low < hours.high <= worst[0] / 3_600
    assert hours.high > 1.5 * hours.low


def test_pool_of_which_nothing_is_left_is_planned_without_a_warning(tmp_path: Path):
    store, config = Store(str(tmp_path)), pilot_config()
    make_run(store, config, rows=500, world=World(kept=0.0), until="domains")
    forecast = plan(config, store, rows=None)
    assert forecast.stages[-1].rows_kept.high == 0
    assert forecast.gpus[0].total_hours.high == 0


def test_published_rates_spare_some_problems_the_solvers(tmp_path: Path):
    forecast = plan(pilot_config(published=True), Store(str(tmp_path)))
    assert forecast.solvers[0].problems.high < forecast.stages[6].rows_in.high


def test_teacher_with_the_strong_solvers_settings_costs_nothing(tmp_path: Path):
    again = STRONG.model_copy(update={"num_attempts": 16})
    config = pilot_config().model_copy(update={"generation": GenerationConfig(teachers=(again, TEACHER))})
    forecast = plan(config, Store(str(tmp_path)))
    assert [one.is_free for one in forecast.solvers] == [False, False, True, False]
    assert forecast.gpus[0].hours_of_models[STRONG.model] == forecast.gpus[0].hours["strong"]
    assert forecast.gpus[0].hours["teacher_1"].high == 0 < forecast.gpus[0].hours["teacher_2"].low
    more = STRONG.model_copy(update={"num_attempts": 64})
    config = pilot_config().model_copy(update={"generation": GenerationConfig(teachers=(more,))})
    assert not plan(config, Store(str(tmp_path))).solvers[2].is_free


def test_recorded_completions_cost_nothing_whatever_wrote_them(tmp_path: Path):
    unknown = STRONG.model_copy(update={"model": "of-unknown-size"})
    config = pilot_config().model_copy(
        update={
            "difficulty": DifficultyConfig(strong=unknown),
            "engine": EngineConfig(kind="recorded", completions=pilot_config().ingestion.sources),
        }
    )
    forecast = plan(config, Store(str(tmp_path)))
    assert all(one.is_free for one in forecast.solvers)
    assert forecast.solvers[0].completion_tokens.low > 0
    assert forecast.gpus[0].total_hours.high == 0


def test_demand_bounds_what_is_kept_and_what_the_strong_solver_is_asked(tmp_path: Path):
    demanding = DifficultyConfig(weak=(WEAK,), strong=STRONG, demand=DemandConfig(problems_per_domain=10))
    config = pilot_config().model_copy(update={"difficulty": demanding})
    store = Store(str(tmp_path))
    full, bounded = plan(pilot_config(), store), plan(config, store)
    assert bounded.stages[6].rows_kept.high == 60
    assert bounded.solvers[1].problems.middle < full.solvers[1].problems.middle / 10
    assert bounded.solvers[0].problems.middle < full.solvers[0].problems.middle / 10
    assert bounded.solvers[0].problems.low >= bounded.solvers[1].problems.low, "the weak filter stands in front"


def test_wider_choice_shows_more_problems_to_the_weak_solvers(tmp_path: Path):
    seen: list[float] = []
    for candidates in (1, 50):
        demand = DemandConfig(problems_per_domain=10, candidates=candidates)
        demanding = DifficultyConfig(weak=(WEAK,), strong=STRONG, demand=demand)
        config = pilot_config().model_copy(update={"difficulty": demanding})
        seen.append(plan(config, Store(str(tmp_path))).solvers[0].problems.middle)
    assert seen[0] < seen[1] <= 10**5


def test_replica_is_as_large_as_the_run_file_says_and_named_as_it_is_served(tmp_path: Path):
    served = (
        VllmConfig(model="x/weights-32B", served_name=STRONG.model, tensor_parallel_size=4),
        VllmConfig(model=WEAK.model),
        VllmConfig(model=TEACHER.model),
    )
    config = pilot_config().model_copy(update={"engine": EngineConfig(kind="vllm", vllm=served)})
    needed = plan(config, Store(str(tmp_path))).gpus[1].gpus_per_replica
    assert needed == {STRONG.model: 4, WEAK.model: 1, TEACHER.model: 1}


def test_run_without_solvers_costs_rows_and_disk_only(tmp_path: Path):
    config = pilot_config().model_copy(
        update={
            "difficulty": DifficultyConfig(enabled=False),
            "generation": GenerationConfig(recorded=pilot_config().ingestion.sources),
        }
    )
    forecast = plan(config, Store(str(tmp_path)))
    assert forecast.solvers == ()
    assert forecast.gpus[0].total_hours.high == 0
    assert forecast.disk_bytes.low > 0
    difficulty = forecast.stages[6]
    assert difficulty.rows_in == difficulty.rows_kept


def test_plan_is_kept_and_read_back(tmp_path: Path):
    store = Store(str(tmp_path))
    forecast = plan(pilot_config(), store)
    assert load_forecast(store, forecast.run) is None
    with pytest.raises(TableError, match="no plan was kept for run"):
        saved_forecast(store, forecast.run)
    save_forecast(store, forecast)
    assert saved_forecast(store, forecast.run) == forecast
    store.write_bytes(f"forecasts/{forecast.run}.json", b"{")
    with pytest.raises(TableError, match="is damaged; make it again with --save"):
        load_forecast(store, forecast.run)
