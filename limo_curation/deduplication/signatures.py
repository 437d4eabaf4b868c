"""MinHash signatures of many texts at once, also bit by bit those of datasketch 2.x.

    index = MinHashLSH(num_perm=128, params=optimal_bands(0.7, 128))
    for key, sketch in zip(keys, to_datasketch(signatures(texts)), strict=True):
        index.insert(key, sketch)

datasketch hashes each character n-gram's UTF-8 bytes with SHA-1, takes the first 32 bits, mixes them (MurmurHash3's
finalizer) and permutes them num_perm times as a * h + b modulo 2**32; a signature holds each permutation's least value.
Here the SHA-1 of an n-gram that was met lately is looked up, and the permutations run side by side as SIMD lanes.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.compiled import Scalar, compiled
from limo_curation.deduplication.sketching import BYTE, FACTOR, SECOND_FACTOR, gram_keys, sign
from limo_curation.folding import Bytes, Hashes, Offsets, texts_of

if TYPE_CHECKING:
    from datasketch import MinHash

Scheme = Literal["datasketch", "one_permutation"]
Signatures = npt.NDArray[np.uint32]

EMPTY: Final = np.uint32(0xFFFFFFFF)  # what every value begins with
MAX_INDEX_THRESHOLD: Final = 0.9  # the optimiser finds nothing for thresholds near 1 (a single band)
MISS_LITTLE: Final = (0.02, 0.98)  # weights of false and missed candidates: candidates are cheap, missed pairs are lost
MEMO_BITS: Final = 18  # 262,144 n-grams in 6 MiB: most of the n-grams of a pool, and little more than a core's cache
PACKED_BYTES: Final = 15  # an n-gram up to this length stands in two 64-bit numbers, the length in the last byte
WORD_BYTES: Final = 8
ALL_BITS: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
LENGTH_SHIFT: Final = np.uint64(56)


def signatures(
    texts: Sequence[str] | pl.Series,
    *,
    num_perm: int = 128,
    seed: int = 1,
    scheme: Scheme = "datasketch",
    ngram_size: int = 5,
) -> Signatures:
    """Return the MinHash signatures of texts over their character n-grams.

    Characters are Unicode characters. A text shorter than one n-gram is its own only one, the empty text too. The texts
    are taken as they are: whoever wants case or white space ignored folds them first.

    Args:
        texts: any Unicode text, without nulls.
        num_perm: permutations, the columns of the result.
        seed: of the permutations, in [0, 2**32).
        scheme: `datasketch`, the values of datasketch 2.x's default; or `one_permutation`, the deduplication's own: one
            hash that falls into one of num_perm bins, an eighth of the cost, not for indexes of datasketch.
        ngram_size: characters to an n-gram.

    Returns:
        Array of shape (len(texts), num_perm). A bin of `one_permutation` into which no n-gram falls holds
        0xFFFFFFFF; where it is empty in both of two texts, it says nothing about their similarity.

    Raises:
        ValueError: unknown scheme, a number out of its range, or a null among the texts.
    """
    if num_perm < 1 or ngram_size < 1:
        raise ValueError(f"num_perm is {num_perm} and ngram_size {ngram_size}; both must be at least 1")
    column = texts if isinstance(texts, pl.Series) else pl.Series("text", texts, pl.String)
    if column.null_count():
        raise ValueError(f"{column.null_count()} of {len(column)} texts are null; fill or drop them first")
    plain = texts_of(column)
    data, offsets = plain.data, plain.offsets
    found = np.full((len(column), num_perm), EMPTY, np.uint32)
    if scheme == "datasketch":
        memo_keys = np.zeros((1 << MEMO_BITS, 2), np.uint64)
        memo_hashes = np.zeros(1 << MEMO_BITS, np.uint32)
        sign_like_datasketch(data, offsets, ngram_size, *permutations(num_perm, seed), memo_keys, memo_hashes, found)
    elif scheme == "one_permutation":
        sign_in_one_permutation(data, offsets, ngram_size, np.uint64((seed - 1) * int(FACTOR) % 2**64), found)
    else:
        raise ValueError(f"scheme {scheme!r} is unknown; use 'datasketch' or 'one_permutation'")
    return found


def permutations(num_perm: int, seed: int) -> tuple[Signatures, Signatures]:
    """Return the factors and summands of datasketch's permutations, drawn as it draws them (scheme affine32)."""
    generator = np.random.RandomState(seed)
    factors = generator.randint(0, 1 << 31, num_perm, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    return factors, generator.randint(0, 1 << 32, num_perm, dtype=np.uint32)


# -- with datasketch ---------------------------------------------------------------------------------------------------


@functools.cache
def optimal_bands(threshold: float, num_perm: int) -> tuple[int, int]:
    """Return the number of bands and the rows of each, as datasketch's optimiser chooses them.

    Args:
        threshold: Jaccard similarity from which pairs are wanted, in (0, 1]; above 0.9 it counts as 0.9, since the
            candidates are verified anyway.
        num_perm: length of the signatures, at least 2.
    """
    from datasketch import MinHashLSH

    index: Any = MinHashLSH(threshold=min(threshold, MAX_INDEX_THRESHOLD), num_perm=num_perm, weights=MISS_LITTLE)
    return int(index.b), int(index.r)


def to_datasketch(found: Signatures, *, seed: int = 1) -> Iterator[MinHash]:
    """Yield signatures of scheme `datasketch` as the library's own objects, for its MinHashLSH, LSHForest or LSHBloom.

    Args:
        found: from `signatures(..., scheme="datasketch")`.
        seed: the one that they were made with; the library compares sketches of one seed only.
    """
    from datasketch import MinHash

    shared = np.array(permutations(found.shape[1], seed))
    for row in found:
        yield MinHash(seed=seed, hashvalues=row, permutations=shared, scheme="affine32")


# -- the kernels -------------------------------------------------------------------------------------------------------


@compiled
def sign_like_datasketch(
    data: Bytes, offsets: Offsets, size: int, factors: Signatures, summands: Signatures,
    memo_keys: Hashes, memo_hashes: Signatures, found: Signatures,
) -> None:  # fmt: skip
    """Write each text's signature to its row of `found`, whose values are `EMPTY`."""
    longest = 1
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    starts = np.empty(longest + 1, np.int64)
    hashes = np.empty(longest + 4, np.uint32)
    work = np.empty(80, np.uint32)
    for row in range(len(offsets) - 1):
        num_characters = character_starts(data, offsets[row], offsets[row + 1], starts)
        count = max(num_characters - size + 1, 1)
        if size <= num_characters == offsets[row + 1] - offsets[row] and size <= WORD_BYTES:
            hash_ascii(data, offsets[row], count, size, memo_keys, memo_hashes, work, hashes)
        else:
            length = min(size, num_characters)
            for first in range(count):
                hashes[first] = hash_of(data, starts[first], starts[first + length], memo_keys, memo_hashes, work)
        permute(hashes, count, factors, summands, found[row])


@compiled
def character_starts(data: Bytes, start: int, end: int, starts: Offsets) -> int:
    """Write where each character begins, and the end behind the last; return their number."""
    count = 0
    for place in range(start, end):
        starts[count] = place
        count += data[place] & 0xC0 != 0x80
    starts[count] = end
    return count


@compiled
def permute(hashes: Signatures, count: int, factors: Signatures, summands: Signatures, least: Signatures) -> None:
    """Keep each permutation's least value; behind the `count` hashes there is room for three more."""
    for place in range(count, count + 3):
        hashes[place] = hashes[0]
    for first in range(0, count, 4):  # four at a time: the permutations are read and the least values written once
        h0, h1, h2, h3 = hashes[first], hashes[first + 1], hashes[first + 2], hashes[first + 3]
        for lane in range(len(least)):
            factor, summand = factors[lane], summands[lane]
            left = min(np.uint32(factor * h0 + summand), np.uint32(factor * h1 + summand))
            right = min(np.uint32(factor * h2 + summand), np.uint32(factor * h3 + summand))
            least[lane] = min(least[lane], min(left, right))


@compiled
def hash_ascii(
    data: Bytes, start: int, count: int, size: int,
    memo_keys: Hashes, memo_hashes: Signatures, work: Signatures, hashes: Signatures,
) -> None:  # fmt: skip
    """Write the hashes of an ASCII text's n-grams: as `hash_of` gives them, but the packed n-gram rolls along."""
    right = np.uint64(size) << LENGTH_SHIFT
    cut = ALL_BITS >> np.uint64(64 - 8 * size)
    left = np.uint64(0)
    for place in range(start, start + size - 1):
        left = (left << BYTE) | np.uint64(data[place])
    for first in range(count):
        left = ((left << BYTE) | np.uint64(data[start + first + size - 1])) & cut
        hashes[first] = look_up(left, right, data, start + first, size, memo_keys, memo_hashes, work)


@compiled
def hash_of(data: Bytes, start: int, end: int, memo_keys: Hashes, memo_hashes: Signatures, work: Signatures) -> Scalar:
    """Return the mixed hash of the n-gram in data[start:end]."""
    length = end - start
    if length == 0 or length > PACKED_BYTES:  # the empty one would look like a slot that was never used
        return mixed(sha1_head(data, start, end, work))
    left, right = np.uint64(0), np.uint64(0)
    for place in range(start, min(start + WORD_BYTES, end)):
        left = (left << BYTE) | np.uint64(data[place])
    for place in range(start + WORD_BYTES, end):
        right = (right << BYTE) | np.uint64(data[place])
    right |= np.uint64(length) << LENGTH_SHIFT
    return look_up(left, right, data, start, length, memo_keys, memo_hashes, work)


@compiled
def look_up(
    left: Scalar, right: Scalar, data: Bytes, start: int, length: int,
    memo_keys: Hashes, memo_hashes: Signatures, work: Signatures,
) -> Scalar:  # fmt: skip
    """Return the mixed hash of a packed n-gram from the memo, or hash it and put it there.

    Many n-grams share a slot and the last one stays; a slot holds its n-gram whole, so a lookup never errs.
    """
    slot = (((left * FACTOR) ^ (right * SECOND_FACTOR)) * FACTOR) >> np.uint64(64 - MEMO_BITS)
    if memo_keys[slot, 0] != left or memo_keys[slot, 1] != right:
        memo_keys[slot, 0], memo_keys[slot, 1] = left, right
        memo_hashes[slot] = mixed(sha1_head(data, start, start + length, work))
    return memo_hashes[slot]


@compiled
def mixed(value: Scalar) -> Scalar:
    """Return MurmurHash3's finalizer of a 32-bit number."""
    value = np.uint32(value ^ (value >> np.uint32(16)))
    value = np.uint32(value * np.uint32(0x85EBCA6B))
    value = np.uint32(value ^ (value >> np.uint32(13)))
    value = np.uint32(value * np.uint32(0xC2B2AE35))
    return np.uint32(value ^ (value >> np.uint32(16)))


@compiled
def sha1_head(data: Bytes, start: int, end: int, words: Signatures) -> Scalar:
    """Return the first four bytes of the SHA-1 (FIPS 180-4) of data[start:end] as a little-endian number."""
    length = end - start
    h0, h1, h2 = np.uint32(0x67452301), np.uint32(0xEFCDAB89), np.uint32(0x98BADCFE)
    h3, h4 = np.uint32(0x10325476), np.uint32(0xC3D2E1F0)
    for block in range((length + 8) // 64 + 1):
        for word in range(16):
            value = np.uint32(0)
            for place in range(64 * block + 4 * word, 64 * block + 4 * word + 4):
                byte = np.uint32(data[start + place]) if place < length else np.uint32(0x80 if place == length else 0)
                value = np.uint32((value << np.uint32(8)) | byte)
            words[word] = value
        if (length + 8) // 64 == block:  # the last block ends with the length in bits
            words[14], words[15] = np.uint32(length >> 29), np.uint32(length << 3)
        for word in range(16, 80):
            words[word] = turned(words[word - 3] ^ words[word - 8] ^ words[word - 14] ^ words[word - 16], 1)
        a, b, c, d, e = h0, h1, h2, h3, h4
        for word in range(20):
            a, b, c, d, e = next_round((b & c) | (~b & d), 0x5A827999, words[word], a, b, c, d, e)
        for word in range(20, 40):
            a, b, c, d, e = next_round(b ^ c ^ d, 0x6ED9EBA1, words[word], a, b, c, d, e)
        for word in range(40, 60):
            a, b, c, d, e = next_round((b & c) | (b & d) | (c & d), 0x8F1BBCDC, words[word], a, b, c, d, e)
        for word in range(60, 80):
            a, b, c, d, e = next_round(b ^ c ^ d, 0xCA62C1D6, words[word], a, b, c, d, e)
        h0, h1, h2 = np.uint32(h0 + a), np.uint32(h1 + b), np.uint32(h2 + c)
        h3, h4 = np.uint32(h3 + d), np.uint32(h4 + e)
    swapped = ((h0 & np.uint32(0xFF)) << np.uint32(24)) | ((h0 & np.uint32(0xFF00)) << np.uint32(8))
    return np.uint32(swapped | ((h0 >> np.uint32(8)) & np.uint32(0xFF00)) | (h0 >> np.uint32(24)))


@compiled
def next_round(
    chosen: Scalar, constant: int, word: Scalar, a: Scalar, b: Scalar, c: Scalar, d: Scalar, e: Scalar
) -> tuple[Scalar, Scalar, Scalar, Scalar, Scalar]:
    """Return the five registers after one more round of SHA-1."""
    total = np.uint32(turned(a, 5) + np.uint32(chosen) + e + np.uint32(constant) + word)
    return total, a, turned(b, 30), c, d


@compiled
def turned(value: Scalar, bits: int) -> Scalar:
    """Return a 32-bit number rotated to the left."""
    return np.uint32(np.uint32(value << np.uint32(bits)) | np.uint32(value >> np.uint32(32 - bits)))


@compiled
def sign_in_one_permutation(data: Bytes, offsets: Offsets, size: int, salt: Scalar, found: Signatures) -> None:
    """Write each text's one-permutation signature to its row; no salt gives the deduplication's own values."""
    longest = 1
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    codes, keys = np.empty(longest + 1, np.uint32), np.empty(longest + 1, np.uint64)
    for row in range(len(offsets) - 1):
        count = gram_keys(data, offsets[row], offsets[row + 1], size, codes, keys)
        for place in range(count):
            keys[place] ^= salt
        sign(keys, count, found[row])
