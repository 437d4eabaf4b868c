"""Match problems with an index of benchmark items: one pass over the texts, a rule and a score for each pair.

A problem's n-grams are looked up one by one; the items that hold them collect their weights. Only where an item has
collected its threshold are the two texts' contents compared.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from limo_curation.compiled import compiled
from limo_curation.decontamination.index import LETTERS_SALT, Index, Places, Weights, tables_of
from limo_curation.decontamination.reading import read_text
from limo_curation.decontamination.scanning import BASE, BEGINS, spread
from limo_curation.decontamination.vocabulary import Bytes, Hashes, vocabulary
from limo_curation.folding import Offsets, Texts

RULES: Final = ("exact", "ngram", "variant")
EXACT, NGRAM, VARIANT, NO_RULE = range(4)
NO_ITEM: Final = -1
ROOM: Final = 1 << 16  # pairs that are written before the results are put away
MIN_VARIANT_EVIDENCE: Final = 4.0
"""Weight of shared n-grams (as many n-grams without glue words) below which likeness is boilerplate. Ours."""
MIN_EVIDENCE: Final = 2.0
"""The same where the whole content agrees; below it the problem has to be the item and nothing else. Ours."""
WHOLE: Final = 0.999  # a share that is 1 but for rounding
ONE: Final = np.uint64(1)
SHIFT: Final = np.uint64(32)
SIX: Final = np.uint64(6)


def match(texts: Texts, index: Index, *, min_containment: float, min_variant_containment: float) -> pl.DataFrame:
    """Match texts with the items of an index.

    Args:
        texts: questions of problems.
        index: the benchmarks.
        min_containment: share of an item's weighted n-grams from which the n-gram rule is tried.
        min_variant_containment: the same for the variant rule.

    Returns:
        Frame `row`, `item` (places), `rule` (place in `RULES`), `score` (share in [0, 1]).
    """
    longest = int(np.diff(texts.offsets).max(initial=0)) + 1
    num_items = len(index.totals)
    state = (
        np.empty(longest, np.uint64), np.empty(longest, np.uint64), np.zeros(4, np.uint64),
        np.full(len(index.weights), -1, np.int64), np.full(num_items, -1, np.int64), np.zeros(num_items),
        np.empty(num_items, np.int32),
    )  # fmt: skip
    rows, items = np.empty(ROOM + num_items, np.int64), np.empty(ROOM + num_items, np.int32)
    rules, scores = np.empty(ROOM + num_items, np.uint8), np.empty(ROOM + num_items)
    found: list[pl.DataFrame] = []
    kernel: Any = match_rows  # its tables stand in tuples, which a type checker counts as one argument each
    row = 0
    while row < len(texts):
        row, count = kernel(
            texts.data, texts.offsets, row, *tables_of(vocabulary()),
            index.ngram_size, index.filter, index.table, index.grams, index.weights, index.posting_offsets,
            index.postings, index.totals, index.num_grams, index.numbers, index.drawings, index.num_han,
            index.content, index.content_offsets, min_containment, min_variant_containment,
            *state, rows, items, rules, scores,
        )  # fmt: skip
        columns = {"row": rows, "item": items, "rule": rules, "score": scores}
        found.append(pl.DataFrame({name: values[:count].copy() for name, values in columns.items()}))
    schema = {"row": pl.Int64, "item": pl.Int32, "rule": pl.UInt8, "score": pl.Float64}
    return pl.concat([pl.DataFrame(schema=schema), *found])


@compiled
def match_rows(
    data: Bytes, offsets: Offsets, row: int, plain: Any, kinds: Bytes, values: Any, keys: Hashes, actions: Bytes,
    meanings: Hashes, powers: Hashes,
    size: int, bits: Hashes, table: Hashes, grams: Places, weights: Weights, posting_offsets: Offsets,
    postings: Places, totals: Weights, num_grams: Places, numbers: Hashes, drawings: Hashes, num_han: Hashes,
    item_content: Hashes, content_offsets: Offsets, min_containment: float, min_variant: float,
    words: Hashes, content: Hashes, key: Hashes, gram_seen: Offsets, item_seen: Offsets, scores: Weights,
    touched: Places, out_rows: Offsets, out_items: Places, out_rules: Bytes, out_scores: Weights,
) -> tuple[int, int]:  # fmt: skip
    """Match rows until all are done or the room for results is used up; return where to go on, and the results."""
    num_out = 0
    while row < len(offsets) - 1 and num_out < ROOM:
        num_words, num_content = read_text(
            data, offsets[row], offsets[row + 1], plain, kinds, values, keys, actions, meanings, powers,
            words, content, key,
        )  # fmt: skip
        num_touched, num_distinct = collect(
            words, num_words, size, bits, table, grams, weights, posting_offsets, postings, row, gram_seen, item_seen,
            scores, touched,
        )  # fmt: skip
        first_out = num_out
        found = find(table, grams, spread(key[0] ^ LETTERS_SALT)) if key[0] != 0 else NO_ITEM
        if found >= len(weights):
            for posting in range(posting_offsets[found], posting_offsets[found + 1]):
                item = postings[posting]
                if numbers[item] == key[1]:
                    out_rows[num_out], out_items[num_out] = row, item
                    out_rules[num_out], out_scores[num_out] = EXACT, 1.0
                    num_out += 1
        last_exact = num_out
        for place in range(num_touched):
            item = touched[place]
            share = scores[item] / totals[item]
            if share < min(min_containment, min_variant) or stands_in(out_items, first_out, last_exact, item):
                continue
            wanted = item_content[content_offsets[item] : content_offsets[item + 1]]
            is_drawn_alike = drawings[item] == key[2] or drawings[item] == 0 or key[2] == 0
            # words of another language differ anyway, so what is shared are formulas: they decide
            is_translated = (key[3] == 0) != (num_han[item] == 0) and key[1] == numbers[item]
            if (is_translated or holds(content, num_content, wanted)) and is_drawn_alike:
                is_whole = share >= WHOLE and num_distinct <= num_grams[item]
                rule = NGRAM if share >= min_containment and (scores[item] >= MIN_EVIDENCE or is_whole) else NO_RULE
            else:
                rule = VARIANT if share >= min_variant and scores[item] >= MIN_VARIANT_EVIDENCE else NO_RULE
            if rule != NO_RULE:
                out_rows[num_out], out_items[num_out] = row, item
                out_rules[num_out], out_scores[num_out] = rule, min(share, 1.0)
                num_out += 1
        row += 1
    return row, num_out


@compiled
def collect(
    words: Hashes, num_words: int, size: int, bits: Hashes, table: Hashes, grams: Places, weights: Weights,
    posting_offsets: Offsets, postings: Places, row: int, gram_seen: Offsets, item_seen: Offsets, scores: Weights,
    touched: Places,
) -> tuple[int, int]:  # fmt: skip
    """Add the weights of a row's n-grams up by item; return how many items it touches, and its distinct n-grams."""
    outgoing = ONE  # what the oldest word of an n-gram was multiplied by
    for _ in range(size):
        outgoing *= BASE
    num_touched = 0
    num_distinct = num_words - size + 1  # repeated ones are taken off where they are met
    gram = np.uint64(0)
    for place in range(num_words):
        gram = gram * BASE + words[place]
        if place >= size:
            gram -= words[place - size] * outgoing
        elif place < size - 1:
            continue
        probe = spread(gram)
        bit = probe & np.uint64(len(bits) * 64 - 1)
        if not (bits[bit >> SIX] >> (bit & np.uint64(63))) & ONE:
            continue
        found = find(table, grams, probe)
        if found < 0 or found >= len(weights):
            continue
        if gram_seen[found] == row:
            num_distinct -= 1
            continue
        gram_seen[found] = row
        for posting in range(posting_offsets[found], posting_offsets[found + 1]):
            item = postings[posting]
            if item_seen[item] != row:
                item_seen[item] = row
                scores[item] = 0.0
                touched[num_touched] = item
                num_touched += 1
            scores[item] += weights[found]
    return num_touched, num_distinct


@compiled
def find(table: Hashes, grams: Places, probe: Any) -> Any:
    """Return the number under which a key stands in the table, or -1."""
    mask = np.uint64(len(table) - 1)
    slot = (probe >> SHIFT) & mask
    while table[slot] != 0:
        if table[slot] == probe:
            return grams[slot]
        slot = (slot + ONE) & mask
    return NO_ITEM


@compiled
def stands_in(items: Places, start: int, stop: int, item: int) -> bool:
    """Return whether an item is among those of a range."""
    for place in range(start, stop):  # noqa: SIM110  the compiler knows no generators
        if items[place] == item:
            return True
    return False


@compiled
def holds(content: Hashes, num_content: int, wanted: Hashes) -> bool:
    """Return whether the wanted content stands whole in a text, between a sentence's beginning and a sentence's end."""
    length = len(wanted)
    if length == 0:
        return False
    for start in range(num_content - length + 1):
        if not content[start] & BEGINS:
            continue
        stop = start + length
        if stop < num_content and not content[stop] & BEGINS:
            continue
        place = 0
        while place < length and (content[start + place] | BEGINS) == (wanted[place] | BEGINS):
            place += 1
        if place == length:
            return True
    return False
