"""The store: content-addressed tables on any fsspec URL, committed part by part and checked by digest.

    <store>/<stage>/<key>/kept/<start>-<stop>.parquet
                          dropped/<start>-<stop>.parquet
                          parts/<start>-<stop>.json      written when both halves of a part are down
                          manifest.json                  written last: a folder without it does not exist
    <store>/runs/<name>.json                             which artifact each stage of a run used

A file is written under a temporary name and renamed, so a reader sees a whole file or none. Whatever is read back is
compared with the SHA-256 that was recorded when it was written; what does not match is treated as missing.
"""

from __future__ import annotations

import hashlib
import io
import json
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

import fsspec.core
import polars as pl
import polars_hash as plh
from pydantic import BaseModel, ConfigDict, ValidationError

from limo_curation.errors import TableError
from limo_curation.tables import Table

STORE_FORMAT: Final = 1


class Record(BaseModel):
    """A small immutable value that is kept as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Artifact(Record):
    """A reference to a committed table: what flows and tasks pass around instead of frames."""

    uri: str
    stage: str
    key: str
    table: str
    digest: str
    rows: int


class FileRecord(Record):
    """One Parquet file of an entry, with what is needed to tell it from a damaged one."""

    name: str
    rows: int
    bytes: int
    sha256: str


class PartRecord(Record):
    """One finished part: rows [start, stop) of the input, both halves of the result, and what was measured."""

    start: int
    stop: int
    rows_in: int
    kept: FileRecord
    dropped: FileRecord
    kept_digest: str
    dropped_digest: str
    reasons: dict[str, int]
    metrics: dict[str, float]
    wall_seconds: float
    cpu_seconds: float


class Manifest(Record):
    """What a stage did: written last, and the proof that the entry is whole."""

    store_format: int
    stage: str
    key: str
    table: str
    columns: dict[str, str]
    rows_in: int
    rows_kept: int
    rows_dropped: int
    bytes: int
    digest: str
    dropped_digest: str
    reasons: dict[str, int]
    metrics: dict[str, float]
    config: dict[str, Any]
    inputs: dict[str, str]
    source_digest: str
    libraries: dict[str, str]
    parts: tuple[PartRecord, ...]
    wall_seconds: float
    cpu_seconds: float


class Store:
    """Reads and writes the entries below one URL (a local folder, `s3://bucket/prefix`, ...)."""

    def __init__(self, url: str) -> None:
        self.fs: Any
        self.root: str
        self.fs, self.root = cast("tuple[Any, str]", fsspec.core.url_to_fs(url))  # pyright: ignore[reportUnknownMemberType]
        protocol: str | tuple[str, ...] = self.fs.protocol
        self.is_local = "file" in ((protocol,) if isinstance(protocol, str) else protocol)
        self.url: str = self.root if self.is_local else url.rstrip("/")

    def __reduce__(self) -> tuple[type[Store], tuple[str]]:
        return Store, (self.url,)

    # -- entries -----------------------------------------------------------------------------------------------------

    def entry_uri(self, stage: str, key: str) -> str:
        """Return where the entry of one stage and key stands, whether or not it exists."""
        return f"{self.url}/{stage}/{key}"

    def artifact(self, stage: str, key: str) -> Artifact | None:
        """Return the artifact of a whole, undamaged entry; None where the work has to be done."""
        manifest = self.manifest(stage, key)
        if manifest is None or not all(self.part_is_whole(stage, key, part) for part in manifest.parts):
            return None
        return self._artifact_of(manifest)

    def manifest(self, stage: str, key: str) -> Manifest | None:
        """Return an entry's manifest; None if there is none, or it is unreadable or belongs to something else."""
        text = self.read_bytes(f"{stage}/{key}/manifest.json")
        if text is None:
            return None
        try:
            manifest = Manifest.model_validate_json(text)
        except ValidationError:
            return None
        is_foreign = (manifest.stage, manifest.key, manifest.store_format) != (stage, key, STORE_FORMAT)
        return None if is_foreign else manifest

    def part_is_whole(self, stage: str, key: str, part: PartRecord) -> bool:
        """Return whether both files of a part have the bytes that were written."""
        return self._file_is_whole(stage, key, "kept", part.kept) and self._file_is_whole(
            stage, key, "dropped", part.dropped
        )

    def finished_parts(self, stage: str, key: str) -> list[PartRecord]:
        """Return the parts of an unfinished entry that are whole, ordered by their first row."""
        parts: list[PartRecord] = []
        for name in self.list(f"{stage}/{key}/parts"):
            text = self.read_bytes(f"{stage}/{key}/parts/{name}")
            try:
                part = PartRecord.model_validate_json(text or b"")
            except ValidationError:
                continue
            if name == f"{part_name(part.start, part.stop)}.json" and self.part_is_whole(stage, key, part):
                parts.append(part)
        return sorted(parts, key=lambda part: part.start)

    def commit_part(self, stage: str, key: str, part: PartRecord) -> None:
        """Record that both halves of a part are written."""
        name = f"{part_name(part.start, part.stop)}.json"
        self.write_bytes(f"{stage}/{key}/parts/{name}", part.model_dump_json(indent=1).encode())

    def commit(self, manifest: Manifest) -> Artifact:
        """Write the manifest, and remove files that no part of it names (left by an interrupted attempt)."""
        stage, key = manifest.stage, manifest.key
        for half in ("kept", "dropped"):
            named = {(part.kept if half == "kept" else part.dropped).name for part in manifest.parts}
            for name in set(self.list(f"{stage}/{key}/{half}")) - named:
                self.remove(f"{stage}/{key}/{half}/{name}")
        self.write_bytes(f"{stage}/{key}/manifest.json", manifest.model_dump_json(indent=1).encode())
        return self._artifact_of(manifest)

    def write_table(self, stage: str, key: str, half: str, name: str, frame: pl.DataFrame) -> FileRecord:
        """Write one Parquet file of an entry and return its record. The same frame gives the same bytes."""
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="zstd", row_group_size=50_000)
        data = buffer.getvalue()
        self.write_bytes(f"{stage}/{key}/{half}/{name}.parquet", data)
        return FileRecord(
            name=f"{name}.parquet", rows=frame.height, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
        )

    def scan(self, artifact: Artifact, table: Table | None = None, *, half: str = "kept") -> pl.LazyFrame:
        """Return a lazy frame over one half of an artifact, its parts in order.

        Args:
            artifact: a committed table.
            table: the schema that an empty half is read with (DROPPED for the dropped half).
            half: kept or dropped.

        Raises:
            TableError: the entry is gone. Running the stage that wrote it again mends it.
        """
        manifest = self.manifest(artifact.stage, artifact.key)
        if manifest is None:
            raise TableError(f"{artifact.uri} is gone or damaged; run the {artifact.stage} stage again")
        return self.scan_parts(manifest, range(len(manifest.parts)), table, half=half)

    def scan_parts(
        self, manifest: Manifest, indices: Iterable[int], table: Table | None = None, *, half: str = "kept"
    ) -> pl.LazyFrame:
        """Return a lazy frame over some of an entry's parts."""
        files = [getattr(manifest.parts[index], half).name for index in indices]
        if not files:
            return pl.LazyFrame(schema=table.schema if table else None)
        base = self.entry_uri(manifest.stage, manifest.key)
        return pl.scan_parquet([f"{base}/{half}/{name}" for name in files], glob=False)

    # -- files -------------------------------------------------------------------------------------------------------

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
        self.fs.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
        temporary = f"{target}.{uuid.uuid4().hex}.tmp"
        self.fs.pipe_file(temporary, data)
        self.fs.mv(temporary, target)

    def list(self, path: str) -> list[str]:
        """Return the sorted names in a folder; none where there is no such folder."""
        try:
            found: list[str] = self.fs.ls(f"{self.root}/{path}", detail=False, refresh=True)
        except FileNotFoundError:
            return []
        return sorted(name.rstrip("/").rsplit("/", 1)[-1] for name in found)

    def remove(self, path: str) -> None:
        """Delete a file or a folder with all below it."""
        self.fs.rm(f"{self.root}/{path}", recursive=True)

    def _artifact_of(self, manifest: Manifest) -> Artifact:
        return Artifact(
            uri=self.entry_uri(manifest.stage, manifest.key),
            stage=manifest.stage,
            key=manifest.key,
            table=manifest.table,
            digest=manifest.digest,
            rows=manifest.rows_kept,
        )

    def _file_is_whole(self, stage: str, key: str, half: str, record: FileRecord) -> bool:
        digest, size = hashlib.sha256(), 0
        try:
            with self.fs.open(f"{self.root}/{stage}/{key}/{half}/{record.name}", "rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
                    size += len(block)
        except FileNotFoundError:
            return False
        return size == record.bytes and digest.hexdigest() == record.sha256


def part_name(start: int, stop: int) -> str:
    """Return the name of the part that holds rows [start, stop) of its input."""
    return f"{start:010d}-{stop:010d}"


def frame_digest(frame: pl.DataFrame) -> str:
    """Return a digest of a frame's rows that does not depend on their order: 32 hex digits.

    Two 64-bit hashes of each row are added up, so digests of parts can be added too (`add_digests`).
    """
    if frame.height == 0:
        return "0" * 32
    row = pl.struct(pl.all()).struct.json_encode().alias("row")
    rows = frame.select(row)
    hashes = rows.select(plh.col("row").nchash.wyhash().alias("left"), plh.col("row").nchash.xxh3_64().alias("right"))
    return f"{column_sum(hashes['left']):016x}{column_sum(hashes['right']):016x}"


def id_digest(ids: pl.Series) -> int:
    """Return a sum of 64-bit hashes of ids, the same for the same multiset of ids in any order or number of parts."""
    present = ids.rename("id").drop_nulls().to_frame()
    return column_sum(present.select(plh.col("id").nchash.wyhash()).to_series())


def add_digests(digests: Sequence[str]) -> str:
    """Return the digest of all rows of several frames from the digests of each."""
    left = sum(int(digest[:16], 16) for digest in digests) % 2**64
    right = sum(int(digest[16:], 16) for digest in digests) % 2**64
    return f"{left:016x}{right:016x}"


def column_sum(hashes: pl.Series) -> int:
    """Add up unsigned 64-bit numbers modulo 2**64, in halves, since a plain sum may overflow."""
    high = int((hashes // 2**32).sum())
    low = int((hashes % 2**32).sum())
    return ((high << 32) + low) % 2**64


def content_ids(*texts: pl.Expr) -> pl.Expr:
    """Return identities from content: the first 20 hex digits of the SHA-256 of the texts, parted by a zero byte.

    80 bits: among 100 million rows a chance collision has probability 4e-9.
    """
    joined = pl.concat_str([text.fill_null("") for text in texts], separator="\0")
    return joined.chash.sha2_256().str.slice(0, 20)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType, reportUnknownMemberType]


def chain_ids() -> pl.Expr:
    """Return the identity of a chain, recorded or generated: its problem, teacher and text."""
    return content_ids(pl.col("problem_id"), pl.col("teacher"), pl.col("chain"))


def json_digest(value: Any) -> str:
    """Return the SHA-256 of a JSON value, 64 hex digits, the same for any order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
