"""Retrieve the benchmark items that a problem might be a paraphrase or a translation of, for a judge to decide.

Similarity is the cosine of the two texts' content words, weighted; or, since a translation keeps little else, that of
their numbers and signs alone. Numbers count singly and in pairs as they follow each other: 37 and 5 stand in many
problems, 37 and then 5 in few. A word's weight falls with the number of items that hold it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from limo_curation.compiled import compiled
from limo_curation.decontamination.index import (
    FURTHER_ITEMS,
    Places,
    ReadTexts,
    Weights,
    built_once,
    hash_table,
    read_texts,
    spread_all,
    tables_of,
)
from limo_curation.decontamination.matching import find
from limo_curation.decontamination.reading import read_text
from limo_curation.decontamination.scanning import BASE, BEGINS, IS_EXACT, spread
from limo_curation.decontamination.vocabulary import Bytes, Hashes, vocabulary
from limo_curation.folding import Offsets, Texts, texts_of

MAX_SHARE_OF_ITEMS: Final = 0.05  # a word that more items hold finds too many of them to help (ours)
MIN_NUMBERS: Final = 3  # shared numbers and signs from which they may speak for an item alone (ours)
CANDIDATES: Final = pl.Schema({"row": pl.Int64, "item": pl.Int32, "similarity": pl.Float64})


@dataclass(frozen=True, slots=True)
class WordIndex:
    """The benchmark items by their content words."""

    table: Hashes
    words: Places
    """Of a slot of `table` the word's number."""
    weights: Weights
    is_number: Bytes
    posting_offsets: Offsets
    postings: Places
    totals: Weights
    """Of an item the sum of its words' weights, and the same of its numbers: shape (2, items)."""


def candidates(texts: Texts, index: WordIndex, *, min_similarity: float, max_candidates: int) -> pl.DataFrame:
    """Return the most similar items of each text.

    Args:
        texts: questions of problems.
        index: the benchmarks.
        min_similarity: from which an item is a candidate.
        max_candidates: items that are returned for a text at most.

    Returns:
        Frame `row`, `item` (places), `similarity` in [0, 1]; the most similar items of a row first.
    """
    longest = int(np.diff(texts.offsets).max(initial=0)) + 1
    num_items = index.totals.shape[1]
    state = (
        np.empty(longest, np.uint64), np.empty(longest, np.uint64), np.zeros(4, np.uint64),
        np.full(len(index.weights), -1, np.int64), np.full(num_items, -1, np.int64), np.zeros((3, num_items)),
        np.empty(num_items, np.int32),
    )  # fmt: skip
    found = (
        np.empty(len(texts) * max_candidates, np.int32), np.zeros(len(texts) * max_candidates),
        np.zeros(len(texts), np.int32),
    )  # fmt: skip
    kernel: Any = rank_rows  # its tables stand in tuples, which a type checker counts as one argument each
    kernel(
        texts.data, texts.offsets, *tables_of(vocabulary()), index.table, index.words, index.weights, index.is_number,
        index.posting_offsets, index.postings, index.totals, min_similarity, max_candidates, *state, *found,
    )  # fmt: skip
    items, similarities, counts = found
    is_used = (np.arange(max_candidates) < counts[:, None]).ravel()
    rows = np.repeat(np.arange(len(texts)), max_candidates)[is_used]
    return pl.DataFrame({"row": rows, "item": items[is_used], "similarity": similarities[is_used]}, schema=CANDIDATES)


def word_index_of(items: pl.DataFrame) -> WordIndex:
    """Return the index of benchmark items (`benchmark_id`, `question`), built at the first call for them."""
    return built_once(items, "words", build_word_index)


def build_word_index(items: pl.DataFrame) -> WordIndex:
    """Read the items and index their content words."""
    read = read_texts(texts_of(items["question"]))
    num_items = items.height
    held = words_of(read).group_by("word", maintain_order=True).agg("item", pl.col("is_number").first()).sort("word")
    most = max(num_items * MAX_SHARE_OF_ITEMS, 3)
    held = held.with_columns(item=pl.when(pl.col("item").list.len() <= most).then("item").otherwise([]))
    counts = held["item"].list.len().to_numpy()
    weights = 1 - np.log(np.maximum(counts, 1)) / np.log(num_items + FURTHER_ITEMS)
    weights[counts == 0] = 0.0
    is_number = held["is_number"].to_numpy().astype(np.uint8)
    postings = held["item"].explode(empty_as_null=False).to_numpy().astype(np.int32)
    totals = np.zeros((2, num_items))
    each = np.repeat(weights, counts)
    np.add.at(totals[0], postings, each)
    numbers = np.repeat(is_number, counts) == 1
    np.add.at(totals[1], postings[numbers], each[numbers])
    table, places = hash_table(held["word"].to_numpy())
    return WordIndex(
        table, places, weights, is_number, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), postings, totals
    )


def words_of(read: ReadTexts) -> pl.DataFrame:
    """Return the distinct content words and pairs of numbers of each text: `item`, `word` (a key), `is_number`."""
    plain = read.content & ~BEGINS
    item = np.repeat(np.arange(len(read.keys), dtype=np.int32), np.diff(read.content_offsets))
    is_number = (plain & IS_EXACT) != 0
    single = pl.DataFrame({"item": item, "word": spread_all(plain), "is_number": is_number})
    numbers, of_item = plain[is_number], item[is_number]
    pairs = pl.DataFrame(
        {"item": of_item[1:], "word": spread_all(numbers[:-1] * BASE + numbers[1:]), "is_number": True}
    )
    pairs = pairs.filter(pl.Series(of_item[1:] == of_item[:-1]))
    return pl.concat([single, pairs]).unique(["item", "word"], keep="first", maintain_order=True)


@compiled
def rank_rows(
    data: Bytes, offsets: Offsets, plain: Any, kinds: Bytes, values: Any, keys: Hashes, actions: Bytes,
    meanings: Hashes, powers: Hashes, table: Hashes, numbers_of_words: Places, weights: Weights, is_number: Bytes,
    posting_offsets: Offsets, postings: Places, totals: Any, min_similarity: float, max_candidates: int,
    words: Hashes, content: Hashes, key: Hashes, word_seen: Offsets, item_seen: Offsets, scores: Any, touched: Places,
    out_items: Places, out_similarities: Weights, out_counts: Places,
) -> None:  # fmt: skip
    """Write the most similar items of each row, in order."""
    for row in range(len(offsets) - 1):
        _, num_content = read_text(
            data, offsets[row], offsets[row + 1], plain, kinds, values, keys, actions, meanings, powers,
            words, content, key,
        )  # fmt: skip
        num_touched = 0
        total = total_of_numbers = 0.0
        number = np.uint64(0)  # the last one
        for step in range(2 * num_content):  # each word by itself, then with the number before it
            word = content[step >> 1] & ~BEGINS
            is_exact = word & IS_EXACT != 0
            if step & 1:
                if not is_exact:
                    continue
                word, number = number * BASE + word, word
                if word == number:  # nothing stands before the first one
                    continue
            found = find(table, numbers_of_words, spread(word))
            if found < 0:  # stands in no item, so it only makes the texts less alike
                total += 1.0
                total_of_numbers += 1.0 if is_exact else 0.0
                continue
            if word_seen[found] == row:
                continue
            word_seen[found] = row
            total += weights[found]
            total_of_numbers += weights[found] * is_number[found]
            for posting in range(posting_offsets[found], posting_offsets[found + 1]):
                item = postings[posting]
                if item_seen[item] != row:
                    item_seen[item] = row
                    scores[0, item] = scores[1, item] = scores[2, item] = 0.0
                    touched[num_touched] = item
                    num_touched += 1
                scores[0, item] += weights[found]
                scores[1, item] += weights[found] * is_number[found]
                scores[2, item] += is_number[found]
        first = row * max_candidates
        for place in range(num_touched):
            item = touched[place]
            similarity = scores[0, item] / np.sqrt(totals[0, item] * total)
            if scores[2, item] >= MIN_NUMBERS:
                similarity = max(similarity, scores[1, item] / np.sqrt(totals[1, item] * total_of_numbers))
            if similarity < min_similarity:
                continue
            # put it where it belongs among the best so far; of equal ones the first item wins
            slot = first + out_counts[row]
            while slot > first and (
                similarity > out_similarities[slot - 1]
                or (similarity == out_similarities[slot - 1] and item < out_items[slot - 1])
            ):
                if slot < first + max_candidates:
                    out_items[slot], out_similarities[slot] = out_items[slot - 1], out_similarities[slot - 1]
                slot -= 1
            if slot < first + max_candidates:
                out_items[slot], out_similarities[slot] = item, min(similarity, 1.0)
                out_counts[row] = min(out_counts[row] + 1, max_candidates)
