"""The released set as a folder: Parquet files, the card and a manifest; the same samples give the same bytes.

    README.md                                         the card
    data/train-00000-of-00001.parquet                 question, solution, answer
    provenance/train-00000-of-00001.parquet           all columns of SAMPLES
    ledger.parquet                                    stage, drop_reason, rows
    manifest.json                                     path, size and SHA-256 of each; written last

The folder is the dry run of a publication, and what is pushed. Files that we did not write are never touched.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path, PurePosixPath
from typing import Final

import polars as pl
from pydantic import ValidationError, field_validator

from limo_curation.errors import TableError
from limo_curation.publishing_config import PublishingConfig
from limo_curation.store import Record
from limo_curation.tables import SAMPLES

MANIFEST: Final = "manifest.json"
CARD: Final = "README.md"
DATA_FILE: Final = "data/train-00000-of-00001.parquet"
PROVENANCE_FILE: Final = "provenance/train-00000-of-00001.parquet"
LEDGER_FILE: Final = "ledger.parquet"
RELEASED_COLUMNS: Final = ("question", "solution", "answer")


class PublishedFile(Record):
    """One file of the released set."""

    path: str
    size: int
    sha256: str

    @field_validator("path")
    @classmethod
    def _path_stays_inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError("path leaves the folder")
        return value


class FolderManifest(Record):
    """What we wrote to a folder. Without `is_complete`, a writer was interrupted and may be run again."""

    written_by: str = "limo-curation"
    title: str
    license: str
    is_complete: bool
    files: tuple[PublishedFile, ...]


def write_dataset(
    samples: pl.DataFrame, folder: Path, *, config: PublishingConfig, card: str, ledger: pl.DataFrame
) -> list[PublishedFile]:
    """Write the released set; a folder that already holds exactly these bytes is left as it is.

    Args:
        samples: a SAMPLES table, in any order: rows are sorted by chain_id.
        folder: made if it is absent; may hold an earlier publication of ours, which is replaced.
        config: the run's publishing section.
        card: the text of README.md, from `render_card`.
        ledger: stage, drop_reason, rows, from `drop_reasons`.

    Returns:
        The files of the set, without the manifest, by path.

    Raises:
        TableError: the folder holds files of somebody else, or a chain is selected twice. Nothing is written then.
    """
    contents = set_contents(samples, card=card, ledger=ledger)
    files = tuple(
        PublishedFile(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        for path, data in sorted(contents.items())
    )
    manifest = FolderManifest(title=config.title, license=config.license, is_complete=True, files=files)
    earlier = ours_in(folder)
    if earlier == manifest and changed_files(folder, files) == []:
        return list(files)
    stale = {file.path: file for file in (earlier.files if earlier else ())}
    both = stale | {file.path: file for file in files}
    # an interrupted write must leave nothing that the next attempt takes for somebody else's
    write_manifest(folder, manifest.model_copy(update={"is_complete": False, "files": tuple(both.values())}))
    for path in stale.keys() - contents.keys():
        (folder / path).unlink(missing_ok=True)
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    write_manifest(folder, manifest)
    return list(files)


def read_dataset_manifest(folder: Path) -> FolderManifest:
    """Return the manifest of a complete, unchanged folder.

    Raises:
        TableError: there is none, its writing was interrupted, or files differ from it or stand beside it.
    """
    manifest = ours_in(folder)
    if manifest is None or not manifest.is_complete:
        raise TableError(f"{folder} holds no complete data set; run the publishing stage again")
    changed = changed_files(folder, manifest.files)
    if changed:
        raise TableError(f"{folder}: {changed[0]} differs from {MANIFEST}; run the publishing stage again")
    return manifest


def set_contents(samples: pl.DataFrame, *, card: str, ledger: pl.DataFrame) -> dict[str, bytes]:
    """Return the bytes of each file of the set by its path."""
    ordered = SAMPLES.check(samples).sort("chain_id")
    twice = ordered.filter(pl.col("chain_id").is_duplicated())["chain_id"].head(1).to_list()
    if twice:
        raise TableError(f"chain {twice[0]} stands in the samples more than once; run the selection stage again")
    return {
        CARD: card.encode(),
        DATA_FILE: parquet_bytes(ordered.select(RELEASED_COLUMNS)),
        PROVENANCE_FILE: parquet_bytes(ordered),
        LEDGER_FILE: parquet_bytes(ledger.select("stage", "drop_reason", "rows")),
    }


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """Return a frame as one Parquet file; the same frame gives the same bytes."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", row_group_size=10_000)
    return buffer.getvalue()


def ours_in(folder: Path) -> FolderManifest | None:
    """Return our manifest in a folder, None for an absent or empty folder.

    Raises:
        TableError: the folder holds files that no manifest of ours names.
    """
    if folder.exists() and not folder.is_dir():
        raise TableError(f"{folder} is a file; name a folder for the data set")
    found = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir()}
    if not found:
        return None
    try:
        manifest = FolderManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, ValidationError):
        manifest = None
    known = {file.path for file in manifest.files} | {MANIFEST, f"{MANIFEST}.tmp"} if manifest else set[str]()
    foreign = sorted(found - known)
    if foreign:
        raise TableError(
            f"{folder} holds {len(foreign)} files that are no earlier publication of ours, such as {foreign[0]}; "
            "move them away or name another folder"
        )
    return manifest


def changed_files(folder: Path, files: tuple[PublishedFile, ...]) -> list[str]:
    """Return the paths of files that are gone or have other bytes than their record says."""
    return [
        file.path
        for file in files
        if not (folder / file.path).is_file()
        or hashlib.sha256((folder / file.path).read_bytes()).hexdigest() != file.sha256
    ]


def write_manifest(folder: Path, manifest: FolderManifest) -> None:
    """Write the manifest in one step: a reader sees the old one or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{MANIFEST}.tmp"
    temporary.write_text(json.dumps(manifest.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    temporary.replace(folder / MANIFEST)
