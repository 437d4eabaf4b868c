"""What the attempts on a problem have shown so far, and the columns that this becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from limo_curation.answers import Verdict
from limo_curation.config import DifficultyConfig
from limo_curation.gold_audit import Attempt, gold_audit
from limo_curation.tables import RATED


@dataclass(frozen=True, slots=True)
class GradedAttempt:
    """One attempt of a solver at a problem, and what became of it."""

    solver: str
    number: int
    """From 0, in the order in which the solver's attempts count."""
    answer: str | None
    """The final answer; None where there is none, or the attempt was cut off."""
    verdict: Verdict
    """Against the gold answer. An attempt without an answer is different: it has failed."""
    num_prompt_tokens: int
    num_completion_tokens: int
    """Both with those of a first try that was cut off and drawn once more."""
    is_truncated: bool
    mean_logprob: float | None = None
    """Mean natural log-probability of the completion's tokens; None where the engine gives none, or was not asked."""


@dataclass(slots=True)
class Tally:
    """What the attempts on one problem have shown so far."""

    problem_id: str
    question: str
    gold: str
    weak_attempts: list[GradedAttempt] = field(default_factory=list[GradedAttempt])
    """Of all weak solvers, one solver after the other, up to the attempt that solved the problem."""
    strong_attempts: list[GradedAttempt] = field(default_factory=list[GradedAttempt])
    """In order, up to the attempt by which the problem left the band."""

    @property
    def is_solved_by_weak(self) -> bool:
        """Whether a weak solver has solved the problem."""
        return any(attempt.verdict is Verdict.EQUAL for attempt in self.weak_attempts)

    @property
    def weak_solved_at(self) -> str | None:
        """Which attempt of which weak solver solved the problem, in words; None: none did."""
        solved = [attempt for attempt in self.weak_attempts if attempt.verdict is Verdict.EQUAL]
        return f"attempt {solved[0].number + 1} of {solved[0].solver}" if solved else None

    @property
    def strong_num_solved(self) -> int:
        """Strong attempts that reach the gold answer."""
        return sum(attempt.verdict is Verdict.EQUAL for attempt in self.strong_attempts)


def tallies_of(problems: pl.DataFrame) -> list[Tally]:
    """Return a tally without attempts for each problem."""
    columns = problems.select("problem_id", "question", pl.col("answer").fill_null(""))
    return [Tally(problem_id, question, gold) for problem_id, question, gold in columns.iter_rows()]


def has_published_rate(config: DifficultyConfig) -> pl.Expr:
    """Return whether a problem's published rate takes the place of sampling."""
    return pl.lit(config.use_published_rates) & pl.col("published_num_attempts").is_not_null()


def add_counts(problems: pl.DataFrame, tallies: Sequence[Tally], *, config: DifficultyConfig) -> pl.DataFrame:
    """Add the RATED columns, and what the band's rules look at.

    Args:
        problems: CLASSIFIED rows.
        tallies: one for each row, in its order.
        config: the threshold of disputed gold answers, and whether published rates count.

    Returns:
        The problems with the columns that RATED has beyond CLASSIFIED, and with `weak_solved_at` (words, or null),
        `is_disputed`, `other_share` (fraction of the strong attempts), `vote` (words) and `band_solved` (solved
        attempts on the band's scale; null where nobody rated the problem).
    """
    counts = pl.DataFrame(
        [weak_counts(tally) | strong_counts(tally, config) for tally in tallies],
        schema={name: RATED.schema[name] for name in RATED.columns if name not in problems.columns}
        | {"weak_solved_at": pl.String, "is_disputed": pl.Boolean, "other_share": pl.Float64, "vote": pl.String},
    )
    rated = pl.concat([problems, counts], how="horizontal")
    published = has_published_rate(config)
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


def weak_counts(tally: Tally) -> dict[str, object]:
    """Return what the weak attempts on one problem add to its row."""
    attempts = tally.weak_attempts
    return {
        "weak_solver": attempts[-1].solver if attempts else None,
        "weak_num_attempts": len(attempts),
        "weak_num_undecided": sum(attempt.verdict is Verdict.UNDECIDED for attempt in attempts),
        "weak_solved_at": tally.weak_solved_at,
    }


def strong_counts(tally: Tally, config: DifficultyConfig) -> dict[str, object]:
    """Return what the strong attempts on one problem add to its row: nulls where no strong solver was asked."""
    attempts = tally.strong_attempts
    votes = [Attempt(attempt.answer, attempt.verdict) for attempt in attempts]
    audit = gold_audit(votes, tally.gold, min_share=config.disputed_share, min_votes=config.disputed_min_votes)
    row: dict[str, object] = {
        "is_disputed": audit.is_disputed,
        "other_share": audit.other_share,
        "vote": audit.evidence,
    }
    if attempts:
        row |= {
            "strong_solver": attempts[0].solver,
            "strong_num_attempts": len(attempts),
            "strong_num_solved": tally.strong_num_solved,
            "strong_num_undecided": sum(attempt.verdict is Verdict.UNDECIDED for attempt in attempts),
            "strong_num_truncated": sum(attempt.is_truncated for attempt in attempts),
        }
    return row
