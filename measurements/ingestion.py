"""Measure ingestion and screening beside a bare Polars read and write of the same Parquet files.

The rows are generated (corpus.py): questions of about 190 characters, solutions for half of them, and the dirt,
figures, parts and options of a real pool in its shares. Each run is a process of its own, so its CPU seconds and its
peak memory are its own; generating the files is not counted. Both sides read the same columns and write zstd at the
store's level; ours also normalises, makes identities, screens, digests, checks and keeps the ledger.

    python measurements/ingestion.py [--rows N] [--quick] [--json]     (4 million rows, 3 GB of disk; --quick: 200,000)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import polars as pl

from limo_curation.ingestion import INGESTION, content_of_sources
from limo_curation.plan import plan_stage
from limo_curation.problem_config import IngestionConfig, ScreeningConfig
from limo_curation.runner import run_stage
from limo_curation.screening import SCREENING
from limo_curation.source_config import Source
from limo_curation.store import ZSTD_LEVEL, Store
from measurements.corpus import generate, read_grammar

FILE_ROWS: Final = 500_000
GENERATED_ROWS: Final = 100_000
COLUMNS: Final = {"question": "problem", "answer": "gold", "source_solution": "solution", "origin": "id"}
# how many rows of a thousand: about the shares of a real pool of 83,189 problems
PLANTED: Final = {
    "As shown in the figure, ": 40,
    "[asy] draw((0,0)--(1,1)); [/asy] ": 5,
    "Prove that it holds. ": 3,
    "Which of the following is it? ": 10,
    "(1) Find the least of them. (2) Find the largest of them. ": 17,
    "<br/>See https://example.org/p/7 for it. ": 2,
    "Cafe\u0301\u200b: ": 20,
    "求 $x$ 的值，并写出计算的过程：": 90,
    "  \r\n\r\n\r\n ": 30,
}


def write_files(folder: Path, rows: int) -> None:
    """Write a source: Parquet files of at most `FILE_ROWS` rows."""
    grammar = read_grammar()
    for start in range(0, rows, FILE_ROWS):
        starts = range(start, min(start + FILE_ROWS, rows), GENERATED_ROWS)
        parts = [generate(first, min(first + GENERATED_ROWS, rows), seed=0, grammar=grammar)[0] for first in starts]
        with_dirt(pl.concat(parts), start).write_parquet(folder / f"{start:010d}.parquet", compression_level=ZSTD_LEVEL)


def with_dirt(problems: pl.DataFrame, start: int) -> pl.DataFrame:
    """Return the source's columns, with what is planted put before a fixed share of the questions."""
    number = pl.int_range(pl.len()) + start
    place = number * 7_919 % 1_000
    bound, opening = 0, pl.lit("")
    for text, share in PLANTED.items():
        opening = pl.when(place.is_between(bound, bound + share - 1)).then(pl.lit(text)).otherwise(opening)
        bound += share
    question = pl.col("question")
    solution = pl.concat_str(pl.lit("We have "), question, pl.lit(" so that "), question, pl.lit(r" \boxed{7}"))
    return problems.select(
        id=pl.format("g/{}", number),
        problem=pl.concat_str(opening, question),
        gold=pl.when(number % 50 > 0).then("answer"),
        solution=pl.when(number % 2 == 0).then(solution),
    )


# -- what is measured --------------------------------------------------------------------------------------------------


def run_baseline(folder: Path, store: Path) -> dict[str, float]:
    """Read each file with Polars and write it again."""
    rows = 0
    for path in sorted(folder.glob("*.parquet")):
        frame = pl.read_parquet(path, columns=list(COLUMNS.values()))
        frame.write_parquet(store / path.name, compression="zstd", compression_level=ZSTD_LEVEL)
        rows += frame.height
    return {"rows": float(rows)}


def run_ours(folder: Path, store: Path) -> dict[str, float]:
    """Ingest and screen, and say how long each took."""
    source = Source(path=f"{folder}/*.parquet", name="generated", columns=COLUMNS, answer_from="boxed")
    config = IngestionConfig(sources=(source,))
    began, cpu = time.perf_counter(), time.process_time()
    kept_in = Store(str(store))
    extra = content_of_sources(config)
    problems = run_stage(plan_stage(INGESTION, {}, config=config, store=kept_in, extra_inputs=extra))
    between, cpu_between = time.perf_counter(), time.process_time()
    screened = run_stage(plan_stage(SCREENING, {"problems": problems}, config=ScreeningConfig(), store=kept_in))
    return {
        "rows": float(problems.rows),
        "kept": float(screened.rows),
        "ingestion_wall_seconds": between - began,
        "ingestion_cpu_seconds": cpu_between - cpu,
        "screening_wall_seconds": time.perf_counter() - between,
        "screening_cpu_seconds": time.process_time() - cpu_between,
    }


RUNS: Final[dict[str, Callable[[Path, Path], dict[str, float]]]] = {"baseline": run_baseline, "ours": run_ours}


def run_here(name: str, folder: Path, store: Path) -> dict[str, float]:
    """Do one run in this process and add what it took."""
    began, cpu = time.perf_counter(), time.process_time()
    figures = RUNS[name](folder, store)
    return figures | {
        "wall_seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float:
    """Return the most memory that this process has held (Linux; what `getrusage` says includes the parent's)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def run_apart(name: str, folder: Path) -> dict[str, float]:
    """Do one run in a process of its own."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as store:
        command = [sys.executable, "-m", "measurements.ingestion", "--run", name, str(folder), store]
        root = Path(__file__).resolve().parent.parent
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root)  # noqa: S603
    return json.loads(done.stdout.splitlines()[-1])


# -- the table ---------------------------------------------------------------------------------------------------------


def measure(rows: int) -> dict[str, Any]:
    """Measure both sides on `rows` rows and on a quarter of them."""
    result: dict[str, Any] = {}
    for size in (rows // 4, rows):
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work) / "source"
            folder.mkdir()
            write_files(folder, size)
            result[f"{size}"] = {name: run_apart(name, folder) for name in RUNS}
    return result


def summarise(sizes: dict[str, Any]) -> dict[str, Any]:
    """Return the ratios that the measurement is for."""
    small, large = (sizes[size] for size in sorted(sizes, key=int))
    ours, baseline = large["ours"], large["baseline"]
    return {
        "sizes": sizes,
        "rows_per_second": ours["rows"] / ours["wall_seconds"],
        "cpu_microseconds_a_row": 1e6 * ours["cpu_seconds"] / ours["rows"],
        "baseline_cpu_microseconds_a_row": 1e6 * baseline["cpu_seconds"] / baseline["rows"],
        "cpu_ratio": ours["cpu_seconds"] / baseline["cpu_seconds"],
        "wall_ratio": ours["wall_seconds"] / baseline["wall_seconds"],
        "peak_growth": ours["peak_mib"] / small["ours"]["peak_mib"],
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "polars": pl.__version__},
    }


def print_table(result: dict[str, Any]) -> None:
    """Print the figures for people."""
    print(f"{'rows':>12} {'run':>9} {'wall s':>8} {'CPU s':>8} {'rows/s':>10} {'peak MiB':>9}")
    for size in sorted(result["sizes"], key=int):
        for name, run in result["sizes"][size].items():
            speed = run["rows"] / run["wall_seconds"]
            print(
                f"{int(size):>12,} {name:>9} {run['wall_seconds']:>8.2f} {run['cpu_seconds']:>8.2f} {speed:>10,.0f}"
                f" {run['peak_mib']:>9,.0f}"
            )
    for stage in ("ingestion", "screening"):
        run = result["sizes"][max(result["sizes"], key=int)]["ours"]
        wall, cpu = run[f"{stage}_wall_seconds"], run[f"{stage}_cpu_seconds"]
        print(f"{stage}: {wall:.2f} s wall, {cpu:.2f} s CPU, {1e6 * cpu / run['rows']:.2f} us CPU a row")
    print(
        f"CPU {result['cpu_ratio']:.2f} times and wall {result['wall_ratio']:.2f} times a bare read and write; "
        f"peak memory at four times the rows: {result['peak_growth']:.2f} times"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--quick", action="store_true", help="200,000 rows, under a minute")
    parser.add_argument("--json", action="store_true", help="end with one JSON object on the last line")
    parser.add_argument("--run", nargs=3, metavar=("NAME", "FOLDER", "STORE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        name, folder, store = options.run
        print(json.dumps(run_here(name, Path(folder), Path(store))))
        return
    result = summarise(measure(200_000 if options.quick else options.rows))
    print_table(result)
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
