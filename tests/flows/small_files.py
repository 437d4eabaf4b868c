"""Files of forty made-up problems in the shape that the preset `recorded` reads, and a run file for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.small_pipeline import KINDS, answer_of

STRONG = "strong-solver"
NUM_ATTEMPTS = 8

RUN_FILE = """
[[ingestion.sources]]
name = "pool"
path = "{folder}/problems.jsonl.zst"
[ingestion.sources.columns]
question = "problem"
answer = "answer"
source = "source"
origin = "id"
[ingestion.sources.published_rate]
column = "difficulty_raw"
scale = "percent_failed"
num_attempts = 128
solver = "Ada"
only_where = {{ difficulty_kind = "model" }}

[[decontamination.benchmarks]]
name = "exam"
path = "{folder}/benchmarks.jsonl.zst"
columns = {{ benchmark_id = "id", benchmark = "benchmark", question = "problem", answer = "answer" }}

[difficulty]
use_published_rates = true
[difficulty.strong]
model = "{strong}"
num_attempts = {num_attempts}
max_tokens = 100

[[generation.recorded]]
name = "chains"
path = "{folder}/chains.jsonl.zst"
columns = {{ question = "problem", teacher = "generator", chain = "chain", steps = "steps", origin = "id" }}

[selection]
target_size = {target_size}
when_short = "redistribute"

[publishing]
title = "Six made-up samples"
license = "apache-2.0"

[engine]
kind = "recorded"
[[engine.completions]]
name = "attempts"
path = "{folder}/attempts.jsonl"
columns = {{ model = "model", question = "question", completion = "completion" }}

[execution]
store = "{folder}/store"
output = "{folder}/runs"
part_rows = {part_rows}
"""


def write_files(folder: Path) -> None:
    """Write problems, benchmarks, chains and a strong solver's recorded attempts."""
    problems = [made_up_problem(index) for index in range(36)]
    traps = [
        problems[3] | {"id": "pool/36", "problem": problems[3]["problem"].upper()},  # an exact duplicate
        {"id": "pool/37", "problem": "Prove that the sum of two even integers is even.", "answer": "2k"},
        {"id": "pool/38", "problem": "Too short", "answer": "1"},
        {"id": "pool/39", "problem": None, "answer": "1"},
    ]
    write_lines(folder / "problems.jsonl.zst", problems + traps)
    exam = {"id": "exam/0", "benchmark": "exam", "problem": problems[5]["problem"], "answer": problems[5]["answer"]}
    write_lines(folder / "benchmarks.jsonl.zst", [exam])
    write_lines(folder / "chains.jsonl.zst", [made_up_chain(problem) for problem in problems])
    unrated = [problem for problem in problems if problem["difficulty_raw"] is None]
    attempts = [
        {"model": STRONG, "question": problem["problem"], "completion": f"So it is \\boxed{{{answer}}}."}
        for problem in unrated
        for answer in [problem["answer"], *range(1_000, 999 + NUM_ATTEMPTS)]
    ]
    write_lines(folder / "attempts.jsonl", attempts)


def made_up_problem(index: int) -> dict[str, Any]:
    """Return one problem: every sixth is too easy, every ninth was never solved, every seventh has no rate."""
    kind, a, b = index % 6, 17 + 3 * index, 7 + index
    percent_failed = "93.75"  # 2 of 32 attempts solved it: in LIMO's band of 1 to 3
    if index % 6 == 0:
        percent_failed = "12.5"
    if index % 9 == 4:
        percent_failed = "100.0"
    return {
        "id": f"pool/{index}",
        "problem": f"{KINDS[kind].format(a=a, b=b)} (Exercise of chapter {'abcdefghijkl'[index // 6]})",
        "answer": str(answer_of(kind, a, b)),
        "source": "made-up",
        "difficulty_raw": None if index % 7 == 1 else percent_failed,
        "difficulty_kind": None if index % 7 == 1 else "model",
    }


def made_up_chain(problem: dict[str, Any]) -> dict[str, Any]:
    """Return one chain of a problem; that of every tenth ends in a wrong answer."""
    index = int(problem["id"].removeprefix("pool/"))
    answer = "31415" if index % 10 == 2 else problem["answer"]
    words = " ".join(["We add the numbers, then check the sum again."] * (1 + index % 4))
    return {
        "id": f"chains/{index}",
        "problem": problem["problem"],
        "generator": "Ada",
        "chain": f"{words} Wait, let me verify. Therefore the answer is \\boxed{{{answer}}}.",
        "steps": None,
    }


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write JSON lines, compressed where the name says so."""
    import zstandard

    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(zstandard.ZstdCompressor().compress(data) if path.suffix == ".zst" else data)


def write_run_file(folder: Path, *, target_size: int = 6, part_rows: int = 20) -> Path:
    """Write the files and a run file whose store and output stand beside them; return the run file's path."""
    write_files(folder)
    path = folder / "small.toml"
    text = RUN_FILE.format(
        folder=folder.as_posix(),
        strong=STRONG,
        num_attempts=NUM_ATTEMPTS,
        target_size=target_size,
        part_rows=part_rows,
    )
    path.write_text(text, encoding="utf-8")
    return path
