"""What the attempts on a problem have shown so far, and the columns that this becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from limo_curation.config import DifficultyConfig
from limo_curation.gold_audit import Attempt, gold_audit
from limo_curation.tables import RATED


@dataclass(slots=True)
class Tally:
    """What the attempts on one problem have shown so far."""

    problem_id: str
    question: str
    gold: str
    weak_solver: str | None = None
    weak_num_attempts: int = 0
    weak_num_undecided: int = 0
    weak_solved_at: str | None = None
    strong_solver: str | None = None
    strong_num_attempts: int = 0
    strong_num_solved: int = 0
    strong_num_undecided: int = 0
    strong_num_truncated: int = 0
    strong_attempts: list[Attempt] = field(default_factory=list[Attempt])

    def strong_count(self, number: int) -> int | None:
        """Return a strong count, or None where no strong solver was asked."""
        return None if self.strong_solver is None else number


def add_counts(problems: pl.DataFrame, tallies: Sequence[Tally], *, config: DifficultyConfig) -> pl.DataFrame:
    """Add the RATED columns, and what the band's rules look at."""
    audits = [
        gold_audit(
            tally.strong_attempts, tally.gold, min_share=config.disputed_share, min_votes=config.disputed_min_votes
        )
        for tally in tallies
    ]
    counts = pl.DataFrame(
        [
            {
                "weak_solver": tally.weak_solver,
                "weak_num_attempts": tally.weak_num_attempts,
                "weak_num_undecided": tally.weak_num_undecided,
                "weak_solved_at": tally.weak_solved_at,
                "strong_solver": tally.strong_solver,
                "strong_num_attempts": tally.strong_count(tally.strong_num_attempts),
                "strong_num_solved": tally.strong_count(tally.strong_num_solved),
                "strong_num_undecided": tally.strong_count(tally.strong_num_undecided),
                "strong_num_truncated": tally.strong_count(tally.strong_num_truncated),
                "is_disputed": audit.is_disputed,
                "other_share": audit.other_share,
                "vote": audit.evidence,
            }
            for tally, audit in zip(tallies, audits, strict=True)
        ],
        schema={name: RATED.schema[name] for name in RATED.columns if name not in problems.columns}
        | {"weak_solved_at": pl.String, "is_disputed": pl.Boolean, "other_share": pl.Float64, "vote": pl.String},
    )
    rated = pl.concat([problems, counts], how="horizontal")
    published = pl.lit(config.use_published_rates) & pl.col("published_num_attempts").is_not_null()
    return rated.with_columns(
        strong_solver=pl.when(published).then("published_solver").otherwise("strong_solver"),
        strong_num_attempts=pl.when(published).then("published_num_attempts").otherwise("strong_num_attempts"),
        strong_num_solved=pl.when(published).then("published_num_solved").otherwise("strong_num_solved"),
    ).with_columns(
        # a published rate is put on the band's scale; a sampled count stands on it already
        band_solved=pl.when(published)
        .then(pl.col("strong_num_solved") / pl.col("strong_num_attempts") * config.published_band_of)
        .otherwise(pl.col("strong_num_solved").cast(pl.Float64))
    )
