"""Measure the decontamination: precision and recall on labelled pairs, the known leaks, and seconds for ten million.

Three parts, each against all nine sets that LIMO_DATA holds (GPQA is not among them):

* quality: each labelled pair is an item of its own beside all benchmarks. Figures of two halves, split by item, show
  how far they swing by chance; neither half was unseen while the rules were made. "8-gram" stands beside it: any shared
  8-gram of words, which is what s1 and Open-R1 call contaminated.
* known: the pool of 83 thousand real problems against the benchmarks whose leaks are known.
* speed: generated problems of 220 bytes on average, in parts of 100,000, two threads; and the whole stage from parts in
  a store to parts in a store.

    python measurements/decontamination.py [--rows 10000000] [--quick] [--json]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import polars as pl

from limo_curation.decontamination import DECONTAMINATION, find_contaminated
from limo_curation.decontamination.retrieval import candidates, word_index_of
from limo_curation.deduplication import DEDUPLICATION
from limo_curation.folding import texts_of
from limo_curation.plan import TableStage, plan_stage
from limo_curation.problem_config import DecontaminationConfig, DeduplicationConfig, ParaphraseJudge, StageConfig
from limo_curation.runner import run_stage
from limo_curation.source_config import Source
from limo_curation.stage import StageWriter
from limo_curation.store import Artifact, Store
from limo_curation.tables import BENCHMARKS, DROPPED
from measurements.corpus import PART_ROWS, generate, read_grammar
from measurements.pool import make_pool

NUM_THREADS: Final = 2
HUMAN: Final = ("contam_audit_human_lexical", "contam_audit_human_semantic", "math_perturb_hard", "math_perturb_simple")
HALVES: Final = ("first half", "second half")
RULES: Final = ("exact", "ngram", "variant")
EXAM: Final = Source(path="exam.jsonl", name="exam", columns={"question": "question"})
GIB: Final = 1 << 30


def read_texts(folder: Path, name: str, id_column: str) -> pl.DataFrame:
    """Read ids and questions of a shared data set."""
    frame = pl.read_ndjson(folder / f"{name}.jsonl.zst", schema={"id": pl.String, "problem": pl.String})
    return frame.rename({"id": id_column, "problem": "question"})


def read_pairs(folder: Path) -> pl.DataFrame:
    """Read the labelled pairs: `id`, `source`, `text_a` (the item), `text_b` (the problem), `same_problem`, `half`."""
    columns = dict.fromkeys(("id", "source", "text_a", "text_b"), pl.String())
    pairs = pl.read_ndjson(folder / "dup_pairs.jsonl.zst", schema={**columns, "same_problem": pl.Boolean})
    pairs = pairs.filter(pl.col("same_problem").is_not_null())
    halves = [int(hashlib.sha256(text.encode()).hexdigest(), 16) % 2 for text in pairs["text_a"]]
    return pairs.with_columns(half=pl.Series(HALVES).gather(pl.Series(halves)))


# -- quality -----------------------------------------------------------------------------------------------------------


def with_rules(pairs: pl.DataFrame, benchmarks: pl.DataFrame) -> pl.DataFrame:
    """Add what each approach says of a pair: `rule`, `is_candidate` (for the judge) and `shares_8gram`."""
    own = pairs.select(benchmark_id="text_a", question="text_a").unique(maintain_order=True)
    items = pl.concat([own, benchmarks.join(own, on="question", how="anti")])
    found = find_contaminated(pairs.select(problem_id="id", question="text_b"), items)
    judge = ParaphraseJudge(model="any")
    likely = candidates(
        texts_of(pairs["text_b"]),
        word_index_of(items),
        min_similarity=judge.min_similarity,
        max_candidates=judge.max_candidates,
    )
    proposed = likely.select(
        id=pairs["id"].gather(likely["row"]), text_a=items["benchmark_id"].gather(likely["item"]), is_candidate=True
    )
    plain = [bool(eight_grams(a) & eight_grams(b)) for a, b in pairs.select("text_a", "text_b").iter_rows()]
    return (
        pairs.with_columns(shares_8gram=pl.Series(plain))
        .join(found.rename({"problem_id": "id", "benchmark_id": "text_a"}), on=["id", "text_a"], how="left")
        .join(proposed, on=["id", "text_a"], how="left")
    )


def eight_grams(text: str) -> set[tuple[str, ...]]:
    """Return the 8-grams of a text as s1 and Open-R1 take them: lower case, split at white space."""
    words = re.sub(r"\s+", " ", text.lower()).split()
    return {tuple(words[place : place + 8]) for place in range(len(words) - 7)}


def quality_table(judged: pl.DataFrame) -> pl.DataFrame:
    """Count what fires, by source and label."""
    counts = [(pl.col("rule") == rule).sum().alias(rule) for rule in RULES]
    nothing = pl.col("rule").is_null()
    return (
        judged.group_by("source", "same_problem")
        .agg(
            pl.len().alias("pairs"),
            *counts,
            nothing.sum().alias("none"),
            (nothing & pl.col("is_candidate").is_not_null()).sum().alias("of these to the judge"),
            pl.col("shares_8gram").sum().alias("8-gram"),
        )
        .sort("source", "same_problem", descending=[False, True])
    )


def figures_of(judged: pl.DataFrame) -> dict[str, Any]:
    """Return precision and recall on what people labelled, for the rules and for plain 8-grams.

    A perturbed problem has another answer than the item it was made from: to call it the item is wrong, to call it a
    variant is right.
    """
    human = judged.filter(pl.col("source").is_in(HUMAN))
    perturbed = pl.col("source").str.starts_with("math_perturb")
    same = pl.col("same_problem")
    fires = pl.col("rule").is_in(["exact", "ngram"])
    plain = pl.col("shares_8gram")
    audited = human.filter(~perturbed)
    return {
        "exact_or_ngram_fire": human.filter(fires).height,
        "exact_or_ngram_rightly": human.filter(fires & same).height,
        "plain_8gram_fire": human.filter(plain).height,
        "plain_8gram_rightly": human.filter(plain & same).height,
        "perturbed": human.filter(perturbed).height,
        "perturbed_called_variant": human.filter(perturbed & (pl.col("rule") == "variant")).height,
        "audited_contaminated": audited.filter(same).height,
        "audited_contaminated_found": audited.filter(same & pl.col("rule").is_not_null()).height,
        "audited_clean": audited.filter(~same).height,
        "audited_clean_found": audited.filter(~same & pl.col("rule").is_not_null()).height,
        "audited_contaminated_plain_8gram": audited.filter(same & plain).height,
        "audited_clean_plain_8gram": audited.filter(~same & plain).height,
    }


def measure_known(folder: Path, benchmarks: pl.DataFrame) -> dict[str, Any]:
    """Count the known leaks that are found."""
    known = pl.read_ndjson(
        folder / "contamination_known.jsonl.zst", schema={"problem_id": pl.String, "benchmark_id": pl.String}
    )
    problems = read_texts(folder, "problems", "problem_id")
    find_contaminated(problems.head(10), benchmarks)  # compiles, and builds the index
    started = time.process_time()
    found = find_contaminated(problems, benchmarks)
    cpu = time.process_time() - started
    hits = known.join(found, on=["problem_id", "benchmark_id"], how="left")
    return {
        "pairs": known.height,
        "found": hits["rule"].is_not_null().sum(),
        "by_rule": dict(hits["rule"].drop_nulls().value_counts().sort("rule").iter_rows()),
        "problems": problems.height,
        "found_in_all": dict(found["rule"].value_counts().sort("rule").iter_rows()),
        "microseconds_per_problem": round(cpu / problems.height * 1e6, 2),
    }


# -- speed -------------------------------------------------------------------------------------------------------------


def measure_decision(rows: int, benchmarks: pl.DataFrame) -> dict[str, Any]:
    """Match generated problems in memory, two parts at a time; making them is not counted."""
    grammar = read_grammar()
    wall = cpu = 0.0
    num_found = done = 0
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        while done < rows:
            starts = range(done, min(done + NUM_THREADS * PART_ROWS, rows), PART_ROWS)
            parts = [generate(start, min(start + PART_ROWS, rows), seed=0, grammar=grammar)[0] for start in starts]
            since = (time.perf_counter(), time.process_time())
            found = list(pool.map(partial(find_contaminated, benchmarks=benchmarks), parts))
            wall, cpu = wall + time.perf_counter() - since[0], cpu + time.process_time() - since[1]
            num_found += sum(one.height for one in found)
            done += sum(part.height for part in parts)
    return {
        "rows": done,
        "wall_seconds": round(wall, 2),
        "cpu_seconds": round(cpu, 2),
        "microseconds_per_problem": round(cpu / done * 1e6, 2),
        "found": num_found,
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB, 2),
    }


def measure_stage(rows: int, benchmarks: pl.DataFrame) -> dict[str, Any]:
    """Run the whole stage through the runner, from parts in a store to parts in a store."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        pool = make_pool(store, rows)
        off = DeduplicationConfig(enabled=False)
        problems = run_stage(plan_stage(DEDUPLICATION, {"problems": pool}, config=off, store=store))
        inputs = {"problems": problems, "benchmarks": put(benchmarks, store)}
        plan = plan_stage(DECONTAMINATION, inputs, config=DecontaminationConfig(benchmarks=(EXAM,)), store=store)
        since = (time.perf_counter(), time.process_time())
        run_stage(plan, num_workers=NUM_THREADS)
        wall, cpu = time.perf_counter() - since[0], time.process_time() - since[1]
    return {
        "rows": rows,
        "wall_seconds": round(wall, 2),
        "cpu_seconds": round(cpu, 2),
        "microseconds_per_problem": round(cpu / rows * 1e6, 2),
    }


def put(benchmarks: pl.DataFrame, store: Store) -> Artifact:
    """Commit the benchmarks to a store."""
    frame = benchmarks.select(
        "benchmark_id", benchmark=pl.lit("exam"), question="question", answer=pl.lit(None, pl.String)
    )

    def write(*, config: StageConfig, store: Store, out: StageWriter) -> dict[str, float]:
        del config, store
        out.count_input(frame.height)
        out.write(frame, DROPPED.empty())
        return {}

    return run_stage(
        plan_stage(TableStage("benchmarks", None, BENCHMARKS, (), write), {}, config=StageConfig(), store=store)
    )


# -- report ------------------------------------------------------------------------------------------------------------


def markdown(table: pl.DataFrame) -> str:
    """Return a table as it stands in the README."""
    lines = [table.columns, ["---"] * table.width, *table.cast(pl.String).rows()]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def main() -> None:
    """Print tables, and with --json one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="generated problems")
    parser.add_argument("--quick", action="store_true", help="half a million generated problems: under a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    arguments = parser.parse_args()
    if "LIMO_DATA" not in os.environ:
        sys.exit("LIMO_DATA is not set: export the folder that holds dup_pairs.jsonl.zst")
    folder = Path(os.environ["LIMO_DATA"])
    rows = 500_000 if arguments.quick else arguments.rows
    benchmarks = read_texts(folder, "benchmarks", "benchmark_id")
    judged = with_rules(read_pairs(folder), benchmarks)
    report: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "benchmark_items": benchmarks.height,
        "quality": {
            name[0]: figures_of(half) for name, half in judged.sort("half").group_by("half", maintain_order=True)
        },
        "known": measure_known(folder, benchmarks),
        "decision": measure_decision(rows, benchmarks),
        "stage": measure_stage(min(rows, 1_000_000), benchmarks),
    }
    print(markdown(quality_table(judged)))
    for part in ("quality", "known", "decision", "stage"):
        print(f"{part}: {json.dumps(report[part], indent=1)}")
    if arguments.json:
        print(json.dumps(report))


if __name__ == "__main__":
    main()
