"""The benchmarks as an index: which items hold an n-gram, and how much it says.

An n-gram's weight falls with the number of items that hold it (a phrase of many benchmark items is boilerplate) and
with its glue words and masked numbers. An index is built once per process and set of benchmarks.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.compiled import compiled
from limo_curation.decontamination.reading import MASKED, read_text
from limo_curation.decontamination.scanning import BASE, sign_word, spread
from limo_curation.decontamination.vocabulary import (
    OTHER,
    SIGNS,
    Bytes,
    Hashes,
    Vocabulary,
    vocabulary,
    word_hash,
    word_list,
)
from limo_curation.folding import Offsets, Texts, texts_of

GLUE_WEIGHT: Final = 0.25  # ours, as the next three: of a word with meaning it is 1
NUMBER_WEIGHT: Final = 0.5
SIGN_WEIGHT: Final = 0.5
LETTER_WEIGHT: Final = 0.5
FURTHER_ITEMS: Final = 100  # as if so many more were known: a phrase of both of two items is no boilerplate yet (ours)
LETTERS_SALT: Final = np.uint64(0x5851F42D4C957F2D)  # tells a whole text's key from an n-gram's in the table
BITS_PER_GRAM: Final = 16  # of the filter: 1 place in 16 is a false alarm, which the table then finds out
MAX_INDEXES: Final = 4  # that are held at once
SHIFT: Final = np.uint64(32)

Places = npt.NDArray[np.int32]
Weights = npt.NDArray[np.float64]
AnyIndex = TypeVar("AnyIndex")


@dataclass(frozen=True, slots=True)
class Index:
    """The benchmark items, by their n-grams and by their whole texts."""

    ids: pl.Series
    ngram_size: int
    filter: Hashes
    """One bit for each n-gram: nearly all n-grams of a problem are turned away here."""
    table: Hashes
    grams: Places
    """Of a slot of `table` the n-gram's number; numbers from `len(weights)` on are whole texts."""
    weights: Weights
    posting_offsets: Offsets
    postings: Places
    totals: Weights
    """Of an item the sum of its n-grams' weights."""
    num_grams: Places
    numbers: Hashes
    drawings: Hashes
    num_han: Hashes
    content: Hashes
    content_offsets: Offsets


@dataclass(frozen=True, slots=True)
class ReadTexts:
    """Texts as the reader sees them, one behind the other."""

    words: Hashes
    word_offsets: Offsets
    content: Hashes
    content_offsets: Offsets
    keys: Hashes
    """Of each text the keys of its letters, its numbers and signs, its drawing, and its Han characters: (rows, 4)."""


_indexes: OrderedDict[str, Any] = OrderedDict()
_lock = threading.Lock()


def index_of(items: pl.DataFrame, *, ngram_size: int) -> Index:
    """Return the index of benchmark items, built at the first call for them.

    Args:
        items: `benchmark_id`, `question`.
        ngram_size: words to an n-gram.
    """
    return built_once(items, f"n-grams of {ngram_size}", partial(build_index, ngram_size=ngram_size))


def built_once(items: pl.DataFrame, kind: str, build: Callable[[pl.DataFrame], AnyIndex]) -> AnyIndex:
    """Return what `build` makes of benchmark items; the same items and kind are built once per process."""
    digest = hashlib.sha256(kind.encode())
    for name in ("benchmark_id", "question"):
        texts = texts_of(items[name].cast(pl.String))
        digest.update(texts.offsets.tobytes() + texts.data.tobytes())
    key = digest.hexdigest()
    with _lock:  # parts run in threads, and the first ones all want it
        if key not in _indexes:
            _indexes[key] = build(items)
        while len(_indexes) > MAX_INDEXES:
            _indexes.popitem(last=False)
        return _indexes[key]


def build_index(items: pl.DataFrame, *, ngram_size: int) -> Index:
    """Read the items and index them."""
    read = read_texts(texts_of(items["question"]))
    grams = grams_of(read, ngram_size)
    num_items = items.height
    held = grams.group_by("gram", maintain_order=True).agg("item", pl.col("weight").first()).sort("gram")
    counts = held["item"].list.len().to_numpy()
    rarity = 1 - np.log(counts) / np.log(num_items + FURTHER_ITEMS)  # of one item's phrase 1, of a common one near 0
    weights = held["weight"].to_numpy() * rarity
    totals = np.zeros(num_items)
    holders = held["item"].explode(empty_as_null=False).to_numpy()
    np.add.at(totals, holders, np.repeat(weights, counts))
    whole = pl.DataFrame({"gram": letters_keys(read.keys[:, 0]), "item": np.arange(num_items, dtype=np.int32)})
    whole = whole.filter(pl.Series(read.keys[:, 0] != 0)).group_by("gram", maintain_order=True).agg("item").sort("gram")
    postings = pl.concat([held.select("gram", "item"), whole])
    lengths = postings["item"].list.len().to_numpy()
    keys = postings["gram"].to_numpy()
    table, places = hash_table(keys)
    return Index(
        ids=items["benchmark_id"],
        ngram_size=ngram_size,
        filter=bit_filter(held["gram"].to_numpy()),
        table=table,
        grams=places,
        weights=weights,
        posting_offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        postings=postings["item"].explode(empty_as_null=False).to_numpy().astype(np.int32),
        totals=totals,
        num_grams=np.bincount(holders, minlength=num_items).astype(np.int32),
        numbers=read.keys[:, 1].copy(),
        drawings=read.keys[:, 2].copy(),
        num_han=read.keys[:, 3].copy(),
        content=read.content,
        content_offsets=read.content_offsets,
    )


def read_texts(texts: Texts) -> ReadTexts:
    """Read texts whole; a problem is read on the fly, without this."""
    rows = len(texts)
    room = int(texts.offsets[-1] - texts.offsets[0]) + rows
    read = ReadTexts(
        np.empty(room, np.uint64), np.zeros(rows + 1, np.int64),
        np.empty(room, np.uint64), np.zeros(rows + 1, np.int64), np.zeros((rows, 4), np.uint64),
    )  # fmt: skip
    kernel: Any = read_rows  # its tables stand in a tuple, which a type checker counts as one argument
    kernel(
        texts.data, texts.offsets, *tables_of(vocabulary()),
        read.words, read.word_offsets, read.content, read.content_offsets, read.keys,
    )  # fmt: skip
    num_words, num_content = read.word_offsets[-1], read.content_offsets[-1]
    return ReadTexts(
        read.words[:num_words], read.word_offsets, read.content[:num_content], read.content_offsets, read.keys
    )


def tables_of(known: Vocabulary) -> tuple[Any, ...]:
    """Return the vocabulary as the kernels take it."""
    return known.plain, known.kind, known.value, known.keys, known.actions, known.values, known.powers


def grams_of(read: ReadTexts, size: int) -> pl.DataFrame:
    """Return the distinct n-grams of each text: `item`, `gram`, `weight` (mean of its words' weights)."""
    words = read.words
    count = max(len(words) - size + 1, 0)
    gram = np.zeros(count, np.uint64)
    weight = np.zeros(count)
    word_weight = weights_of_words(words)
    for place in range(size):
        gram = gram * BASE + words[place : place + count]
        weight += word_weight[place : place + count] / size
    lengths = np.diff(read.word_offsets)
    item = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    frame = pl.DataFrame({"item": item[:count], "gram": spread_all(gram), "weight": weight})
    is_whole = item[:count] == item[size - 1 : size - 1 + count]  # none reaches over the end of its text
    return frame.filter(pl.Series(is_whole)).unique(["item", "gram"], keep="first", maintain_order=True)


def weights_of_words(words: Hashes) -> Weights:
    """Return how much each word says by itself."""
    glue = [spread(np.uint64(word_hash(word))) for word in word_list("glue_words")]
    letters = [spread(np.uint64(word_hash(chr(code)))) for code in range(ord("a"), ord("z") + 1)]
    signs = [sign_word(sign, OTHER) for sign in SIGNS.values()]
    weights = np.ones(len(words))
    weights[np.isin(words, np.array(letters, np.uint64))] = LETTER_WEIGHT
    weights[np.isin(words, np.array(signs, np.uint64))] = SIGN_WEIGHT
    weights[words == MASKED] = NUMBER_WEIGHT
    weights[np.isin(words, np.array(glue, np.uint64))] = GLUE_WEIGHT
    return weights


def hash_table(keys: Hashes) -> tuple[Hashes, Places]:
    """Return slots by open addressing, and of each slot the place of its key."""
    size = 1 << (2 * len(keys) + 1).bit_length()
    table, places = np.zeros(size, np.uint64), np.zeros(size, np.int32)
    fill_table(keys, table, places)
    return table, places


def bit_filter(keys: Hashes) -> Hashes:
    """Return a set of bits in which each key has its own (some share one)."""
    bits = np.zeros((1 << (BITS_PER_GRAM * len(keys) + 64).bit_length()) >> 6, np.uint64)
    place = keys & np.uint64(len(bits) * 64 - 1)
    np.bitwise_or.at(bits, (place >> np.uint64(6)).astype(np.int64), np.uint64(1) << (place & np.uint64(63)))
    return bits


def letters_keys(letters: Hashes) -> Hashes:
    """Return the table's keys of whole texts."""
    return spread_all(letters ^ LETTERS_SALT)


def spread_all(values: Hashes) -> Hashes:
    """Return `scanning.spread` of each value."""
    out = np.empty(len(values), np.uint64)
    spread_rows(values, out)
    return out


@compiled
def spread_rows(values: Hashes, out: Hashes) -> None:
    """Spread each value."""
    for row in range(len(values)):
        out[row] = spread(values[row])


@compiled
def fill_table(keys: Hashes, table: Hashes, places: Places) -> None:
    """Put each key into the first free slot from its own on."""
    mask = np.uint64(len(table) - 1)
    for place in range(len(keys)):
        slot = (keys[place] >> SHIFT) & mask
        while table[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = keys[place]
        places[slot] = place


@compiled
def read_rows(
    data: Bytes, offsets: Offsets, plain: Any, kinds: Bytes, values: Any, keys: Hashes, actions: Bytes,
    meanings: Hashes, powers: Hashes, words: Hashes, word_offsets: Offsets, content: Hashes, content_offsets: Offsets,
    out: Any,
) -> None:  # fmt: skip
    """Read each row behind the one before it."""
    for row in range(len(offsets) - 1):
        first, first_content = word_offsets[row], content_offsets[row]
        num_words, num_content = read_text(
            data, offsets[row], offsets[row + 1], plain, kinds, values, keys, actions, meanings, powers,
            words[first:], content[first_content:], out[row],
        )  # fmt: skip
        word_offsets[row + 1] = first + num_words
        content_offsets[row + 1] = first_content + num_content
