"""Measure what the stage contract costs: checks, digests, checksums and records, beside Parquet's own work.

A stage that keeps every row does nothing itself, so what it takes beyond decoding its input and encoding its output is
the contract's. The rows are made up here: questions of about 220 characters, four fields beside, eight empty ones.

    python measurements/contract.py [--quick] [--json]          (10 million rows, 2 GB of disk; --quick: 500,000)
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from limo_curation.ledger import StageResult
from limo_curation.problem_config import StageConfig
from limo_curation.runner import run_stage
from limo_curation.stage import RowStage, StageMetrics, StagePlan, StageWriter, TableStage, plan_stage
from limo_curation.store import ZSTD_LEVEL, Artifact, Store
from limo_curation.tables import DROPPED, PROBLEMS

PART_ROWS: Final = 100_000
WORDS_PER_QUESTION: Final = 47
VOCABULARY: Final = 3_000
DISTINCT_PARTS: Final = 4  # the others differ from these by one column, so that making them costs nothing


def made_up_part(number: int) -> pl.DataFrame:
    """Return a part's rows; words are drawn as they are in texts, the second half as often as the first."""
    rng = np.random.default_rng(number)
    weights = 1 / np.arange(1, VOCABULARY + 1)
    drawn = np.searchsorted(np.cumsum(weights / weights.sum()), rng.random((PART_ROWS, WORDS_PER_QUESTION)))
    words = np.array([f"word{index}"[: 3 + index % 5] + str(index % 7) for index in range(VOCABULARY + 1)])
    question = pl.DataFrame(words[drawn]).select(pl.concat_str(pl.all(), separator=" ")).to_series()
    rows = pl.DataFrame(
        {
            "problem_id": [f"{value:020x}" for value in rng.integers(0, 2**62, PART_ROWS)],
            "question": question,
            "answer": rng.integers(0, 10_000, PART_ROWS).astype(str),
            "source": ["made-up"] * PART_ROWS,
            "origin": [f"made-up/{number}.parquet:{row + 1}" for row in range(PART_ROWS)],
        }
    )
    empty = [pl.lit(None, dtype).alias(name) for name, dtype in PROBLEMS.schema.items() if name not in rows.columns]
    return rows.with_columns(empty).select(list(PROBLEMS.columns))


def keep_all(problems: pl.DataFrame, *, config: StageConfig) -> StageResult:
    """Keep every row."""
    del config
    return StageResult(problems, DROPPED.empty())


def pool(store: Store, frames: list[pl.DataFrame], num_parts: int) -> Artifact:
    """Commit a table of so many parts; those that an earlier pool had are taken over."""

    def write(*, config: StageConfig, store: Store, out: StageWriter) -> StageMetrics:
        del config, store
        for number in range(num_parts):
            place, content = (number, number + 1), str(number)
            if out.find_part(*place, depends_on=content) is None:
                rows = frame_of(frames, number)
                out.write_part(*place, rows, DROPPED.empty(), rows_in=rows.height, depends_on=content)
        return {}

    stage = TableStage("made_up", None, PROBLEMS, (), write)
    extra = {"num_parts": str(num_parts)}
    return run_stage(plan_stage(stage, {}, config=StageConfig(), store=store, extra_inputs=extra))


def frame_of(frames: list[pl.DataFrame], number: int) -> pl.DataFrame:
    """Return the rows of one part of the pool."""
    return frames[number % len(frames)].with_columns(license=pl.lit(f"part {number}"))


def keep_stage(problems: Artifact, store: Store) -> StagePlan:
    """Plan the stage that keeps every row."""
    stage = RowStage("keep_all", PROBLEMS, PROBLEMS, (), keep_all)
    return plan_stage(stage, {"problems": problems}, config=StageConfig(), store=store, part_rows=PART_ROWS)


def measure(num_parts: int, folder: Path) -> dict[str, float]:
    """Return CPU microseconds per row of each piece of work, and the seconds to find and to extend a result."""
    store = Store(str(folder))
    frames = [made_up_part(number) for number in range(DISTINCT_PARTS)]
    problems = pool(store, frames, num_parts)
    plan = keep_stage(problems, store)
    manifest = plan.main_manifest()

    def encode() -> None:
        for number in range(num_parts):
            frame_of(frames, number).write_parquet(BytesIO(), compression_level=ZSTD_LEVEL, row_group_size=50_000)

    def decode() -> None:
        for index in range(num_parts):
            store.scan_parts(manifest, [index]).collect()

    million_rows = num_parts * PART_ROWS / 1e6
    encoding, decoding = seconds(encode)[1] / million_rows, seconds(decode)[1] / million_rows
    staging = seconds(lambda: run_stage(plan))[1] / million_rows
    found_again = seconds(lambda: run_stage(plan))[0]
    grown = keep_stage(pool(store, frames, num_parts + 1), store)
    return {
        "encode_us_per_row": encoding,
        "decode_us_per_row": decoding,
        "stage_us_per_row": staging,
        "contract_us_per_row": staging - encoding - decoding,
        "found_again_seconds": found_again,
        "one_part_more_seconds": seconds(lambda: run_stage(grown))[0],
    }


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Return the wall and CPU seconds that some work takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="500,000 rows")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    options = parser.parse_args()
    num_parts = 5 if options.quick else 100
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(num_parts, Path(folder))
    print(f"{num_parts * PART_ROWS:,} rows, questions of {WORDS_PER_QUESTION} words, parts of {PART_ROWS:,} rows")
    for name, value in figures.items():
        print(f"{name:24} {value:8.3f}")
    if options.json:
        machine = {"cpus": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()}
        print(json.dumps({"rows": num_parts * PART_ROWS, **figures, "polars": pl.__version__, "machine": machine}))


if __name__ == "__main__":
    main()
