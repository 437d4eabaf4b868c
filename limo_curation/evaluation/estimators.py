"""Figures of a benchmark with their uncertainty: pass@k, intervals over items, and paired comparison.

A benchmark's items are the sample, its attempts at one item are not independent of each other: intervals resample
whole items. The same values under the same name give the same interval.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any, Final, NamedTuple, overload

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]

Z_95: Final = 1.959963984540054
NUM_RESAMPLES: Final = 10_000
"""Ours: the ends of an interval then vary by some hundredth of its width."""
BLOCK_VALUES: Final = 4_000_000  # ours: drawn at a time, 32 MB


class Interval(NamedTuple):
    """The ends of a 95 % interval, and how it was found."""

    low: float
    high: float
    method: str


# -- pass@k ------------------------------------------------------------------------------------------------------------


@overload
def pass_at_k(num_samples: int, num_correct: int, k: int) -> float: ...
@overload
def pass_at_k(num_samples: int | pl.Series, num_correct: pl.Series, k: int) -> pl.Series: ...
@overload
def pass_at_k(num_samples: pl.Series, num_correct: int, k: int) -> pl.Series: ...
@overload
def pass_at_k(num_samples: int | Integers, num_correct: Integers, k: int) -> Floats: ...
@overload
def pass_at_k(num_samples: Integers, num_correct: int, k: int) -> Floats: ...


def pass_at_k(
    num_samples: int | Integers | pl.Series, num_correct: int | Integers | pl.Series, k: int
) -> float | Floats | pl.Series:
    """Return the chance that at least one of k samples is correct, estimated without bias from more samples.

    1 - C(n - c, k) / C(n, k), computed in whole numbers and rounded once.

    Args:
        num_samples: n, samples that were drawn of an item; one number, or one for each item.
        num_correct: c, those of them that are correct; likewise.
        k: samples that the chance is about, from 1 to n.

    Returns:
        A fraction in [0, 1]: a float for two numbers, a Series where one of them is a Series, else an array.

    Raises:
        ValueError: k is below 1 or above n, c is negative or above n, or something is no whole number.

    Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code".
    """
    if isinstance(num_samples, int) and isinstance(num_correct, int):
        return chance_of_one(num_samples, num_correct, k)
    drawn, correct = np.broadcast_arrays(
        whole_numbers(num_samples, "num_samples"), whole_numbers(num_correct, "num_correct")
    )
    pairs, places = np.unique(np.stack([drawn.ravel(), correct.ravel()]), axis=1, return_inverse=True)
    chances = np.array([chance_of_one(int(n), int(c), k) for n, c in pairs.T], dtype=np.float64)
    found = chances[places.ravel()].reshape(drawn.shape)
    if isinstance(num_samples, pl.Series) or isinstance(num_correct, pl.Series):
        return pl.Series("pass_at_k", found)
    return found if found.ndim else float(found)


def chance_of_one(num_samples: int, num_correct: int, k: int) -> float:
    """Return `pass_at_k` of one item."""
    if not 1 <= k <= num_samples:
        raise ValueError(f"k = {k} of {num_samples} samples: k has to be from 1 to num_samples; draw more, or lower k")
    if not 0 <= num_correct <= num_samples:
        raise ValueError(f"{num_correct} of {num_samples} samples are correct: it has to be from 0 to num_samples")
    all_choices = math.comb(num_samples, k)
    return (all_choices - math.comb(num_samples - num_correct, k)) / all_choices


def whole_numbers(values: int | Integers | pl.Series, name: str) -> npt.NDArray[np.int64]:
    """Return counts as an array.

    Raises:
        ValueError: they are no whole numbers, or some are missing.
    """
    if isinstance(values, pl.Series) and values.null_count():
        raise ValueError(f"{name} has {values.null_count()} nulls: give a number for each item")
    array = values.to_numpy() if isinstance(values, pl.Series) else np.asarray(values)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} holds {array.dtype}: give whole numbers")
    return array.astype(np.int64)


# -- intervals ---------------------------------------------------------------------------------------------------------


def wilson_interval(share: float, num_items: int) -> Interval:
    """Return Wilson's 95 % interval of a share of items, which stays within [0, 1] and is never of width 0."""
    spread = Z_95**2 / num_items
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 / (1 + spread) * math.sqrt(share * (1 - share) / num_items + spread / (4 * num_items))
    # at 0 and 1 one end is the share itself, but for rounding
    return Interval(max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half)), "Wilson")


def bootstrap_means(values: Floats, *, name: str) -> Floats:
    """Return the means of `NUM_RESAMPLES` resamples of the items, drawn with replacement.

    Args:
        values: one for each item.
        name: the draws follow from it: the same for models that are compared, another for each benchmark.
    """
    rng, means = generator_of(name), np.empty(NUM_RESAMPLES)
    block = max(1, BLOCK_VALUES // len(values))
    for start in range(0, NUM_RESAMPLES, block):
        stop = min(start + block, NUM_RESAMPLES)
        means[start:stop] = values[rng.integers(0, len(values), size=(stop - start, len(values)))].mean(axis=1)
    return means


def interval_of(means: Floats) -> Interval:
    """Return the 95 % interval that holds the middle of resampled means."""
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(low), float(high), "bootstrap")


def accuracy_interval(item_means: Floats, *, num_attempts: int, name: str) -> Interval:
    """Return the 95 % interval of a benchmark's accuracy.

    Wilson's with one attempt at each item; with several, a bootstrap over items, but where all items have the same
    share: there it would claim certainty.
    """
    if num_attempts == 1 or np.ptp(item_means) == 0:
        return wilson_interval(float(item_means.mean()), len(item_means))
    return interval_of(bootstrap_means(item_means, name=name))


# -- chance ------------------------------------------------------------------------------------------------------------


def flipped_means(differences: Floats, *, name: str) -> Floats:
    """Return means of the items' differences under random signs: what would be seen if the two models were alike."""
    rng, means = generator_of(f"signs of {name}"), np.empty(NUM_RESAMPLES)
    block = max(1, BLOCK_VALUES // len(differences))
    for start in range(0, NUM_RESAMPLES, block):
        stop = min(start + block, NUM_RESAMPLES)
        signs = rng.integers(0, 2, size=(stop - start, len(differences))) * 2.0 - 1.0
        means[start:stop] = (signs * differences).mean(axis=1)
    return means


def chance_level(mean: float, by_chance: Floats) -> float:
    """Return the p-value of a sign-flip test, two-sided: how often chance alone gives a mean as far from 0."""
    as_far = np.abs(by_chance) >= abs(mean) - 1e-12
    return (1 + int(as_far.sum())) / (1 + len(by_chance))


def generator_of(name: str) -> np.random.Generator:
    """Return a generator whose draws follow from a name."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]))
