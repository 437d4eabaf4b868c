"""The folder of a fine-tuning: what finds it again, and what a reader sees while it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from limo_curation.errors import TableError
from limo_curation.sft.config import SftConfig, TrainingConfig
from limo_curation.sft.job import Job, JobFolder, job_key
from limo_curation.sft.presets import load_sft_config
from limo_curation.sft.training import last_whole_checkpoint, metrics_text


def key_of(config: SftConfig, *, dataset_digest: str = "d", student: str = "s@1") -> str:
    return job_key(config, dataset_digest=dataset_digest, student=student)


def test_samples_student_and_settings_make_the_key_and_the_profiles_name_does_not() -> None:
    config = load_sft_config("tiny-cpu")
    key = key_of(config)
    assert key_of(config.model_copy(update={"profile": "other", "dataset": "/moved", "output": "/moved"})) == key
    others = [
        key_of(config, dataset_digest="e"),
        key_of(config, student="s@2"),
        key_of(config.model_copy(update={"prompt": "step_by_step"})),
        key_of(config.model_copy(update={"training": TrainingConfig(precision="fp32", seed=1)})),
    ]
    assert len({key, *others}) == 5


def test_folder_without_a_result_is_unfinished(tmp_path: Path) -> None:
    folder = JobFolder(tmp_path)
    assert folder.result() is None
    (tmp_path / "result.json").write_text('{"key": "half')
    assert folder.result() is None
    assert folder.read_metrics() == []


def test_damaged_job_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"job\.json is no job of a fine-tuning"):
        JobFolder(tmp_path).read_job()


def test_job_comes_back_as_it_was_written(tmp_path: Path) -> None:
    job = Job(
        key="k",
        config=load_sft_config("limo-32b", dataset="owner/name@main"),
        dataset="owner/name@0123",
        dataset_digest="d",
        student="s@1",
        student_folder="/models/s",
        num_samples=3,
        num_dropped=1,
    )
    folder = JobFolder(tmp_path)
    folder.job.write_text(job.model_dump_json())
    assert folder.read_job() == job


def test_newest_whole_checkpoint_is_found_by_number_and_those_cut_off_are_deleted(tmp_path: Path) -> None:
    for step, state in ((2, "{}"), (10, "{}"), (11, '{"global_step": 1'), (12, None)):
        checkpoint = tmp_path / f"checkpoint-{step}"
        checkpoint.mkdir()
        (checkpoint / "model.safetensors").write_bytes(b"w")
        if state is not None:
            (checkpoint / "trainer_state.json").write_text(state)
    assert last_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-2"]
    assert last_whole_checkpoint(tmp_path / "absent") is None


def test_metrics_hold_nothing_that_depends_on_the_clock() -> None:
    history = [
        {"step": 1, "epoch": 0.5, "loss": 0.25, "num_tokens": 7},
        {"step": 1, "epoch": 0.5, "eval_loss": 0.5, "eval_runtime": 1.5},
        {"step": 1, "epoch": 0.5, "train_runtime": 9.0},
    ]
    assert metrics_text(history) == (
        '{"step": 1, "epoch": 0.5, "loss": 0.25}\n{"step": 1, "epoch": 0.5, "eval_loss": 0.5}\n'
    )
