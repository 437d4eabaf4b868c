"""How well grades agree with labels: weighted kappa with its interval, leniency, and what biases a grader.

kappa          1 - (weighted disagreement) / (that of chance with the same margins); the weight of a disagreement is
               the square of the levels between (Cohen 1968). 1: always equal, 0: as by chance
length bias    Spearman's correlation of grade minus label with the chain's length: a fair grader is near 0
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

NUM_LEVELS: Final = 5
NUM_RESAMPLES: Final = 2_000  # of the bootstrap (ours)
PERCENTILES: Final = (2.5, 97.5)

Counts = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How one grader agrees with the labels. What could not be told (no grades, all alike) is None."""

    num_chains: int
    num_unscored: int
    """Chains without a grade; they are in none of the numbers below."""
    kappa: float | None
    """Quadratic weighted kappa."""
    kappa_low: float | None
    kappa_high: float | None
    """The 95 % interval of kappa, by a bootstrap over problems."""
    exact_fraction: float | None
    within_one_fraction: float | None
    """Chains with the label's level, and with that or one beside it."""
    mean_error_levels: float | None
    """Mean of grade minus label: above 0 the grader is lenient."""
    length_bias: float | None
    """Spearman's correlation of grade minus label with the chain's length in characters."""

    @property
    def unscored_fraction(self) -> float:
        """Share of the chains without a grade; 1 where there are no chains."""
        return self.num_unscored / self.num_chains if self.num_chains else 1.0


def measure(graded: pl.DataFrame, grade: str) -> Agreement:
    """Compare a grader with the labels.

    Args:
        graded: `label` and the column named by `grade`, levels from 1 to 5 (the grade null where there is none);
            `question`, by which chains of one problem stay together; `num_characters` of the chain.
        grade: the grader's column.
    """
    scored = graded.filter(pl.col(grade).is_not_null()).with_columns(error=pl.col(grade) - pl.col("label"))
    labels, grades = scored["label"].to_numpy(), scored[grade].to_numpy()
    low, high = kappa_interval(labels, grades, scored["question"])
    errors = scored["error"].to_numpy()
    return Agreement(
        num_chains=graded.height,
        num_unscored=graded.height - scored.height,
        kappa=weighted_kappa(labels, grades),
        kappa_low=low,
        kappa_high=high,
        exact_fraction=float((errors == 0).mean()) if scored.height else None,
        within_one_fraction=float((np.abs(errors) <= 1).mean()) if scored.height else None,
        mean_error_levels=float(errors.mean()) if scored.height else None,
        length_bias=rank_correlation(scored["error"], scored["num_characters"]),
    )


def weighted_kappa(labels: npt.NDArray[np.int64], grades: npt.NDArray[np.int64]) -> float | None:
    """Return the quadratic weighted kappa of two gradings, levels from 1 to 5.

    Returns:
        A number from -1 to 1; None where it is not defined: without chains, or where both give all chains one level.

    Source: J. Cohen, Psychological Bulletin 70 (1968), 213-220.
    """
    value = float(kappas(confusion(labels, grades)[None])[0])
    return None if math.isnan(value) else value


def confusion(labels: npt.NDArray[np.int64], grades: npt.NDArray[np.int64]) -> Counts:
    """Return how many chains have each label (rows) and each grade (columns), shape (5, 5)."""
    counts = np.zeros((NUM_LEVELS, NUM_LEVELS))
    np.add.at(counts, (labels - 1, grades - 1), 1.0)
    return counts


def kappas(counts: Counts) -> Counts:
    """Return the kappa of each of several confusion matrices, shape (n, 5, 5); NaN where it is not defined."""
    levels = np.arange(NUM_LEVELS)
    weights = (levels[:, None] - levels) ** 2.0
    totals = counts.sum(axis=(1, 2))
    by_chance = np.einsum("ni,nj,ij->n", counts.sum(axis=2), counts.sum(axis=1), weights)
    found = np.einsum("nij,ij->n", counts, weights) * totals
    return 1 - np.divide(found, by_chance, out=np.full(len(counts), np.nan), where=by_chance > 0)


def kappa_interval(
    labels: npt.NDArray[np.int64], grades: npt.NDArray[np.int64], groups: pl.Series
) -> tuple[float | None, float | None]:
    """Return the 95 % interval of kappa by a bootstrap over groups; chains of one problem are no independent ones."""
    places = groups.rank("dense").to_numpy().astype(np.int64) - 1
    num_groups = int(places.max()) + 1 if len(places) else 0
    if num_groups < 2:
        return None, None
    of_group = np.zeros((num_groups, NUM_LEVELS, NUM_LEVELS))
    np.add.at(of_group, (places, labels - 1, grades - 1), 1.0)
    drawn = np.random.default_rng(0).multinomial(num_groups, np.full(num_groups, 1 / num_groups), NUM_RESAMPLES)
    resampled = kappas(np.einsum("ng,gij->nij", drawn.astype(np.float64), of_group))
    defined = resampled[~np.isnan(resampled)]
    if not len(defined):
        return None, None
    low, high = np.percentile(defined, PERCENTILES)
    return float(low), float(high)


def rank_correlation(one: pl.Series, other: pl.Series) -> float | None:
    """Return Spearman's correlation of two columns, ties ranked by their mean; None where one of them is constant."""
    if one.n_unique() < 2 or other.n_unique() < 2:
        return None
    ranks = [column.rank("average").to_numpy() for column in (one, other)]
    return float(np.corrcoef(ranks)[0, 1])
