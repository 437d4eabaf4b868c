"""One contract, every stage: what `stage.py` promises holds for each of them, on real output of the stage before."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from limo_curation.runner import missing_parts, run_stage
from limo_curation.stage import RowStage, StagePlan
from limo_curation.store import Artifact
from limo_curation.tables import DROPPED
from tests.small_pipeline import ON_DEMAND, STAGES, SeededSampler, bytes_of, run_pipeline

NAMES = [*(stage.name for stage in STAGES), ON_DEMAND]
Pipeline = dict[str, tuple[StagePlan, Artifact]]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return run_pipeline(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture(scope="module")
def pipeline_in_small_parts(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return run_pipeline(tmp_path_factory.mktemp("small-parts"), part_rows=7)


@pytest.fixture(scope="module")
def pipeline_again(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return run_pipeline(tmp_path_factory.mktemp("again"))


@pytest.fixture(scope="module")
def before_and_after(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pipeline, Pipeline]:
    """The pipeline on a pool, and then, in the same store, on the same pool with ten problems more."""
    folder = tmp_path_factory.mktemp("grown")
    return run_pipeline(folder, part_rows=7), run_pipeline(folder, part_rows=7, num_more=10)


@pytest.fixture(scope="module")
def large_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The larger pool in a store of its own."""
    return run_pipeline(tmp_path_factory.mktemp("large"), part_rows=7, num_more=10)


def halves(plan: StagePlan, artifact: Artifact) -> tuple[pl.DataFrame, pl.DataFrame]:
    kept = plan.store.scan(artifact, plan.stage.writes).collect()
    return kept, plan.store.scan(artifact, DROPPED, half="dropped").collect()


@pytest.mark.parametrize("name", NAMES)
def test_columns_are_as_declared(pipeline: Pipeline, name: str) -> None:
    plan, artifact = pipeline[name]
    kept, dropped = halves(plan, artifact)
    assert kept.schema == plan.stage.writes.schema
    assert dropped.schema == DROPPED.schema


@pytest.mark.parametrize("name", NAMES)
def test_every_input_row_is_kept_or_dropped(pipeline: Pipeline, name: str) -> None:
    plan, artifact = pipeline[name]
    kept, dropped = halves(plan, artifact)
    manifest = plan.store.manifest(plan.stage.name, plan.key)
    assert manifest is not None
    assert (manifest.rows_kept, manifest.rows_dropped) == (kept.height, dropped.height)
    if plan.stage.reads is None:
        assert manifest.rows_in == kept.height + dropped.height
        return
    id_column = plan.stage.reads.id_column
    source = plan.main_input
    assert source is not None
    before = Counter(plan.store.scan(source).collect()[id_column].to_list())
    kept_ids = kept[id_column] if plan.stage.writes.id_column == id_column else kept[id_column].unique()
    assert Counter(kept_ids.to_list()) + Counter(dropped[id_column].to_list()) == before


@pytest.mark.parametrize("name", NAMES)
def test_every_dropped_row_has_a_declared_reason_and_its_stage(pipeline: Pipeline, name: str) -> None:
    plan, artifact = pipeline[name]
    _, dropped = halves(plan, artifact)
    assert set(dropped["drop_reason"]) <= set(plan.stage.drop_reasons)
    assert set(dropped["stage"]) <= {plan.stage.name}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_inputs_and_config_give_the_same_bytes(
    pipeline: Pipeline, pipeline_again: Pipeline, name: str
) -> None:
    assert pipeline[name][0].key == pipeline_again[name][0].key
    assert bytes_of(pipeline[name][0]) == bytes_of(pipeline_again[name][0])


@pytest.mark.parametrize("name", NAMES)
def test_content_does_not_depend_on_the_number_of_parts(
    pipeline: Pipeline, pipeline_in_small_parts: Pipeline, name: str
) -> None:
    whole, in_parts = pipeline[name], pipeline_in_small_parts[name]
    assert whole[0].key == in_parts[0].key
    assert whole[1].digest == in_parts[1].digest
    one, two = (halves(*each) for each in (whole, in_parts))
    assert one[0].equals(two[0])  # the order too
    assert sorted(one[1].rows(), key=str) == sorted(two[1].rows(), key=str)


@pytest.mark.parametrize("name", NAMES)
def test_a_finished_stage_is_not_run_again(pipeline: Pipeline, name: str) -> None:
    plan, artifact = pipeline[name]
    before = {file: file.stat().st_mtime_ns for file in Path(artifact.uri).rglob("*") if file.is_file()}
    assert run_stage(plan) == artifact
    assert {file: file.stat().st_mtime_ns for file in Path(artifact.uri).rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("name", [stage.name for stage in STAGES if isinstance(stage, RowStage)])
def test_a_row_stage_leaves_its_input_untouched(pipeline: Pipeline, name: str) -> None:
    plan, _ = pipeline[name]
    main, *others = plan.inputs
    frame = plan.store.scan(plan.inputs[main]).collect()
    before = frame.clone()
    side = {other: plan.store.scan(plan.inputs[other]) for other in others}
    sampler = SeededSampler(Path(plan.store.url).parent)
    resources = {"sampler": sampler} if name in ("difficulty", "generation") else {}
    plan.stage.run(frame, **side, config=plan.config, **resources)
    assert frame.equals(before)


def test_the_small_pipeline_drops_something_for_every_kind_of_trap_in_it(pipeline: Pipeline) -> None:
    reasons = {row for plan, artifact in pipeline.values() for row in halves(plan, artifact)[1]["drop_reason"]}
    assert {"unreadable_row", "missing_field", "too_short", "proof", "exact_duplicate", "benchmark_exact"} <= reasons
    assert {"solved_too_often", "wrong_answer", "not_best_chain"} <= reasons
    assert pipeline["selection"][1].rows == 6


def test_finished_parts_are_not_missing(pipeline_in_small_parts: Pipeline) -> None:
    for plan, _ in pipeline_in_small_parts.values():
        if isinstance(plan.stage, RowStage):
            assert missing_parts(plan) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_pool_that_has_grown_gives_the_same_bytes_as_a_fresh_store(
    before_and_after: tuple[Pipeline, Pipeline], large_pipeline: Pipeline, name: str
) -> None:
    (grown, artifact), (fresh, other) = before_and_after[1][name], large_pipeline[name]
    assert (grown.key, artifact.digest) == (fresh.key, other.digest)
    assert bytes_of(grown) == bytes_of(fresh)


@pytest.mark.parametrize("name", [stage.name for stage in STAGES if isinstance(stage, RowStage)])
def test_a_row_stage_takes_over_the_parts_whose_input_has_not_changed(
    before_and_after: tuple[Pipeline, Pipeline], name: str
) -> None:
    small, grown = (pipeline[name][0].store.manifest(name, pipeline[name][0].key) for pipeline in before_and_after)
    assert small is not None
    assert grown is not None
    known = {part.part_key for part in small.parts}
    assert [part.reused for part in grown.parts] == [part.part_key in known for part in grown.parts]
    assert any(part.reused for part in grown.parts) or name != "screening"


@pytest.mark.parametrize("name", NAMES)
def test_the_record_tells_what_else_the_result_depends_on(pipeline: Pipeline, name: str) -> None:
    plan, _ = pipeline[name]
    manifest = plan.store.manifest(plan.stage.name, plan.key)
    assert manifest is not None
    assert manifest.extra_inputs == plan.extra_inputs
    assert bool(manifest.extra_inputs) == (plan.stage.reads is None)
