"""What becomes of every problem of a pool that was rated on demand, and how the two draws compare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.config import DifficultyConfig
from limo_curation.difficulty.band import DROP_REASONS, NOT_SAMPLED, band_rules
from limo_curation.difficulty.demand_rounds import STRONG_COLUMNS, WEAK_COLUMNS
from limo_curation.difficulty.tallies import add_counts, has_published_rate, tallies_of
from limo_curation.digests import frame_digest
from limo_curation.ledger import DropRule, StageResult, apply_rules
from limo_curation.stage import InputPart, StageMetrics, StageWriter
from limo_curation.tables import RATED

DRAWS: Final = ("random", "predicted")
"""How a problem came to be rated, as the column `drawn` says it."""
NO_DOMAIN: Final = "(no domain)"


def outcomes_of(weak: Iterable[pl.DataFrame], strong: Iterable[pl.DataFrame], drawn: pl.Series) -> pl.DataFrame:
    """Return a row for each problem that the solvers have decided, in the order of the pool.

    Args:
        weak: the frames of `show_to_weak`.
        strong: the frames of `show_to_strong`.
        drawn: "random" or "predicted", for each problem of the pool.

    Returns:
        WEAK_COLUMNS, STRONG_COLUMNS and `drawn`.
    """
    seen = pl.concat([pl.DataFrame(schema=WEAK_COLUMNS), *(frame.select(list(WEAK_COLUMNS)) for frame in weak)])
    rated = pl.concat([pl.DataFrame(schema=STRONG_COLUMNS), *(frame.select(list(STRONG_COLUMNS)) for frame in strong)])
    decided = seen.join(rated.with_columns(is_rated=True), on="row", how="left").filter(
        pl.col("is_rated") | pl.col("weak_solved_at").is_not_null()
    )
    return (
        decided.with_columns(
            drawn=drawn.gather(decided["row"]),
            drop_reason=pl.when(pl.col("weak_solved_at").is_not_null())
            .then(pl.lit("solved_by_weak"))
            .otherwise("drop_reason"),
        )
        .drop("is_rated")
        .sort("row")
    )


def outcome_metrics(outcomes: pl.DataFrame, config: DifficultyConfig) -> StageMetrics:
    """Return where the problems of either draw ended: what was chosen, against a uniform sample of the pool.

    Returns:
        For `random` and `predicted`: `_num_problems`, `_num_kept`, the number of each drop reason, such as
        `random_num_never_solved`, and `_num_kept_1_solved` and so on, the kept ones by their solved attempts.
    """
    metrics: StageMetrics = {}
    for draw in DRAWS:
        of_draw = outcomes.filter(pl.col("drawn") == draw)
        kept = of_draw.filter(pl.col("drop_reason").is_null())
        metrics |= {f"{draw}_num_problems": of_draw.height, f"{draw}_num_kept": kept.height}
        for reason in DROP_REASONS:
            if reason not in ("unrated", NOT_SAMPLED):  # these are none that was rated
                metrics[f"{draw}_num_{reason}"] = of_draw.filter(pl.col("drop_reason") == reason).height
        for solved in range(config.min_solved, config.max_solved + 1):
            metrics[f"{draw}_num_kept_{solved}_solved"] = kept.filter(pl.col("strong_num_solved") == solved).height
    return {name: float(number) for name, number in metrics.items()}


# -- both halves -------------------------------------------------------------------------------------------------------


def write_parts(
    parts: Sequence[InputPart],
    outcomes: pl.DataFrame,
    chances: npt.NDArray[np.float64],
    num_kept: dict[str | None, int],
    *,
    config: DifficultyConfig,
    out: StageWriter,
) -> None:
    """Write the kept and the dropped problems of every part of the input.

    Args:
        parts: of the input.
        outcomes: of `outcomes_of`.
        chances: (problems,), the chance of each one that was not rated; NaN where there is none.
        num_kept: kept problems of each domain.
        config: the band, and how many problems are needed.
        out: the stage's writer.
    """
    out.progress.start(sum(part.rows for part in parts), step="writing")
    for part in parts:
        first, behind = (outcomes["row"].search_sorted(bound) for bound in (part.start, part.stop))
        of_part = outcomes.slice(first, behind - first)
        chance = pl.Series("chance", chances[part.start : part.stop], nan_to_null=True)
        places = pl.int_range(part.start, part.stop, eager=True).alias("row")
        left = pl.DataFrame([places, chance])
        depends_on = f"{frame_digest(of_part)} {frame_digest(left)} {num_kept}"
        if out.find_part(part.start, part.stop, depends_on=depends_on) is None:
            rows = pl.concat([out.scan_part(part).collect(), left], how="horizontal")
            result = both_halves(rows, of_part, num_kept, config)
            out.write_part(part.start, part.stop, result.kept, result.dropped, depends_on=depends_on)
        out.progress.advance(part.rows)


def both_halves(
    rows: pl.DataFrame, outcomes: pl.DataFrame, num_kept: dict[str | None, int], config: DifficultyConfig
) -> StageResult:
    """Return both halves of some rows: rated by a published rate, rated by the solvers, and not rated."""
    published = rows.filter(has_published_rate(config))
    rated = rows.join(published, on="row", how="anti", maintain_order="left").join(
        outcomes.drop("drop_reason"), on="row", how="inner", maintain_order="left"
    )
    by_rate = add_counts(published, tallies_of(published), config=config)
    all_rated = pl.concat([by_rate, rated], how="diagonal").sort("row")
    unrated = rows.join(all_rated, on="row", how="anti", maintain_order="left")
    kept, dropped = apply_rules(all_rated, stage="difficulty", rules=list(band_rules(config)))
    _, dropped_too = apply_rules(unrated, stage="difficulty", rules=[not_sampled_rule(num_kept, config)])
    return StageResult(kept.select(list(RATED.columns)), pl.concat([dropped, dropped_too]))


def not_sampled_rule(num_kept: dict[str | None, int], config: DifficultyConfig) -> DropRule:
    """Return the reason of what was not rated: its domain had enough. Value: the chance that it would be kept."""
    needed = 0 if config.demand is None else config.demand.problems_per_domain
    words = {domain or NO_DOMAIN: f"{number} problems kept, {needed} needed" for domain, number in num_kept.items()}
    domain = pl.col("domain").fill_null(NO_DOMAIN)
    evidence = pl.format("{}: {}", domain, domain.replace_strict(words, return_dtype=pl.String))
    return DropRule(NOT_SAMPLED, pl.lit(value=True), pl.col("chance"), evidence=evidence)
