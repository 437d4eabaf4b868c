"""Records what one call of the cache samples, a chunk at a time, and knows what is recorded or about to be."""

from __future__ import annotations

import time
from collections.abc import Collection
from types import TracebackType
from typing import Final, Self

from limo_curation.sampling.chunk_index import ChunkIndex
from limo_curation.sampling.chunks import Cached, chunk_frame

CHUNK_ROWS: Final = 4_096
MAX_CHUNK_CHARACTERS: Final = 2**25
RECORD_SECONDS: Final = 5.0
MAX_AGE_SECONDS: Final = 5.0
"""How late a call learns what others recorded meanwhile: they hold it back for as long anyway."""


class Recorder:
    """Writes completions into a folder while they come; what is left is written at the end, however it ends."""

    def __init__(self, index: ChunkIndex, chunk_size: int, record_seconds: float) -> None:
        self._index = index
        self._chunk_size = chunk_size
        self._record_seconds = record_seconds
        self._rows: dict[bytes, Cached] = {}
        self._num_characters = 0
        self._last_write = time.monotonic()
        self._has_looked = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._write()

    def find(self, keys: Collection[bytes]) -> dict[bytes, Cached]:
        """Return those of the completions that are recorded, or wait here for it."""
        found = {key: self._rows[key] for key in keys if key in self._rows}
        others = [key for key in keys if key not in found]
        max_age = MAX_AGE_SECONDS if self._has_looked else 0.0
        self._has_looked = True
        return found | self._index.find(others, max_age_seconds=max_age)

    def add(self, key: bytes, cached: Cached) -> None:
        """Take a completion, and write what has come so far if it is enough or has waited for long.

        Raises:
            ConfigError: the disk is full.
        """
        self._rows[key] = cached
        self._num_characters += len(cached.text)
        is_late = time.monotonic() - self._last_write >= self._record_seconds
        if is_late or len(self._rows) >= self._chunk_size or self._num_characters >= MAX_CHUNK_CHARACTERS:
            self._write()

    def _write(self) -> None:
        self._last_write = time.monotonic()
        if self._rows:
            # on a full disk they are kept, and tried once more at the end
            self._index.record(chunk_frame(list(self._rows.items())))
            self._rows, self._num_characters = {}, 0
