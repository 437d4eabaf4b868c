"""Measure deduplication on a pool that has grown, with the index of the run before and without one.

The same generated pool is decided in two stores. One holds what a run on all but the last rows left; the other is
empty. Both results have to be the same.

    python -m measurements.delta [--rows N] [--more N] [--quick] [--json]      (1M and 1 % more; --quick: 100,000)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Final

from limo_curation.deduplication import DEDUPLICATION
from limo_curation.plan import plan_stage
from limo_curation.problem_config import DeduplicationConfig
from limo_curation.runner import run_stage
from limo_curation.store import Artifact, Store
from measurements.pool import make_pool

WARM_UP_ROWS: Final = 2_000


def deduplicate(store: Store, rows: int) -> tuple[Artifact, dict[str, float]]:
    """Deduplicate the pool of so many rows and return the result and what it took."""
    pool = make_pool(store, rows)
    wall, cpu = time.perf_counter(), time.process_time()
    result = run_stage(plan_stage(DEDUPLICATION, {"problems": pool}, config=DeduplicationConfig(), store=store))
    return result, {"cpu_seconds": time.process_time() - cpu, "wall_seconds": time.perf_counter() - wall}


def measure(folder: Path, rows: int, more: int) -> dict[str, dict[str, float]]:
    """Return what the pool took before it grew, and afterwards with and without an index.

    Raises:
        SystemExit: the two pools or the two results differ.
    """
    deduplicate(Store(str(folder / "warm-up")), WARM_UP_ROWS)
    used, empty = Store(str(folder / "used")), Store(str(folder / "empty"))
    _, before = deduplicate(used, rows)
    grown, delta = deduplicate(used, rows + more)
    fresh, full = deduplicate(empty, rows + more)
    if make_pool(used, rows + more).digest != make_pool(empty, rows + more).digest:
        raise SystemExit("the generated pools differ")
    if grown.digest != fresh.digest:
        raise SystemExit("the result with an index differs from the one without")
    return {"before": before, "delta": delta, "full": full}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, help="before the pool grew")
    parser.add_argument("--more", type=int, help="by how many rows it grew; 1 percent where it is not given")
    parser.add_argument("--quick", action="store_true", help="100,000 rows")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    rows: int = options.rows or (100_000 if options.quick else 1_000_000)
    more: int = options.more or max(rows // 100, 1)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), rows, more)
    for name, figure in figures.items():
        print(f"{name:7} {figure['cpu_seconds']:8.2f} CPU s  {figure['wall_seconds']:8.2f} s")
    ratio = figures["full"]["cpu_seconds"] / figures["delta"]["cpu_seconds"]
    print(f"{rows:,} rows and {more:,} more: the index saves a factor {ratio:.1f} of CPU")
    if options.json:
        machine = {"cpus": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()}
        print(json.dumps({"rows": rows, "more": more, **figures, "ratio": ratio, "machine": machine}))


if __name__ == "__main__":
    main()
