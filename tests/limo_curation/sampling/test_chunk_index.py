"""The index says where a completion may stand: it may be behind, damaged or gone, but never makes a wrong one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from limo_curation.files import Files
from limo_curation.sampling import chunk_index
from limo_curation.sampling.chunk_index import ChunkIndex
from limo_curation.sampling.chunks import Cached, chunk_frame

FOLDER = "requests/ada"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path))


def key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()[:16]


def cached(number: int) -> Cached:
    return Cached(f"text {number}", "stop", number, number + 1, None)


def record(index: ChunkIndex, *numbers: int) -> None:
    index.record(chunk_frame([(key(number), cached(number)) for number in numbers]))


def found(index: ChunkIndex, *numbers: int) -> list[int]:
    read = index.find([key(number) for number in numbers])
    assert all(read[key(number)] == cached(number) for number in numbers if key(number) in read)
    return [number for number in numbers if key(number) in read]


def names(files: Files, folder: str = FOLDER) -> list[str]:
    return [name for name in files.list(folder) if "." in name]


def test_many_small_chunks_become_a_few_and_keep_every_row(files: Files) -> None:
    index, other = ChunkIndex(files, FOLDER), ChunkIndex(files, FOLDER)
    record(index, 0)
    assert found(other, 0) == [0]
    for number in range(1, 100):
        record(index, number)
    assert len(names(files)) < chunk_index.MAX_SMALL_CHUNKS
    assert found(index, *range(100)) == list(range(100))
    assert found(other, *range(100)) == list(range(100))  # the chunk that it knew is gone by now
    assert found(ChunkIndex(files, FOLDER), *range(101)) == list(range(100))


def test_chunks_that_another_run_joined_are_found_under_their_new_name(files: Files) -> None:
    index, other = ChunkIndex(files, FOLDER), ChunkIndex(files, FOLDER)
    for number in range(chunk_index.MAX_SMALL_CHUNKS - 1):
        record(index, number)
    assert found(other, 0, 999) == [0]  # now it knows them all
    record(index, 100)
    assert len(names(files)) == 1
    record(other, 200)  # makes it join chunks that are gone
    assert found(other, *range(chunk_index.MAX_SMALL_CHUNKS - 1), 100, 200) == [*range(31), 100, 200]
    assert len(names(files)) == 2


def test_what_others_recorded_may_be_found_later_but_what_they_moved_is_found_at_once(files: Files) -> None:
    index, other = ChunkIndex(files, FOLDER), ChunkIndex(files, FOLDER)
    record(other, 0)
    assert found(index, 0, 1) == [0]
    record(other, 1)
    assert index.find([key(1)], max_age_seconds=1e9) == {}
    assert index.find([key(1)], max_age_seconds=0) == {key(1): cached(1)}
    for number in range(2, chunk_index.MAX_SMALL_CHUNKS):
        record(other, number)
    assert len(names(files)) == 1
    assert index.find([key(0)], max_age_seconds=1e9) == {key(0): cached(0)}


class MovingFiles(Files):
    """Another run joins the chunks each time that this one has listed them, some times."""

    def __init__(self, url: str, *, num_times: int) -> None:
        super().__init__(url)
        self.num_times = num_times
        self.other = ChunkIndex(Files(url), FOLDER)

    def list(self, path: str) -> list[str]:
        listed = super().list(path)
        if path == FOLDER and self.num_times:
            self.num_times -= 1
            for number in range(chunk_index.MAX_SMALL_CHUNKS):
                record(self.other, 1_000 * (self.num_times + 1) + number)
        return listed


def test_chunks_that_are_joined_again_and_again_while_they_are_looked_for_are_found(files: Files) -> None:
    record(ChunkIndex(files, FOLDER), 1)
    moving = MovingFiles(files.root, num_times=3)
    assert found(moving.other, 1) == [1]
    assert found(ChunkIndex(moving, FOLDER), 1) == [1]
    assert moving.num_times == 0


def test_runs_that_join_the_same_chunks_write_the_same_file(files: Files, tmp_path: Path) -> None:
    other_files = Files(str(tmp_path / "other"))
    index, other = ChunkIndex(files, FOLDER), ChunkIndex(other_files, FOLDER)
    for number in range(chunk_index.MAX_SMALL_CHUNKS):
        record(index, number)
        record(other, chunk_index.MAX_SMALL_CHUNKS - 1 - number)
    assert names(files) == names(other_files)


def test_row_that_two_runs_recorded_is_kept_once_when_chunks_are_joined(files: Files) -> None:
    index = ChunkIndex(files, FOLDER)
    for number in range(chunk_index.MAX_SMALL_CHUNKS):
        record(index, number, 1_000)
    [only] = names(files)
    assert len(index.find([key(1_000)])) == 1
    assert (Path(files.root) / FOLDER / only).stat().st_size < 4_000


@pytest.fixture
def _chunks_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk_index, "SMALL_BYTES", 1)
    monkeypatch.setattr(chunk_index, "MAX_OWN_RUNS", 4)


@pytest.mark.usefixtures("_chunks_are_large")
def test_index_of_many_chunks_is_written_and_read_by_the_next_process(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = ChunkIndex(files, FOLDER)
    for start in range(0, 64, 2):
        record(index, start, start + 1)
    assert len(names(files)) == 32
    assert 1 <= len(names(files, f"{FOLDER}/index")) <= 3  # files of like size are merged
    read: list[str] = []
    monkeypatch.setattr(chunk_index, "read_prefixes", lambda *of: read.append(of[2]))
    assert found(ChunkIndex(files, FOLDER), *range(65)) == list(range(64))
    assert read == []  # no chunk's keys: the index names them all


@pytest.mark.usefixtures("_chunks_are_large")
@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "gone", "other chunks", "zeros"])
def test_damaged_index_gives_no_wrong_completion(files: Files, damage: str) -> None:
    index = ChunkIndex(files, FOLDER)
    for start in range(0, 8, 2):
        record(index, start, start + 1)
    [name] = names(files, f"{FOLDER}/index")
    path = Path(files.root) / FOLDER / "index" / name
    data = path.read_bytes()
    path.unlink()
    bad = {
        "cut": data[:-5],
        "empty": b"",
        "noise": b"\xff" * 100,
        "other chunks": data[:-16] + data[-4:] * 4,
        "zeros": data[:-96] + bytes(96),
    }
    if damage in bad:
        path.write_bytes(bad[damage])
    left = found(ChunkIndex(files, FOLDER), *range(9))
    assert set(left) <= set(range(8))
    if damage in {"cut", "empty", "noise", "gone"}:
        assert left == list(range(8))  # the chunks themselves are asked


def test_key_that_begins_like_another_is_not_taken_for_it(files: Files) -> None:
    index = ChunkIndex(files, FOLDER)
    near = key(1)[:8] + b"\0" * 8
    index.record(chunk_frame([(near, cached(5)), (key(1), cached(1))]))
    index.record(chunk_frame([(key(1)[:8] + b"\1" * 8, cached(6))]))
    assert index.find([key(1), near]) == {key(1): cached(1), near: cached(5)}


def test_file_of_another_kind_in_the_folder_is_not_a_chunk(files: Files) -> None:
    index = ChunkIndex(files, FOLDER)
    record(index, 1)
    for name, data in {"x.parquet": b"PAR1", "y.parquet": b"", "z.index": b"", "index/z.index": b"\0" * 9}.items():
        files.write_bytes(f"{FOLDER}/{name}", data)
    assert found(ChunkIndex(files, FOLDER), 1, 2) == [1]
