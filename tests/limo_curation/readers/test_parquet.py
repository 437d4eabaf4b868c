"""Parquet in batches that are bounded in rows and in bytes, however its writer has cut it into row groups."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.readers import parquet
from limo_curation.readers.parquet import MAX_BATCH_BYTES, groups_together, read_parquet

SIZES = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 2 * MAX_BATCH_BYTES)), max_size=20)


@given(sizes=SIZES, batch_rows=st.integers(1, 60))
def test_pieces_cover_every_row_once_and_in_order(sizes: list[tuple[int, int]], batch_rows: int) -> None:
    together = list(groups_together(sizes, batch_rows))
    assert [number for groups in together for number in groups.numbers] == list(range(len(sizes)))
    rows: list[int] = []
    for groups in together:
        for start, stop in groups.pieces(batch_rows):
            assert stop - start <= batch_rows
            rows += range(groups.first_row + start, groups.first_row + stop)
    assert rows == list(range(1, sum(num_rows for num_rows, _ in sizes) + 1))


@given(sizes=SIZES, batch_rows=st.integers(1, 60))
def test_groups_that_are_opened_together_fit_into_a_batch(sizes: list[tuple[int, int]], batch_rows: int) -> None:
    for groups in groups_together(sizes, batch_rows):
        is_small = groups.num_rows <= batch_rows and groups.num_bytes <= MAX_BATCH_BYTES
        assert is_small or len(groups.numbers) == 1


@pytest.mark.parametrize("row_group_size", [3, 100])
def test_long_texts_make_smaller_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row_group_size: int) -> None:
    monkeypatch.setattr(parquet, "MAX_BATCH_BYTES", 50_000)
    texts = [f"{number} {'x' * 10_000}{number * 7919 % 10_007}" for number in range(25)]
    frame = pl.DataFrame({"q": texts, "note": ["y" * 100_000] * 25})
    frame.write_parquet(tmp_path / "a.parquet", row_group_size=row_group_size, compression="uncompressed")
    with (tmp_path / "a.parquet").open("rb") as file:
        pending = read_parquet(file, "a.parquet", {"q": pl.String()}, batch_rows=1_000, digest="d")
        batches = [one.load().frame for one in pending]
    assert pl.concat(batches)["q"].to_list() == texts
    assert pl.concat(batches)["row_number"].to_list() == list(range(1, 26))
    assert max(batch.height for batch in batches) <= 5


def test_a_column_that_nobody_reads_does_not_make_batches_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MAX_BATCH_BYTES", 50_000)
    frame = pl.DataFrame({"q": [str(number) for number in range(25)], "note": [str(n) * 10_000 for n in range(25)]})
    frame.write_parquet(tmp_path / "a.parquet")
    with (tmp_path / "a.parquet").open("rb") as file:
        pending = read_parquet(file, "a.parquet", {"q": pl.String()}, batch_rows=1_000, digest="d")
        assert [one.load().frame.height for one in pending] == [25]
