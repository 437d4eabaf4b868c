"""Measure the deduplication on generated pools: CPU, wall and memory against the peers, and what is missed or lost.

    python measurements/deduplication.py [--rows 1000000 10000000] [--peers all] [--quick] [--json]

Each candidate runs in a process of its own, one after the other, each peer in an environment of its own that is made at
the first run. Ours is measured three times: the whole `stage` (Parquet parts to Parquet parts through the runner), the
bare `decision` from Parquet parts, and that decision `blind` to numbers. Peers know nothing of numbers and are given
texts in memory that are folded already; the two ratios that are printed are a peer's CPU seconds over those of
`decision` and of `blind` on as many rows. Peers that take minutes are given fewer rows. What recall means and what is
lost: see duplicate_truth.py. 50 million rows need 30 GB of disk.
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
# larger pools are not measured in a mode: a blind search is one large group, all of it in memory
MAX_ROWS: Final = {"decision": 1_000_000_000, "blind": 1_000_000, "stage": 1_000_000_000}
QUICK_PEER_ROWS: Final = 10_000
BARE_MODES: Final = ("decision", "blind")
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
    pool = make_pool(store, rows)
    texts = folder / f"texts-{pool.key}.txt"
    if not texts.exists():
        write_texts(store, pool, texts)
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
    """Run ours in all modes on one pool, and print a line for each."""
    make_pool(store, rows)
    figures: dict[str, Any] = {}
    for mode in (mode for mode in (*BARE_MODES, "stage") if rows <= MAX_ROWS[mode]):
        figures[mode] = run_ours(mode, rows, store, threads=threads, timeout=timeout)
        if mode == "stage":
            artifact = Artifact.model_validate(figures[mode].pop("artifact"))
            if rows <= MAX_JUDGED_ROWS:
                decisions = decisions_of(store, artifact, rows)
                figures[mode] |= judge_decisions(store, rows, decisions, pairs_of(store, rows))
        show(f"ours, {mode}", rows, figures[mode])
    return figures


def measure_peers(
    names: Sequence[str],
    rows: int,
    store: Store,
    folder: Path,
    *,
    ours: dict[str, dict[str, Any]],
    threads: int,
    timeout: float,
) -> dict[str, dict[str, Any]]:
    """Run peers, each on as many rows as it does in minutes, and ours on as many where `ours` lacks that."""
    peers: dict[str, dict[str, Any]] = {}
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
        own = ours.setdefault(str(size), {})
        for mode in BARE_MODES:
            if mode not in own:
                own[mode] = run_ours(mode, size, store, threads=threads, timeout=timeout)
        if size not in pairs:
            pairs[size] = pairs_of(store, size)
        ratios = {f"ratio_to_{mode}": figures["cpu_seconds"] / own[mode]["cpu_seconds"] for mode in BARE_MODES}
        peers[name] = {"rows": size, **figures, **judge_flags(store, size, is_removed, pairs[size]), **ratios}
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
    if "ratio_to_blind" in figures:
        line += f" {figures['ratio_to_decision']:8.1f} {figures['ratio_to_blind']:7.1f}"
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
    titles = ("CPU s", "wall s", "rows/CPU s", "GiB", "recall", "lost", "ratio", "blind")
    print(f"{'candidate':20} {'rows':>11} {titles[0]:>8} {titles[1]:>8} {titles[2]:>11} {titles[3]:>6}", end="")
    print(f" {titles[4]:>8} {titles[5]:>8} {titles[6]:>8} {titles[7]:>7}")
    limits = {"threads": arguments.threads, "timeout": arguments.timeout}
    ours = {str(rows): measure_ours(store, rows, **limits) for rows in pools}
    rates = growth(ours)
    rows_for_peers = min(pools[0], QUICK_PEER_ROWS) if arguments.quick else pools[0]
    peers = measure_peers(names, rows_for_peers, store, arguments.work, ours=ours, **limits)
    print(f"growth of CPU seconds a row from {min(pools):,} to {max(pools):,} rows: {rates}")
    if arguments.json:
        print(json.dumps(report_of(ours, peers, rates)))


def report_of(
    ours: dict[str, dict[str, Any]], peers: dict[str, dict[str, Any]], rates: dict[str, float]
) -> dict[str, Any]:
    """Return the JSON object: ours by rows and mode, the peers, the ratios of CPU seconds, and the machine."""
    finished = {name: figures for name, figures in peers.items() if "failed" not in figures}
    return {
        "machine": {"processor": processor(), "cores": os.cpu_count(), "python": platform.python_version()},
        "ours": ours,
        "peers": peers,
        "ratios": {
            name: {mode: figures[f"ratio_to_{mode}"] for mode in BARE_MODES} for name, figures in finished.items()
        },
        "growth": rates,
    }


def growth(ours: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return each mode's CPU seconds a row on the largest pool, relative to those on the smallest."""
    small, large = min(ours, key=int), max(ours, key=int)
    return {
        mode: round(ours[large][mode]["cpu_seconds"] / int(large) / (ours[small][mode]["cpu_seconds"] / int(small)), 3)
        for mode in ours[small]
        if mode in ours[large]
    }


def processor() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
