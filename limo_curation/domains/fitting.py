"""Fit the network's weights: stochastic gradient descent with AdaGrad (Duchi, Hazan and Singer 2011), row by row.

Only the rows of the table that a text has features of are touched, which no dense library does; a step costs what the
text is long. A share of the features is left out at each step (dropout, Srivastava et al. 2014), so that no domain
hangs on one word. One thread, its own random numbers: the same rows give the same weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from limo_curation.compiled import Scalar, compiled
from limo_curation.domains.network import INPUT_SCALE, TOPICS, Network
from limo_curation.domains.reading import NUM_BUCKETS, Buckets
from limo_curation.folding import Offsets

Weights = npt.NDArray[np.float32]

# Every number is ours, by cross-validation on human labels.
NUM_HIDDEN: Final = 14  # of one network; with 4 networks and 8 topics a row of the table is one cache line of 64 bytes
NUM_EPOCHS: Final = 6
HIDDEN_RATE: Final = 0.05
DIRECT_RATE: Final = 0.03
LAST_RATE: Final = 0.1  # share of the rate that is left at the last epoch
FIRST_WIDTH: Final = 0.1  # standard deviation of the table at the beginning
FIRST_SQUARES: Final = 1e-4  # AdaGrad's sum of squared gradients at the beginning
KEPT_SHARE: Final = 0.7
LARGEST: Final = 127
FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)
SECOND_FACTOR: Final = np.uint64(0xD6E8FEB86659FD93)
TOP_BITS: Final = np.uint64(40)


class Parameters(NamedTuple):
    """The weights of one network under training; or, in the same shape, AdaGrad's sums of their squared gradients."""

    table: Weights
    """Shape (buckets, hidden units)."""
    direct: Weights
    """Shape (buckets, topics)."""
    output: Weights
    """Shape (hidden units, topics)."""
    hidden_bias: Weights
    output_bias: Weights


def fit(
    buckets: Buckets, ends: Offsets, topics: npt.NDArray[np.int64], weights: Weights, rows: Offsets, *, seed: int
) -> Parameters:
    """Return a network fitted to some rows.

    Args:
        buckets: features of all rows behind each other (`read_texts`).
        ends: where those of each row begin, and one more.
        topics: each row's place in `TOPICS`.
        weights: how much each row counts.
        rows: those to fit to.
        seed: of the first weights, the order of the rows and what is left out.
    """
    random = np.random.default_rng(seed)
    parameters = Parameters(
        table=random.normal(0, FIRST_WIDTH, (NUM_BUCKETS, NUM_HIDDEN)).astype(np.float32),
        direct=np.zeros((NUM_BUCKETS, len(TOPICS)), np.float32),
        output=random.normal(0, NUM_HIDDEN**-0.5, (NUM_HIDDEN, len(TOPICS))).astype(np.float32),
        hidden_bias=np.zeros(NUM_HIDDEN, np.float32),
        output_bias=np.zeros(len(TOPICS), np.float32),
    )
    squares = Parameters(*(np.full_like(one, FIRST_SQUARES) for one in parameters))
    for epoch in range(NUM_EPOCHS):
        share = np.float32(1 - (1 - LAST_RATE) * epoch / (NUM_EPOCHS - 1))
        order = random.permutation(rows)
        noise = random.integers(1 << 63, dtype=np.uint64)
        run_epoch(buckets, ends, topics, weights, order, parameters, squares, share, noise)
    return parameters


def join(networks: Sequence[Parameters], *, temperature: float = 1.0) -> Network:
    """Return several networks as one that averages their scores, its table in small integers."""
    share = 1 / len(networks)
    direct = sum((one.direct for one in networks), start=np.zeros_like(networks[0].direct)) * np.float32(share)
    table = np.concatenate([*(one.table for one in networks), direct], axis=1)
    unit = np.abs(table).max(axis=0).astype(np.float64) / LARGEST
    unit[unit == 0] = 1.0
    return Network(
        table=np.rint(table / unit).astype(np.int8),
        unit=unit,
        hidden_bias=np.concatenate([one.hidden_bias for one in networks]).astype(np.float64),
        output=np.concatenate([one.output for one in networks]).astype(np.float64) * share,
        output_bias=np.stack([one.output_bias for one in networks]).astype(np.float64).mean(axis=0),
        temperature=np.array([temperature]),
    )


# -- kernels -----------------------------------------------------------------------------------------------------------


@compiled
def run_epoch(
    buckets: Buckets,
    ends: Offsets,
    topics: npt.NDArray[np.int64],
    weights: Weights,
    order: Offsets,
    parameters: Parameters,
    squares: Parameters,
    share: Scalar,
    noise: Scalar,
) -> None:
    """Take a step for each row, in the order given."""
    num_hidden, num_topics = parameters.output.shape
    kept = np.empty(len(parameters.table), np.int32)
    hidden = np.empty(num_hidden, np.float32)
    errors = np.empty(num_topics, np.float32)
    for row in order:
        count = 0
        for place in range(ends[row], ends[row + 1]):
            noise += FACTOR
            if is_kept(noise):
                kept[count] = buckets[place]
                count += 1
        scale = np.float32(INPUT_SCALE / np.sqrt(max(count, 1)))
        forward(parameters, kept[:count], scale, hidden, errors)
        to_errors(errors, topics[row], weights[row])
        backward(parameters, squares, kept[:count], scale, hidden, errors, share)


@compiled
def is_kept(number: Scalar) -> bool:
    """Return whether a feature takes part in a step."""
    mixed = (number ^ (number >> np.uint64(32))) * SECOND_FACTOR
    return bool(np.float64(mixed >> TOP_BITS) < KEPT_SHARE * (1 << 24))


@compiled
def forward(parameters: Parameters, kept: Buckets, scale: Scalar, hidden: Weights, scores: Weights) -> None:
    """Write the hidden units, not negative, and the topics' scores."""
    hidden[:] = parameters.hidden_bias
    scores[:] = parameters.output_bias
    for bucket in kept:
        add_row(hidden, parameters.table[bucket], scale)
        add_row(scores, parameters.direct[bucket], scale)
    for unit in range(len(hidden)):
        hidden[unit] = max(hidden[unit], np.float32(0))
        for topic in range(len(scores)):
            scores[topic] += hidden[unit] * parameters.output[unit, topic]


@compiled
def add_row(sums: Weights, row: Weights, scale: Scalar) -> None:
    """Add a row of a table to sums."""
    for place in range(len(sums)):
        sums[place] += row[place] * scale


@compiled
def to_errors(scores: Weights, topic: Scalar, weight: Scalar) -> None:
    """Turn scores into chances, and these into the gradient of the loss."""
    highest = scores.max()
    total = np.float32(0)
    for place in range(len(scores)):
        scores[place] = np.exp(scores[place] - highest)
        total += scores[place]
    for place in range(len(scores)):
        scores[place] = weight * (scores[place] / total - np.float32(place == topic))


@compiled
def backward(
    parameters: Parameters,
    squares: Parameters,
    kept: Buckets,
    scale: Scalar,
    hidden: Weights,
    errors: Weights,
    share: Scalar,
) -> None:
    """Move all weights that took part against the gradient."""
    rate, direct_rate = np.float32(HIDDEN_RATE) * share, np.float32(DIRECT_RATE) * share
    gradients = np.zeros(len(hidden), np.float32)
    for unit in range(len(hidden)):
        if hidden[unit] > 0:
            for topic in range(len(errors)):
                gradients[unit] += errors[topic] * parameters.output[unit, topic]
            step(parameters.output[unit], squares.output[unit], errors, hidden[unit], rate)
    step(parameters.hidden_bias, squares.hidden_bias, gradients, np.float32(1), rate)
    step(parameters.output_bias, squares.output_bias, errors, np.float32(1), direct_rate)
    for bucket in kept:
        step(parameters.table[bucket], squares.table[bucket], gradients, scale, rate)
        step(parameters.direct[bucket], squares.direct[bucket], errors, scale, direct_rate)


@compiled
def step(weights: Weights, squares: Weights, gradients: Weights, factor: Scalar, rate: Scalar) -> None:
    """Move weights by AdaGrad; their gradients are multiplied by the factor first."""
    for place in range(len(weights)):
        gradient = gradients[place] * factor
        squares[place] += gradient * gradient
        weights[place] -= rate * gradient / np.sqrt(squares[place])
