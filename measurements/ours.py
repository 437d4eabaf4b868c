"""Measure one run of this project's deduplication; deduplication.py starts this script.

    python measurements/ours.py STORE ROWS MODE THREADS

MODE is `stage`: the stage as a run does it, from Parquet parts to Parquet parts; `decision`: only which row duplicates
which, from Parquet parts; or `blind`: the decision without regard to numbers, as the peers take it. Prints one JSON
object with CPU seconds, wall seconds and peak memory; for `stage` the artifact too. The kernels are compiled (or
loaded) on a small pool first.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

from limo_curation.deduplication import DEDUPLICATION
from limo_curation.deduplication.problems import find
from limo_curation.plan import plan_stage
from limo_curation.problem_config import DeduplicationConfig
from limo_curation.runner import run_stage
from limo_curation.stage import StageWriter
from limo_curation.store import Store
from measurements.peers import cpu_seconds, peak_bytes
from measurements.pool import make_pool

WARM_UP_ROWS: Final = 2_000


def measure(store: Store, rows: int, mode: str, threads: int) -> dict[str, Any]:
    """Run one mode and return what it took."""
    work = prepared(store, rows, mode, threads)
    wall, cpu = time.perf_counter(), cpu_seconds()
    figures = work()
    return {
        "cpu_seconds": cpu_seconds() - cpu,
        "wall_seconds": time.perf_counter() - wall,
        "peak_bytes": peak_bytes(),
        **figures,
    }


def prepared(store: Store, rows: int, mode: str, threads: int) -> Any:
    """Return what is to be measured, with its input ready."""
    pool = make_pool(store, rows)
    if mode == "stage":
        if store.list("deduplication"):
            store.remove("deduplication")  # what an earlier run left would be found again, and measured as no work
        plan = plan_stage(DEDUPLICATION, {"problems": pool}, config=DeduplicationConfig(), store=store)
        return lambda: {"artifact": run_stage(plan).model_dump(mode="json")}
    config = DeduplicationConfig(same_numbers=mode != "blind", num_threads=threads)
    plan = plan_stage(DEDUPLICATION, {"problems": pool}, config=config, store=store)

    def decide_only() -> dict[str, Any]:
        out = StageWriter(plan)
        found = find(out.input_parts(), config, out)
        return {"num_removed": found.decisions.height, "num_compared": found.num_compared}

    return decide_only


if __name__ == "__main__":
    url, num_rows, mode_name, num_threads = sys.argv[1:]
    if int(num_rows) > WARM_UP_ROWS:
        prepared(Store(str(Path(url) / "warm-up")), WARM_UP_ROWS, mode_name, 1)()
    print(json.dumps(measure(Store(url), int(num_rows), mode_name, int(num_threads))))
