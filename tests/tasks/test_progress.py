"""A run's record while its stages finish, and the progress bar."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("prefect", reason="Prefect is not installed (extra `flows`)")

from prefect import flow

from limo_curation.config import ExecutionConfig, RunConfig
from limo_curation.run_record import RunRecord, load_record, run_name
from limo_curation.store import Artifact, Store
from tasks.progress import Progress
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
