"""Signatures: datasketch's own values are the truth."""

import hashlib
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.deduplication.signatures import (
    EMPTY,
    MEMO_BITS,
    Scheme,
    optimal_bands,
    sha1_head,
    signatures,
    to_datasketch,
)

EMOJI = "\N{GRINNING FACE}"
FARM = "A farm has 12 cows and 30 hens. How many legs do all the animals have together?"
CHINESE = "农场里有十二头牛和三十只母鸡。所有动物一共有多少条腿？"
# ASCII, two bytes a character, Chinese, and beyond the basic plane: short alphabets, so that n-grams recur
TEXTS = st.one_of(st.text("ab 1", max_size=40), st.text("aé中" + EMOJI, max_size=40), st.text(max_size=40))


def librarys_own(text: str, *, num_perm: int = 128, seed: int = 1, ngram_size: int = 5) -> Any:
    from datasketch import MinHash

    sketch = MinHash(num_perm=num_perm, seed=seed)
    cast("Any", sketch).update_batch([gram.encode() for gram in ngrams(text, ngram_size)])
    return sketch


def ngrams(text: str, size: int) -> set[str]:
    return {text[start : start + size] for start in range(max(len(text) - size + 1, 1))}


# -- the library's values ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ngram_size", [1, 3, 5, 8, 9, 40])
@pytest.mark.parametrize("text", ["", "a", "abcd", FARM, CHINESE, EMOJI * 30, "x" * 300], ids=lambda text: text[:4])
def test_values_are_those_of_datasketch(text: str, ngram_size: int) -> None:
    own = librarys_own(text, ngram_size=ngram_size)

    assert np.array_equal(signatures([text], ngram_size=ngram_size)[0], own.hashvalues)


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=4),
    num_perm=st.integers(16, 256),
    seed=st.integers(0, 2**32 - 1),
    ngram_size=st.integers(1, 20),
)
def test_any_texts_permutations_and_seed_give_datasketchs_values(
    texts: list[str], num_perm: int, seed: int, ngram_size: int
) -> None:
    found = signatures(texts, num_perm=num_perm, seed=seed, ngram_size=ngram_size)

    for text, row in zip(texts, found, strict=True):
        own = librarys_own(text, num_perm=num_perm, seed=seed, ngram_size=ngram_size)
        assert np.array_equal(row, own.hashvalues)


def test_memo_that_is_full_many_times_over_gives_the_same_values() -> None:
    generator = np.random.default_rng(0)
    letters = generator.integers(97, 123, 8 << MEMO_BITS, dtype=np.uint8).tobytes().decode()
    texts = [letters[start : start + 1_000] for start in range(0, len(letters), 1_000)]

    found = signatures([*texts, *texts[:3]])

    assert np.array_equal(found[-3:], found[:3])
    assert np.array_equal(found[-4], librarys_own(texts[-1]).hashvalues)


@given(st.binary(max_size=300))
def test_sha1_is_the_standards(data: bytes) -> None:
    array = np.frombuffer(b"?" + data + b"?", np.uint8)

    found = sha1_head(array, 1, len(data) + 1, np.empty(80, np.uint32))

    assert int(found) == int.from_bytes(hashlib.sha1(data).digest()[:4], "little")


# -- what both schemes promise -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["datasketch", "one_permutation"])
def test_every_text_has_one_row(scheme: Scheme) -> None:
    for texts in ([], [FARM], [FARM, "", CHINESE]):
        found = signatures(texts, num_perm=16, scheme=scheme)

        assert found.shape == (len(texts), 16)
        assert found.dtype == np.uint32


@pytest.mark.parametrize("scheme", ["datasketch", "one_permutation"])
@settings(max_examples=50, deadline=None)
@given(texts=st.lists(TEXTS, max_size=6))
def test_row_depends_on_its_own_text_only(scheme: Scheme, texts: list[str]) -> None:
    found = signatures(texts, num_perm=32, scheme=scheme)

    assert [row.tolist() for row in found] == [
        signatures([text], num_perm=32, scheme=scheme)[0].tolist() for text in texts
    ]


@pytest.mark.parametrize("scheme", ["datasketch", "one_permutation"])
@settings(max_examples=50, deadline=None)
@given(text=TEXTS.filter(lambda text: len(text) > 5))
def test_repeated_ngrams_change_nothing(scheme: Scheme, text: str) -> None:
    twice, thrice = text * 2 + text[:4], text * 3 + text[:4]
    assert ngrams(twice, 5) == ngrams(thrice, 5)

    left, right = signatures([twice, thrice], scheme=scheme)

    assert np.array_equal(left, right)


@pytest.mark.parametrize("scheme", ["datasketch", "one_permutation"])
def test_share_of_equal_values_estimates_the_similarity(scheme: Scheme) -> None:
    numbers = " ".join(map(str, range(400)))
    left, right = numbers, numbers.replace("7", "eight")
    jaccard = len(ngrams(left, 5) & ngrams(right, 5)) / len(ngrams(left, 5) | ngrams(right, 5))

    found = signatures([left, right], num_perm=1_024, scheme=scheme)

    says_something = (found != EMPTY).any(axis=0)
    assert (found[0] == found[1])[says_something].mean() == pytest.approx(jaccard, abs=0.06)


@pytest.mark.parametrize("seed", [0, 2, 2**32 - 1])
@pytest.mark.parametrize("scheme", ["datasketch", "one_permutation"])
def test_another_seed_gives_other_values(scheme: Scheme, seed: int) -> None:
    left, right = signatures([FARM], scheme=scheme)[0], signatures([FARM], seed=seed, scheme=scheme)[0]

    assert (left == right)[(left != EMPTY) | (right != EMPTY)].mean() < 0.1


def test_bin_without_an_ngram_is_marked() -> None:
    found = signatures(["abcdef"], num_perm=64, scheme="one_permutation")[0]

    assert (found != EMPTY).sum() == 2


def test_texts_may_be_a_slice_of_a_column() -> None:
    column = pl.Series([FARM, CHINESE, "abc", FARM])

    assert np.array_equal(signatures(column[1:3]), signatures([CHINESE, "abc"]))


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_unknown_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="'rho' is unknown"):
        signatures([FARM], scheme=cast("Scheme", "rho"))


@pytest.mark.parametrize(("num_perm", "ngram_size"), [(0, 5), (16, 0), (-1, 5)])
def test_sizes_below_one_are_refused(num_perm: int, ngram_size: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        signatures([FARM], num_perm=num_perm, ngram_size=ngram_size)


def test_null_is_refused_and_not_taken_for_an_empty_text() -> None:
    with pytest.raises(ValueError, match="1 of 2 texts are null"):
        signatures(pl.Series([FARM, None]))


# -- with the library --------------------------------------------------------------------------------------------------


def test_librarys_index_finds_texts_by_our_signatures() -> None:
    from datasketch import MinHashLSH

    bands = optimal_bands(0.7, 128)
    index: Any = MinHashLSH(num_perm=128, params=bands)
    for key, sketch in enumerate(to_datasketch(signatures([FARM, CHINESE]))):
        index.insert(key, sketch)

    assert index.query(librarys_own(FARM.replace("together", "altogether"))) == [0]
    assert index.query(librarys_own(CHINESE)) == [1]
    assert index.query(librarys_own("What is the area of a circle of radius 3?")) == []


def test_librarys_objects_can_be_compared_with_its_own() -> None:
    (sketch,) = to_datasketch(signatures([FARM], num_perm=64, seed=7), seed=7)

    assert sketch.jaccard(librarys_own(FARM, num_perm=64, seed=7)) == 1.0
    assert np.array_equal(cast("Any", sketch).permutations, librarys_own("", num_perm=64, seed=7).permutations)


@pytest.mark.parametrize(("threshold", "num_perm"), [(0.7, 128), (0.5, 64), (1.0, 128), (0.95, 16)])
def test_bands_fit_into_the_signature(threshold: float, num_perm: int) -> None:
    bands, rows = optimal_bands(threshold, num_perm)

    assert bands >= 1
    assert rows >= 1
    assert bands * rows <= num_perm


def test_bands_miss_few_pairs_at_the_threshold() -> None:
    bands, rows = optimal_bands(0.7, 128)

    assert 1 - (1 - 0.7**rows) ** bands > 0.95
