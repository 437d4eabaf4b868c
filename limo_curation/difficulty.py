"""Difficulty: drop what a weak solver solves, keep what a strong solver solves rarely.

    weak cascade   each solver in turn, attempt by attempt; the first success drops the problem
    strong band    up to 32 attempts, kept at 1 to 3 successes; the fourth success ends the sampling
    published      a pass rate that the source publishes takes the place of sampling

A gold answer that most strong attempts contradict with one other answer is disputed (`gold_audit.py`).
Attempts are looked at in their order, and what came after the deciding one is not counted: so neither the size of a
round nor the batch changes a number. "LIMO" numbers are in `config.DifficultyConfig`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import polars as pl

from limo_curation.answers import Verdict, compare_many, extract_answer
from limo_curation.answers.policy import AnswerPolicy
from limo_curation.config import DifficultyConfig, Solver
from limo_curation.gold_audit import Attempt, gold_audit
from limo_curation.ledger import DropRule, StageResult, apply_rules
from limo_curation.sampling import Completion, Sampler
from limo_curation.sampling.protocol import request_for, solver_name
from limo_curation.stage import RowStage
from limo_curation.tables import CLASSIFIED, RATED

logger = logging.getLogger(__name__)

DROP_REASONS: Final = ("unrated", "solved_by_weak", "solved_too_often", "gold_disputed", "never_solved")


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


def rate_problems(problems: pl.DataFrame, *, config: DifficultyConfig, sampler: Sampler | None = None) -> StageResult:
    """Rate each problem and keep those in the band.

    Args:
        problems: CLASSIFIED rows, one for each problem_id.
        config: the solvers and the band.
        sampler: the engine; not needed where every rate is published.

    Returns:
        RATED rows. Drop reasons: `unrated` (no published rate, and no solver to sample), `solved_by_weak`,
        `solved_too_often` (above the band), `gold_disputed` (most strong attempts agree on one other answer, or the
        gold answer can't be read) and `never_solved` (below the band). A problem stays where attempts that
        could not be compared may have brought it into the band: `strong_num_undecided` says so.

    Raises:
        TransientError, BudgetError: from the sampler.
    """
    tallies = [
        Tally(problem_id, question, gold)
        for problem_id, question, gold in problems.select(
            "problem_id", "question", pl.col("answer").fill_null("")
        ).iter_rows()
    ]
    has_rate = problems["published_num_attempts"].is_not_null().to_list()
    sampled = [
        tally for tally, known in zip(tallies, has_rate, strict=True) if not (known and config.use_published_rates)
    ]
    num_tokens = 0
    if sampler is not None:
        num_tokens += sum(try_weak(sampled, solver, config=config, sampler=sampler) for solver in config.weak)
        if config.strong is not None:
            num_tokens += try_strong(sampled, config.strong, config=config, sampler=sampler)
    rated = add_counts(problems, tallies, config=config)
    kept, dropped = apply_rules(rated, stage="difficulty", rules=list(band_rules(config)))
    return StageResult(kept.select(list(RATED.columns)), dropped, {"num_sampled_tokens": float(num_tokens)})


def try_weak(tallies: Sequence[Tally], solver: Solver, *, config: DifficultyConfig, sampler: Sampler) -> int:
    """Let one weak solver try the problems that none has solved, up to its number of attempts; return the tokens."""
    num_tokens = 0
    for attempt in range(solver.num_attempts):
        open_tallies = [tally for tally in tallies if tally.weak_solved_at is None]
        completions = draw(open_tallies, solver, [attempt], sampler, retry_factor=config.truncated_retry_factor)
        for tally, completion, (verdict, _) in zip(
            open_tallies, completions, grade(open_tallies, completions, policy=config.policy), strict=True
        ):
            tally.weak_solver = solver_name(solver)
            tally.weak_num_attempts += 1
            tally.weak_num_undecided += verdict is Verdict.UNDECIDED
            num_tokens += completion.num_completion_tokens
            if verdict is Verdict.EQUAL:
                tally.weak_solved_at = f"attempt {attempt + 1} of {solver_name(solver)}"
        solved = sum(tally.weak_solved_at is not None for tally in tallies)
        logger.info("%s, attempt %d: %d of %d problems solved", solver_name(solver), attempt + 1, solved, len(tallies))
    return num_tokens


def try_strong(tallies: Sequence[Tally], solver: Solver, *, config: DifficultyConfig, sampler: Sampler) -> int:
    """Let the strong solver try what is left, in rounds, until a problem leaves the band; return the tokens."""
    num_tokens = 0
    waiting = [tally for tally in tallies if tally.weak_solved_at is None]
    for tally in waiting:
        tally.strong_solver = solver_name(solver)
    for first in range(0, solver.num_attempts, config.attempts_per_round):
        attempts = range(first, min(first + config.attempts_per_round, solver.num_attempts))
        asked = [tally for tally in waiting for _ in attempts]
        completions = draw(waiting, solver, attempts, sampler, retry_factor=config.truncated_retry_factor)
        for tally, completion, (verdict, answer) in zip(
            asked, completions, grade(asked, completions, policy=config.policy), strict=True
        ):
            num_tokens += completion.num_completion_tokens
            count_strong(tally, completion, verdict, answer, max_solved=config.max_solved)
        waiting = [tally for tally in waiting if tally.strong_num_solved <= config.max_solved]
        logger.info("%s, attempt %d: %d problems are still open", solver_name(solver), attempts[-1] + 1, len(waiting))
    return num_tokens


def count_strong(
    tally: Tally, completion: Completion, verdict: Verdict, answer: str | None, *, max_solved: int
) -> None:
    """Add one strong attempt to a tally, unless the problem was decided by an earlier one."""
    if tally.strong_num_solved > max_solved:
        return
    tally.strong_num_attempts += 1
    tally.strong_num_solved += verdict is Verdict.EQUAL
    tally.strong_num_undecided += verdict is Verdict.UNDECIDED
    tally.strong_num_truncated += completion.finish_reason == "length"
    tally.strong_attempts.append(Attempt(answer, verdict))


def draw(
    tallies: Sequence[Tally], solver: Solver, attempts: Iterable[int], sampler: Sampler, *, retry_factor: int | None
) -> list[Completion]:
    """Sample attempts of problems: all attempts of the first, then all of the second, and so on.

    With a `retry_factor`, an attempt that is cut off is drawn once more with so many times the limit.
    """
    numbers = list(attempts)
    requests = [
        request_for(solver, problem_id=tally.problem_id, question=tally.question, attempt=attempt)
        for tally in tallies
        for attempt in numbers
    ]
    completions = list(sampler.sample(requests))
    if retry_factor is None:
        return completions
    cut_off = [place for place, completion in enumerate(completions) if completion.finish_reason == "length"]
    longer = [replace(requests[place], max_tokens=retry_factor * solver.max_tokens) for place in cut_off]
    for place, again in zip(cut_off, list(sampler.sample(longer)), strict=True):
        num_tokens = completions[place].num_completion_tokens + again.num_completion_tokens
        completions[place] = replace(again, num_completion_tokens=num_tokens)  # both were paid for
    return completions


def grade(
    tallies: Sequence[Tally], completions: Sequence[Completion], *, policy: AnswerPolicy
) -> list[tuple[Verdict, str | None]]:
    """Return each attempt's verdict and answer; one that was cut off has failed, whatever stands in it."""
    answers = [
        None if completion.finish_reason == "length" else extract_answer(completion.text) for completion in completions
    ]
    pairs = [(answer, tally.gold) for answer, tally in zip(answers, tallies, strict=True)]
    distinct = list(dict.fromkeys(pair for pair in pairs if pair[0] is not None))
    predicted, golds = [one for one, _ in distinct], [two for _, two in distinct]
    verdicts = dict(zip(distinct, compare_many(predicted, golds, policy=policy), strict=True))
    return [(verdicts.get(pair, Verdict.DIFFERENT), pair[0]) for pair in pairs]


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


def band_rules(config: DifficultyConfig) -> Iterable[DropRule]:
    """Return the rules of the band, in the order in which they are tried."""
    solved = pl.col("band_solved")
    of_attempts = pl.format("{} of {} attempts of {}", "strong_num_solved", "strong_num_attempts", "strong_solver")
    is_sampled = pl.col("weak_num_attempts") + pl.col("strong_num_attempts").fill_null(0) > 0
    yield DropRule(
        "unrated", ~is_sampled & solved.is_null(), evidence=pl.lit("no published pass rate, and no solver to sample")
    )
    yield DropRule(
        "solved_by_weak",
        pl.col("weak_solved_at").is_not_null(),
        pl.col("weak_num_attempts"),
        evidence=pl.col("weak_solved_at"),
    )
    yield DropRule(
        "solved_too_often", solved > config.max_solved, solved, float(config.max_solved), evidence=of_attempts
    )
    yield DropRule(
        "gold_disputed", pl.col("is_disputed"), pl.col("other_share"), config.disputed_share, evidence=pl.col("vote")
    )
    # an attempt that could not be compared may have solved it: the problem stays, and its count of them tells
    at_most = solved + pl.col("strong_num_undecided").fill_null(0)
    yield DropRule(
        "never_solved",
        at_most < config.min_solved,
        solved,
        float(config.min_solved),
        evidence=of_attempts,
    )


DIFFICULTY: Final = RowStage("difficulty", CLASSIFIED, RATED, DROP_REASONS, rate_problems)
