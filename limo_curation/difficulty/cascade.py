"""Draw attempts of the problems that are still open, solver by solver."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

from limo_curation.answers import Verdict, compare_many, extract_answer
from limo_curation.answers.policy import AnswerPolicy
from limo_curation.config import DifficultyConfig
from limo_curation.difficulty.tallies import Tally
from limo_curation.engine_config import Solver
from limo_curation.gold_audit import Attempt
from limo_curation.sampling import Completion, Sampler
from limo_curation.sampling.protocol import request_for, solver_name

logger = logging.getLogger(__name__)


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
