"""The folder of a released set: files, and a manifest of them that is written last.

    manifest.json      path, size and SHA-256 of every other file, title, licence, and whether it is complete

A set is first written beside its folder and then moved there, file by file, so that the same bytes touch nothing and a
writer that is interrupted is told by the manifest. The folder is the dry run of a publication, and what is pushed.
Files that we did not write are never touched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final

from pydantic import ValidationError, field_validator

from limo_curation.errors import TableError
from limo_curation.store import Record

MANIFEST: Final = "manifest.json"


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


@contextmanager
def staging(folder: Path) -> Generator[Path]:
    """Give a folder to write a set to before it takes the place of what is there; it is gone afterwards.

    It stands beside the folder, so that its files can be moved there, and a writer that fails leaves the folder as it
    was.

    Raises:
        TableError: the folder holds files of somebody else. Nothing is written then.
    """
    ours_in(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as staged:
        yield Path(staged)


def replace_folder(staged: Path, folder: Path, *, title: str, license_name: str) -> list[PublishedFile]:
    """Move the files of a set to its folder; one that already holds exactly these bytes is left as it is.

    Args:
        staged: the files of the set, below a folder on the same file system.
        folder: made if it is absent; may hold an earlier publication of ours, which is replaced.
        title: for the manifest.
        license_name: for the manifest.

    Returns:
        The files of the set, without the manifest, by path.

    Raises:
        TableError: the folder holds files of somebody else. Nothing is written then.
    """
    files = tuple(
        PublishedFile(path=file.relative_to(staged).as_posix(), size=file.stat().st_size, sha256=sha256_of(file))
        for file in sorted(staged.rglob("*"))
        if file.is_file()
    )
    manifest = FolderManifest(title=title, license=license_name, is_complete=True, files=files)
    earlier = ours_in(folder)
    if earlier == manifest and changed_files(folder, files) == []:
        return list(files)
    stale = {file.path: file for file in (earlier.files if earlier else ())}
    both = stale | {file.path: file for file in files}
    # an interrupted write must leave nothing that the next attempt takes for somebody else's
    write_manifest(folder, manifest.model_copy(update={"is_complete": False, "files": tuple(both.values())}))
    for path in stale.keys() - {file.path for file in files}:
        (folder / path).unlink(missing_ok=True)
    for file in files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        (staged / file.path).replace(folder / file.path)
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
        if not (folder / file.path).is_file() or sha256_of(folder / file.path) != file.sha256
    ]


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path, manifest: FolderManifest) -> None:
    """Write the manifest in one step: a reader sees the old one or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{MANIFEST}.tmp"
    temporary.write_text(json.dumps(manifest.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    temporary.replace(folder / MANIFEST)
