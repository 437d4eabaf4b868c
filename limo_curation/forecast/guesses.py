"""Guesses, for a run that has no pilot. All are ours and wide, but where a comment names another source.

LIMO publishes how its funnel ended (v2: 2,125 problems in the band, 800 samples), not how many rows went in.
"""

from __future__ import annotations

import math
from typing import Final

from limo_curation.config import RunConfig
from limo_curation.engine_config import Solver
from limo_curation.forecast.evidence import TOKEN_SPREAD, Amount, Share, SolverEvidence

KEPT_SHARES: Final = {
    "ingestion": (0.98, 20.0),
    "screening": (0.85, 8.0),
    "deduplication": (0.75, 6.0),
    "decontamination": (0.98, 30.0),
    "novelty": (0.95, 15.0),
    "verification": (0.2, 5.0),  # of chains on problems that a strong solver solves in 1 to 3 of 32 attempts
}
"""Mean of the share that a stage keeps, and how many rows it is worth as if they had been counted."""
IN_BAND: Final = (0.12, 6.0)
"""Of the problems that no weak solver solves."""
UNSOLVED: Final = (0.3, 6.0)
"""Of the problems that a weak solver is asked."""
WITHOUT_RATE: Final = (0.5, 2.0)
"""Of the problems, where published rates take the place of sampling."""
CERTAIN: Final = Share(1.0, 0.0, "guess")

WEAK_TOKENS: Final = 700.0
STRONG_TOKENS: Final = 10_000.0
TEACHER_TOKENS: Final = 11_450.0  # LIMO v2's released chains, on average
"""Of one attempt; at most half of what it may have."""
PROMPT_TOKENS: Final = 200.0
WEAK_ATTEMPTS: Final = 0.7
STRONG_ATTEMPTS: Final = 0.8
"""Of those allowed, since a problem is asked no further once it is decided."""
FACTOR: Final = 2.5
"""An amount lies between so many times less and so many times more, in nine of ten cases."""
RECORDED_CHAINS: Final = 0.5
"""For each problem, where sources carry chains."""

PROBLEM_BYTES: Final = 600.0
"""Of a row in the store, its source's solution included."""
TOKEN_BYTES: Final = 1.5
"""Of a token of text, compressed."""
ANSWER_BYTES: Final = 150.0
"""Of an attempt in the request cache of which only the answer is kept."""


def guessed_share(guess: tuple[float, float]) -> Share:
    """Return a share from its mean and what it is worth in rows."""
    mean, weight = guess
    return Share(mean * weight, (1 - mean) * weight, "guess")


def guessed_amount(mean: float) -> Amount:
    """Return an amount for each problem that may be off by `FACTOR`."""
    return Amount(mean, math.log(FACTOR) / 1.645, math.inf, TOKEN_SPREAD, "guess")


def guessed_solver(name: str, stage: str, solver: Solver, asked: Share) -> SolverEvidence:
    """Return what may be expected of a solver by its place in the run."""
    place = name.partition("_")[0]
    attempts = solver.num_attempts * {"weak": WEAK_ATTEMPTS, "strong": STRONG_ATTEMPTS}.get(place, 1.0)
    length = {"weak": WEAK_TOKENS, "strong": STRONG_TOKENS}.get(place, TEACHER_TOKENS)
    return SolverEvidence(
        name=name,
        stage=stage,
        solver=solver,
        asked=asked,
        attempts=max(attempts, 1.0),
        prompt_tokens=guessed_amount(max(attempts, 1.0) * PROMPT_TOKENS),
        completion_tokens=guessed_amount(max(attempts, 1.0) * min(length, solver.max_tokens / 2)),
    )


def guessed_chains(config: RunConfig) -> Amount:
    """Return the chains for each problem: what the teachers write, and what sources carry."""
    written = sum(teacher.num_attempts for teacher in config.generation.teachers)
    return guessed_amount(written + (RECORDED_CHAINS if config.generation.recorded else 0.0))
