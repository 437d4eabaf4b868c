"""The compiled half of corpus.py: grow a row's text from the grammar, redraw its numbers, edit it lightly.

write_rows -> plan_row     what the row is, and the original that it grows from
           -> grow         the text from the grammar
           -> edit         for edits: one to three small changes, none to a number
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from limo_curation.compiled import compiled
from measurements.corpus_edits import GOLDEN, MIX_1, MIX_2, S27, S30, S31, S32, edit

Bytes = npt.NDArray[np.uint8]
Integers = Any  # NumPy's 64-bit integers, which stand for Python's in a kernel
Hashes = npt.NDArray[np.uint64]

MAX_ROW_BYTES: Final = 2_048  # longest row seen in 10M: below 1,200

# what stands in the grammar's data beside text and symbols
COUNT_SLOT: Final = 1
FORMULA_SLOT: Final = 2
LIST_SLOT: Final = 3

# the roles of symbols
PLAIN: Final = 0
ONCE: Final = 1
SENTENCE: Final = 2

# the places of the kernel's own symbols in Grammar.own
FEW: Final = 0
LETTER: Final = 1
LIST_OPEN: Final = 2
REST_OPEN: Final = 3

ORIGINAL: Final = 0
EDIT: Final = 1
COPY: Final = 2
RENUMBERED: Final = 3
KIND_SHARES: Final = np.array([0.65, 0.87, 0.90])  # cumulative: original, edit, copy; the rest is renumbered
# with twelve kinds, texts that share two of three sentences are about 1e-8 of the pairs, as they are where 25,820 real
# sentences are recombined
SENTENCES_PER_KIND: Final = 8_192
MAX_DEPTH: Final = 32

# cumulative shares of problems with 0, 1, 2, ... numbers in a real pool (median 4, 90 % at most 12)
COUNT_SHARES: Final = np.cumsum(
    [0.049, 0.080, 0.159, 0.172, 0.132, 0.088, 0.066, 0.049, 0.035, 0.025, 0.02, 0.015, 0.012] + [0.00817] * 12
)
# the same pool's one-digit values, most frequent first: 2, 1, 3, 0, 4, 5
DIGIT_SHARES: Final = np.cumsum([0.12, 0.17, 0.21, 0.13, 0.11, 0.09, 0.06, 0.035, 0.045, 0.03])
LENGTH_SHARES: Final = np.array([0.69, 0.87, 0.94])  # cumulative shares of one, two and three digits
ROUND_NUMBERS: Final = np.array([10, 12, 15, 16, 18, 20, 24, 25, 30, 40, 50, 60, 64, 75, 80, 90])

S11: Final = np.uint64(11)
UNIT: Final = 1.0 / (1 << 53)

# the streams of random numbers that a row has
WORDS: Final = 0
VALUES: Final = 1
KIND_STREAM: Final = np.uint64(0x4B494E44)
TEXT_STREAM: Final = np.uint64(0x54455854)
EDIT_STREAM: Final = np.uint64(0x45444954)
BANK_STREAM: Final = np.uint64(0x42414E4B)


@compiled
def mix(value: Any) -> Any:
    """Return splitmix64's output for a state: a permutation of 64-bit numbers."""
    value = value + GOLDEN
    value = (value ^ (value >> S30)) * MIX_1
    value = (value ^ (value >> S27)) * MIX_2
    return value ^ (value >> S31)


@compiled
def row_seed(seed: int, row: int, stream: Any) -> Any:
    """Return the state with which one of a row's streams begins."""
    return mix(mix(np.uint64(seed) ^ stream) ^ np.uint64(row))


@compiled
def draw(state: Hashes, stream: int, size: int) -> int:
    """Return the next number of a stream, in [0, size)."""
    state[stream] += GOLDEN
    return int(((mix(state[stream]) >> S32) * np.uint64(size)) >> S32)


@compiled
def draw_share(state: Hashes, stream: int) -> float:
    """Return the next number of a stream, in [0, 1)."""
    state[stream] += GOLDEN
    return np.float64(mix(state[stream]) >> S11) * UNIT


@compiled
def place_in(shares: Any, value: float) -> int:
    """Return how many of the cumulative shares the value has passed."""
    place = 0
    while place < len(shares) and value >= shares[place]:
        place += 1
    return place


@compiled
def kind_of(seed: int, row: int) -> int:
    """Return what a row is."""
    if row == 0:
        return ORIGINAL
    return place_in(KIND_SHARES, np.float64(row_seed(seed, row, KIND_STREAM) >> S11) * UNIT)


@compiled
def count_of(seed: int, row: int) -> int:
    """Return how many numbers an original has; the first one has some, so that every row finds an original."""
    if row == 0:
        return 4
    share = np.float64(mix(row_seed(seed, row, TEXT_STREAM)) >> S11) * UNIT
    return place_in(COUNT_SHARES, share)


@compiled
def original_of(seed: int, row: int, kind: int) -> int:
    """Return the original from which a row is made: any earlier one; with numbers, where they are to change."""
    if kind == ORIGINAL:
        return row
    state = np.empty(1, np.uint64)
    state[0] = row_seed(seed, row, EDIT_STREAM)
    for _ in range(64):
        source = int(draw_share(state, 0) * row)
        if kind_of(seed, source) == ORIGINAL and (kind != RENUMBERED or count_of(seed, source) > 0):
            return source
    return 0


@compiled
def write_rows(
    start: int, seed: int,
    grammar: Bytes, starts: Integers, first: Integers, roles: Bytes, topics: Integers, own: Integers,
    data: Bytes, offsets: Integers, kinds: Bytes, made_from: Integers, numbers: Hashes, num_numbers: Integers,
) -> None:  # fmt: skip
    """Write the rows from `start` on, as many as `kinds` has room for."""
    scratch = np.empty((2, MAX_ROW_BYTES), np.uint8)
    digest = np.empty(1, np.uint64)
    end = 0
    for place in range(len(kinds)):
        row = start + place
        kind = kind_of(seed, row)
        source = original_of(seed, row, kind)
        count = count_of(seed, source)
        length = grow(seed, source, 0, count, grammar, starts, first, roles, topics, own, scratch[0], digest)
        if kind == RENUMBERED:
            # few numbers may come out as they were: draw until one differs
            before = digest[0]
            salt = row
            while digest[0] == before:
                length = grow(seed, source, salt, count, grammar, starts, first, roles, topics, own, scratch[0], digest)
                salt += 1 << 40
        elif kind == EDIT:
            length = edit(scratch, length, row_seed(seed, row, EDIT_STREAM))
        data[end : end + length] = scratch[0, :length]
        end += length
        offsets[place + 1] = end
        kinds[place] = kind
        made_from[place] = source
        numbers[place] = digest[0]
        num_numbers[place] = count


@compiled
def grow(
    seed: int, row: int, salt: int, count: int,
    grammar: Bytes, starts: Integers, first: Integers, roles: Bytes, topics: Integers, own: Integers,
    out: Bytes, digest: Hashes,
) -> int:  # fmt: skip
    """Write an original's text with `count` numbers and return its length; another salt draws other numbers."""
    state = np.empty(2, np.uint64)
    text_seed = row_seed(seed, row, TEXT_STREAM)
    state[WORDS] = mix(text_seed ^ GOLDEN)
    state[VALUES] = mix(text_seed ^ mix(np.uint64(salt)))
    at, stop = np.empty(MAX_DEPTH, np.int64), np.empty(MAX_DEPTH, np.int64)
    saved = np.empty(MAX_DEPTH, np.uint64)
    is_ready = np.zeros(MAX_DEPTH, np.uint8)
    digest[0] = np.uint64(0)
    left = count
    o = 0
    topic = topics[draw(state, WORDS, len(topics))]
    alternative = first[topic] + draw(state, WORDS, first[topic + 1] - first[topic])
    at[0], stop[0] = starts[alternative], starts[alternative + 1]
    depth = 0
    while depth >= 0:
        if at[depth] == stop[depth]:
            if is_ready[depth]:
                state[WORDS] = saved[depth]
            depth -= 1
            continue
        byte = grammar[at[depth]]
        at[depth] += 1
        if byte >= 128:
            symbol = int(byte) - 128
            depth += 1
            is_ready[depth] = roles[symbol] == SENTENCE
            size = first[symbol + 1] - first[symbol]
            if roles[symbol] == ONCE:
                chosen = int(((mix(text_seed ^ np.uint64(symbol + 1)) >> S32) * np.uint64(size)) >> S32)
            else:
                if roles[symbol] == SENTENCE:
                    ready = draw(state, WORDS, SENTENCES_PER_KIND)
                    saved[depth] = state[WORDS]
                    state[WORDS] = row_seed(symbol, ready, BANK_STREAM)
                chosen = draw(state, WORDS, size)
            at[depth], stop[depth] = starts[first[symbol] + chosen], starts[first[symbol] + chosen + 1]
        elif byte in (COUNT_SLOT, FORMULA_SLOT):
            symbol = own[FEW] if byte == COUNT_SLOT else own[LETTER]
            # drawn in any case, so that the words behind it don't depend on it
            word = first[symbol] + draw(state, WORDS, first[symbol + 1] - first[symbol])
            if left > 0:
                o = write_number(state, out, o, digest)
                left -= 1
            else:
                o = write_text(grammar, starts[word], starts[word + 1], out, o)
        elif byte == LIST_SLOT:
            if left > 6:
                o = write_list(state, left - 4, own[LIST_OPEN], grammar, starts, first, out, o, digest)
                left = 4
        else:
            out[o] = byte
            o += 1
    if left > 0:
        o = write_list(state, left, own[REST_OPEN], grammar, starts, first, out, o, digest)
    return o


@compiled
def write_text(grammar: Bytes, start: int, stop: int, out: Bytes, o: int) -> int:
    """Copy plain text of the grammar."""
    for place in range(start, stop):
        out[o] = grammar[place]
        o += 1
    return o


@compiled
def write_list(
    state: Hashes,
    count: int,
    symbol: int,
    grammar: Bytes,
    starts: Integers,
    first: Integers,
    out: Bytes,
    o: int,
    digest: Hashes,
) -> int:
    """Write a sentence that lists numbers."""
    out[o] = 32
    o += 1
    word = first[symbol] + draw(state, WORDS, first[symbol + 1] - first[symbol])
    o = write_text(grammar, starts[word], starts[word + 1], out, o)
    for place in range(count):
        if place:
            out[o] = 44
            o += 1
        out[o] = 32
        o = write_number(state, out, o + 1, digest)
    out[o] = 46
    return o + 1


@compiled
def write_number(state: Hashes, out: Bytes, o: int, digest: Hashes) -> int:
    """Write a number drawn as in a real pool, and add it to the digest."""
    length = place_in(LENGTH_SHARES, draw_share(state, VALUES))
    is_plain = draw(state, VALUES, 2) == 0
    is_decimal = False
    if length == 0:
        value = place_in(DIGIT_SHARES, draw_share(state, VALUES))
    elif length == 1:
        value = ROUND_NUMBERS[draw(state, VALUES, 16)] if is_plain else 10 + draw(state, VALUES, 90)
    elif length == 2:
        value = 50 * (2 + draw(state, VALUES, 18)) if is_plain else 100 + draw(state, VALUES, 900)
    else:
        is_decimal = draw(state, VALUES, 3) == 0
        value = (
            10 * draw(state, VALUES, 100) + 1 + draw(state, VALUES, 9)
            if is_decimal
            else 1000 + draw(state, VALUES, 2000) * (1 if is_plain else 7)
        )
    digest[0] = mix(digest[0] ^ mix(np.uint64(2 * value + is_decimal)))
    return write_decimal(value, is_decimal, not is_plain and length == 3, out, o)


@compiled
def write_decimal(value: int, is_decimal: bool, has_separator: bool, out: Bytes, o: int) -> int:
    """Write a number's digits: with a point before the last one, or with commas between groups of three."""
    power, place = np.int64(1), 0
    while power * 10 <= value or (is_decimal and place < 1):
        power *= 10
        place += 1
    while place >= 0:
        out[o] = 48 + (value // power) % 10
        o += 1
        if is_decimal and place == 1:
            out[o] = 46
            o += 1
        elif not is_decimal and has_separator and place == 3:
            out[o] = 44
            o += 1
        power //= 10
        place -= 1
    return o


@compiled
def mixed(values: Hashes, seed: int) -> Hashes:
    """Return a permutation of 64-bit numbers, another for each seed."""
    result = np.empty(len(values), np.uint64)
    salt = mix(np.uint64(seed))
    for place in range(len(values)):
        result[place] = mix(values[place] ^ salt)
    return result


@compiled
def write_hex(left: Hashes, right: Hashes, digits: Bytes) -> None:
    """Write 16 hex digits of the one number and 4 of the other into each row."""
    for row in range(len(left)):
        for place in range(20):
            value = left[row] if place < 16 else right[row]
            digit = np.uint8((value >> np.uint64(4 * (place & 15))) & np.uint64(15))
            digits[row, place] = digit + (48 if digit < 10 else 87)
