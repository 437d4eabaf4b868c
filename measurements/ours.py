"""Measure one run of this project's deduplication; deduplication.py starts this script.

    python measurements/ours.py STORE ROWS MODE THREADS

MODE is `stage`: the stage as a run does it, from Parquet parts to Parquet parts; `decision`: only which row duplicates
which, on texts in memory, as the peers are measured; or `blind`: the decision without regard to numbers, as the peers
take it. Prints one JSON object with CPU seconds, wall seconds and peak memory; for `stage` the artifact too. The
kernels are compiled (or loaded) on a small pool first.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from limo_curation.deduplication import DEDUPLICATION
from limo_curation.deduplication.finding import Batch, Settings, find_duplicates
from limo_curation.deduplication.signatures import optimal_bands
from limo_curation.folding import texts_of
from limo_curation.plan import plan_stage
from limo_curation.problem_config import DeduplicationConfig
from limo_curation.progress import Progress
from limo_curation.runner import run_stage
from limo_curation.store import Store
from measurements.peers import cpu_seconds, peak_bytes
from measurements.pool import make_pool, questions

WARM_UP_ROWS: Final = 2_000
MAX_BYTES: Final = 8 << 30  # of folded text in memory: the decision alone is measured without spilling


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
    config = DeduplicationConfig()
    bands, band_rows = optimal_bands(config.threshold, config.num_perm)
    settings = Settings(config.ngram_size, config.threshold, bands, band_rows, same_numbers=mode != "blind")
    batches: list[Batch] = []
    for part in questions(store, pool):
        first = sum(len(batch.rank) for batch in batches)
        names = np.zeros((len(part), 2), np.uint64)
        batches.append(Batch(first, texts_of(part), np.zeros(len(part), np.uint64), names))

    def decide() -> dict[str, Any]:
        found = find_duplicates(
            [lambda batch=batch: batch for batch in batches],
            num_rows=rows,
            settings=settings,
            num_threads=threads,
            max_bytes=MAX_BYTES,
            progress=Progress("deduplication"),
        )
        return {"num_removed": found.decisions.height, "num_compared": found.num_compared}

    return decide


if __name__ == "__main__":
    url, num_rows, mode_name, num_threads = sys.argv[1:]
    if int(num_rows) > WARM_UP_ROWS:
        prepared(Store(str(Path(url) / "warm-up")), WARM_UP_ROWS, mode_name, 1)()
    print(json.dumps(measure(Store(url), int(num_rows), mode_name, int(num_threads))))
