"""A run's record while its stages finish, and the progress bars of the run and of a stage."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest

pytest.importorskip("prefect", reason="Prefect is not installed (extra `flows`)")

from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from limo_curation.config import ExecutionConfig, RunConfig
from limo_curation.progress import Progress as StageProgress
from limo_curation.progress import shown_by
from limo_curation.run_record import RunRecord, load_record, run_name
from limo_curation.store import Artifact, Store
from tasks.progress import Progress, ProgressArtifact
from tests.flows.prefect_runs import artifacts_of
from tests.small_run import small_config

pytestmark = pytest.mark.prefect

STAGES = ("ingestion", "screening", "selection")


class EngineIsGoneError(Exception):
    """What makes a run fail half-way."""


@pytest.fixture
def config(prefect_server: None, tmp_path: Path) -> RunConfig:
    return small_config().model_copy(update={"execution": ExecutionConfig(store=str(tmp_path))})


def artifact_of(stage: str, *, digest: str = "00") -> Artifact:
    return Artifact(uri=f"memory://{stage}", stage=stage, key="0" * 32, table="PROBLEMS", digest=digest, rows=1)


@flow(name="progress")
def do_stages(config: RunConfig, artifacts: list[Artifact], *, fails: bool = False) -> None:
    run = Progress(config, num_stages=4)
    for artifact in artifacts:
        run.add(artifact)
    if fails:
        raise EngineIsGoneError
    run.finish()


def record_of(config: RunConfig) -> RunRecord:
    return load_record(Store(config.execution.store), run_name(config))


def record_bytes(config: RunConfig) -> bytes:
    return (Path(config.execution.store) / "runs" / f"{run_name(config)}.json").read_bytes()


def test_record_of_a_run_that_fails_half_way_names_what_was_done(config: RunConfig) -> None:
    with pytest.raises(EngineIsGoneError):
        do_stages(config, [artifact_of("ingestion"), artifact_of("screening")], fails=True)

    record = record_of(config)
    assert list(record.artifacts) == ["ingestion", "screening"]
    assert not record.finished


def test_finished_record_outlives_a_rerun_that_fails_half_way(config: RunConfig) -> None:
    artifacts = [artifact_of(stage) for stage in STAGES]
    do_stages(config, artifacts)
    before = record_bytes(config)

    with pytest.raises(EngineIsGoneError):
        do_stages(config, artifacts[:2], fails=True)

    assert record_bytes(config) == before
    assert record_of(config).finished


def test_finished_record_of_a_rerun_says_how_it_is_done_now_and_stays_finished(config: RunConfig) -> None:
    """Workers on other machines cut the table into chunks as the record says."""
    artifacts = [artifact_of(stage) for stage in STAGES]
    do_stages(config, artifacts)
    smaller = config.execution.model_copy(update={"chunk_rows": 7})

    with pytest.raises(EngineIsGoneError):
        do_stages(config.model_copy(update={"execution": smaller}), artifacts[:1], fails=True)

    record = record_of(config)
    assert record.config["execution"]["chunk_rows"] == 7
    assert record.finished
    assert tuple(record.artifacts) == STAGES


def test_finished_record_is_replaced_once_a_stage_gives_something_else(config: RunConfig) -> None:
    do_stages(config, [artifact_of(stage) for stage in STAGES])

    with pytest.raises(EngineIsGoneError):
        do_stages(config, [artifact_of("ingestion"), artifact_of("screening", digest="11")], fails=True)

    record = record_of(config)
    assert [artifact.digest for artifact in record.artifacts.values()] == ["00", "11"]
    assert not record.finished


def test_unreadable_record_is_written_anew(config: RunConfig) -> None:
    do_stages(config, [artifact_of(stage) for stage in STAGES])
    path = Path(config.execution.store) / "runs" / f"{run_name(config)}.json"
    path.write_text('{"name": "cut of', encoding="utf-8")

    do_stages(config, [artifact_of(stage) for stage in STAGES])

    assert record_of(config).finished


def test_progress_bar_counts_stages_and_ends_at_a_hundred(config: RunConfig) -> None:
    artifacts = [artifact_of(stage) for stage in STAGES]

    half_way = do_stages(config, artifacts, fails=True, return_state=True)
    finished = do_stages(config, artifacts, return_state=True)

    assert artifacts_of(half_way.state_details.flow_run_id) == {"progress": 75.0}
    assert artifacts_of(finished.state_details.flow_run_id) == {"progress": 100.0}


# -- a stage's bar -----------------------------------------------------------------------------------------------------


@task(name="long-stage")
def do_long_stage(steps: list[int], seconds_between: float) -> None:
    with shown_by(ProgressArtifact(seconds_between=seconds_between)):
        progress = StageProgress("recorded_chains")
        progress.start(1_000)
        with ThreadPoolExecutor(1) as thread:  # which knows of no run
            for step in steps:
                thread.submit(progress.advance, step).result()


@flow(name="long-stage")
def long_stage(steps: list[int], seconds_between: float = 0.0) -> None:
    do_long_stage(steps, seconds_between)


def descriptions_of(flow_run_id: UUID) -> list[str]:
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])))
    return [str(artifact.description) for artifact in found if artifact.key == "progress-recorded-chains"]


def test_long_stage_shows_its_speed_and_the_time_left(prefect_server: None) -> None:
    flow_run_id = long_stage([250, 500], return_state=True).state_details.flow_run_id

    assert artifacts_of(flow_run_id) == {"progress-recorded-chains": 75.0}
    (description,) = descriptions_of(flow_run_id)
    assert re.fullmatch(r"recorded_chains: 750 of 1,000 rows, [\d,]+ rows/s, \d+ s left", description)


def test_finished_stage_shows_a_hundred_percent(prefect_server: None) -> None:
    flow_run_id = long_stage([999, 1], return_state=True).state_details.flow_run_id

    assert artifacts_of(flow_run_id) == {"progress-recorded-chains": 100.0}
    assert descriptions_of(flow_run_id)[0].startswith("recorded_chains: 1,000 rows in ")


def test_short_stage_leaves_no_bar(prefect_server: None) -> None:
    flow_run_id = long_stage([500, 500], 60.0, return_state=True).state_details.flow_run_id

    assert artifacts_of(flow_run_id) == {}
