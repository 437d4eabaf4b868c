"""Measure selection on generated tables of judged chains: time and memory beside a plain top n per group, and quality.

    python measurements/selection.py [--rows 1000000 10000000] [--quick] [--json]

Each of the pool's problems (`corpus.py`) has one of six domains and four chains with drawn scores; 817 are selected in
even quotas, at most 2 on a template and 400 of a source. Every candidate runs in a process of its own, from Parquet
parts, after a small table on which its kernels are compiled (or loaded):

    stage      the stage as a run does it: the choice, the ledger of every chain, and both halves written
    choice     only which chains are chosen
    diverse    the choice with diversity .3
    budgeted   the choice with four fifths of the tokens that `choice` takes
    polars     the best chain of each problem, then the first n of each domain: lazy, on its streaming engine
    pandas     the same with sort_values, drop_duplicates and groupby().head()

The peers know no caps, no budget and no ledger. "quality" is the mean score of the 817, "similarity" the mean of how
near the nearest other sample of its domain is to each of them, "tokens" their sum. 10 million rows need 1 GB of disk.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import polars as pl
from pydantic import Field

from limo_curation.novelty import template_ids
from limo_curation.plan import StageMetrics, TableStage, plan_stage
from limo_curation.problem_config import StageConfig
from limo_curation.runner import run_stage
from limo_curation.selection import SELECTION
from limo_curation.selection.candidates import competing
from limo_curation.selection.diversity import nearest_similarities, sketch_questions
from limo_curation.selection.samples import choose
from limo_curation.selection_config import SelectionConfig
from limo_curation.stage import StageWriter
from limo_curation.store import Artifact, Store, content_ids
from limo_curation.tables import DOMAINS, DROPPED, JUDGED_CHAINS
from measurements.corpus import generate, read_grammar
from measurements.deduplication import CACHE, GIB, processor, run
from measurements.peers import cpu_seconds, peak_bytes
from measurements.pool import generator_digest

TARGET: Final = 817
CHAINS_A_PROBLEM: Final = 4
PART_ROWS: Final = 100_000
WARM_UP_ROWS: Final = 40_000
QUICK_ROWS: Final = 200_000
NUM_SOURCES: Final = 9
MEAN_TOKENS: Final = 7_000  # LIMO v1's chains
SIGMA: Final = 0.8  # of the logarithm; ours
BUDGET_SHARE: Final = 0.8
DIVERSITY: Final = 0.3
CAPPED: Final = SelectionConfig(target_size=TARGET, max_per_template=2, max_per_source=400)
OURS: Final = ("stage", "choice", "diverse", "budgeted")
PEERS: Final = ("polars", "pandas")
SMALLEST, LEFT_OVER = divmod(TARGET, len(DOMAINS))
WANTED: Final = {domain: SMALLEST + (place < LEFT_OVER) for place, domain in enumerate(DOMAINS)}


class JudgedPoolConfig(StageConfig):
    """How many chains."""

    rows: Annotated[int, Field(ge=CHAINS_A_PROBLEM)]


def fill_judged_pool(*, config: JudgedPoolConfig, store: Store, out: StageWriter) -> StageMetrics:
    """Write the generated chains, a part for each 100,000 of them."""
    del store
    grammar = read_grammar()
    for start in range(0, config.rows, PART_ROWS):
        stop = min(start + PART_ROWS, config.rows)
        depends_on = f"{generator_digest()}:{start}:{stop}"
        if out.find_part(start, stop, depends_on=depends_on) is None:
            problems, _ = generate(start // CHAINS_A_PROBLEM, -(-stop // CHAINS_A_PROBLEM), grammar=grammar)
            chains = judged_chains(problems, start, stop)
            out.write_part(start, stop, chains, DROPPED.empty(), rows_in=stop - start, depends_on=depends_on)
    return {}


JUDGED_POOL: Final = TableStage("judged_pool", None, JUDGED_CHAINS, (), fill_judged_pool)


def judged_chains(problems: pl.DataFrame, start: int, stop: int) -> pl.DataFrame:
    """Return chains [start, stop) as judging writes them; what selection does not look at is null."""
    draw, size = np.random.default_rng(start), stop - start
    known = problems.with_columns(template_id=template_ids(problems["question"]))
    names = np.array([f"source {place}" for place in range(NUM_SOURCES)])
    rows = known[np.repeat(np.arange(problems.height), CHAINS_A_PROBLEM)[:size]].with_columns(
        chain_id=pl.Series(range(start, stop)).cast(pl.String),
        domain=pl.Series(np.array(DOMAINS)[np.arange(start, stop) // CHAINS_A_PROBLEM % len(DOMAINS)]),
        source=pl.Series(names[draw.integers(0, NUM_SOURCES, size)]),
        rule_score=pl.Series(draw.beta(5, 3, size).round(4)),
        num_tokens=pl.Series(draw.lognormal(np.log(MEAN_TOKENS) - SIGMA**2 / 2, SIGMA, size).astype(np.int64) + 1),
    )
    rows = rows.with_columns(chain_id=content_ids(pl.col("chain_id")), chain=pl.lit(""))
    schema = JUDGED_CHAINS.schema.items()
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in schema if name not in rows.columns]
    return JUDGED_CHAINS.check(rows.with_columns(missing))


def judged_pool(store: Store, rows: int) -> Artifact:
    """Return the generated table; made where the store does not hold it."""
    config = JudgedPoolConfig(rows=rows)
    extra = {"generator": generator_digest()}
    return run_stage(plan_stage(JUDGED_POOL, {}, config=config, store=store, extra_inputs=extra))


# -- the candidates ----------------------------------------------------------------------------------------------------


def stage(store: Store, pool: Artifact, config: SelectionConfig) -> pl.Series:
    """Run the stage anew and return the chosen chains."""
    if store.list("selection"):
        store.remove("selection")  # what an earlier run left would be found again, and measured as no work
    artifact = run_stage(plan_stage(SELECTION, {"chains": pool}, config=config, store=store))
    return store.scan(artifact).select("chain_id").collect().to_series()


def choice(store: Store, pool: Artifact, config: SelectionConfig) -> pl.Series:
    """Choose without writing, and return the chosen chains."""
    out = StageWriter(plan_stage(SELECTION, {"chains": pool}, config=config, store=store))
    parts = (competing(out.scan_part(part), config=config, start=part.start) for part in out.input_parts())
    found = choose(parts, config=config).candidates
    return found.filter(pl.col("outcome").is_null())["best_chain"]


def with_polars(store: Store, pool: Artifact, config: SelectionConfig) -> pl.Series:
    """Return the first n of each domain among the best chains of the problems, by Polars alone."""
    del config
    best = (
        store.scan(pool)
        .select("problem_id", "chain_id", "domain", "rule_score")
        .sort("rule_score", "chain_id", descending=[True, False])
        .unique("problem_id", keep="first", maintain_order=True)
    )
    rank = pl.int_range(pl.len()).over("domain")
    wanted = pl.col("domain").replace_strict(WANTED, return_dtype=pl.Int64)
    return best.filter(rank < wanted).select("chain_id").collect(engine="streaming").to_series()


def with_pandas(store: Store, pool: Artifact, config: SelectionConfig) -> pl.Series:
    """Return the same by pandas."""
    del config
    pandas: Any = importlib.import_module("pandas")
    columns = ["problem_id", "chain_id", "domain", "rule_score"]
    chains = pandas.read_parquet(f"{store.entry_uri(pool.stage, pool.key)}/kept", columns=columns)
    best = chains.sort_values(["rule_score", "chain_id"], ascending=[False, True]).drop_duplicates("problem_id")
    most = best.groupby("domain", sort=False).head(max(WANTED.values()))
    chosen = most[most.groupby("domain").cumcount() < most["domain"].map(WANTED)]
    return pl.Series(chosen["chain_id"].tolist(), dtype=pl.String)


CANDIDATES: Final[dict[str, Callable[[Store, Artifact, SelectionConfig], pl.Series]]] = {
    "stage": stage,
    "choice": choice,
    "diverse": choice,
    "budgeted": choice,
    "polars": with_polars,
    "pandas": with_pandas,
}


def measure(store: Store, rows: int, name: str, budget: int | None) -> dict[str, Any]:
    """Run a candidate and return what it took, and the chains that it chose."""
    updates = {"diverse": {"diversity": DIVERSITY}, "budgeted": {"max_total_tokens": budget}}
    config = CAPPED.model_copy(update=updates.get(name, {}))
    pool = judged_pool(store, rows)
    wall, cpu = time.perf_counter(), cpu_seconds()
    chosen = CANDIDATES[name](store, pool, config)
    taken = {"cpu_seconds": cpu_seconds() - cpu, "wall_seconds": time.perf_counter() - wall, "peak_bytes": peak_bytes()}
    return taken | {"chosen": chosen.to_list()}


# -- what came of it ---------------------------------------------------------------------------------------------------


def described(store: Store, pool: Artifact, chosen: list[str]) -> dict[str, float]:
    """Return number, quality, similarity and tokens of some chains."""
    columns = ["chain_id", "question", "domain", "rule_score", "num_tokens"]
    is_chosen = pl.col("chain_id").is_in(chosen)
    rows = store.scan(pool).filter(is_chosen).select(columns).collect(engine="streaming")
    domains = rows["domain"].rank("dense").to_numpy()
    return {
        "num_chosen": rows.height,
        "quality": float(rows["rule_score"].to_numpy().mean()),
        "similarity": float(nearest_similarities(sketch_questions(rows["question"]), domains).mean()),
        "tokens": int(rows["num_tokens"].sum()),
    }


def measure_pool(store: Store, rows: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run every candidate in a process of its own on one table, and print a line for each."""
    pool = judged_pool(store, rows)
    found: dict[str, Any] = {}
    for name in (*OURS, *PEERS):
        budget = int(found["choice"]["tokens"] * BUDGET_SHARE) if name == "budgeted" else 0
        command = [sys.executable, __file__, "--alone", name, "--rows", str(rows), "--budget", str(budget)]
        try:
            figures = run([*command, "--work", str(arguments.work)], timeout=arguments.timeout)
        except subprocess.SubprocessError as error:
            if name in OURS:
                raise
            print(f"{rows:>12,} {name:<10} {type(error).__name__}")  # a peer that needs more memory than there is
            continue
        figures |= described(store, pool, figures.pop("chosen"))
        found[name] = figures
        line = f"{rows:>12,} {name:<10} {figures['cpu_seconds']:>8.2f} {figures['wall_seconds']:>8.2f}"
        line += f" {rows / figures['cpu_seconds']:>11,.0f} {figures['peak_bytes'] / GIB:>6.2f}"
        line += f" {figures['num_chosen']:>6} {figures['quality']:>8.4f} {figures['similarity']:>10.4f}"
        print(f"{line} {figures['tokens']:>12,}", flush=True)
    return found


def main() -> None:
    """Print a table, and with --json one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", help="sizes of the tables (default: 1000000)")
    parser.add_argument("--work", type=Path, default=CACHE, help="a folder for the tables, kept for the next run")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for each candidate")
    parser.add_argument("--quick", action="store_true", help="200,000 rows: under a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--alone", choices=CANDIDATES, help=argparse.SUPPRESS)  # the process that is measured
    parser.add_argument("--budget", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    store = Store(str(arguments.work / "store"))
    sizes: list[int] = arguments.rows or [QUICK_ROWS if arguments.quick else 1_000_000]
    if arguments.alone:
        everything = 1 << 40
        measure(Store(f"{store.url}/warm-up"), WARM_UP_ROWS, arguments.alone, everything)
        print(json.dumps(measure(store, sizes[0], arguments.alone, arguments.budget or None)))
        return
    judged_pool(Store(f"{store.url}/warm-up"), WARM_UP_ROWS)
    print(f"{'rows':>12} {'':10} {'CPU s':>8} {'wall s':>8} {'rows/CPU s':>11} {'GiB':>6} {'chosen':>6}", end="")
    print(f" {'quality':>8} {'similarity':>10} {'tokens':>12}")
    found = {str(rows): measure_pool(store, rows, arguments) for rows in sizes}
    if arguments.json:
        print(json.dumps(as_report(found)))


def as_report(found: dict[str, Any]) -> dict[str, Any]:
    """Return the figures as one object: ours, the peers', and the peers' CPU seconds for each of our choice's."""
    return {
        "machine": {"processor": processor(), "cores": os.cpu_count()},
        "ours": {rows: {name: one[name] for name in OURS if name in one} for rows, one in found.items()},
        "peers": {rows: {name: one[name] for name in PEERS if name in one} for rows, one in found.items()},
        "ratios": {
            rows: {name: one[name]["cpu_seconds"] / one["choice"]["cpu_seconds"] for name in PEERS if name in one}
            for rows, one in found.items()
        },
    }


if __name__ == "__main__":
    main()
