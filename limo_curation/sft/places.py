"""Where the samples and the student of a fine-tuning lie on this machine, and what identifies them.

What is named on the Hub is downloaded once, at the commit that its branch or tag points to; from then on everything is
read from a folder, so that no two processes of one run see different files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, cast

import huggingface_hub
import polars as pl

from limo_curation.digests import frame_digest
from limo_curation.errors import TableError
from limo_curation.hub_errors import hub_errors
from limo_curation.publishing.folder import read_dataset_manifest
from limo_curation.sampling.model_files import folder_revision
from limo_curation.sampling.protocol import model_folder

TOKENIZER_FILES: Final = ("*.json", "*.jinja", "*.txt")
MODEL_FILES: Final = ("*.safetensors", *TOKENIZER_FILES)
"""No pickled weights: loading those would run code."""
SAMPLES_FOLDER: Final = "data/"
"""Of a published set: its files with question, solution and answer."""


class Student(NamedTuple):
    """The model that is fine-tuned."""

    folder: Path
    identity: str
    """Of a Hub model `owner/name@commit`, of a folder `name@digest` of its files."""


class Samples(NamedTuple):
    """A published set."""

    rows: pl.DataFrame
    """question, solution: as in its file, in that order."""
    identity: str
    """Of a Hub data set `owner/name@commit`, of a folder its title."""
    digest: str
    """Of the questions and solutions, in whatever order they stand."""


def find_student(student: str, *, patterns: tuple[str, ...] = MODEL_FILES) -> Student:
    """Return where a student's files lie; of a Hub model those of some patterns are downloaded, where they aren't yet.

    Raises:
        ConfigError: there is no such model.
        TransientError: the Hub can't be reached. Retrying may help.
    """
    folder = model_folder(student)
    if folder is not None:
        return Student(folder.resolve(), folder_revision(folder))
    downloaded = download(student, "model", place=f"student = {student!r}", patterns=patterns)
    return Student(downloaded, f"{student.partition('@')[0]}@{downloaded.name}")


def read_samples(dataset: str) -> Samples:
    """Read a published set, from a folder or the Hub, and check it against its manifest.

    Raises:
        ConfigError: there is no such folder or repository.
        TransientError: the Hub can't be reached. Retrying may help.
        TableError: it is no set of ours, it is damaged, or a row lacks its question or solution.
    """
    folder, identity = Path(dataset), ""
    if not folder.is_dir():
        folder = download(dataset, "dataset", place=f"dataset = {dataset!r}", patterns=None)
        identity = f"{dataset.partition('@')[0]}@{folder.name}"
    manifest = read_dataset_manifest(folder)
    files = sorted(folder / file.path for file in manifest.files if file.path.startswith(SAMPLES_FOLDER))
    try:
        rows = pl.read_parquet(files, columns=["question", "solution"], glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise TableError(
            f"{folder / SAMPLES_FOLDER} has no readable samples ({error}); publish the set again"
        ) from None
    if rows.height == 0 or rows.dtypes != [pl.String, pl.String] or any(rows.null_count().row(0)):
        raise TableError(f"{folder / SAMPLES_FOLDER}: every row needs a question and a solution; publish the set again")
    return Samples(rows, identity or manifest.title, frame_digest(rows))


def download(repo: str, kind: Literal["model", "dataset"], *, place: str, patterns: tuple[str, ...] | None) -> Path:
    """Return the folder of a repository's files at one commit, which is the folder's name.

    Raises:
        ConfigError, TransientError: as `find_student`.
    """
    name, _, revision = repo.partition("@")
    hub = cast("Any", huggingface_hub)  # its types are partly unknown
    with hub_errors(place, wanted="its files"):
        return Path(hub.snapshot_download(name, repo_type=kind, revision=revision or None, allow_patterns=patterns))
