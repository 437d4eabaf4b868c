"""What comes in is known at once, and written when it is enough, when it has waited, and at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from limo_curation.files import Files
from limo_curation.sampling import recorder
from limo_curation.sampling.chunk_index import ChunkIndex
from limo_curation.sampling.chunks import Cached
from limo_curation.sampling.recorder import Recorder

FOLDER = "requests/ada"


def key(number: int) -> bytes:
    return number.to_bytes(16)


def cached(number: int, *, text: str = "text") -> Cached:
    return Cached(text, "stop", number, number + 1, None)


def num_files(folder: Path) -> int:
    return len(list(folder.rglob("*.parquet")))


def test_completion_is_known_before_it_is_written_and_afterwards(tmp_path: Path) -> None:
    with Recorder(ChunkIndex(Files(str(tmp_path)), FOLDER), chunk_size=2, record_seconds=1e9) as recording:
        recording.add(key(1), cached(1))
        assert num_files(tmp_path) == 0
        assert recording.find([key(1), key(2)]) == {key(1): cached(1)}
        recording.add(key(2), cached(2))
        assert num_files(tmp_path) == 1
        recording.add(key(3), cached(3))
        assert recording.find([key(1), key(2), key(3)]) == {key(number): cached(number) for number in (1, 2, 3)}
    assert num_files(tmp_path) == 2


def test_completions_that_wait_are_written_with_the_next_one(tmp_path: Path) -> None:
    with Recorder(ChunkIndex(Files(str(tmp_path)), FOLDER), chunk_size=99, record_seconds=0) as recording:
        recording.add(key(1), cached(1))
        assert num_files(tmp_path) == 1


def test_long_texts_fill_a_chunk_sooner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_CHUNK_CHARACTERS", 1_000)
    with Recorder(ChunkIndex(Files(str(tmp_path)), FOLDER), chunk_size=99, record_seconds=1e9) as recording:
        for number in range(4):
            recording.add(key(number), cached(number, text=f"{number}" * 500))
            assert num_files(tmp_path) == (number + 1) // 2


def test_what_came_is_written_also_when_the_call_ends_with_an_error(tmp_path: Path) -> None:
    def failing_call() -> None:
        with Recorder(ChunkIndex(Files(str(tmp_path)), FOLDER), chunk_size=99, record_seconds=1e9) as recording:
            recording.add(key(1), cached(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing_call()
    assert ChunkIndex(Files(str(tmp_path)), FOLDER).find([key(1)]) == {key(1): cached(1)}


def test_nothing_to_record_makes_no_file(tmp_path: Path) -> None:
    with Recorder(ChunkIndex(Files(str(tmp_path)), FOLDER), chunk_size=99, record_seconds=1e9) as recording:
        assert recording.find([key(1)]) == {}
    assert num_files(tmp_path) == 0
