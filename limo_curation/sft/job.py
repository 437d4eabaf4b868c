"""The folder of one fine-tuning: what is to be done, how far it has come, and what came of it.

    job.json            the config, the samples' digest, the student; read by the training processes. Where there are
                        several machines, each of the others has its own, with its rank in the name
    examples.parquet    the rows that are trained on or held out
    dropped.parquet     the samples that could not be trained on whole
    plan.txt            memory and time, as planned for this hardware
    train.log           everything that the training processes print
    checkpoints/        the last two, and the best
    metrics.jsonl       one line for each step and each look at the held-out samples
    model/              weights, tokenizer and card
    result.json         written last: a folder without it is unfinished

A run is found by its key: started again with the same samples, student and training section it goes on, or is finished.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from limo_curation.errors import TableError
from limo_curation.provenance import digest_of_files
from limo_curation.sft.config import SftConfig
from limo_curation.store import Record, json_digest

KEY_DIGITS: Final = 8


class Job(Record):
    """What is to be done."""

    key: str
    """Of what decides the weights that come out; see `job_key`."""
    config: SftConfig
    dataset: str
    """Its identity: title of a folder, `owner/name@commit` of a repository."""
    dataset_digest: str
    student: str
    """Its identity: `name@digest` or `owner/name@commit`."""
    student_folder: str
    num_samples: int
    num_dropped: int


class Result(Record):
    """What came of it."""

    key: str
    num_steps: int
    num_tokens: int
    """Of the rows that were trained on, once."""
    train_loss: float
    """Mean of the last epoch's steps."""
    held_out_loss: float | None
    """Of the chosen checkpoint; None where nothing was held out."""
    held_out_loss_before: float | None
    """Of the student as it was."""
    chosen_step: int
    versions: dict[str, str]


def job_key(config: SftConfig, *, dataset_digest: str, student: str) -> str:
    """Return what decides the weights: the samples, the student, the settings, and our code that acts on them.

    Of our code only what makes rows and trains: a change of the card must not make days of GPUs stale.
    """
    code = digest_of_files(Path(__file__).with_name(name) for name in ("examples.py", "training.py"))
    return json_digest([dataset_digest, student, config.key_fields(), code])


class JobFolder:
    """The files of one fine-tuning, as the machine of a rank sees them."""

    def __init__(self, folder: Path, *, rank: int = 0) -> None:
        self.folder = folder
        self.rank = rank

    @classmethod
    def of(cls, job: Job) -> JobFolder:
        """Return the folder that a job has, whether or not it exists."""
        name = f"sft-{job.config.profile}-{job.key[:KEY_DIGITS]}"
        return cls(Path(job.config.output).resolve() / name, rank=job.config.hardware.machine_rank)

    @property
    def job(self) -> Path:
        """What is to be done."""
        return self.folder / (f"job-{self.rank}.json" if self.rank else "job.json")

    @property
    def examples(self) -> Path:
        """EXAMPLES."""
        return self.folder / "examples.parquet"

    @property
    def dropped(self) -> Path:
        """UNFIT."""
        return self.folder / "dropped.parquet"

    @property
    def plan(self) -> Path:
        """The plan of memory and time."""
        return self.folder / "plan.txt"

    @property
    def log(self) -> Path:
        """What the training processes of this machine print."""
        return self.folder / (f"train-{self.rank}.log" if self.rank else "train.log")

    @property
    def checkpoints(self) -> Path:
        """The checkpoints' folder."""
        return self.folder / "checkpoints"

    @property
    def metrics(self) -> Path:
        """One line of JSON for each step and each look at the held-out samples."""
        return self.folder / "metrics.jsonl"

    @property
    def model(self) -> Path:
        """The fine-tuned student, as transformers and vLLM load it."""
        return self.folder / "model"

    def read_job(self) -> Job:
        """Return what is to be done.

        Raises:
            TableError: there is no such job, or its file is damaged.
        """
        try:
            return Job.model_validate_json(self.job.read_bytes())
        except (OSError, ValidationError) as error:
            raise TableError(f"{self.job} is no job of a fine-tuning ({type(error).__name__}); run the flow") from None

    def result(self) -> Result | None:
        """Return what came of it, or None where it is unfinished."""
        try:
            return Result.model_validate_json((self.folder / "result.json").read_bytes())
        except (OSError, ValidationError):
            return None

    def write_result(self, result: Result) -> None:
        """Say that it is finished."""
        write_whole(self.folder / "result.json", result.model_dump_json(indent=1) + "\n")

    def read_metrics(self) -> list[dict[str, Any]]:
        """Return what was measured so far, in order."""
        try:
            return [json.loads(line) for line in self.metrics.read_text(encoding="utf-8").splitlines()]
        except FileNotFoundError:
            return []


def write_whole(path: Path, text: str) -> None:
    """Write a file in one step: a reader sees the old one or the new one."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
