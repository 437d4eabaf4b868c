"""The chances that a problem ends below, in or above the band, learned from the problems that were rated.

    features of rated problems, and where each ended  ->  fit_chances  ->  a Prediction
    features of other problems                        ->  .chances_of  ->  (below, band, above), which add up to 1

One logistic regression over the three outcomes, with every weight drawn towards 0 by a normal prior. It has to know
all three: the band lies between the problems that nothing solves and those that everything solves, so what speaks for
a higher pass rate first raises its chance and then lowers it again.

A problem that ends below or in the band takes all the attempts of the strong solver, one above it only a few. What
orders the problems is therefore `gain`: the chance of the band for each strong token that the rating is expected to
take. Taken from the top, it yields the most kept problems for any number of tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from limo_curation.answers import Verdict
from limo_curation.difficulty.tallies import GradedAttempt
from limo_curation.gold_audit import most_voted

BELOW, BAND, ABOVE = 0, 1, 2
"""The three outcomes: columns of all chances."""
NUM_OUTCOMES: Final = 3
WEAK_NUMBERS: Final = (
    "votes for the most frequent answer, as a share of the attempts",
    "distinct answers, as a share of the attempts",
    "mean natural log-probability of a token",
    "mean natural logarithm of the completion tokens",
    "share that was cut off",
    "share that could not be compared",
)
"""What weak attempts on a problem that none of them solved tell, in order."""
PRIOR_SD: Final = 1.0  # ours: of a weight, for a feature scaled to a standard deviation of 1; log-odds
INTERCEPT_PRIOR_SD: Final = 10.0  # ours: as good as none, but finite where an outcome was never seen
MAX_STEPS: Final = 50
TOLERANCE: Final = 1e-8
DECIMALS: Final = 4  # ours: the last bits of a sum differ between processors, and shall decide nothing

Chances = npt.NDArray[np.float64]
"""(rows, 3): the chance of each outcome; rows add up to 1, but for rounding."""


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of some problems, a row for each."""

    numbers: npt.NDArray[np.float32]
    """(rows, numbers); NaN where a number is not known, which counts as the mean."""
    groups: npt.NDArray[np.int16]
    """(rows, kinds of group): the code of each group that the problem is in, such as its source; from 0."""

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, rows: npt.NDArray[np.int64]) -> Features:
        """Return the features of some rows."""
        return Features(self.numbers[rows], self.groups[rows])


@dataclass(frozen=True, slots=True)
class Prediction:
    """A fitted regression: log-odds of below and above against the band are linear in the features."""

    means: npt.NDArray[np.float64]
    scales: npt.NDArray[np.float64]
    intercept: npt.NDArray[np.float64]
    """(2,): below, above."""
    slopes: npt.NDArray[np.float64]
    """(numbers, 2), of scaled numbers."""
    effects: tuple[npt.NDArray[np.float64], ...]
    """For each kind of group (codes, 2)."""

    def chances_of(self, features: Features) -> Chances:
        """Return the chances of each problem's outcomes, rounded to `DECIMALS`."""
        logits = self.intercept + scaled(features.numbers, self.means, self.scales) @ self.slopes
        for kind, effect in enumerate(self.effects):
            logits += effect[features.groups[:, kind]]
        return np.round(softmax(logits), DECIMALS)


def weak_numbers(attempts: Sequence[GradedAttempt]) -> list[float]:
    """Return WEAK_NUMBERS of the weak attempts on one problem; NaN where there are none to tell."""
    if not attempts:
        return [np.nan] * len(WEAK_NUMBERS)
    votes = Counter(attempt.answer for attempt in attempts if attempt.answer is not None)
    logprobs = [attempt.mean_logprob for attempt in attempts if attempt.mean_logprob is not None]
    return [
        most_voted(votes)[1] / len(attempts),
        len(votes) / len(attempts),
        float(np.mean(logprobs)) if logprobs else np.nan,
        float(np.mean([np.log1p(attempt.num_completion_tokens) for attempt in attempts])),
        sum(attempt.is_truncated for attempt in attempts) / len(attempts),
        sum(attempt.verdict is Verdict.UNDECIDED for attempt in attempts) / len(attempts),
    ]


def gain(chances: Chances, tokens: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the chance of the band for each strong token that rating a problem is expected to take.

    Args:
        chances: (rows, 3), the chance of each outcome.
        tokens: (3,), mean strong tokens of a problem with each outcome; at least one is positive.
    """
    expected = chances @ tokens
    return chances[:, BAND] / np.where(expected > 0, expected, 1.0)


def fit_chances(features: Features, outcomes: Chances, *, num_groups: Sequence[int]) -> Prediction:
    """Fit the chances of the outcomes by the mode of the posterior; the same rows give the same weights.

    Args:
        features: of problems whose outcome is known, or at least its chances.
        outcomes: (rows, 3), 1 for the outcome that was seen.
        num_groups: codes of each kind of group.
    """
    means, scales = moments(features.numbers)
    parts = [np.ones((len(features), 1)), scaled(features.numbers, means, scales)]
    parts += [np.eye(size)[features.groups[:, kind]] for kind, size in enumerate(num_groups)]
    design = np.concatenate(parts, axis=1)
    precision = np.full(design.shape[1], PRIOR_SD**-2)
    precision[0] = INTERCEPT_PRIOR_SD**-2
    intercept, slopes, *effects = np.split(
        posterior_mode(design, outcomes, precision), np.cumsum([part.shape[1] for part in parts[:-1]])
    )
    return Prediction(means, scales, intercept[0], slopes, tuple(effects))


def posterior_mode(design: npt.NDArray[np.float64], outcomes: Chances, precision: npt.NDArray[np.float64]) -> Chances:
    """Return the weights (columns of the design, 2) of below and above at which the posterior is highest.

    By Newton's method; a step that does not raise it is halved.
    """
    weights = np.zeros((design.shape[1], 2))
    height = log_posterior(weights, design, outcomes, precision)
    for _ in range(MAX_STEPS):
        step = newton_step(weights, design, outcomes, precision)
        while (higher := log_posterior(weights + step, design, outcomes, precision)) < height:
            step /= 2
            if np.abs(step).max() < TOLERANCE:
                return weights
        weights, height = weights + step, higher
        if np.abs(step).max() < TOLERANCE:
            break
    return weights


def log_posterior(
    weights: Chances, design: npt.NDArray[np.float64], outcomes: Chances, precision: npt.NDArray[np.float64]
) -> float:
    """Return the logarithm of the posterior at some weights, up to a constant."""
    chances = softmax(design @ weights)
    likelihood = float((outcomes * np.log(np.maximum(chances, np.finfo(np.float64).tiny))).sum())
    return likelihood - float((precision[:, None] * weights**2).sum()) / 2


def newton_step(
    weights: Chances, design: npt.NDArray[np.float64], outcomes: Chances, precision: npt.NDArray[np.float64]
) -> Chances:
    """Return the step to the highest point of the parabola that fits the posterior at some weights."""
    chances = softmax(design @ weights)[:, [BELOW, ABOVE]]
    gradient = design.T @ (outcomes[:, [BELOW, ABOVE]] - chances) - precision[:, None] * weights
    of_below, of_above = chances.T
    both = -(design.T * (of_below * of_above)) @ design
    curvature = np.block(
        [
            [(design.T * (of_below * (1 - of_below))) @ design + np.diag(precision), both],
            [both, (design.T * (of_above * (1 - of_above))) @ design + np.diag(precision)],
        ]
    )
    step = np.linalg.solve(curvature, gradient.T.reshape(-1)).reshape(2, -1).T
    return step.astype(np.float64, copy=False)


def softmax(logits: Chances) -> Chances:
    """Return the chances (rows, 3) from the log-odds of below and above against the band (rows, 2)."""
    whole = np.insert(logits, BAND, 0.0, axis=1)
    raised = np.exp(whole - whole.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def moments(numbers: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of each column's known numbers; 0 and 1 where none is known."""
    known = ~np.isnan(numbers)
    count = np.maximum(known.sum(axis=0), 1)
    means = np.where(known, numbers, 0.0).sum(axis=0, dtype=np.float64) / count
    variance = np.where(known, (numbers - means) ** 2, 0.0).sum(axis=0) / count
    return means, np.where(variance > 0, np.sqrt(variance), 1.0)


def scaled(
    numbers: npt.NDArray[np.float32], means: npt.NDArray[np.float64], scales: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return numbers with mean 0 and standard deviation 1; what is not known is the mean."""
    return np.nan_to_num((numbers - means) / scales)
