"""The store: content-addressed tables on any fsspec URL, committed part by part and checked by digest.

    <store>/<stage>/<key>/kept/<start>-<stop>.parquet
                          dropped/<start>-<stop>.parquet
                          parts/<start>-<stop>.json      written when both halves of a part are down
                          work/<name>.parquet            a table stage's own interim results, until it is committed
                          index/<name>.parquet           what it leaves for its next run, on another input
                          manifest.json                  written last: a folder without it does not exist
    <store>/<stage>/reuse/<part key>.json                which entry holds a part that other entries may take over
    <store>/<stage>/index/<settings>.json                which entry holds the index of the last run with some settings
    <store>/runs/<name>.json                             which artifact each stage of a run used
    <store>/forecasts/<name>.json                        the plan that was kept for a run
    <store>/spending/<name>/<worker>.json                what each process that samples for a run has spent
    <store>/requests/<revision>/                         completions, for all stages and runs (`sampling/cache.py`)

A file is written under a temporary name and renamed, so a reader sees a whole file or none. An entry's files are
compared with the SHA-256 that was recorded when they were written; what does not match is treated as missing.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import polars as pl
import polars_hash  # noqa: F401  # pyright: ignore[reportUnusedImport]  adds the hashes that content_ids uses
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from limo_curation.errors import TableError
from limo_curation.files import Files, without_credentials
from limo_curation.tables import Table

STORE_FORMAT: Final = 2
# a problem of 200 characters: level 1 takes 1.05 us of CPU and 81 bytes, level 3 1.48 us and 77, lz4 0.91 us and 133
ZSTD_LEVEL: Final = 1
REUSE_FOLDER: Final = "reuse"
INDEX_FOLDER: Final = "index"


KeptConfig = Annotated[dict[str, Any], AfterValidator(without_credentials)]
"""A config as it is kept: others may read the store than those who may read its sources."""


class Record(BaseModel):
    """A small immutable value that is kept as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Artifact(Record):
    """A reference to a committed table: what flows and tasks pass around instead of frames."""

    uri: Annotated[str, AfterValidator(without_credentials)]
    """For people; a store finds the table by stage and key."""
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
    part_key: str = ""
    """What its bytes depend on, as a digest: parts with one key are the same. Empty: no other entry may take it."""
    reused: bool = False
    """It was taken over from another entry, and its seconds are those of doing so."""
    rows_in: int
    kept: FileRecord
    dropped: FileRecord
    kept_digest: str
    dropped_digest: str
    reasons: dict[str, int]
    metrics: dict[str, float]
    wall_seconds: float
    cpu_seconds: float


class ReusablePart(Record):
    """Where a part stands that other entries of the stage may take over."""

    key: str
    part: PartRecord


class StoredIndex(Record):
    """Where the index of a table stage's last run with some settings stands."""

    key: str
    files: dict[str, FileRecord]


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
    config: KeptConfig
    inputs: dict[str, str]
    extra_inputs: dict[str, str]
    """Digests of source files, pinned revisions of data sets and models: what the result depends on beside tables."""
    source_digest: str
    libraries: dict[str, str]
    parts: tuple[PartRecord, ...]
    wall_seconds: float
    cpu_seconds: float


class Store(Files):
    """Reads and writes the entries below one URL (a local folder, `s3://bucket/prefix`, ...)."""

    def __reduce__(self) -> tuple[type[Store], tuple[str]]:
        return Store, (self.url,)

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
        manifest = parsed_manifest(text)
        if manifest is None:
            return None
        is_foreign = (manifest.stage, manifest.key, manifest.store_format) != (stage, key, STORE_FORMAT)
        return None if is_foreign else manifest

    def part_is_whole(self, stage: str, key: str, part: PartRecord) -> bool:
        """Return whether both files of a part have the bytes that were written."""
        return self._file_is_whole(stage, key, "kept", part.kept) and self._file_is_whole(
            stage, key, "dropped", part.dropped
        )

    def finished_part(self, stage: str, key: str, start: int, stop: int) -> PartRecord | None:
        """Return the part of an unfinished entry that covers rows [start, stop), if it is whole."""
        text = self.read_bytes(f"{stage}/{key}/parts/{part_name(start, stop)}.json")
        try:
            part = PartRecord.model_validate_json(text or b"")
        except ValidationError:
            return None
        return part if (part.start, part.stop) == (start, stop) and self.part_is_whole(stage, key, part) else None

    def commit_part(self, stage: str, key: str, part: PartRecord) -> None:
        """Record that both halves of a part are written."""
        if part.part_key:
            self.offer_part(stage, key, part)
        name = f"{part_name(part.start, part.stop)}.json"
        self.write_bytes(f"{stage}/{key}/parts/{name}", part.model_dump_json(indent=1).encode())

    def offer_part(self, stage: str, key: str, part: PartRecord) -> None:
        """Record that an entry holds a part that others may take over; the last entry that says so is remembered."""
        there = ReusablePart(key=key, part=part)
        self.write_bytes(f"{stage}/{REUSE_FOLDER}/{part.part_key}.json", there.model_dump_json(indent=1).encode())

    def offered_part(self, stage: str, part_key: str) -> ReusablePart | None:
        """Return where a part with this key was last written, which may be gone by now."""
        text = self.read_bytes(f"{stage}/{REUSE_FOLDER}/{part_key}.json")
        try:
            found = ReusablePart.model_validate_json(text or b"")
        except ValidationError:
            return None
        return found if found.part.part_key == part_key else None

    def reusable_part(self, stage: str, part_key: str) -> ReusablePart | None:
        """Return where a part with this key stands, if it is still there and whole."""
        found = self.offered_part(stage, part_key)
        return found if found is not None and self.part_is_whole(stage, found.key, found.part) else None

    def link_part(self, stage: str, key: str, there: ReusablePart, start: int, stop: int) -> PartRecord:
        """Put both files of another entry's part into this entry, as rows [start, stop), and return its record."""
        name = f"{part_name(start, stop)}.parquet"
        for half, file in (("kept", there.part.kept), ("dropped", there.part.dropped)):
            source, target = f"{stage}/{there.key}/{half}/{file.name}", f"{stage}/{key}/{half}/{name}"
            self.link(source, target, sha256=file.sha256)
        update = {
            "start": start,
            "stop": stop,
            "kept": there.part.kept.model_copy(update={"name": name}),
            "dropped": there.part.dropped.model_copy(update={"name": name}),
        }
        return there.part.model_copy(update=update)

    def write_index(self, stage: str, key: str, settings: str, frames: Mapping[str, pl.DataFrame]) -> None:
        """Write a stage's index into an entry, and remember it as the last one with these settings."""
        files = {name: self.write_table(stage, key, INDEX_FOLDER, name, frame) for name, frame in frames.items()}
        there = StoredIndex(key=key, files=files)
        self.write_bytes(f"{stage}/{INDEX_FOLDER}/{settings}.json", there.model_dump_json(indent=1).encode())

    def stored_index(self, stage: str, settings: str) -> StoredIndex | None:
        """Return where the last index with some settings was written, which may be gone by now."""
        text = self.read_bytes(f"{stage}/{INDEX_FOLDER}/{settings}.json")
        try:
            return StoredIndex.model_validate_json(text or b"")
        except ValidationError:
            return None

    def read_index(self, stage: str, settings: str) -> dict[str, pl.DataFrame]:
        """Return the frames of the last index with some settings; none where one of them is gone or damaged."""
        there = self.stored_index(stage, settings)
        if there is None:
            return {}
        frames = {name: self.read_table(stage, there.key, INDEX_FOLDER, file) for name, file in there.files.items()}
        whole = {name: frame for name, frame in frames.items() if frame is not None}
        return whole if len(whole) == len(frames) else {}

    def commit(self, manifest: Manifest) -> Artifact:
        """Write the manifest; remove interim results and what no part names (left by an interrupted attempt)."""
        stage, key = manifest.stage, manifest.key
        named = {
            "kept": {part.kept.name for part in manifest.parts},
            "dropped": {part.dropped.name for part in manifest.parts},
            "parts": {f"{part_name(part.start, part.stop)}.json" for part in manifest.parts},
        }
        for folder, names in named.items():
            for name in set(self.list(f"{stage}/{key}/{folder}")) - names:
                self.remove(f"{stage}/{key}/{folder}/{name}")
        if self.list(f"{stage}/{key}/work"):
            self.remove(f"{stage}/{key}/work")
        self.write_bytes(f"{stage}/{key}/manifest.json", manifest.model_dump_json(indent=1).encode())
        return self._artifact_of(manifest)

    def write_table(self, stage: str, key: str, half: str, name: str, frame: pl.DataFrame) -> FileRecord:
        """Write one Parquet file of an entry and return its record. The same frame gives the same bytes."""

        def write(file: Path | io.BytesIO) -> None:
            frame.write_parquet(file, compression="zstd", compression_level=ZSTD_LEVEL, row_group_size=50_000)

        size, sha256 = self.write_through(f"{stage}/{key}/{half}/{name}.parquet", write)
        return FileRecord(name=f"{name}.parquet", rows=frame.height, bytes=size, sha256=sha256)

    def read_table(self, stage: str, key: str, half: str, record: FileRecord) -> pl.DataFrame | None:
        """Return one file of an entry; None where it is gone or damaged."""
        if not self._file_is_whole(stage, key, half, record):
            return None
        return pl.read_parquet(f"{self.entry_uri(stage, key)}/{half}/{record.name}", glob=False)

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
        return self.is_whole(f"{stage}/{key}/{half}/{record.name}", size=record.bytes, sha256=record.sha256)


@functools.lru_cache(maxsize=32)
def parsed_manifest(text: bytes) -> Manifest | None:
    """Return a manifest from its JSON, or None where it is unreadable; kept, since every part of a stage asks."""
    try:
        return Manifest.model_validate_json(text)
    except ValidationError:
        return None


def part_name(start: int, stop: int) -> str:
    """Return the name of the part that holds rows [start, stop) of its input."""
    return f"{start:010d}-{stop:010d}"


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
