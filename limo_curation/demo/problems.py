"""Write the demo's problem source: math problems in six domains at four levels, with exact answers and planted traps.

A line of `problems.jsonl` looks like this:

    {"id": "p0001", "problem": "A rectangle has length 34 cm and ...", "solution_answer": "952",
     "topic": "Geometry", "origin": "harbor_olympiad"}

The field names are not the pipeline's column names on purpose: mapping a source's columns is the ingestion stage's
work. Beside ordinary problems the file holds planted rows (`planted.py`, `broken.py`); what was planted where stands in
`planted.jsonl`, which no stage reads, only tests.
"""

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from limo_curation.demo.generator import BENCHMARK_WORDING, draw_problems, seeded
from limo_curation.demo.planted import plant_rows
from limo_curation.demo.rows import Row, as_row
from limo_curation.errors import ConfigError

MAX_PROBLEMS = 1800
NUM_BENCHMARK_ITEMS = 60
BENCHMARKS = ("demo-easy", "demo-hard")
ORIGINS = ("orchard_forum", "harbor_olympiad", "lantern_textbook")
POOL_LEVELS: Mapping[int, float] = {1: 0.24, 2: 0.26, 3: 0.25, 4: 0.25}
BENCHMARK_LEVELS: Mapping[str, Mapping[int, float]] = {
    "demo-easy": {1: 0.4, 2: 0.6},
    "demo-hard": {3: 0.6, 4: 0.4},
}
TOPICS: Mapping[str, str] = {
    "algebra": "Algebra",
    "geometry": "Geometry",
    "number_theory": "Number Theory",
    "combinatorics": "Combinatorics",
    "probability_and_statistics": "Probability & Statistics",
    "calculus_and_analysis": "Calculus",
}


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """The files of the demo's problem source."""

    problems: Path
    cut_off: Path
    """A gzip file that breaks off, of which no row can be read."""
    benchmarks: Path
    planted: Path


def write_demo(folder: Path, *, num_problems: int = 1200, seed: int = 0) -> DemoFiles:
    """Write the demo's problem source; the same arguments give the same bytes.

    Args:
        folder: Where `problems.jsonl`, `benchmarks.jsonl` and `planted.jsonl` go; made if missing.
        num_problems: Ordinary problems, 10 to 1,800; about a third more rows are planted on top.
        seed: Everything drawn depends on it.

    Returns:
        The paths of the files.

    Raises:
        ConfigError: There are too few problems to plant rows among, or more than the wordings can tell apart.
    """
    if not 10 <= num_problems <= MAX_PROBLEMS:
        raise ConfigError(f"the demo can make 10 to {MAX_PROBLEMS} problems, not {num_problems}: change num_problems")
    rng = seeded(f"limo-demo-{seed}")
    drawn = draw_problems(num_problems, level_weights=POOL_LEVELS, wordings=range(BENCHMARK_WORDING), rng=rng)
    benchmarks = _draw_benchmarks(rng)
    pool = [as_row(problem) for problem in drawn]
    rows = pool + plant_rows(pool, list(benchmarks.values()), rng)
    rng.shuffle(rows)

    ids = {row: f"p{number:04d}" for number, row in enumerate(rows, start=1)}
    related = ids | {row: benchmark_id for benchmark_id, row in benchmarks.items()}
    folder.mkdir(parents=True, exist_ok=True)
    files = DemoFiles(
        problems=folder / "problems.jsonl",
        cut_off=folder / "cut-off.jsonl.gz",
        benchmarks=folder / "benchmarks.jsonl",
        planted=folder / "planted.jsonl",
    )
    _write_lines(files.problems, (_problem_line(row, ids[row], rng) for row in rows))
    whole = gzip.compress(files.problems.read_bytes()[:2_000], mtime=0)
    files.cut_off.write_bytes(whole[: len(whole) // 2])  # as a download that broke off leaves it
    _write_lines(files.benchmarks, (_benchmark_line(row, name) for name, row in benchmarks.items()))
    planted = (
        {"id": ids[row], "planted": row.planted, "of": row.source and related[row.source]}
        for row in rows
        if row.planted
    )
    _write_lines(files.planted, map(json.dumps, planted))
    return files


def _draw_benchmarks(rng: Random) -> dict[str, Row]:
    """Draw the benchmark items by id; their wordings are never used in the pool."""
    share = NUM_BENCHMARK_ITEMS // len(BENCHMARKS)
    items: dict[str, Row] = {}
    for name in BENCHMARKS:
        problems = draw_problems(share, level_weights=BENCHMARK_LEVELS[name], wordings=(BENCHMARK_WORDING,), rng=rng)
        items |= {f"{name}-{number:02d}": as_row(problem) for number, problem in enumerate(problems, start=1)}
    return items


def _problem_line(row: Row, row_id: str, rng: Random) -> str:
    """Write one line of `problems.jsonl`, broken if the row was planted as a broken line."""
    fields = {
        "id": row_id,
        "problem": row.text,
        "solution_answer": row.answer,
        "topic": TOPICS[row.problem.kind.domain],
        "origin": rng.choice(ORIGINS),
    }
    if row.planted == "missing_field":
        del fields[rng.choice(("problem", "solution_answer"))]
    line = json.dumps(fields, ensure_ascii=False)
    return line[: len(line) // 2] if row.planted == "invalid_json" else line


def _benchmark_line(row: Row, item_id: str) -> str:
    benchmark = item_id.rpartition("-")[0]
    return json.dumps({"id": item_id, "benchmark": benchmark, "problem": row.text, "answer": row.answer})


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
