"""The network that tells a problem's domain: its weights, read from a data file, and how they are applied.

Every feature of a text (`reading.py`) has a row of small integers in a table. The sum of the rows is scaled by the root
of their number; some columns are hidden units, which count where they are positive, the others add to the scores of the
topics directly. Topics are finer than domains: a domain's chance is the sum over its topics. Several networks that were
trained from other beginnings stand side by side in one table, and their scores are averaged.

Sums of integers are the same in any order, and the few floats are added in a fixed one: a text has one domain, whatever
stands beside it.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from limo_curation.compiled import Scalar, compiled
from limo_curation.domains.reading import Scratch, make_scratch, read_text
from limo_curation.folding import Bytes, Offsets, Texts
from limo_curation.tables import DOMAINS

Floats = npt.NDArray[np.float64]

WEIGHTS: Final = Path(__file__).resolve().parent / "data" / "weights.npz"
TOPICS: Final = {
    "algebra": "algebra",
    "arithmetic_applied": "algebra",
    "linear_abstract_algebra": "algebra",
    "geometry": "geometry",
    "number_theory": "number_theory",
    "combinatorics": "combinatorics",
    "probability": "probability_and_statistics",
    "calculus_analysis": "calculus_and_analysis",
}
"""What the network tells apart, and the domain of each."""
DOMAIN_OF_TOPIC: Final = np.array([DOMAINS.index(domain) for domain in TOPICS.values()])
INPUT_SCALE: Final = 4.0  # ours: brings the sums near 1, whatever the number of features
CONFIDENCE_DIGITS: Final = 4  # beyond these, processors may differ in how they round an exponential


class Network(NamedTuple):
    """The weights, as the kernels take them."""

    table: npt.NDArray[np.int8]
    """Shape (buckets, hidden units + topics)."""
    unit: Floats
    """What 1 in each column of the table stands for."""
    hidden_bias: Floats
    output: Floats
    """Shape (hidden units, topics)."""
    output_bias: Floats
    temperature: Floats
    """One number: scores are divided by it, so that chances are as high as they come true."""


@functools.cache
def read_network() -> Network:
    """Return the network of the data file."""
    with np.load(WEIGHTS, allow_pickle=False) as arrays:
        return Network(**{name: arrays[name] for name in Network._fields})


def classify_texts(texts: Texts) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the place in `DOMAINS` of each text's likeliest domain, and its chance, rounded, in (0, 1]."""
    network = read_network()
    chances = domain_chances(topic_scores(texts, network), temperature=network.temperature.item())
    places = chances.argmax(axis=1)  # the first of `DOMAINS` wins a tie
    return places, chances.max(axis=1, initial=0).round(CONFIDENCE_DIGITS)


def topic_scores(texts: Texts, network: Network) -> Floats:
    """Return the score of each topic for each text, shape (texts, topics)."""
    scores = np.empty((len(texts), len(TOPICS)))
    score_rows(texts.data, texts.offsets, network, scores)
    return scores


def domain_chances(scores: Floats, *, temperature: float) -> Floats:
    """Return the chance of each domain, shape (texts, domains); each row adds up to 1."""
    scores = scores / temperature
    chances = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    by_domain = np.zeros((len(scores), len(DOMAINS)))
    for topic, domain in enumerate(DOMAIN_OF_TOPIC.tolist()):
        by_domain[:, domain] += chances[:, topic]
    # column by column: the order in which NumPy adds up a row depends on the processor
    total = sum(by_domain.T, start=np.zeros(len(scores)))
    return by_domain / total[:, np.newaxis]


# -- kernels -----------------------------------------------------------------------------------------------------------


@compiled
def score_rows(data: Bytes, offsets: Offsets, network: Network, scores: Floats) -> None:
    """Write the topics' scores of each row."""
    scratch = make_scratch()
    sums = np.empty(network.table.shape[1], np.int32)
    for row in range(len(offsets) - 1):
        count = read_text(data[offsets[row] : offsets[row + 1]], row + 1, scratch)
        add_up(network.table, scratch, count, sums)
        score(network, sums, count, scores[row])


@compiled
def add_up(table: npt.NDArray[np.int8], scratch: Scratch, count: Scalar, sums: npt.NDArray[np.int32]) -> None:
    """Write the sum of the rows of the table that a text's features have."""
    sums[:] = 0
    for place in range(count):
        row = table[scratch.buckets[place]]
        for column in range(len(sums)):
            sums[column] += row[column]


@compiled
def score(network: Network, sums: npt.NDArray[np.int32], count: Scalar, scores: Floats) -> None:
    """Write the topics' scores that follow from the sum over a text's features."""
    num_hidden, num_topics = network.output.shape
    scale = INPUT_SCALE / np.sqrt(max(count, 1))
    for topic in range(num_topics):
        column = num_hidden + topic
        scores[topic] = network.output_bias[topic] + sums[column] * network.unit[column] * scale
    for hidden in range(num_hidden):
        value = network.hidden_bias[hidden] + sums[hidden] * network.unit[hidden] * scale
        if value > 0:
            for topic in range(num_topics):
                scores[topic] += value * network.output[hidden, topic]
