"""Redraw the strong solver's attempts: how many samples would have left the band, had they been drawn anew?

    3 of 32 solved   ->   the pass rate is about .1, and a second draw solves more than 3 with probability .42

A parametric bootstrap, worked out instead of simulated: a problem's solved attempts are Binomial(n, p), p has the
posterior Beta(solved + 1/2, failed + 1/2) (Jeffreys' prior; ours), so a second draw is beta-binomial, and the number of
samples that leave is a sum of independent yes and no. No seed, and no error of a simulation.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.config import DifficultyConfig
from limo_curation.store import Record

PRIOR: Final = 0.5
INTERVAL: Final = (0.05, 0.95)


class CountOfSolved(Record):
    """The samples of which so many attempts were solved."""

    num_solved: int
    num_attempts: int
    num_samples: int
    too_easy_chance: float
    """That a second draw solves more than the band allows."""
    never_solved_chance: float
    """That it solves fewer."""


class Redraws(Record):
    """What a second draw of all strong attempts would change."""

    num_samples: int
    expected_leaving: float
    low: int
    """Samples that leave, lower and upper end of the interval that holds 90 %."""
    high: int
    expected_too_easy: float
    expected_never_solved: float
    counts: tuple[CountOfSolved, ...]


def redraw(samples: pl.DataFrame, config: DifficultyConfig) -> Redraws | None:
    """Tell how many samples would leave the band.

    Args:
        samples: a RATED table or one that extends it.
        config: the band.

    Returns:
        None where no sample has counts of a strong solver.
    """
    rated = samples.filter(pl.col("strong_num_attempts") > 0)
    if not config.enabled or rated.is_empty():
        return None
    is_published = pl.lit(config.use_published_rates) & pl.col("published_num_attempts").is_not_null()
    groups = rated.group_by(
        "strong_num_solved",
        "strong_num_attempts",
        undecided=pl.col("strong_num_undecided").fill_null(0),
        scale=pl.when(is_published)
        .then(config.published_band_of / pl.col("strong_num_attempts"))
        .otherwise(pl.lit(1.0)),
    ).agg(pl.len())
    counts: list[CountOfSolved] = []
    for solved, attempts, undecided, scale, number in groups.sort(pl.all()).rows():
        redrawn: npt.NDArray[np.float64] = np.arange(attempts + 1, dtype=np.float64) * scale
        chances = chances_of(solved, attempts)
        counts.append(
            CountOfSolved(
                num_solved=solved,
                num_attempts=attempts,
                num_samples=number,
                too_easy_chance=float(chances[redrawn > config.max_solved].sum()),
                never_solved_chance=float(chances[redrawn + undecided < config.min_solved].sum()),
            )
        )
    leaving = distribution_of_sum((one.too_easy_chance + one.never_solved_chance, one.num_samples) for one in counts)
    low, high = (int(np.searchsorted(np.cumsum(leaving), share)) for share in INTERVAL)
    too_easy = sum(one.too_easy_chance * one.num_samples for one in counts)
    never_solved = sum(one.never_solved_chance * one.num_samples for one in counts)
    return Redraws(
        num_samples=rated.height,
        expected_leaving=too_easy + never_solved,
        low=low,
        high=high,
        expected_too_easy=too_easy,
        expected_never_solved=never_solved,
        counts=tuple(counts),
    )


@functools.cache
def chances_of(solved: int, attempts: int) -> npt.NDArray[np.float64]:
    """Return the chance of each number of solved attempts in a second draw: the beta-binomial distribution."""
    alpha, beta = solved + PRIOR, attempts - solved + PRIOR
    logs = [
        log_choose(attempts, count) + log_beta(count + alpha, attempts - count + beta) - log_beta(alpha, beta)
        for count in range(attempts + 1)
    ]
    return np.exp(logs)


def log_choose(total: int, count: int) -> float:
    """Return the logarithm of a binomial coefficient."""
    return math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)


def log_beta(alpha: float, beta: float) -> float:
    """Return the logarithm of the beta function."""
    return math.lgamma(alpha) + math.lgamma(beta) - math.lgamma(alpha + beta)


def distribution_of_sum(chances: Iterable[tuple[float, int]]) -> npt.NDArray[np.float64]:
    """Return the chance of each number of successes among independent trials, given as chance and how many have it."""
    found = np.ones(1)
    for chance, number in chances:
        for _ in range(number):
            found = np.convolve(found, [1 - chance, chance])
    return found
