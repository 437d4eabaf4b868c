"""Runs of the request cache's index: sorted prefixes of keys with the chunks that hold them, in memory and in files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from limo_curation.files import Files
from limo_curation.sampling.chunks import Prefixes, Written, write_file

INDEX_SUFFIX: Final = ".index"


@dataclass(frozen=True, slots=True)
class Run:
    """Sorted prefixes, and where each of them stands."""

    chunks: tuple[str, ...]
    prefixes: Prefixes
    numbers: npt.NDArray[np.uint32]
    """For each prefix the place of its chunk in `chunks`."""
    file: str | None = None
    """The file that holds the run; None for a chunk of its own."""
    num_bytes: int = 0
    """Size of that one chunk."""

    def find(self, prefixes: Prefixes) -> list[tuple[int, str]]:
        """Return, for the places of the prefixes that are here, the chunks that may hold their keys."""
        first = self.prefixes.searchsorted(prefixes)
        is_here = self.prefixes.take(first, mode="clip") == prefixes if len(self.prefixes) else np.zeros(0, np.bool_)
        if not is_here.any():
            return []  # the usual case where single keys are asked for, of one run after the other
        places = np.flatnonzero(is_here)
        last = self.prefixes.searchsorted(prefixes[places], "right")
        return [
            (int(place), self.chunks[self.numbers[row]])
            for place, end in zip(places, last, strict=True)
            for row in range(first[place], end)
            if self.numbers[row] < len(self.chunks)
        ]


def run_of(written: Written) -> Run:
    """Return a chunk as a run of its own."""
    numbers = np.zeros(len(written.prefixes), dtype=np.uint32)
    return Run((written.name,), np.sort(written.prefixes), numbers, num_bytes=written.num_bytes)


def merged(runs: Sequence[Run]) -> Run:
    """Return one run with all that stands in some; a chunk that several of them know stands there once."""
    chunks = sorted({chunk for run in runs for chunk in run.chunks})
    place_of = {chunk: place for place, chunk in enumerate(chunks)}
    places = [np.array([place_of[chunk] for chunk in run.chunks], dtype=np.uint32)[run.numbers] for run in runs]
    prefixes, numbers = np.concatenate([run.prefixes for run in runs]), np.concatenate(places)
    order = np.lexsort((numbers, prefixes))
    prefixes, numbers = prefixes[order], numbers[order]
    is_new = np.ones(len(prefixes), dtype=np.bool_)
    is_new[1:] = (prefixes[1:] != prefixes[:-1]) | (numbers[1:] != numbers[:-1])
    return Run(tuple(chunks), prefixes[is_new], numbers[is_new])


def write_run(files: Files, folder: str, run: Run) -> Run:
    """Write a run: the length of a JSON header (8 bytes), the header, the prefixes, the numbers; little-endian."""
    header = json.dumps({"rows": len(run.prefixes), "chunks": run.chunks}).encode()
    header += b" " * (-len(header) % 8)  # so that the prefixes are aligned
    length = len(header).to_bytes(8, "little")
    data = b"".join([length, header, run.prefixes.astype("<u8").tobytes(), run.numbers.astype("<u4").tobytes()])
    name = f"{hashlib.sha256(data).hexdigest()[:32]}{INDEX_SUFFIX}"
    write_file(files, f"{folder}/{name}", data)
    return read_run(files, folder, name) or replace(run, file=name)  # another run may have joined it already


def read_run(files: Files, folder: str, name: str) -> Run | None:
    """Return the run in a file, mapped into memory where it is local; None where it is gone or no such file."""
    path = f"{folder}/{name}"
    try:
        if files.is_local:
            # as a plain array: each operation on one of the subclass costs as much as a whole search
            return parsed_run(np.asarray(np.memmap(Path(f"{files.root}/{path}"), dtype=np.uint8, mode="r")), name)
        data = files.read_bytes(path)
        return None if data is None else parsed_run(np.frombuffer(data, dtype=np.uint8), name)
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # gone, empty, cut, or another file
        return None


def parsed_run(data: npt.NDArray[np.uint8], name: str) -> Run:
    """Return the run that a file holds.

    Raises:
        ValueError, KeyError, TypeError: it is no such file.
    """
    start = 8 + int.from_bytes(bytes(data[:8]), "little")
    header = cast("dict[str, Any]", json.loads(bytes(data[8:start])))
    rows, chunks = int(header["rows"]), tuple(str(chunk) for chunk in header["chunks"])
    if len(data) != start + 12 * rows:
        raise ValueError(f"{name} holds {len(data)} bytes, {rows} rows need {start + 12 * rows}")
    middle = start + 8 * rows
    return Run(chunks, data[start:middle].view("<u8"), data[middle:].view("<u4"), name)
