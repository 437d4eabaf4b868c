"""Measure novelty on generated pools: what the stage takes, and how many renumbered problems it knows again.

    python measurements/novelty.py [--rows 1000000 10000000] [--threads N] [--quick] [--json]

The stage runs in a process of its own, from Parquet parts to Parquet parts; the kernels are compiled (or loaded) on a
small pool first. Of the pool's rows 10 % are planted renumbered problems: "known" is the share of them whose template
is their original's. "Strangers" is the share of the other originals whose template is that of an original with other
words, which would be a mask too many. 10 million rows need 4 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import polars as pl

from limo_curation.ledger import StageResult
from limo_curation.novelty import NOVELTY
from limo_curation.plan import RowStage, plan_stage
from limo_curation.problem_config import NoveltyConfig, StageConfig
from limo_curation.runner import run_stage
from limo_curation.store import Artifact, Store
from limo_curation.tables import CLUSTERED, DROPPED, SCREENED
from measurements.deduplication import CACHE, GIB, processor, run
from measurements.peers import cpu_seconds, peak_bytes
from measurements.pool import make_pool, questions, read_truth

WARM_UP_ROWS: Final = 2_000
QUICK_ROWS: Final = 200_000
NO_LIMIT: Final = 1 << 40  # so that every row is kept and its template can be looked at
WORDS: Final = r"[\d.,]+"


def one_cluster_each(problems: pl.DataFrame, *, config: StageConfig) -> StageResult:
    """Return problems as deduplication would, if it dropped none."""
    del config
    return StageResult(problems.with_columns(cluster_size=pl.lit(1, pl.Int64)), DROPPED.empty())


CLUSTERED_POOL: Final = RowStage("clustered_pool", SCREENED, CLUSTERED, (), one_cluster_each)


def clustered_pool(store: Store, rows: int) -> Artifact:
    """Return the generated pool as novelty reads it; made where the store does not hold it."""
    inputs = {"problems": make_pool(store, rows)}
    return run_stage(plan_stage(CLUSTERED_POOL, inputs, config=StageConfig(), store=store))


def measure(store: Store, rows: int, config: NoveltyConfig) -> dict[str, Any]:
    """Run the stage anew and return what it took, and the artifact."""
    pool = clustered_pool(store, rows)
    if store.list("novelty"):
        store.remove("novelty")  # what an earlier run left would be found again, and measured as no work
    plan = plan_stage(NOVELTY, {"problems": pool}, config=config, store=store)
    wall, cpu = time.perf_counter(), cpu_seconds()
    artifact = run_stage(plan)
    return {
        "cpu_seconds": cpu_seconds() - cpu,
        "wall_seconds": time.perf_counter() - wall,
        "peak_bytes": peak_bytes(),
        "artifact": artifact.model_dump(mode="json"),
    }


def known_again(store: Store, artifact: Artifact, rows: int) -> dict[str, float]:
    """Return which share of the renumbered problems stands on the template of their original, and of the strangers."""
    templates = store.scan(artifact).select("template_id").collect().to_series()
    truth = read_truth(store, rows, ["kind", "made_from"]).with_columns(template=templates)
    renumbered = truth.filter(pl.col("kind") == "renumbered")
    is_known = renumbered["template"] == templates.gather(renumbered["made_from"])
    texts = pl.concat(list(questions(store, make_pool(store, rows))))
    bare = texts.str.replace_all(WORDS, "#").hash()
    originals = truth.with_columns(bare=bare).filter(pl.col("kind") == "original")
    first = originals.group_by("template").agg(pl.col("bare").n_unique() - 1)
    return {
        "known": float(is_known.sum()) / max(renumbered.height, 1),
        "strangers": float(first["bare"].sum()) / originals.height,
    }


def main() -> None:
    """Print a table, and with --json one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", help="sizes of the pools (default: 1000000)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--work", type=Path, default=CACHE, help="a folder for the pools, kept for the next run")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for each pool")
    parser.add_argument("--quick", action="store_true", help="200,000 rows: under a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)  # the process that is measured
    arguments = parser.parse_args()
    store = Store(str(arguments.work / "store"))
    pools: list[int] = arguments.rows or [QUICK_ROWS if arguments.quick else 1_000_000]
    if arguments.alone:
        config = NoveltyConfig(max_template_count=NO_LIMIT, num_threads=arguments.threads)
        measure(Store(f"{store.url}/warm-up"), WARM_UP_ROWS, config)
        print(json.dumps(measure(store, pools[0], config)))
        return
    print(f"{'rows':>12} {'CPU s':>8} {'wall s':>8} {'rows/CPU s':>11} {'GiB':>6} {'known':>8} {'strangers':>9}")
    found = {str(rows): measure_alone(store, rows, arguments) for rows in pools}
    if arguments.json:
        machine = {"processor": processor(), "cores": os.cpu_count()}
        print(json.dumps({"machine": machine, "threads": arguments.threads, "ours": found}))


def measure_alone(store: Store, rows: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the stage in a process of its own, look at its templates, and print a line."""
    clustered_pool(store, rows)
    command = [sys.executable, __file__, "--alone", "--rows", str(rows)]
    options = ["--threads", str(arguments.threads), "--work", str(arguments.work)]
    try:
        figures = run([*command, *options], timeout=arguments.timeout)
    except subprocess.CalledProcessError as error:
        sys.exit(f"{rows:,} rows: exit status {error.returncode}")
    artifact = Artifact.model_validate(figures.pop("artifact"))
    figures |= known_again(store, artifact, rows)
    line = f"{rows:>12,} {figures['cpu_seconds']:>8.2f} {figures['wall_seconds']:>8.2f}"
    line += f" {rows / figures['cpu_seconds']:>11,.0f} {figures['peak_bytes'] / GIB:>6.2f}"
    print(f"{line} {figures['known']:>8.5f} {figures['strangers']:>9.5f}", flush=True)
    return figures


if __name__ == "__main__":
    main()
