"""JSON lines from streams of any kind: in blocks of whole lines, whatever the stream can do."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import polars as pl
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile

from limo_curation.readers import json_lines
from limo_curation.readers.json_lines import read_json_lines


class RemoteFile(AbstractBufferedFile):
    """A file of a server, as fsspec reads them all: in ranges, and `readline` takes no size."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        super().__init__(MemoryFileSystem(), "a.jsonl", size=len(data))

    def _fetch_range(self, start: int, end: int) -> bytes:
        return self.data[start:end]


def lines(num_lines: int) -> bytes:
    return "\n".join(json.dumps({"q": f"Question {number}?"}) for number in range(num_lines)).encode()


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_file_of_a_server_is_read_in_blocks_of_whole_lines(monkeypatch: pytest.MonkeyPatch, end: bytes) -> None:
    monkeypatch.setattr(json_lines, "BATCH_BYTES", 100)
    stream: Any = RemoteFile(lines(40) + end)
    batches = [pending.load() for pending in read_json_lines(stream, "a.jsonl", {"q": pl.String()})]
    assert len(batches) > 1
    assert pl.concat([batch.frame for batch in batches]).rows() == [(n + 1, f"Question {n}?") for n in range(40)]
    assert [bad for batch in batches for bad in batch.bad] == []


def test_many_bad_lines_are_told_soon_and_in_order() -> None:
    mixed = b"".join(b"{'q': 'Python, not JSON'}\n" if n % 2 else lines(1) + b"\n" for n in range(20_000))
    since = time.process_time()
    (pending,) = read_json_lines(io.BytesIO(mixed), "a.jsonl", {"q": pl.String()})
    batch = pending.load()
    assert time.process_time() - since < 5  # halving took half a millisecond and more for each
    assert [bad.row for bad in batch.bad] == list(range(2, 20_001, 2))
    assert batch.frame["row_number"].to_list() == list(range(1, 20_001, 2))
