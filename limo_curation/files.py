"""Whole files below one URL: written or not, never half, and checked by SHA-256 as seldom as is safe."""

from __future__ import annotations

import hashlib
import io
import os
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import fsspec.core

Stamp = tuple[str, int, int, int]
_KNOWN_FILES: Final[dict[Stamp, str]] = {}
"""The SHA-256 of files that this process wrote or checked: a run looks at an entry often, but reads it once."""


# s3://KEY:SECRET@bucket (a secret may hold a slash), but not host:8000/a@b
USER_INFO: Final = re.compile(r"(?<=://)(?:[^/@\s:]+:(?!\d+/)[^@\s]+|[^/@\s]+)@")
QUERY: Final = re.compile(r"(?<=://)([^\s?]+)\?[^\s?]*=\S*")  # https://host/file?token=..., but not part-?.parquet


def without_credentials(value: Any) -> Any:
    """Return a text, or a JSON value, without user names, passwords and query strings in the URLs that it holds.

    For all that is shown or kept: messages, manifests, records.
    """
    if isinstance(value, str):
        return QUERY.sub(r"\1", USER_INFO.sub("", value))
    if isinstance(value, dict):
        return {key: without_credentials(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [without_credentials(item) for item in cast("list[Any]", value)]
    return value


class Files:
    """Reads and writes files below one URL (a local folder, `s3://bucket/prefix`, ...)."""

    def __init__(self, url: str) -> None:
        self.fs: Any
        self.root: str
        self.fs, self.root = cast("tuple[Any, str]", fsspec.core.url_to_fs(url))  # pyright: ignore[reportUnknownMemberType]
        protocol: str | tuple[str, ...] = self.fs.protocol
        self.is_local = "file" in ((protocol,) if isinstance(protocol, str) else protocol)
        self.url: str = self.root if self.is_local else url.rstrip("/")

    def read_bytes(self, path: str) -> bytes | None:
        """Return a file's bytes, or None where there is no such file."""
        try:
            data: bytes = self.fs.cat_file(f"{self.root}/{path}")
        except FileNotFoundError:
            return None
        return data

    def write_bytes(self, path: str, data: bytes) -> None:
        """Write a whole file or nothing: under a temporary name first, then renamed (object stores: one put)."""
        target = f"{self.root}/{path}"
        if not self.is_local:
            self.fs.pipe_file(target, data)
            return
        temporary = self._temporary(target)
        temporary.write_bytes(data)
        temporary.replace(target)

    def write_through(self, path: str, write: Callable[[Path | io.BytesIO], object]) -> tuple[int, str]:
        """Write a file, whole or not at all, by a function that takes a path or a buffer; nothing is held twice.

        Returns:
            The file's size in bytes, and its SHA-256.
        """
        target = f"{self.root}/{path}"
        if not self.is_local:
            buffer = io.BytesIO()
            write(buffer)
            self.fs.pipe_file(target, buffer.getvalue())
            return buffer.tell(), hashlib.sha256(buffer.getbuffer()).hexdigest()
        temporary = self._temporary(target)
        write(temporary)
        with temporary.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = temporary.stat().st_size
        temporary.replace(target)
        self._remember(path, sha256)
        return size, sha256

    def list(self, path: str) -> list[str]:
        """Return the sorted names in a folder; none where there is no such folder."""
        try:
            found: list[str] = self.fs.ls(f"{self.root}/{path}", detail=False, refresh=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(name.rstrip("/").rsplit("/", 1)[-1] for name in found)

    def remove(self, path: str) -> None:
        """Delete a file or a folder with all below it."""
        self.fs.rm(f"{self.root}/{path}", recursive=True)

    def is_whole(self, path: str, *, size: int, sha256: str) -> bool:
        """Return whether a file is there with the bytes that were once written."""
        stamp = self._stamp(path)
        if stamp is not None and _KNOWN_FILES.get(stamp) == sha256:
            return True
        try:
            with self.fs.open(f"{self.root}/{path}", "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                is_whole = found == sha256 and file.seek(0, io.SEEK_END) == size
        except FileNotFoundError:
            return False
        if is_whole and stamp is not None and stamp == self._stamp(path):
            _KNOWN_FILES[stamp] = sha256
        return is_whole

    def _temporary(self, target: str) -> Path:
        temporary = Path(f"{target}.{uuid.uuid4().hex}.tmp")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        return temporary

    def _remember(self, path: str, sha256: str) -> None:
        """Take a file's SHA-256 as known, since this process has just written or checked it."""
        stamp = self._stamp(path)
        if stamp is not None:
            _KNOWN_FILES[stamp] = sha256

    def link(self, source: str, target: str, *, sha256: str) -> None:
        """Give a file, whose SHA-256 was just checked, a second name; or copy it where that is not possible."""
        if source == target:
            return
        if not self.is_local:
            self.fs.cp_file(f"{self.root}/{source}", f"{self.root}/{target}")
            return
        old, new = Path(f"{self.root}/{source}"), Path(f"{self.root}/{target}")
        new.parent.mkdir(parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        try:
            os.link(old, new)
        except OSError:  # a file system without hard links
            self.write_bytes(target, old.read_bytes())
        self._remember(target, sha256)

    def _stamp(self, path: str) -> Stamp | None:
        """Return what tells a local file from a changed one without reading it; None where that can't be told."""
        if not self.is_local:
            return None
        try:
            status = Path(f"{self.root}/{path}").stat()
        except FileNotFoundError:
            return None
        return f"{self.root}/{path}", status.st_ino, status.st_size, status.st_mtime_ns
