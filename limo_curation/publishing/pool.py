"""The pool: every problem that difficulty kept, with all that is known of it and what became of it.

    question  strong_num_solved  ...  num_chains  num_verified_chains  best_quality  outcome         outcome_stage
    ...       2                       3           2                    0.71          selected        selection
    ...       1                       3           0                    null          wrong_answer    verification
    ...       3                       0           0                    null          no_chain        generation

It is read from the store portion by portion, in the order of the store: the memory that it takes doesn't grow with it.
Where difficulty was switched off, the pool is all problems that came to generation.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Final

import polars as pl

from limo_curation.errors import TableError
from limo_curation.run_record import RunRecord
from limo_curation.store import Artifact, Store
from limo_curation.tables import DROPPED, JUDGED_CHAINS, POOL, RATED

PART_ROWS: Final = 25_000  # ours: of some 2 kB each, so that a file of the pool is read in one go
CHAIN_STAGES: Final = ("generation", "verification", "judging", "selection")
SELECTED: Final = "selected"
NOT_BEST: Final = "not_best_chain"
"""Selection's reason for chains that another one of the same problem outdoes: says nothing of the problem."""


def scan_pool(store: Store, record: RunRecord) -> pl.LazyFrame:
    """Return the RATED rows that came to generation.

    Raises:
        TableError: the run has no such table, or it is gone from the store.
    """
    return store.scan(rated_problems(record), RATED)


def num_pool_parts(record: RunRecord) -> int:
    """Return the number of portions that `pool_parts` yields: at least one."""
    return max(1, -(-rated_problems(record).rows // PART_ROWS))


def pool_parts(store: Store, record: RunRecord) -> Generator[pl.DataFrame]:
    """Yield the pool in POOL tables of `PART_ROWS` rows, an empty one where it is empty.

    Raises:
        TableError: as `scan_pool`.
    """
    rated = scan_pool(store, record)
    for place in range(num_pool_parts(record)):
        problems = rated.slice(place * PART_ROWS, PART_ROWS).collect()
        known = outcomes(store, record, problems["problem_id"].unique())
        yield POOL.check(problems.join(known, on="problem_id", how="left", maintain_order="left"))


def rated_problems(record: RunRecord) -> Artifact:
    """Return the table that generation read.

    Raises:
        TableError: the run has not come that far.
    """
    artifact = record.artifacts.get("difficulty")
    if artifact is None:
        raise TableError(f"run {record.name} has no rated problems to publish as its pool; run it again")
    return artifact


def outcomes(store: Store, record: RunRecord, problem_ids: pl.Series) -> pl.DataFrame:
    """Return what became of some problems: `problem_id` and the columns that POOL adds, one row for each id."""
    wanted = pl.LazyFrame({"problem_id": problem_ids})
    by_stage = {stage: record.artifacts[stage] for stage in CHAIN_STAGES if stage in record.artifacts}

    def kept_by(stage: str, *columns: str) -> pl.LazyFrame:
        if stage not in by_stage:
            return pl.LazyFrame(schema={name: JUDGED_CHAINS.schema[name] for name in ("problem_id", *columns)})
        return store.scan(by_stage[stage]).select("problem_id", *columns).join(wanted, on="problem_id", how="semi")

    best = pl.coalesce("quality", "rule_score").max()
    chains = kept_by("generation").group_by("problem_id").agg(num_chains=pl.len())
    verified = kept_by("verification").group_by("problem_id").agg(num_verified_chains=pl.len())
    judged = kept_by("judging", "quality", "rule_score").group_by("problem_id").agg(best_quality=best)
    selected = kept_by("selection").unique().with_columns(is_selected=pl.lit(True))
    told = wanted
    for frame in (chains, verified, judged, selected, last_reasons(store, by_stage, wanted)):
        told = told.join(frame, on="problem_id", how="left", maintain_order="left")
    is_selected = pl.col("is_selected").fill_null(False)
    return told.select(
        "problem_id",
        pl.col("num_chains", "num_verified_chains").fill_null(0).cast(pl.Int64),
        "best_quality",
        outcome=pl.when(is_selected).then(pl.lit(SELECTED)).otherwise("drop_reason"),
        outcome_stage=pl.when(is_selected).then(pl.lit("selection")).otherwise("stage"),
    ).collect(engine="streaming")


def last_reasons(store: Store, by_stage: Mapping[str, Artifact], wanted: pl.LazyFrame) -> pl.LazyFrame:
    """Return for each problem with dropped chains the last stage that dropped one, and why: `stage`, `drop_reason`.

    Of several reasons the commonest counts, and of equally common ones the first by name; that a chain was not the
    best one never counts beside another reason.
    """
    ledgers = [
        store.scan(artifact, DROPPED, half="dropped")
        .select("problem_id", "drop_reason", stage=pl.lit(stage), place=pl.lit(place))
        .join(wanted, on="problem_id", how="semi")
        for place, (stage, artifact) in enumerate(by_stage.items())
    ]
    nothing = pl.LazyFrame(
        schema={"problem_id": pl.String, "drop_reason": pl.String, "stage": pl.String, "place": pl.Int32}
    )
    counted = pl.concat([nothing, *ledgers]).group_by("problem_id", "stage", "place", "drop_reason").len()
    order = ["problem_id", "place", pl.col("drop_reason") == NOT_BEST, "len", "drop_reason"]
    last = counted.sort(order, descending=[False, True, False, True, False])
    return last.unique("problem_id", keep="first", maintain_order=True).select("problem_id", "stage", "drop_reason")
