"""Workers that share a stage: every chunk once, none left when one dies, the same bytes as undisturbed work."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from limo_curation.claims import Claims
from limo_curation.errors import BudgetError
from limo_curation.problem_config import StageConfig
from limo_curation.runner import commit_parts, missing_parts, run_part, run_stage
from limo_curation.sampling import Sampler
from limo_curation.sampling.cache import CachedSampler
from limo_curation.shared_stage import share_stage
from limo_curation.stage import StageMetrics, StagePlan, StageWriter, TableStage
from limo_curation.store import Artifact, Store
from limo_curation.tables import CLASSIFIED, DROPPED
from tests.processes import wait_until
from tests.small_pipeline import bytes_of
from tests.three_solvers import CHUNK_ROWS, NUM_CHUNKS, RATING, OrderedEngine, plan_rating, plan_writing

TAKEOVER_SECONDS = 1.0


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def undisturbed(folder: Path, plan_of: Callable[[Store], StagePlan] = plan_rating) -> dict[str, str]:
    """Return the bytes that one process writes which nobody shares with or disturbs."""
    other = Store(str(folder / "undisturbed"))
    run_stage(plan_of(other), sampler=CachedSampler(OrderedEngine(), other))
    return bytes_of(plan_of(other))


def share(plan: StagePlan, engine: OrderedEngine, *, models_at_once: int | None = None, num_workers: int = 1) -> int:
    return share_stage(
        plan,
        models_at_once=models_at_once,
        num_workers=num_workers,
        takeover_seconds=TAKEOVER_SECONDS,
        sampler=CachedSampler(engine, plan.store),
    )


def claims_of(plan: StagePlan) -> Claims:
    return Claims(plan.store, f"{plan.stage.name}/{plan.key}/work/claims", takeover_seconds=TAKEOVER_SECONDS)


def part_names(plan: StagePlan) -> list[str]:
    return [f"{part.start:010d}-{part.stop:010d}" for part in missing_parts(plan)]


@pytest.mark.parametrize("plan_of", [plan_rating, plan_writing])
@pytest.mark.parametrize("models_at_once", [None, 1])
def test_one_worker_does_all_chunks_and_commits_nothing(
    store: Store, tmp_path: Path, plan_of: Callable[[Store], StagePlan], models_at_once: int | None
) -> None:
    plan, engine = plan_of(store), OrderedEngine()
    num_done = share(plan, engine, models_at_once=models_at_once, num_workers=2)

    assert num_done == NUM_CHUNKS * (1 if models_at_once is None else 3)
    assert store.artifact(plan.stage.name, plan.key) is None
    commit_parts(plan)
    assert bytes_of(plan) == undisturbed(tmp_path, plan_of)
    assert not store.list(f"{plan.stage.name}/{plan.key}/work")
    if models_at_once:
        assert engine.models_in_order == ["a", "b", "e"]


@pytest.mark.parametrize("models_at_once", [None, 1])
def test_two_workers_share_the_chunks_and_sample_nothing_twice(
    store: Store, tmp_path: Path, models_at_once: int | None
) -> None:
    plan, both_at_work = plan_rating(store), threading.Barrier(2)
    engines = [OrderedEngine(begins=both_at_work.wait), OrderedEngine(begins=both_at_work.wait)]
    num_done = [0, 0]

    def work(number: int) -> None:
        num_done[number] = share(plan, engines[number], models_at_once=models_at_once)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    threads[0].start()
    wait_until(lambda: bool(engines[0].asked))
    threads[1].start()
    for thread in threads:
        thread.join()

    commit_parts(plan)
    assert bytes_of(plan) == undisturbed(tmp_path)
    assert min(num_done) >= 1
    num_chunks_twice = sum(num_done) - NUM_CHUNKS * (3 if models_at_once else 1)
    assert num_chunks_twice in (0, 1)  # two that reach for the same chunk in the same moment may both do it
    if not num_chunks_twice:
        asked = Counter((one.model, one.question, one.seed) for engine in engines for one in engine.asked)
        assert set(asked.values()) == {1}
    if models_at_once:
        assert all(engine.models_in_order in (["a", "b", "e"], ["a", "b"], ["a", "e"], ["a"]) for engine in engines)


def test_chunk_of_a_worker_that_died_is_taken_over(store: Store, tmp_path: Path) -> None:
    plan, engine = plan_rating(store), OrderedEngine()
    died = claims_of(plan)  # not entered: it renews nothing
    assert died.take(part_names(plan)[1])

    assert share(plan, engine) == NUM_CHUNKS
    commit_parts(plan)
    assert bytes_of(plan) == undisturbed(tmp_path)


def test_chunk_of_a_worker_that_lives_is_waited_for(store: Store) -> None:
    plan, engine = plan_rating(store), OrderedEngine()
    second = missing_parts(plan)[1]
    num_done: list[int] = []
    with claims_of(plan) as other:
        assert other.take(part_names(plan)[1])
        worker = threading.Thread(target=lambda: num_done.append(share(plan, engine)))
        worker.start()
        wait_until(lambda: len(missing_parts(plan)) == 1)
        assert worker.is_alive()
        run_part(plan, second.start, second.stop, sampler=OrderedEngine())
    worker.join()

    assert num_done == [NUM_CHUNKS - 1]
    assert not {one.question for one in engine.asked} & {"What is 3?", "What is 4?", "What is 5?"}


def test_two_runs_that_share_one_cache_at_the_same_time_disturb_neither(store: Store, tmp_path: Path) -> None:
    wider = RATING.model_copy(update={"max_solved": 5})  # another stage in the store, most of its requests the same
    plans, both_at_work = [plan_rating(store), plan_rating(store, wider)], threading.Barrier(2)
    threads = [
        threading.Thread(target=share, args=(plan, OrderedEngine(begins=both_at_work.wait)), kwargs={"num_workers": 2})
        for plan in plans
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for plan, plan_of in zip(plans, (plan_rating, lambda other: plan_rating(other, wider)), strict=True):
        commit_parts(plan)
        assert bytes_of(plan) == undisturbed(tmp_path / plan.key, plan_of)


def test_error_ends_the_work_keeps_what_is_finished_and_gives_the_claims_back(store: Store, tmp_path: Path) -> None:
    plan = plan_rating(store)
    broken = OrderedEngine(poison="What is 3?", error=BudgetError("the budget is spent"))
    with pytest.raises(BudgetError, match="the budget is spent"):
        share(plan, broken)
    assert not store.list(f"difficulty/{plan.key}/work/claims")

    engine = OrderedEngine()
    num_finished = NUM_CHUNKS - len(missing_parts(plan))
    assert share(plan, engine) == NUM_CHUNKS - num_finished
    commit_parts(plan)
    assert bytes_of(plan) == undisturbed(tmp_path)


def test_worker_that_comes_to_a_finished_stage_does_nothing(store: Store) -> None:
    plan = plan_rating(store)
    run_stage(plan, sampler=CachedSampler(OrderedEngine(), store))
    assert share(plan, OrderedEngine(poison="What is 3?", error=AssertionError())) == 0


def test_stage_that_needs_the_whole_table_is_done_and_committed_by_one(store: Store) -> None:
    def keep_all(
        problems: Artifact, *, config: StageConfig, store: Store, out: StageWriter, sampler: Sampler
    ) -> StageMetrics:
        out.write(store.scan(problems, CLASSIFIED).collect(), DROPPED.empty())
        return {}

    plan = replace(plan_rating(store), stage=TableStage("rate", CLASSIFIED, CLASSIFIED, (), keep_all))
    assert share(plan, OrderedEngine()) == 1
    artifact = store.artifact("rate", plan.key)
    assert artifact is not None
    assert artifact.rows == NUM_CHUNKS * CHUNK_ROWS
