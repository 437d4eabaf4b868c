"""A fine-tuning from a config to a finished student: rows, plan, training; what is finished is found.

result = fine_tune(load_sft_config("tiny-cpu", dataset="runs/demo-01234567/dataset"))
result.model            # a folder that transformers and vLLM load
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from limo_curation.errors import ConfigError, StageError
from limo_curation.sft.config import SftConfig
from limo_curation.sft.examples import Examples, load_tokenizer, make_examples
from limo_curation.sft.job import Job, JobFolder, Result, job_key, write_whole
from limo_curation.sft.launcher import run_training
from limo_curation.sft.machine import hardware_here
from limo_curation.sft.places import find_student, read_samples
from limo_curation.sft.plan import check_fits, make_plan, plan_text
from limo_curation.sft.shapes import shape_of_folder


class FineTuned(NamedTuple):
    """A finished fine-tuning."""

    folder: Path
    model: Path
    job: Job
    result: Result
    is_new: bool
    """False where it was finished before."""


def fine_tune(config: SftConfig) -> FineTuned:
    """Fine-tune the student, or find it done.

    Args:
        config: with a dataset.

    Raises:
        ConfigError: no dataset, no such student, hardware that does not suffice, or training that can't work as it is
            set up.
        TableError: the set is damaged, or rows can't be trained on whole.
        TransientError: the Hub can't be reached, or the training died on its way; started again it goes on.
    """
    if config.dataset is None:
        raise ConfigError("dataset is not set: name the folder of a published set, or its repository on the Hub")
    student, samples = find_student(config.student), read_samples(config.dataset)
    tokenizer = load_tokenizer(student.folder)
    examples = make_examples(samples.rows, tokenizer, system_prompt=config.system_prompt, config=config.training)
    job = Job(
        key=job_key(config, dataset_digest=samples.digest, student=student.identity),
        config=config,
        dataset=samples.identity,
        dataset_digest=samples.digest,
        student=student.identity,
        student_folder=str(student.folder),
        num_samples=samples.rows.height,
        num_dropped=examples.dropped.height,
    )
    folder = JobFolder.of(job)
    done = finished(folder, job)
    if done is not None:
        return done
    with only_one(folder.folder, rank=config.hardware.machine_rank):
        prepare(folder, job, examples)
        num_rows = int((~examples.rows["is_held_out"]).sum())
        run_training(folder, config, num_steps=config.training.num_steps(num_rows))
    done = finished(folder, job)
    if done is None:
        raise StageError(f"{folder.folder}: training ended well, but its result is another job's")
    return done._replace(is_new=True)


@contextmanager
def only_one(folder: Path, *, rank: int) -> Generator[None]:
    """Keep a second process of the same rank out of a run's folder; the lock goes away with its holder.

    Raises:
        ConfigError: somebody is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"rank-{rank}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"{folder} is being trained in by another run; wait for it, or cancel it") from None
        yield


def finished(folder: JobFolder, job: Job) -> FineTuned | None:
    """Return what came of a job, or None where there is something left to do."""
    result = folder.result()
    if result is None or result.key != job.key or not (folder.model / "config.json").is_file():
        return None
    return FineTuned(folder.folder, folder.model, job, result, is_new=False)


def prepare(folder: JobFolder, job: Job, examples: Examples) -> None:
    """Write what the training processes read, after a look at whether the hardware suffices.

    Raises:
        ConfigError: it does not; the plan is written and says what is missing.
    """
    if folder.rank == 0:
        shutil.rmtree(folder.model, ignore_errors=True)  # of a run that was killed while it wrote it
    lengths = examples.rows["input_ids"].list.len().to_list()
    shape = shape_of_folder(Path(job.student_folder))
    plan = make_plan(job.config, hardware_here(job.config.hardware), lengths=lengths, shape=shape)
    write_whole(folder.plan, plan_text(plan) + "\n")
    check_fits(plan)
    for frame, path in ((examples.dropped, folder.dropped), (examples.rows, folder.examples)):
        temporary = path.with_name(f"{path.name}.{folder.rank}.tmp")  # machines write the same, maybe at once
        frame.write_parquet(temporary)
        temporary.replace(path)
    write_whole(folder.job, job.model_dump_json(indent=1) + "\n")
