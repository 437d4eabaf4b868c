"""Passes: as few changes of the model as there are models, and no byte of the result is another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from limo_curation.config import DifficultyConfig
from limo_curation.runner import run_stage
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling_passes import configs_of_passes, cuts, earlier_passes, run_in_passes
from limo_curation.stage import StagePlan, TableStage
from limo_curation.store import Store
from limo_curation.tables import CLASSIFIED, RATED
from tests.small_pipeline import bytes_of
from tests.three_solvers import ADA, BOB, EVE, RATING, WRITING, OrderedEngine, plan_rating, plan_writing


@pytest.mark.parametrize("plan_of", [plan_rating, plan_writing])
@pytest.mark.parametrize("num_workers", [1, 2])
def test_model_changes_once_less_than_there_are_models(
    tmp_path: Path, plan_of: Callable[[Store], StagePlan], num_workers: int
) -> None:
    store, engine = Store(str(tmp_path)), OrderedEngine()
    run_in_passes(plan_of(store), models_at_once=1, num_workers=num_workers, sampler=CachedSampler(engine, store))

    assert engine.models_in_order == ["a", "b", "e"]


def test_two_models_at_a_time_have_one_change(tmp_path: Path) -> None:
    store, engine = Store(str(tmp_path)), OrderedEngine()
    run_in_passes(plan_rating(store), models_at_once=2, sampler=CachedSampler(engine, store))

    assert engine.models_in_order[-1] == "e"
    assert engine.models_in_order.count("e") == 1


@pytest.mark.parametrize("plan_of", [plan_rating, plan_writing])
def test_passes_ask_what_one_run_asks_and_change_no_byte(tmp_path: Path, plan_of: Callable[[Store], StagePlan]) -> None:
    asked, written = [], []
    for name, run in (("plain", run_stage), ("passes", lambda plan, **on: run_in_passes(plan, models_at_once=1, **on))):
        store, engine = Store(str(tmp_path / name)), OrderedEngine()
        plan = plan_of(store)
        run(plan, sampler=CachedSampler(engine, store))
        asked.append(sorted((one.model, one.question, one.seed) for one in engine.asked))
        written.append(bytes_of(plan))
    assert asked[0] == asked[1]
    assert written[0] == written[1]
    assert len(written[0]) == 8


def test_finished_stage_asks_nothing(tmp_path: Path) -> None:
    store, engine = Store(str(tmp_path)), OrderedEngine()
    done = run_stage(plan_rating(store), sampler=CachedSampler(OrderedEngine(), store))

    assert run_in_passes(plan_rating(store), models_at_once=1, sampler=engine) == done
    assert not engine.asked


def test_pass_works_on_missing_chunks_only(tmp_path: Path) -> None:
    store, engine = Store(str(tmp_path)), OrderedEngine()
    plan = plan_rating(store)
    run_stage(plan, sampler=CachedSampler(OrderedEngine(), store))
    store.remove(f"difficulty/{plan.key}/manifest.json")
    store.remove("requests")
    damaged = sorted(Path(store.entry_uri("difficulty", plan.key)).glob("kept/*.parquet"))[1]
    damaged.write_bytes(b"broken")

    run_in_passes(plan, models_at_once=1, sampler=CachedSampler(engine, store))

    assert {one.question for one in engine.asked} == {"What is 3?", "What is 4?", "What is 5?"}


def test_engine_with_room_for_all_models_needs_no_pass(tmp_path: Path) -> None:
    plan = plan_rating(Store(str(tmp_path)))
    assert earlier_passes(plan, models_at_once=None) == []
    assert earlier_passes(plan, models_at_once=3) == []


def test_pass_has_the_stages_key_and_its_first_solvers(tmp_path: Path) -> None:
    plan = plan_rating(Store(str(tmp_path)))
    first, second = earlier_passes(plan, models_at_once=1)

    assert first.key == second.key == plan.key
    assert isinstance(first.config, DifficultyConfig)
    assert isinstance(second.config, DifficultyConfig)
    assert (first.config.weak, first.config.strong) == ((ADA,), None)
    assert (second.config.weak, second.config.strong) == ((ADA, BOB), None)


def test_solvers_of_one_model_belong_to_one_pass() -> None:
    longer = ADA.model_copy(update={"max_tokens": 500})
    assert cuts([ADA, longer, BOB, EVE], 1) == [2, 3]
    assert cuts([ADA, longer, BOB, EVE], 2) == [3]
    assert cuts([ADA, BOB, EVE, BOB], 2) == [2]
    assert configs_of_passes(WRITING.model_copy(update={"teachers": (ADA, longer)}), 1) == []


def test_stage_that_is_switched_off_or_needs_the_whole_table_has_no_passes(tmp_path: Path) -> None:
    off = RATING.model_copy(update={"enabled": False})
    assert earlier_passes(plan_rating(Store(str(tmp_path)), off), models_at_once=1) == []
    on_demand = replace(plan_rating(Store(str(tmp_path))), stage=TableStage("rate", CLASSIFIED, RATED, (), dict))
    assert earlier_passes(on_demand, models_at_once=1) == []


def test_solver_without_a_strong_one_is_cut_too() -> None:
    config = DifficultyConfig(weak=(ADA, BOB))
    assert [one.model_dump()["weak"] for one in configs_of_passes(config, 1)] == [(ADA.model_dump(),)]
