"""The nearest of some reference problems to each problem: the largest Jaccard similarity of character 5-grams.

    "ann has # apples and buys #."  beside  "ann has # pears and buys #."   .64

Up to 200 reference texts all are compared; among more, candidates share a MinHash band. Similarities are exact, and
those below `MIN_SIMILARITY` are not looked for: they say no more than that two texts are in one language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from limo_curation.compiled import Scalar, compiled
from limo_curation.deduplication.similarity import (
    Pool,
    are_of_similar_size,
    jaccard_similarity,
    longest_text,
    make_scratch,
    may_be_similar,
    sketch_text,
)
from limo_curation.deduplication.sketching import NO_KEY, Sketches, band_key, make_sketches, sign, write_band_keys
from limo_curation.folding import Texts

NGRAM_SIZE: Final = 5  # characters: as deduplication's default
MIN_SIMILARITY: Final = 0.5  # ours
NUM_BANDS: Final = 60  # ours: of 4 bins each; a similarity of .5 is missed with probability .02, one of .6 with 2e-4
ROWS_PER_BAND: Final = 4
MAX_TEXTS_FOR_ALL_PAIRS: Final = 200  # ours: more take longer than to look for those that share a band
NO_REFERENCE: Final = -1

Places = npt.NDArray[np.int32]
Similarities = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class References:
    """Reference texts, in an order of theirs, with what finds those near a text."""

    texts: Texts
    sketches: Sketches
    keys: npt.NDArray[np.uint32]
    """Shape (bands, texts): the band keys of all texts, sorted; without texts to a row where all are compared."""
    places: Places
    """The text of each key."""


def index_references(texts: Texts) -> References:
    """Return some texts ready to be compared with."""
    num_keys = len(texts) if len(texts) > MAX_TEXTS_FOR_ALL_PAIRS else 0
    keys = np.empty((NUM_BANDS, num_keys), np.uint32)
    sketches = sketch_all(pool_of(texts), keys)
    places = np.argsort(keys, axis=1, kind="stable").astype(np.int32)
    return References(texts, sketches, np.take_along_axis(keys, places, axis=1), places)


def find_nearest(texts: Texts, references: References) -> tuple[Places, Similarities]:
    """Return for each text the place of the nearest reference text, and how similar they are.

    Of equally near ones it is the first. Where none is as similar as `MIN_SIMILARITY`, the place is -1 and the
    similarity 0.
    """
    num_references = len(references.texts)
    data = np.concatenate([references.texts.data, texts.data])
    offsets = np.concatenate([references.texts.offsets, texts.offsets[1:] + len(references.texts.data)])
    nearest, similarity = np.full(len(texts), NO_REFERENCE, np.int32), np.zeros(len(texts), np.float64)
    pool = pool_of(Texts(data, offsets))
    compare(pool, num_references, references.sketches, references.keys, references.places, nearest, similarity)
    return nearest, similarity


def pool_of(texts: Texts) -> Pool:
    """Return texts as deduplication's kernels take them."""
    return Pool(texts.data, texts.offsets[:-1], texts.offsets[1:], NGRAM_SIZE, MIN_SIMILARITY)


@compiled
def sketch_all(pool: Pool, keys: npt.NDArray[np.uint32]) -> Sketches:
    """Return the sketches of texts, and write their band keys where there is room for them."""
    scratch = make_scratch(longest_text(pool))
    sketches = make_sketches(len(pool.starts))
    bins = np.empty(NUM_BANDS * ROWS_PER_BAND, np.uint32)
    for text in range(len(pool.starts)):
        count = sketch_text(pool, text, text, sketches, scratch)
        if keys.shape[1]:
            write_band_keys(scratch.keys, count, bins, ROWS_PER_BAND, keys[:, text])
    return sketches


@compiled
def compare(
    pool: Pool, num_references: Scalar, sketches: Sketches, keys: npt.NDArray[np.uint32], places: Places,
    nearest: Places, similarity: Similarities,
) -> None:  # fmt: skip
    """Write the nearest reference text of each text behind them in the pool."""
    scratch = make_scratch(longest_text(pool))
    both = make_sketches(num_references + 1)  # the text that is compared stands behind the references
    both.bitmaps[:num_references] = sketches.bitmaps
    both.counts[:num_references] = sketches.counts
    both.bits[:num_references] = sketches.bits
    bins = np.empty(NUM_BANDS * ROWS_PER_BAND, np.uint32)
    candidates = np.arange(num_references, dtype=np.int32)
    seen = np.full(num_references, NO_REFERENCE, np.int64)
    for row in range(len(nearest)):
        count = sketch_text(pool, num_references + row, num_references, both, scratch)
        num_candidates = num_references
        if keys.shape[1]:
            sign(scratch.keys, count, bins)
            num_candidates = gather(bins, row, keys, places, seen, candidates)
        for candidate in range(num_candidates):
            other = candidates[candidate]
            least = max(similarity[row], MIN_SIMILARITY)
            if not are_of_similar_size(both, num_references, both.counts[other], both.bits[other], least):
                continue
            if may_be_similar(both, num_references, other, least):
                found = jaccard_similarity(pool, num_references + row, other, scratch)
                is_first = found == similarity[row] and other < nearest[row]
                if found >= MIN_SIMILARITY and (found > similarity[row] or is_first):
                    nearest[row] = other
                    similarity[row] = found


@compiled
def gather(
    bins: npt.NDArray[np.uint32],
    row: Scalar,
    keys: npt.NDArray[np.uint32],
    places: Places,
    seen: npt.NDArray[np.int64],
    candidates: Places,
) -> Scalar:
    """Write the reference texts that share a band with a text's signature, each once, and return their number."""
    count = 0
    for band in range(NUM_BANDS):
        key = band_key(bins, band, ROWS_PER_BAND)
        if key == NO_KEY:
            continue
        for place in range(first_of(key, keys[band]), keys.shape[1]):
            if keys[band, place] != key:
                break
            other = places[band, place]
            if seen[other] != row:
                seen[other] = row
                candidates[count] = other
                count += 1
    return count


@compiled
def first_of(key: Scalar, keys: npt.NDArray[np.uint32]) -> Scalar:
    """Return the first place of sorted keys whose key is not below one."""
    first, stop = 0, len(keys)
    while first < stop:
        middle = (first + stop) // 2
        if keys[middle] < key:
            first = middle + 1
        else:
            stop = middle
    return first
