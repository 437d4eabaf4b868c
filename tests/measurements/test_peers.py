"""The script that runs a peer: the protocol, with the one peer that this environment holds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from measurements import peers

SCRIPT = Path(peers.__file__)
TEXTS = [
    "a farm has 12 cows and 30 hens. how many legs do all the animals have together?",
    "what is the area of a circle whose radius is 5?",
    "a farm has 12 cows and 30 hens. how many legs do all the animals have together",
    "what is the area of a circle whose radius is 5?",
]


def test_peer_writes_the_rows_it_removes_and_prints_what_it_took(tmp_path: Path) -> None:
    texts, removed = tmp_path / "texts.txt", tmp_path / "removed.txt"
    texts.write_text("".join(f"{text}\n" for text in TEXTS), encoding="utf-8")

    command = [sys.executable, SCRIPT, "datasketch 5-grams", texts, removed]
    done = subprocess.run(command, check=True, capture_output=True, text=True)

    figures = json.loads(done.stdout.splitlines()[-1])
    assert set(figures) == {"cpu_seconds", "wall_seconds", "peak_bytes"}
    assert 0 < figures["cpu_seconds"] < 60
    assert figures["peak_bytes"] > 10 << 20
    assert removed.read_text().split() == ["2", "3"]


def test_script_needs_nothing_but_the_standard_library_before_a_peer_is_loaded() -> None:
    code = f"import runpy, sys; runpy.run_path({str(SCRIPT)!r}); print('numpy' in sys.modules, 'polars' in sys.modules)"

    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("peer", peers.PEERS.values(), ids=peers.PEERS)
def test_peer_is_pinned_and_says_what_it_is(peer: peers.Peer) -> None:
    assert "==" in peer.packages[0]
    assert peer.max_rows >= 100_000
    assert peer.load.__doc__


def test_cpu_seconds_count_finished_children() -> None:
    before = peers.cpu_seconds()

    subprocess.run([sys.executable, "-c", "sum(i * i for i in range(2_000_000))"], check=True)

    assert peers.cpu_seconds() - before > 0.02
