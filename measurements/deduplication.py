"""Measure the deduplication on generated pools: CPU, wall and memory against the peers, and what is missed or lost.

    python measurements/deduplication.py [--rows 1000000 10000000] [--peers all] [--quick] [--json]

Each candidate runs in a process of its own, one after the other, each peer in an environment of its own that is made at
the first run. Ours is measured three times: the whole `stage` (Parquet parts to Parquet parts through the runner), the
bare `decision` on texts in memory, and that decision `blind` to numbers. Peers know nothing of numbers and are given
texts in memory that are folded already; the ratio that is printed is a peer's CPU seconds a row over those of `blind`
on as many rows. Peers that take minutes are given fewer rows. 50 million rows need 30 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from limo_curation.store import Artifact, Store
from measurements.duplicate_truth import Flags, Pairs, decisions_of, flags_of, judge_decisions, judge_flags, true_pairs
from measurements.peers import PEERS
from measurements.pool import make_pool, write_texts

HERE: Final = Path(__file__).parent
CACHE: Final = Path.home() / ".cache" / "limo-curation" / "measurements"
USUAL_PEERS: Final = ("rensa words", "rensa 5-grams", "datasketch 5-grams", "datatrove words")
SAMPLES: Final = {100_000: 20_000, 1_000_000: 10_000}  # rows whose true pairs are sought; of larger pools OTHER_SAMPLES
OTHER_SAMPLES: Final = 2_000
MAX_JUDGED_ROWS: Final = 20_000_000  # of larger pools only speed and memory are measured
GIB: Final = 1 << 30


def environment_of(packages: Sequence[str], folder: Path) -> Path:
    """Return the Python of an environment with some packages, which is made if it is not there yet.

    Raises:
        CalledProcessError: the packages can't be installed.
    """
    home = folder / re.sub(r"[^\w.]+", "-", " ".join(packages))
    python, mark = home / "bin" / "python", home / "complete"
    if not mark.exists():
        print(f"installing {' '.join(packages)} in {home}", file=sys.stderr)
        venv.create(home, with_pip=True, clear=True)
        command = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *packages]
        subprocess.run(command, check=True, stdout=sys.stderr)  # noqa: S603 (the packages that PEERS names)
        mark.touch()
    return python


def run(command: Sequence[str | Path], *, timeout: float) -> dict[str, Any]:
    """Run a candidate and return the JSON object on its last line.

    Raises:
        SubprocessError: it failed or took too long.
    """
    done = subprocess.run(command, timeout=timeout, capture_output=True, text=True)  # noqa: S603 (our own scripts)
    print(done.stderr if done.returncode else "", end="", file=sys.stderr)
    done.check_returncode()
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def run_peer(name: str, rows: int, store: Store, folder: Path, *, timeout: float) -> tuple[dict[str, Any], Flags]:
    """Run a peer on the first rows of the pool and return its figures and what it removed."""
    texts = folder / f"texts-{rows}.txt"
    if not texts.exists():
        write_texts(store, make_pool(store, rows), texts)
    python = environment_of(PEERS[name].packages, folder / "environments")
    with tempfile.TemporaryDirectory() as temporary:
        removed = Path(temporary) / "removed.txt"
        figures = run([python, HERE / "peers.py", name, texts, removed], timeout=timeout)
        return figures, flags_of(np.loadtxt(removed, np.int64, ndmin=1), rows)


def run_ours(mode: str, rows: int, store: Store, *, threads: int, timeout: float) -> dict[str, Any]:
    """Run ours in a mode."""
    return run([sys.executable, HERE / "ours.py", store.url, str(rows), mode, str(threads)], timeout=timeout)


def pairs_of(store: Store, rows: int) -> Pairs:
    """Return the true pairs of a sample of a pool's rows."""
    return true_pairs(store, make_pool(store, rows), SAMPLES.get(rows, OTHER_SAMPLES))


def measure_ours(store: Store, rows: int, *, threads: int, timeout: float) -> dict[str, Any]:
    """Run ours in all modes on one pool."""
    make_pool(store, rows)
    figures = {
        mode: run_ours(mode, rows, store, threads=threads, timeout=timeout) for mode in ("decision", "blind", "stage")
    }
    artifact = Artifact.model_validate(figures["stage"].pop("artifact"))
    if rows <= MAX_JUDGED_ROWS:
        decisions = decisions_of(store, artifact, rows)
        figures["stage"] |= judge_decisions(store, rows, decisions, pairs_of(store, rows))
    return figures


def measure_peers(
    names: Sequence[str], rows: int, store: Store, folder: Path, *, threads: int, timeout: float
) -> dict[str, dict[str, Any]]:
    """Run peers, each on as many rows as it does in minutes, and ours, blind to numbers, on as many."""
    peers: dict[str, dict[str, Any]] = {}
    blind: dict[int, float] = {}
    pairs: dict[int, Pairs] = {}
    for name in names:
        size = min(rows, PEERS[name].max_rows)
        make_pool(store, size)
        try:
            figures, is_removed = run_peer(name, size, store, folder, timeout=timeout)
        except subprocess.SubprocessError as error:
            peers[name] = {"rows": size, "failed": reason_of(error)}
            print(f"{name}: {peers[name]['failed']}", file=sys.stderr)
            continue
        if size not in blind:
            blind[size] = run_ours("blind", size, store, threads=threads, timeout=timeout)["cpu_seconds"]
            pairs[size] = pairs_of(store, size)
        judged = judge_flags(store, size, is_removed, pairs[size])
        ratio = figures["cpu_seconds"] / blind[size]
        peers[name] = {"rows": size, **figures, **judged, "ours_blind_cpu_seconds": blind[size], "cpu_ratio": ratio}
        show(name, size, peers[name])
    return peers


def reason_of(error: subprocess.SubprocessError) -> str:
    """Return why a candidate gave no result, in one line."""
    if isinstance(error, subprocess.CalledProcessError) and error.stderr:
        return str(error.stderr.strip().splitlines()[-1])
    return str(error)


def show(name: str, rows: int, figures: dict[str, Any]) -> None:
    """Print one line of the table."""
    line = f"{name:20} {rows:>11,} {figures['cpu_seconds']:8.2f} {figures['wall_seconds']:8.2f}"
    line += f" {rows / figures['cpu_seconds']:>11,.0f} {figures['peak_bytes'] / GIB:6.2f}"
    if "recall" in figures:
        line += f" {figures['recall']:8.5f} {figures['renumbered_removed']:8.4f}"
    if "cpu_ratio" in figures:
        line += f" {figures['cpu_ratio']:7.1f}"
    print(line, flush=True)


def main() -> None:
    """Print a table, and with --json one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows", type=int, nargs="+", help="pools for ours; the peers get the first (default: 1000000)"
    )
    parser.add_argument("--peers", default=",".join(USUAL_PEERS), help=f"all, none, or some of {', '.join(PEERS)}")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of the bare decision")
    parser.add_argument("--work", type=Path, default=CACHE, help="a folder for pools and peers, kept for the next run")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for each candidate")
    parser.add_argument("--quick", action="store_true", help="100,000 rows, fewer for the peers: under a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    arguments = parser.parse_args()
    pools: list[int] = arguments.rows or [100_000 if arguments.quick else 1_000_000]
    groups: dict[str, list[str]] = {"all": list(PEERS), "none": []}
    names = groups.get(arguments.peers) or [name for name in arguments.peers.split(",") if name != "none"]
    if unknown := set(names) - set(PEERS):
        parser.error(f"unknown peers {sorted(unknown)}; there are {', '.join(PEERS)}")
    arguments.work.mkdir(parents=True, exist_ok=True)
    store = Store(str(arguments.work / "store"))
    titles = ("CPU s", "wall s", "rows/CPU s", "GiB", "recall", "lost", "ratio")
    print(f"{'candidate':20} {'rows':>11} {titles[0]:>8} {titles[1]:>8} {titles[2]:>11} {titles[3]:>6}", end="")
    print(f" {titles[4]:>8} {titles[5]:>8} {titles[6]:>7}")
    limits = {"threads": arguments.threads, "timeout": arguments.timeout}
    ours: dict[str, dict[str, Any]] = {}
    for rows in pools:
        ours[str(rows)] = measure_ours(store, rows, **limits)
        for mode, figures in ours[str(rows)].items():
            show(f"ours, {mode}", rows, figures)
    peers = measure_peers(
        names, min(pools[0], 20_000) if arguments.quick else pools[0], store, arguments.work, **limits
    )
    report = {
        "machine": {"processor": processor(), "cores": os.cpu_count(), "python": platform.python_version()},
        "ours": ours,
        "peers": peers,
        "ratios": {name: figures["cpu_ratio"] for name, figures in peers.items() if "cpu_ratio" in figures},
        "growth": growth(ours),
    }
    print(f"growth of CPU a row from {min(pools):,} to {max(pools):,} rows: {report['growth']}")
    if arguments.json:
        print(json.dumps(report))


def growth(ours: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return each mode's CPU seconds a row on the largest pool, relative to those on the smallest."""
    small, large = min(ours, key=int), max(ours, key=int)
    return {
        mode: round(ours[large][mode]["cpu_seconds"] / int(large) / (ours[small][mode]["cpu_seconds"] / int(small)), 3)
        for mode in ours[small]
    }


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
