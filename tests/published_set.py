"""A small published set of the demo's problems, and what fine-tunings of it need in the tests."""

from __future__ import annotations

import hashlib
from pathlib import Path
from random import Random

import polars as pl

from limo_curation.demo.generator import draw_problem
from limo_curation.demo.kinds import KINDS
from limo_curation.publishing.folder import FolderManifest, PublishedFile, write_manifest
from limo_curation.sft.config import SftConfig
from limo_curation.sft.presets import load_sft_config

DATA_FILE = "data/train-00000-of-00001.parquet"
TINY = "limo_curation/demo/models/tiny-weak"


def draw_samples(number: int) -> pl.DataFrame:
    """Return question, solution, answer of generated problems."""
    rng = Random(number)
    kinds = [kind for kind in KINDS if 1 in kind.shape.levels]
    problems = [draw_problem(kinds[place % len(kinds)], 1, place % 4, rng) for place in range(number)]
    return pl.DataFrame(
        {
            "question": [problem.text for problem in problems],
            "solution": [problem.chain(rng) for problem in problems],
            "answer": [problem.answer for problem in problems],
        }
    )


def publish(folder: Path, samples: pl.DataFrame) -> Path:
    """Write a set as publishing does."""
    file = folder / DATA_FILE
    file.parent.mkdir(parents=True)
    samples.write_parquet(file)
    content = file.read_bytes()
    record = PublishedFile(path=DATA_FILE, size=len(content), sha256=hashlib.sha256(content).hexdigest())
    write_manifest(folder, FolderManifest(title="a small set", license="other", is_complete=True, files=(record,)))
    return folder


def tiny_config(folder: Path, **training: object) -> SftConfig:
    """Return the preset `tiny-cpu` on 20 samples, with other training settings."""
    dataset = publish(folder / "dataset", draw_samples(20))
    config = load_sft_config("tiny-cpu", dataset=str(dataset), output=str(folder / "runs"))
    changed = config.training.model_validate(config.training.model_dump() | training)
    return config.model_copy(update={"training": changed})
