"""All similar pairs among some texts: the same kernels as the stage's, without regard to numbers or representatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.compiled import Scalar, compiled
from limo_curation.deduplication.banding import find_candidates, make_shelves, shelve
from limo_curation.deduplication.matching import Indices, band_group
from limo_curation.deduplication.signatures import optimal_bands
from limo_curation.deduplication.similarity import (
    Pool,
    jaccard_similarity,
    longest_text,
    make_scratch,
    may_be_similar,
    sketch_text,
)
from limo_curation.deduplication.sketching import make_sketches
from limo_curation.folding import Texts, fold, texts_of
from limo_curation.masking import mask
from limo_curation.numerals import number_fingerprints
from limo_curation.problem_config import DeduplicationConfig

PAIRS: Final = pl.Schema({"a": pl.Int64, "b": pl.Int64, "jaccard": pl.Float64, "relation": pl.String})
MAX_TEXTS_FOR_ALL_PAIRS: Final = 3_000  # ours: comparing the bitmaps of all pairs takes some tens of milliseconds

Similarities = npt.NDArray[np.float64]


def duplicate_pairs(texts: Sequence[str], *, config: DeduplicationConfig | None = None) -> pl.DataFrame:
    """Find the pairs of similar texts.

    Up to 3,000 different texts no pair is missed; among more, candidates share a MinHash band.

    Args:
        texts: questions.
        config: threshold, n-gram size (characters) and permutations.

    Returns:
        Frame `a, b` (positions, a < b), `jaccard` (exact, over character n-grams of the folded texts, in [0, 1]) and
        `relation`: `exact` (same text up to case and white space), `near` (at or above the threshold, same numbers in
        the same order) or `variant` (the same words, other numbers). A variant is at or above the threshold as it
        stands or, with `jaccard` from there, with its numbers masked. Of more than two exact copies each is paired with
        the first one only, and only that one has near and variant pairs.
    """
    config = config or DeduplicationConfig()
    folded = fold(texts_of(pl.Series("text", texts, pl.String)))
    firsts = first_copies(folded)
    rows = np.arange(len(folded))
    copies = rows[firsts != rows]
    exact = pairs_frame(firsts[copies], copies, np.ones(len(copies)), np.full(len(copies), "exact"))
    distinct = rows[firsts == rows]
    numbers = number_fingerprints(folded)
    left, right, jaccard = similar_pairs(folded, distinct, config)
    same = numbers[left] == numbers[right]
    similar = pairs_frame(left, right, jaccard, np.where(same, "near", "variant"))
    left, right, jaccard = similar_pairs(mask(folded, numbers_only=True), distinct, config)
    other = numbers[left] != numbers[right]
    masked = pairs_frame(left[other], right[other], jaccard[other], np.full(int(other.sum()), "variant"))
    masked = masked.join(similar, on=["a", "b"], how="anti")
    return pl.concat([exact, similar, masked]).sort("a", "b")


def first_copies(folded: Texts) -> Indices:
    """Return for each text the first one that it equals."""
    frame = pl.DataFrame({"text": folded.tolist()}, schema={"text": pl.String})
    rows = frame.with_columns(row=pl.int_range(pl.len(), dtype=pl.Int64))
    return rows.select(pl.col("row").first().over("text")).to_series().to_numpy()


def pairs_frame(left: Indices, right: Indices, jaccard: Similarities, relation: npt.NDArray[np.str_]) -> pl.DataFrame:
    """Return pairs as a frame."""
    columns = {"a": left, "b": right, "jaccard": jaccard, "relation": pl.Series(relation.tolist(), dtype=pl.String)}
    return pl.DataFrame(columns, schema=PAIRS)


def similar_pairs(folded: Texts, rows: Indices, config: DeduplicationConfig) -> tuple[Indices, Indices, Similarities]:
    """Return the pairs among some rows at or above the threshold: left and right row, and the similarity."""
    bands, rows_per_band = optimal_bands(config.threshold, config.num_perm)
    pool = Pool(folded.data, folded.offsets[:-1], folded.offsets[1:], config.ngram_size, config.threshold)
    if len(rows) <= MAX_TEXTS_FOR_ALL_PAIRS:
        places, jaccard = compare_all(pool, rows)
    else:
        places, jaccard = compare_by_band(pool, rows, bands, rows_per_band)
    return rows[places[:, 0]], rows[places[:, 1]], jaccard


@compiled
def compare_all(pool: Pool, rows: Indices) -> tuple[Indices, Similarities]:
    """Compare each text with every earlier one; return places and similarities of the similar pairs."""
    scratch = make_scratch(longest_text(pool))
    sketches = make_sketches(len(rows))
    places, jaccard, count = np.empty((16, 2), np.int64), np.empty(16, np.float64), 0
    for place in range(len(rows)):
        sketch_text(pool, rows[place], place, sketches, scratch)
        for other in range(place):
            if may_be_similar(sketches, place, other, pool.threshold):
                similarity = jaccard_similarity(pool, rows[place], rows[other], scratch)
                if similarity >= pool.threshold:
                    places, jaccard, count = add_pair(places, jaccard, count, other, place, similarity)
    return places[:count], jaccard[:count]


@compiled
def compare_by_band(
    pool: Pool, rows: Indices, num_bands: Scalar, rows_per_band: Scalar
) -> tuple[Indices, Similarities]:
    """Compare each text with the earlier ones that share a band."""
    scratch = make_scratch(longest_text(pool))
    sketches = make_sketches(len(rows))
    buckets, num_buckets = band_group(pool, rows, num_bands, rows_per_band, sketches, scratch)
    shelves = make_shelves(buckets, num_buckets)
    seen = np.zeros(len(rows), np.int32)
    candidates = np.empty(len(rows), np.int32)
    places, jaccard, count = np.empty((16, 2), np.int64), np.empty(16, np.float64), 0
    for place in range(len(rows)):
        num_candidates = find_candidates(place, buckets, sketches, shelves, pool.threshold, seen, candidates)
        for other in candidates[:num_candidates]:
            if may_be_similar(sketches, place, other, pool.threshold):
                similarity = jaccard_similarity(pool, rows[place], rows[other], scratch)
                if similarity >= pool.threshold:
                    places, jaccard, count = add_pair(places, jaccard, count, other, place, similarity)
        shelve(place, buckets, sketches, shelves)
    return places[:count], jaccard[:count]


@compiled
def add_pair(
    places: Indices, jaccard: Similarities, count: Scalar, left: Scalar, right: Scalar, similarity: Scalar
) -> tuple[Indices, Similarities, Scalar]:
    """Put a pair behind the others, in arrays of twice the size where they are full."""
    if count == len(jaccard):
        places = np.concatenate((places, np.empty_like(places)))
        jaccard = np.concatenate((jaccard, np.empty_like(jaccard)))
    places[count, 0] = left
    places[count, 1] = right
    jaccard[count] = similarity
    return places, jaccard, count + 1
