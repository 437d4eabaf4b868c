"""The two halves of a round on demand: problems are shown to the weak solvers, and to the strong one.

Each returns a frame with a row for each problem: its place in the pool (`row`), its counts as RATED has them, what the
pool learns from it, and what it cost. All that the stage needs of a round is in these frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.config import DifficultyConfig
from limo_curation.difficulty.band import band_rules
from limo_curation.difficulty.cascade import try_strong, try_weak
from limo_curation.difficulty.demand_pool import Rows
from limo_curation.difficulty.prediction import ABOVE, BAND, BELOW, WEAK_NUMBERS, weak_numbers
from limo_curation.difficulty.tallies import GradedAttempt, add_counts, tallies_of
from limo_curation.engine_config import Solver
from limo_curation.ledger import apply_rules
from limo_curation.sampling import Sampler
from limo_curation.sampling.usage import Usage, usage_metrics
from limo_curation.stage import InputPart, StageWriter
from limo_curation.tables import CLASSIFIED, RATED

WEAK_COLUMNS: Final = {
    "row": pl.Int64,
    **{name: RATED.schema[name] for name in ("weak_solver", "weak_num_attempts", "weak_num_undecided")},
    "weak_solved_at": pl.String,
}
STRONG_COLUMNS: Final = {
    "row": pl.Int64,
    **{name: dtype for name, dtype in RATED.schema.items() if name.startswith("strong_")},
    "predicted_chance": pl.Float64,
    "is_disputed": pl.Boolean,
    "other_share": pl.Float64,
    "vote": pl.String,
    "band_solved": pl.Float64,
    "drop_reason": pl.String,
}
"""`drop_reason` is null for a problem that is kept."""
OUTCOMES: Final = {None: BAND, "solved_too_often": ABOVE}
"""Of drop reasons; a problem that any other one drops ended below the band."""
COST: Final = "cost of "
"""What the names of cost columns begin with, since RATED counts attempts too."""
TEXTS: Final = ("question", "answer", "source_solution")


def show_to_weak(
    rows: Rows, parts: Sequence[InputPart], *, config: DifficultyConfig, out: StageWriter, sampler: Sampler
) -> pl.DataFrame:
    """Let the weak solvers try problems.

    Returns:
        WEAK_COLUMNS, `weak_numbers` (an array, see `prediction.py`) and the cost of each weak solver.

    Raises:
        TransientError, BudgetError: from the sampler.
    """
    problems = problems_at(rows, parts, out)
    tallies = tallies_of(problems)
    costs = pl.DataFrame(height=len(tallies))
    for place, solver in enumerate(config.weak, start=1):
        num_before = [len(tally.weak_attempts) for tally in tallies]
        try_weak(tallies, solver, config=config, sampler=sampler)
        new = [tally.weak_attempts[first:] for tally, first in zip(tallies, num_before, strict=True)]
        costs = pl.concat([costs, cost_columns(f"weak_{place}", new)], how="horizontal")
    numbers = np.array([weak_numbers(tally.weak_attempts) for tally in tallies], dtype=np.float32)
    counts = add_counts(problems.drop(TEXTS), tallies, config=config).select(list(WEAK_COLUMNS))
    learned = pl.Series(
        "weak_numbers", numbers.reshape(-1, len(WEAK_NUMBERS)), dtype=pl.Array(pl.Float32, len(WEAK_NUMBERS))
    )
    return pl.concat([counts.with_columns(learned), costs], how="horizontal")


def show_to_strong(
    rows: Rows,
    chances: npt.NDArray[np.float64],
    parts: Sequence[InputPart],
    *,
    config: DifficultyConfig,
    solver: Solver,
    out: StageWriter,
    sampler: Sampler,
) -> pl.DataFrame:
    """Let the strong solver rate problems that no weak solver solved.

    Args:
        rows: the problems, in ascending order.
        chances: (rows,), their predicted chance of the band; NaN where none was predicted.
        parts: of the stage's input.
        config: the band.
        solver: the strong one.
        out: reads the input.
        sampler: the engine.

    Returns:
        STRONG_COLUMNS, `outcome` (BELOW, BAND or ABOVE) and the cost.

    Raises:
        TransientError, BudgetError: from the sampler.
    """
    problems = problems_at(rows, parts, out)
    tallies = tallies_of(problems)
    try_strong(tallies, solver, config=config, sampler=sampler)
    rated = add_counts(problems.drop(TEXTS), tallies, config=config)
    _, dropped = apply_rules(rated, stage="difficulty", rules=list(band_rules(config)))
    chance = pl.Series("predicted_chance", chances, dtype=pl.Float64, nan_to_null=True)
    reasons = dropped.select("problem_id", "drop_reason")
    counts = rated.with_columns(chance).join(reasons, on="problem_id", how="left", maintain_order="left")
    outcome = pl.col("drop_reason").replace_strict(OUTCOMES, default=BELOW, return_dtype=pl.Int8).alias("outcome")
    counts = counts.select(*STRONG_COLUMNS, outcome)
    return pl.concat([counts, cost_columns("strong", [tally.strong_attempts for tally in tallies])], how="horizontal")


def cost_columns(solver: str, attempts: Sequence[Sequence[GradedAttempt]]) -> pl.DataFrame:
    """Return what each problem's attempts by one solver cost, in columns named as the stage's metrics behind COST."""
    costs: list[dict[str, float]] = []
    for of_problem in attempts:
        usage = Usage(num_problems=int(bool(of_problem)))
        usage.add_attempts(of_problem)
        costs.append(cost_metrics(solver, usage))
    return pl.DataFrame(costs, schema=dict.fromkeys(cost_metrics(solver, Usage()), pl.Float64))


def cost_metrics(solver: str, usage: Usage) -> dict[str, float]:
    """Return the metrics of one solver behind COST; the total of all solvers is made at the end."""
    metrics = usage_metrics({solver: usage})
    return {f"{COST}{name}": number for name, number in metrics.items() if name.startswith(solver)}


# -- problems ----------------------------------------------------------------------------------------------------------


def problems_at(rows: Rows, parts: Sequence[InputPart], out: StageWriter) -> pl.DataFrame:
    """Return problems of the input with their place as `row`; the places are in ascending order."""
    found = [pl.DataFrame(schema={**CLASSIFIED.schema, "row": pl.Int64})]
    for part in parts:
        first, behind = np.searchsorted(rows, [part.start, part.stop])
        if first < behind:
            of_part = out.scan_part(part).collect()[rows[first:behind] - part.start]
            found.append(of_part.with_columns(row=pl.Series(rows[first:behind])))
    return pl.concat(found)
