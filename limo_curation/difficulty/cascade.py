"""Draw attempts of the problems that are still open, solver by solver."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

from limo_curation.answers import Verdict, compare_many, extract_answer
from limo_curation.answers.policy import AnswerPolicy
from limo_curation.config import DifficultyConfig
from limo_curation.difficulty.tallies import GradedAttempt, Tally
from limo_curation.engine_config import Solver
from limo_curation.sampling import Completion, Sampler
from limo_curation.sampling.protocol import request_for, solver_name
from limo_curation.sampling.usage import Usage

logger = logging.getLogger(__name__)


def try_weak(tallies: Sequence[Tally], solver: Solver, *, config: DifficultyConfig, sampler: Sampler) -> Usage:
    """Let one weak solver try the problems that none has solved, up to its number of attempts; return the cost."""
    waiting = [tally for tally in tallies if not tally.is_solved_by_weak]
    usage = Usage(num_problems=len(waiting))
    for attempt in range(solver.num_attempts):
        for tally, graded in draw(waiting, solver, [attempt], config=config, sampler=sampler):
            tally.weak_attempts.append(graded)
            usage.add_attempt(graded)
        waiting = [tally for tally in waiting if not tally.is_solved_by_weak]
        logger.info("%s, attempt %d: %d problems are still open", solver_name(solver), attempt + 1, len(waiting))
    return usage


def try_strong(tallies: Sequence[Tally], solver: Solver, *, config: DifficultyConfig, sampler: Sampler) -> Usage:
    """Let the strong solver try what is left, in rounds, until a problem leaves the band; return the cost."""
    waiting = [tally for tally in tallies if not tally.is_solved_by_weak]
    usage = Usage(num_problems=len(waiting))
    for first in range(0, solver.num_attempts, config.attempts_per_round):
        attempts = range(first, min(first + config.attempts_per_round, solver.num_attempts))
        for tally, graded in draw(waiting, solver, attempts, config=config, sampler=sampler):
            if tally.strong_num_solved <= config.max_solved:  # else an earlier attempt has decided it
                tally.strong_attempts.append(graded)
                usage.add_attempt(graded)
        waiting = [tally for tally in waiting if tally.strong_num_solved <= config.max_solved]
        logger.info("%s, attempt %d: %d problems are still open", solver_name(solver), attempts[-1] + 1, len(waiting))
    return usage


def draw(
    tallies: Sequence[Tally], solver: Solver, attempts: Iterable[int], *, config: DifficultyConfig, sampler: Sampler
) -> list[tuple[Tally, GradedAttempt]]:
    """Sample and grade attempts of problems: all attempts of the first, then all of the second, and so on.

    With `truncated_retry_factor`, an attempt that is cut off is drawn once more with so many times the limit.
    """
    asked = [(tally, attempt) for tally in tallies for attempt in attempts]
    requests = [
        request_for(
            solver,
            problem_id=tally.problem_id,
            question=tally.question,
            attempt=attempt,
            with_logprobs=config.demand is not None,
        )
        for tally, attempt in asked
    ]
    completions = list(sampler.sample(requests))
    if config.truncated_retry_factor is not None:
        cut_off = [place for place, completion in enumerate(completions) if completion.is_truncated]
        max_tokens = config.truncated_retry_factor * solver.max_tokens
        longer = [replace(requests[place], max_tokens=max_tokens) for place in cut_off]
        for place, again in zip(cut_off, list(sampler.sample(longer)), strict=True):
            completions[place] = with_cost_of(again, completions[place])
    graded = grade([tally for tally, _ in asked], completions, policy=config.policy)
    return [
        (
            tally,
            GradedAttempt(
                solver=solver_name(solver),
                number=attempt,
                answer=answer,
                verdict=verdict,
                num_prompt_tokens=completion.num_prompt_tokens,
                num_completion_tokens=completion.num_completion_tokens,
                is_truncated=completion.is_truncated,
                mean_logprob=completion.mean_logprob,
            ),
        )
        for (tally, attempt), completion, (verdict, answer) in zip(asked, completions, graded, strict=True)
    ]


def with_cost_of(completion: Completion, earlier: Completion) -> Completion:
    """Return a completion that took a second try, with the tokens of both: both were paid for."""
    return replace(
        completion,
        num_prompt_tokens=completion.num_prompt_tokens + earlier.num_prompt_tokens,
        num_completion_tokens=completion.num_completion_tokens + earlier.num_completion_tokens,
    )


def grade(
    tallies: Sequence[Tally], completions: Sequence[Completion], *, policy: AnswerPolicy
) -> list[tuple[Verdict, str | None]]:
    """Return each attempt's verdict and answer; one that was cut off has failed, whatever stands in it."""
    answers = [None if completion.is_truncated else extract_answer(completion.text) for completion in completions]
    pairs = [(answer, tally.gold) for answer, tally in zip(answers, tallies, strict=True)]
    distinct = list(dict.fromkeys(pair for pair in pairs if pair[0] is not None))
    predicted, golds = [one for one, _ in distinct], [two for _, two in distinct]
    verdicts = dict(zip(distinct, compare_many(predicted, golds, policy=policy), strict=True))
    return [(verdicts.get(pair, Verdict.DIFFERENT), pair[0]) for pair in pairs]
