"""Which chunk of the request cache holds which key, without reading the chunks.

    <folder>/<digest>.parquet        chunks
    <folder>/index/<digest>.index    sorted prefixes of the keys of many chunks, with the chunk of each: 12 bytes a key

A run (`index_runs.py`) is a sorted array of prefixes, the first 8 bytes of keys, and is looked up by binary search.
Each new chunk is a run of its own; 32 of them are merged into a file, and with it the older files that are no larger
than twice that one, so a hundred million keys need some ten files, and a key is written again some five times. The
files are mapped into memory where they are local. Small chunks (a call's last seconds, a round of few requests) are put
together into larger ones first.

The index only says where to look: a key is compared whole, in a chunk that is whole. A file of it that is damaged or
gone costs reading, or sampling again, and never gives a wrong completion.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from typing import Final

import polars as pl

from limo_curation.files import Files
from limo_curation.sampling.chunks import (
    SUFFIX,
    Cached,
    Written,
    chunk_rows,
    prefixes_of,
    read_chunk,
    read_prefixes,
    write_chunk,
)
from limo_curation.sampling.index_runs import INDEX_SUFFIX, Run, merged, read_run, run_of, write_run

SMALL_BYTES: Final = 2**20  # ours, as the four below
MAX_SMALL_CHUNKS: Final = 32
MAX_OWN_RUNS: Final = 32
MAX_LISTINGS: Final = 4
"""How often a folder is listed for keys whose chunks go away while they are looked for: others join them."""
MAX_JOINED_KEYS: Final = 2**24
"""No file of more keys is written anew: joining takes some 40 bytes of memory a key."""


class ChunkIndex:
    """The chunks of one folder, as far as this process has seen them. Threads may share it."""

    def __init__(self, files: Files, folder: str) -> None:
        self.files = files
        self.folder = folder
        self._runs: list[Run] = []
        self._listed_at = -math.inf
        self._lock = threading.Lock()

    def find(self, keys: Collection[bytes], *, max_age_seconds: float = 0.0) -> dict[bytes, Cached]:
        """Return those of the completions that are in the cache.

        What is known is looked up first; the folder is listed only for what is missing, which would be paid for.

        Args:
            keys: what is wanted.
            max_age_seconds: how long ago the folder may have been listed, so that what others recorded since is not
                found. Where a chunk that is known is gone, the folder is listed in any case.
        """
        with self._lock:
            known = list(self._runs)
        found, is_stale = self._read(keys, known)
        if not is_stale and time.monotonic() - self._listed_at < max_age_seconds:
            return found
        for _ in range(MAX_LISTINGS):
            missing = [key for key in keys if key not in found]
            if not missing:
                break
            with self._lock:
                has_moved = self._refresh()
                self._tidy()
                known = list(self._runs)  # another thread may have joined chunks that were known before
            more, is_stale = self._read(missing, known)
            found |= more
            if not (has_moved or is_stale):
                break
        return found

    def record(self, frame: pl.DataFrame) -> None:
        """Write a chunk, and know it from now on.

        Raises:
            ConfigError: the disk is full.
        """
        written = write_chunk(self.files, self.folder, frame)
        with self._lock:
            self._know(written)
            self._tidy()

    def _read(self, keys: Collection[bytes], runs: Iterable[Run]) -> tuple[dict[bytes, Cached], bool]:
        """Return what is found, and whether a chunk that was to hold some of it is gone or damaged."""
        wanted = list(keys)
        prefixes = prefixes_of(wanted)
        by_chunk: dict[str, set[bytes]] = {}
        for run in runs:
            for place, chunk in run.find(prefixes):
                by_chunk.setdefault(chunk, set()).add(wanted[place])
        found: dict[bytes, Cached] = {}
        is_stale = False
        for chunk, of_chunk in by_chunk.items():
            read = read_chunk(self.files, self.folder, chunk, of_chunk)
            if read is None:
                is_stale = True
            else:
                found |= read
        return found, is_stale

    def _refresh(self) -> bool:
        """Take notice of what others wrote, and forget chunks that they joined.

        Returns:
            Whether chunks went away meanwhile: those that took their place may not have been listed.
        """
        self._listed_at = time.monotonic()
        known_files = {run.file for run in self._runs}
        new = [
            run
            for name in self.files.list(f"{self.folder}/index")
            if name.endswith(INDEX_SUFFIX) and name not in known_files
            if (run := read_run(self.files, f"{self.folder}/index", name)) is not None
        ]
        known_chunks = {chunk for run in [*self._runs, *new] for chunk in run.chunks}
        listed = {name for name in self.files.list(self.folder) if name.endswith(SUFFIX)}
        has_moved = False
        for name in sorted(listed - known_chunks):
            read = read_prefixes(self.files, self.folder, name)
            if read is None:
                has_moved = True
            else:
                new.append(run_of(Written(name, read[1], read[0])))
        gone = [run for run in self._runs if run.file is None and run.chunks[0] not in listed]
        self._forget(gone)
        self._runs += new
        return has_moved or bool(gone)

    def _know(self, written: Written) -> None:
        if not any(written.name in run.chunks for run in self._runs):
            self._runs.append(run_of(written))

    def _tidy(self) -> None:
        """Put small chunks together, and new runs into a file, where there are many."""
        own = [run for run in self._runs if run.file is None]
        small = [run for run in own if run.num_bytes < SMALL_BYTES]
        if len(small) >= MAX_SMALL_CHUNKS:
            self._join_chunks(small)
        large = [run for run in self._runs if run.file is None and run.num_bytes >= SMALL_BYTES]
        if len(large) >= MAX_OWN_RUNS:
            self._join_runs(large)

    def _join_chunks(self, small: Sequence[Run]) -> None:
        """Write the rows of small chunks as larger ones; then delete the small ones.

        Whoever is killed in between leaves rows twice, and whoever finds a chunk gone looks for the new one.
        """
        in_order = sorted(small, key=lambda run: run.chunks)  # two runs that join the same chunks write the same file
        batch: list[tuple[str, pl.DataFrame]] = []
        num_bytes = 0
        self._forget(small)
        for place, run in enumerate(in_order):
            frame = chunk_rows(self.files, self.folder, run.chunks[0], where=pl.lit(True))
            if frame is not None:
                batch.append((run.chunks[0], frame))
                num_bytes += run.num_bytes
            if batch and (num_bytes >= 2 * SMALL_BYTES or place == len(small) - 1):
                self._write_joined(batch)
                batch, num_bytes = [], 0

    def _write_joined(self, batch: Sequence[tuple[str, pl.DataFrame]]) -> None:
        joined = pl.concat([frame for _, frame in batch]).unique("key", keep="first", maintain_order=True)
        written = write_chunk(self.files, self.folder, joined)
        self._know(written)
        for name, _ in batch:
            if name != written.name:
                self._delete(f"{self.folder}/{name}")

    def _join_runs(self, large: Sequence[Run]) -> None:
        """Write runs as one file, together with older files that are not much larger."""
        joined = list(large)
        for run in sorted((run for run in self._runs if run.file is not None), key=lambda run: len(run.prefixes)):
            num_keys = sum(len(one.prefixes) for one in joined)
            if len(run.prefixes) > 2 * num_keys or len(run.prefixes) + num_keys > MAX_JOINED_KEYS:
                break
            joined.append(run)
        run = write_run(self.files, f"{self.folder}/index", merged(joined))
        self._forget(joined)
        self._runs.append(run)
        for old in joined:
            if old.file is not None and old.file != run.file:
                self._delete(f"{self.folder}/index/{old.file}")

    def _forget(self, runs: Sequence[Run]) -> None:
        gone = {id(run) for run in runs}
        self._runs = [run for run in self._runs if id(run) not in gone]

    def _delete(self, path: str) -> None:
        try:
            self.files.remove(path)
        except FileNotFoundError:  # another run joined the same ones
            return
