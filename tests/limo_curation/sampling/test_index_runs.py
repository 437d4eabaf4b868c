"""Runs of the index: what each of them finds, the one that holds them all finds, also from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.files import Files
from limo_curation.sampling.index_runs import Run, merged, read_run, write_run

runs = st.lists(
    st.tuples(st.lists(st.integers(0, 50), max_size=20), st.sampled_from(["a", "b", "c"])), min_size=1, max_size=5
)


@given(drawn=runs)
def test_merged_runs_find_what_each_of_them_found(drawn: list[tuple[list[int], str]]) -> None:
    parts = [
        Run((name,), np.array(sorted(set(numbers)), dtype=np.uint64), np.zeros(len(set(numbers)), dtype=np.uint32))
        for numbers, name in drawn
    ]
    wanted = np.arange(60, dtype=np.uint64)
    assert sorted(merged(parts).find(wanted)) == sorted({hit for part in parts for hit in part.find(wanted)})


def test_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    run = Run(("b", "é"), np.array([1, 2**64 - 1], dtype=np.uint64), np.array([1, 0], dtype=np.uint32))
    written = write_run(files, "index", run)
    assert written.file is not None
    read = read_run(files, "index", written.file)
    assert read is not None
    assert (read.chunks, read.prefixes.tolist(), read.numbers.tolist()) == (("b", "é"), [1, 2**64 - 1], [1, 0])
    below: object = read.prefixes
    while isinstance(below, np.ndarray) and not isinstance(below, np.memmap):
        below = below.base
    assert isinstance(below, np.memmap)  # not read into memory
