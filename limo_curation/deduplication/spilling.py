"""Hold folded texts by partition: in memory while they fit into it, else in one file a partition."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from limo_curation.folding import Bytes, Room

RECORD: Final = np.dtype(
    [("numbers", np.uint64), ("name", np.uint64, 2), ("rank", np.uint64), ("row", np.int64), ("length", np.int64)]
)
"""One row: fingerprint of its numbers, first 16 bytes of its id, rank (lower is better), row, bytes of folded text."""

Records = npt.NDArray[np.void]


@dataclass(slots=True)
class Pile:
    """What has been put into one partition."""

    records: list[Records] = field(default_factory=list[Records])
    texts: list[Bytes] = field(default_factory=list[Bytes])
    num_bytes: int = 0


class Spill:
    """Partitions of rows, filled by several threads, then read one by one."""

    def __init__(self, num_partitions: int, *, max_bytes: int) -> None:
        self.num_partitions = num_partitions
        self.max_bytes = max_bytes
        self._piles = [Pile() for _ in range(num_partitions)]
        self._bytes_in_memory = 0
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def is_on_disk(self) -> bool:
        """Whether anything had to be written to disk."""
        return self._folder is not None

    def sizes(self) -> list[int]:
        """Return the bytes of text in each partition."""
        return [pile.num_bytes for pile in self._piles]

    def add(self, records: Records, texts: Bytes, *, row_ends: list[int], text_ends: list[int]) -> None:
        """Add rows that are sorted by partition.

        Args:
            records: of all rows.
            texts: their folded texts, behind each other.
            row_ends: for each partition, where its records end.
            text_ends: for each partition, where its bytes of text end.
        """
        row = text = 0
        with self._lock:
            for pile, row_end, text_end in zip(self._piles, row_ends, text_ends, strict=True):
                if row_end > row:
                    pile.records.append(records[row:row_end])
                    pile.texts.append(texts[text:text_end])
                    pile.num_bytes += text_end - text
                row, text = row_end, text_end
            self._bytes_in_memory += len(texts) + records.nbytes
            if self._bytes_in_memory > self.max_bytes:
                self._write_out()

    def take(self, partition: int, room: Room) -> tuple[Records, Bytes]:
        """Return a partition's rows, and its texts in a room, and let go of them."""
        pile = self._piles[partition]
        records, texts = pile.records, pile.texts
        if self._folder is not None:
            stem = Path(self._folder.name) / str(partition)
            if stem.with_suffix(".rows").exists():
                records = [np.fromfile(stem.with_suffix(".rows"), RECORD), *records]
                texts = [np.fromfile(stem.with_suffix(".text"), np.uint8), *texts]
                stem.with_suffix(".rows").unlink()
                stem.with_suffix(".text").unlink()
        self._piles[partition] = Pile()
        data = room.of(pile.num_bytes)
        return (
            np.concatenate(records) if records else np.empty(0, RECORD),
            np.concatenate(texts, out=data) if texts else data,
        )

    def _write_out(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="limo-deduplication-")
        for partition, pile in enumerate(self._piles):
            stem = Path(self._folder.name) / str(partition)
            with stem.with_suffix(".rows").open("ab") as rows, stem.with_suffix(".text").open("ab") as text:
                for records, texts in zip(pile.records, pile.texts, strict=True):
                    records.tofile(rows)
                    texts.tofile(text)
            pile.records.clear()
            pile.texts.clear()
        self._bytes_in_memory = 0
