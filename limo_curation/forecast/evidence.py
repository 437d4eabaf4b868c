"""What a plan rests on: shares of rows that stages keep, and tokens that a problem costs, each with its uncertainty.

A pilot (any recorded run) tells both: its manifests hold the rows in and kept of each stage, and what each solver
read and wrote, part by part. Where there is no pilot, guesses take its place (`guesses.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from limo_curation.engine_config import Solver
from limo_curation.store import Manifest

Basis = Literal["counted", "pilot", "guess"]

MIN_PARTS: Final = 4
"""Parts from which their differences tell how much problems vary (ours)."""
TOKEN_SPREAD: Final = 1.5
CHAIN_SPREAD: Final = 0.5
"""Standard deviation over problems of their tokens and chains, as a share of the mean, where there are too few parts to
tell it (ours)."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share that is not known exactly: a Beta distribution."""

    alpha: float
    beta: float
    """Zero for a share that is surely everything."""
    basis: Basis


@dataclass(frozen=True, slots=True)
class Amount:
    """A mean for each problem that is not known exactly."""

    mean: float
    relative_error: float
    """Standard error of the mean over the mean (of its logarithm)."""
    degrees_of_freedom: float
    """Behind the standard error: Student's t for few parts."""
    spread: float
    """Standard deviation of single problems over the mean."""
    basis: Basis


@dataclass(frozen=True, slots=True)
class SolverEvidence:
    """What is known of one solver before the run."""

    name: str
    """`weak_1`, ..., `strong`, `teacher_1`, ..., as in the metrics of the stages."""
    stage: str
    solver: Solver
    asked: Share
    """Of the problems that the solver before was asked (the first: of the stage's rows)."""
    attempts: float
    """Mean attempts at a problem."""
    prompt_tokens: Amount
    completion_tokens: Amount
    """For each problem, all attempts together."""

    @property
    def is_guess(self) -> bool:
        """Whether no pilot tells of it."""
        return self.completion_tokens.basis == "guess"


# -- from counts -------------------------------------------------------------------------------------------------------


def counted_share(part: float, whole: float, basis: Basis = "pilot") -> Share:
    """Return a share that was counted on a sample (Jeffreys' prior)."""
    return Share(max(part, 0.0) + 0.5, max(whole - part, 0.0) + 0.5, basis)


def measured_amount(
    counts: Sequence[float], problems: Sequence[float], *, spread_of_few: float = TOKEN_SPREAD
) -> Amount:
    """Return a mean for each problem from the sums of parts, with the error that their differences tell.

    Args:
        counts: of each part, such as completion tokens.
        problems: of each part, none of them zero.
        spread_of_few: standard deviation over the mean that is taken for fewer than `MIN_PARTS`.
    """
    total, num_problems = sum(counts), sum(problems)
    mean = total / num_problems
    if len(counts) < MIN_PARTS or not mean:
        spread, freedom = spread_of_few, math.inf
    else:
        # a part of n problems is off by a sum of n problems' deviations, so its square grows with n
        squares = sum((count - mean * size) ** 2 / size for count, size in zip(counts, problems, strict=True))
        freedom = len(counts) - 1.0
        spread = math.sqrt(squares / freedom) / mean
    return Amount(mean, spread / math.sqrt(num_problems), freedom, spread, "pilot")


def measured_solver(name: str, solver: Solver, manifest: Manifest, *, asked: Share) -> SolverEvidence:
    """Return what a stage of the pilot tells of a solver that it asked.

    Args:
        name: of the solver, in the metrics.
        solver: its section of the run file.
        manifest: of the stage.
        asked: of the problems that the solver before was asked, or of the stage's rows.
    """
    num_problems = manifest.metrics[f"{name}_num_problems"]
    return SolverEvidence(
        name=name,
        stage=manifest.stage,
        solver=solver,
        asked=asked,
        attempts=manifest.metrics[f"{name}_num_attempts"] / num_problems,
        prompt_tokens=solver_amount(manifest, name, "num_prompt_tokens"),
        completion_tokens=solver_amount(manifest, name, "num_completion_tokens"),
    )


def solver_amount(manifest: Manifest, name: str, count: str) -> Amount:
    """Return one count of a solver for each problem that it was asked."""
    asked = [part.metrics for part in manifest.parts if part.metrics.get(f"{name}_num_problems")]
    asked = asked or [manifest.metrics]  # a stage that measures only as a whole
    return measured_amount([one[f"{name}_{count}"] for one in asked], [one[f"{name}_num_problems"] for one in asked])


def chains_amount(manifest: Manifest) -> Amount:
    """Return the chains for each problem of generation."""
    parts = [part for part in manifest.parts if part.rows_in]
    chains, problems = [float(part.kept.rows) for part in parts], [float(part.rows_in) for part in parts]
    return measured_amount(chains, problems, spread_of_few=CHAIN_SPREAD)
