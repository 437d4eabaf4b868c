"""Difficulty on demand: rate problems, the likeliest first, until every domain has as many as the run needs.

    pool  ->  round: weak solvers see candidates, the strong one the likeliest of what they leave  ->  next round
          ->  every domain has enough, or nothing is left  ->  both halves

Attempts, verdicts and the rules of the band are those of the stage that rates everything: a problem that is rated here
ends as it does there. What was never rated is dropped as `not_sampled`. Each half of a round is left in the store when
it is done, so a stage that was killed goes on where it stood. Texts are read for the problems at hand only.

    prediction.py     how likely a problem is to be kept
    demand_pool.py    which problems a round looks at
    demand_rounds.py  asks the solvers
    demand_result.py  writes what became of every problem
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs
import polars_hash as plh

from limo_curation.config import DemandConfig, DifficultyConfig
from limo_curation.difficulty.band import DROP_REASONS, band_rules
from limo_curation.difficulty.demand_pool import DemandPool, DomainShare
from limo_curation.difficulty.demand_result import (
    DRAWS,
    outcome_metrics,
    outcomes_of,
    write_parts,
)
from limo_curation.difficulty.demand_rounds import COST, show_to_strong, show_to_weak
from limo_curation.difficulty.prediction import BAND, Features
from limo_curation.difficulty.tallies import add_counts, has_published_rate, tallies_of
from limo_curation.engine_config import Solver
from limo_curation.errors import ConfigError
from limo_curation.ledger import apply_rules
from limo_curation.progress import Progress
from limo_curation.sampling import Sampler
from limo_curation.sampling.usage import Usage, usage_metrics
from limo_curation.stage import InputPart, StageMetrics, StageWriter, TableStage
from limo_curation.store import Artifact, Store
from limo_curation.tables import CLASSIFIED, DOMAINS, RATED

logger = logging.getLogger(__name__)

DOMAIN_NAMES: Final = (*DOMAINS, None)
"""The pool's domains by code; problems without one are a domain of their own."""
MAX_SOURCES: Final = 32  # ours: the largest; a prediction learns nothing about a source of a few problems


def rate_on_demand(
    problems: Artifact, *, config: DifficultyConfig, store: Store, out: StageWriter, sampler: Sampler
) -> StageMetrics:
    """Rate problems until `demand.problems_per_domain` of each domain are kept, or none is left.

    Problems whose published rate counts are rated first, since that is free, and all of them. Reads CLASSIFIED, writes
    RATED: `drawn` and `predicted_chance` say how a problem came to be rated. Drop reasons are those of
    `rate_problems`, and `not_sampled`: the domain had enough; value is the predicted chance that the problem would
    have been kept.

    Args:
        problems: CLASSIFIED rows, one for each problem_id; read through `out`.
        config: the solvers, the band, and the demand.
        store: where they are; read through `out`.
        out: the stage's reader and writer.
        sampler: the engine.

    Returns:
        Metrics: `num_rounds`, what each solver's attempts cost as for `rate_problems`, and where the problems of
        either draw ended (`outcome_metrics`).

    Raises:
        ConfigError: the config has no demand, or no strong solver.
        TransientError, BudgetError: from the sampler; rounds that are done stay done.
    """
    del problems, store
    demand, strong = config.demand, config.strong
    if demand is None or strong is None:
        raise ConfigError("difficulty.demand and difficulty.strong are needed to rate on demand; set both, or neither")
    parts = out.input_parts()
    pool = read_pool(parts, config=config, demand=demand, out=out)
    rounds = sample_rounds(pool, parts, config=config, strong=strong, out=out, sampler=sampler)
    drawn = pl.Series("drawn", np.where(pool.is_random, *DRAWS), dtype=pl.String)
    outcomes = outcomes_of([seen for seen, _ in rounds], [rated for _, rated in rounds], drawn)
    num_kept: dict[str | None, int] = dict(zip(DOMAIN_NAMES, pool.num_kept.tolist(), strict=True))
    write_parts(parts, outcomes, pool.chances_left(), num_kept, config=config, out=out)
    costs = total_costs([frame for frames in rounds for frame in frames], num_weak=len(config.weak))
    return {"num_rounds": float(len(rounds)), **costs, **outcome_metrics(outcomes, config)}


def sample_rounds(
    pool: DemandPool,
    parts: Sequence[InputPart],
    *,
    config: DifficultyConfig,
    strong: Solver,
    out: StageWriter,
    sampler: Sampler,
) -> list[tuple[pl.DataFrame, pl.DataFrame]]:
    """Go through the rounds, and return what the weak solvers and the strong one made of each."""

    def ask_weak(shares: list[DomainShare]) -> pl.DataFrame:
        return show_to_weak(pool.candidates(shares), parts, config=config, out=out, sampler=sampler)

    def ask_strong(shares: list[DomainShare]) -> pl.DataFrame:
        rows, chances = pool.picks(shares)
        return show_to_strong(rows, chances, parts, config=config, solver=strong, out=out, sampler=sampler)

    out.progress.start(pool.num_missing().sum(), "problems kept", step="sampling")
    rounds: list[tuple[pl.DataFrame, pl.DataFrame]] = []
    while shares := pool.begin_round():
        name = f"round-{len(rounds) + 1:05d}"
        seen = out.checkpoint(f"{name}-weak", partial(ask_weak, shares))
        pool.add_weak(
            seen["row"].to_numpy(),
            is_solved=seen["weak_solved_at"].is_not_null().to_numpy(),
            weak_numbers=seen["weak_numbers"].to_numpy(),
        )
        rated = out.checkpoint(f"{name}-strong", partial(ask_strong, shares))
        pool.add_strong(
            rated["row"].to_numpy(),
            outcomes=rated["outcome"].to_numpy(),
            num_tokens=rated[f"{COST}strong_num_completion_tokens"].to_numpy(),
        )
        rounds.append((seen, rated))
        num_kept = int((rated["outcome"] == BAND).sum())
        out.progress.advance(num_kept)
        logger.info("%s: %d problems seen, %d rated, %d kept", name, seen.height, rated.height, num_kept)
    return rounds


def total_costs(frames: Sequence[pl.DataFrame], *, num_weak: int) -> StageMetrics:
    """Return what each solver's attempts cost over all rounds (`usage_metrics`)."""
    solvers = [*(f"weak_{place}" for place in range(1, num_weak + 1)), "strong"]
    costs = usage_metrics({solver: Usage() for solver in solvers})
    for frame in frames:
        for column in frame.select(cs.starts_with(COST)).iter_columns():
            costs[column.name.removeprefix(COST)] += float(column.to_numpy().sum())
    costs["num_sampled_tokens"] = sum(costs[f"{solver}_num_completion_tokens"] for solver in solvers)
    return costs


# -- the pool ----------------------------------------------------------------------------------------------------------


def read_pool(
    parts: Sequence[InputPart], *, config: DifficultyConfig, demand: DemandConfig, out: StageWriter
) -> DemandPool:
    """Read what is known of every problem before any attempt, and rate those whose published rate counts."""
    out.progress.start(sum(part.rows for part in parts), step="reading")
    read = [read_part(out.scan_part(part), config=config, seed=demand.seed, progress=out.progress) for part in parts]
    known = pl.concat(read)
    domain = codes_of(known["domain"], DOMAIN_NAMES[:-1])
    largest = known["source"].value_counts(sort=False).sort("count", "source", descending=[True, False])
    names = largest["source"].drop_nulls().head(MAX_SOURCES).to_list()
    source = codes_of(known["source"], names)
    is_kept = known["is_kept"].fill_null(value=False).to_numpy()
    return DemandPool(
        Features(known.select("log_characters").to_numpy(), np.stack([domain, source], axis=1)),
        known["priority"].to_numpy(),
        num_groups=(len(DOMAIN_NAMES), len(names) + 1),
        settled=known["is_kept"].is_not_null().to_numpy(),
        num_kept=np.bincount(domain[is_kept], minlength=len(DOMAIN_NAMES)),
        config=demand,
    )


def read_part(rows: pl.LazyFrame, *, config: DifficultyConfig, seed: int, progress: Progress) -> pl.DataFrame:
    """Return `domain`, `source`, `log_characters`, `priority` and `is_kept` (null: to be sampled) of a part's rows."""
    problems = rows.with_row_index("row").collect()
    published = problems.filter(has_published_rate(config))
    rated = add_counts(published, tallies_of(published), config=config)
    kept, _ = apply_rules(rated, stage="difficulty", rules=list(band_rules(config)))
    progress.advance(problems.height)
    return problems.select(
        pl.col("domain").cast(pl.Categorical),
        pl.col("source").cast(pl.Categorical),
        log_characters=pl.col("question").str.len_chars().cast(pl.Float32).log1p(),
        priority=plh.col("problem_id").nchash.xxhash64(seed=seed),
        is_kept=pl.when(pl.col("row").is_in(published["row"].implode())).then(
            pl.col("row").is_in(kept["row"].implode())
        ),
    )


def codes_of(names: pl.Series, known: Sequence[str | None]) -> npt.NDArray[np.int16]:
    """Return the place of each name among the known ones; one that is not among them comes behind the last."""
    if not known:
        return np.zeros(len(names), dtype=np.int16)
    places = names.cast(pl.String).replace_strict(list(known), range(len(known)), default=len(known))
    return places.to_numpy().astype(np.int16)


DIFFICULTY_ON_DEMAND: Final = TableStage("difficulty", CLASSIFIED, RATED, DROP_REASONS, rate_on_demand)
