"""How near two problems are: the Jaccard similarity of their masked questions' character 5-grams, from sketches.

    "Ann has 3 apples and buys 5."  beside  "Bob has 70 apples and buys 41."   1, one template

A sketch keeps 8 bits of each of 64 MinHash bins (b-bit minwise hashing, Li and König 2010): 64 bytes a problem, and a
standard error of .06 at most where all bins are filled. Bins agree by chance once in 255 times, which the estimate
takes out again.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.compiled import Scalar, compiled
from limo_curation.deduplication.signatures import EMPTY, signatures
from limo_curation.folding import Bytes
from limo_curation.novelty import mask_questions, series_of

NUM_BINS: Final = 64  # ours
NUM_VALUES: Final = 255  # of a bin; 0 stands for one that no n-gram has fallen into
ROWS_AT_A_TIME: Final = 100_000  # ours: signatures are four times as large as sketches

Sketches = npt.NDArray[np.uint8]


def sketch_questions(questions: pl.Series) -> Sketches:
    """Return the sketch of each question, shape (questions, 64)."""
    sketches = np.empty((len(questions), NUM_BINS), np.uint8)
    for start in range(0, len(questions), ROWS_AT_A_TIME):
        masked = series_of(mask_questions(questions.slice(start, ROWS_AT_A_TIME)))
        found = signatures(masked, num_perm=NUM_BINS, scheme="one_permutation")
        sketches[start : start + ROWS_AT_A_TIME] = np.where(found == EMPTY, 0, found % NUM_VALUES + 1)
    return sketches


def nearest_similarities(sketches: Sketches, domains: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return how near the nearest other problem of its domain is to each; 0 for one that is alone."""
    found = np.zeros(len(sketches), np.float64)
    write_nearest(sketches, domains, found)
    return found


@compiled
def write_nearest(sketches: Sketches, domains: npt.NDArray[Any], found: npt.NDArray[np.float64]) -> None:
    """Write the largest similarity of each problem to another one of its domain."""
    for row in range(len(found)):
        for other in range(row):
            if domains[row] == domains[other]:
                near = similarity(sketches[row], sketches[other])
                found[row] = max(found[row], near)
                found[other] = max(found[other], near)


@compiled
def similarity(one: Bytes, other: Bytes) -> Scalar:
    """Return the estimated Jaccard similarity of two problems from their sketches, in [0, 1]."""
    num_equal, num_filled = 0, 0
    for place in range(NUM_BINS):
        num_equal += one[place] != 0 and one[place] == other[place]
        num_filled += one[place] != 0 or other[place] != 0
    by_chance = num_filled / NUM_VALUES
    return max(0.0, (num_equal - by_chance) / (num_filled - by_chance)) if num_filled else 0.0
