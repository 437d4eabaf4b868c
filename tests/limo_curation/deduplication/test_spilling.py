"""Spilling: what is put into a partition comes out of it, from memory or from files that are gone afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from limo_curation.deduplication.spilling import RECORD, Spill
from limo_curation.folding import Room


def add(spill: Spill, rows: list[tuple[int, bytes]]) -> None:
    """Put rows, each a partition and a text, sorted by partition."""
    records = np.zeros(len(rows), RECORD)
    records["length"] = [len(text) for _, text in rows]
    records["row"] = [partition for partition, _ in rows]
    texts = np.frombuffer(b"".join(text for _, text in rows), np.uint8)
    partitions = range(spill.num_partitions)
    spill.add(
        records,
        texts,
        row_ends=[sum(row <= partition for row, _ in rows) for partition in partitions],
        text_ends=[sum(len(text) for row, text in rows if row <= partition) for partition in partitions],
    )


@pytest.mark.parametrize("max_bytes", [1 << 20, 60, 0])
def test_partitions_come_out_as_they_were_put_in(
    max_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    room = Room()
    with Spill(3, max_bytes=max_bytes) as spill:
        add(spill, [(0, b"one"), (2, b"two"), (2, b"")])
        add(spill, [(2, b"three")])
        assert spill.sizes() == [3, 0, 8]
        assert spill.is_on_disk == (max_bytes < 100)
        assert bool(list(tmp_path.iterdir())) == spill.is_on_disk
        records, texts = spill.take(2, room)
        assert records["length"].tolist() == [3, 0, 5]
        assert bytes(texts) == b"twothree"
        assert len(spill.take(1, room)[0]) == 0
        assert bytes(spill.take(0, room)[1]) == b"one"
    assert list(tmp_path.iterdir()) == []
