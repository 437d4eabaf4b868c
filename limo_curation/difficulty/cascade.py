"""The cascade: each solver tries the problems that are still open, the cheapest one first.

Solvers follow each other (a fleet may serve one model at a time); within one of them all problems are under way side by
side (`interleaving.py`). A weak solver has one attempt of a problem under way: its next one counts only if that failed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from limo_curation.config import DifficultyConfig
from limo_curation.difficulty.interleaving import Interleaving
from limo_curation.difficulty.tallies import Tally
from limo_curation.engine_config import Solver
from limo_curation.sampling import Sampler
from limo_curation.sampling.protocol import solver_name
from limo_curation.sampling.usage import Usage

logger = logging.getLogger(__name__)


def try_weak(tallies: Sequence[Tally], solver: Solver, *, config: DifficultyConfig, sampler: Sampler) -> Usage:
    """Let one weak solver try the problems that none has solved, each until its first success.

    Args:
        tallies: the problems; the attempts are added to them.
        solver: one of `config.weak`.
        config: the policy of comparisons, and whether a cut off attempt is drawn once more.
        sampler: the engine.

    Returns:
        What it cost.

    Raises:
        TransientError, BudgetError: from the sampler; the tallies are left as they were.
    """
    waiting = [tally for tally in tallies if not tally.is_solved_by_weak]
    usage = Usage(num_problems=len(waiting))
    # demand-driven sampling predicts from them; a strong attempt is asked without, as the teacher's that it may become
    with_logprobs = config.demand is not None
    drawn = Interleaving(waiting, solver, num_needed=1, max_at_once=1, config=config, with_logprobs=with_logprobs)
    for tally, attempts in drawn.run(sampler):
        tally.weak_attempts += attempts
        usage.add_attempts(attempts)
    num_solved = sum(tally.is_solved_by_weak for tally in waiting)
    logger.info("%s solves %d of %d problems", solver_name(solver), num_solved, len(waiting))
    return usage


def try_strong(tallies: Sequence[Tally], solver: Solver, *, config: DifficultyConfig, sampler: Sampler) -> Usage:
    """Let the strong solver try the problems that no weak one has solved, each until it leaves the band.

    Arguments, result and errors as for `try_weak`.
    """
    waiting = [tally for tally in tallies if not tally.is_solved_by_weak]
    usage = Usage(num_problems=len(waiting))
    drawn = Interleaving(
        waiting, solver, num_needed=config.max_solved + 1, max_at_once=config.attempts_per_round, config=config
    )
    for tally, attempts in drawn.run(sampler):
        tally.strong_attempts += attempts
        usage.add_attempts(attempts)
    num_left = sum(tally.strong_num_solved <= config.max_solved for tally in waiting)
    logger.info("%s leaves %d of %d problems within the band or below", solver_name(solver), num_left, len(waiting))
    return usage
