r"""Cut chains into sentences, and say of each what stands in it: the one place that looks at a chain's words.

    "Wait, let me check this."           a checking word, and nothing that is checked
    "Let me check: 3 + 4 = 7."           a checking word in a sentence with a formula
    "There are 12 ways in all."          a sentence with a figure: substance, though no formula

A word of an axis counts only where its sentence holds a formula, since "wait, let me check" can be written 200 times
without checking anything. A number alone is no formula: "let me check 17" can be written 200 times as well. Nor does a
sentence count that shows how it was made:

    "The sum perhaps is check n = 3."    stuffed: words that begin clauses are strewn where none begins
    "Perhaps The sum is n = 3."          stuffed: something was put before a sentence that began with "The"
    "Let me check: 123 + 456 = 579."     hollow: a check of numbers that stand nowhere before it
"""

from __future__ import annotations

import functools
import re
import tomllib
from importlib.resources import files
from typing import Final

import polars as pl

WORD_AXES: Final = ("self_verification", "exploration", "adaptive_granularity")
LEXICONS: Final = (*WORD_AXES, "paths", "corrections")
SENTENCE_END: Final = r"([.!?;])\s|([。！？；])"
WRAPPED: Final = r"([\p{L},])\n(\p{Ll})"
"""Where a line ends inside a sentence: behind a word, before a small letter."""
WORD: Final = r"\p{Han}|[^\s\p{Han}]+"
PROSE_WORD: Final = r"(?:^|[^\\a-z])[a-z]{3,}|\p{Han}{1,2}"
"""A word that is no formula and no LaTeX command; two Han characters are one."""

RELATION: Final = r"[=≤≥≈≠≡×÷√±−^]|\\[a-z]{2,}|\$[^\s$]"
OPERATION: Final = (
    r"\d\s*[-+*/<>·]\s*[\da-z(\\]|[b-hj-z]\s*[-+*/<>·]\s*[\d(\\]"
    r"|\d\s*(?:plus|minus|times|mod|divided by|equals|is|are|,|加|减|乘|除以|等于|是)\s*\d"
)
NAMED_LETTER: Final = r"(?:^|[^a-z'’\\.])[b-hj-z](?:$|\.$|[^a-z'’.])"
"""x, n or ABC's B, but not the article, the pronoun, what follows an apostrophe or e.g."""

FORMULA: Final = f"{RELATION}|{OPERATION}|{NAMED_LETTER}"
EQUATION: Final = r"[\d)}\]]\s*[=≈]|[=≈]\s*[-+]?[\d(\\]"
FIGURE: Final = r"\d"
EDGE: Final = r"(?-u:\b)"
"""The edge of a word, in ASCII: with the Unicode one the search is ten times slower."""
CLAUSE_START: Final = (
    r"^\W*|[,;:(\[—]\s*|\\\]\s*"
    rf"|{EDGE}(?:and|but|so|or|then|wait|hmm|okay|now|also|me|us|let's|i|we|to|can|could|should|this|that|which|it)\s+"
)
"""Where a word of a lexicon counts: words that are strewn into sentences stand elsewhere. Phrases count anywhere."""
INSIDE: Final = (
    rf"{EDGE}(?:a|an|another|last|final|quick|sanity|double|must|will|would|i'll|we'll|let’s|just|first|is|are|has|have)"
    r"\s+"
)
"""Where such a word may stand inside a clause, and doesn't count: "a last check", "we must check", "n is therefore"."""
SPLICE: Final = (
    r"[a-z]\s(?:The|So|Let|We|Now|Then|If|This|But|And|For|Since|These|There|To|In|It|She|They|Therefore|Thus|Hence|Wait|"
    r"Also|Because|When|Similarly|Finally|Alternatively|However|Perhaps|Maybe|Next|Here|Suppose|Note|Okay|Let's|Let’s)\s"
)
"""The capital of a sentence's first word inside a sentence, where something was put before it."""
NUMBER: Final = r"\d+(?:[.,]\d+)*"
MIN_KNOWN: Final = 2
"""Ours: numbers that a check takes up from before it. Where it has fewer in all, it takes up all. Of the checks of 91
long right chains one in 40 does not."""
PHRASING: Final = r"[\d\s\p{P}]+"
"""What is left out where two sentences are compared: those that differ in their numbers say the same."""

NO_FORMULA: Final = r"\p{Han}|\b\p{L}{2,}(?:[-'’]\p{L}+)*\b|\b[ai]\b|[\s.,;:!?'’\"。，；：！？、*#]"
"""What is left out where two formulas are compared."""


def split_sentences(chains: pl.Series) -> pl.DataFrame:
    """Cut chains at the ends of sentences and of lines (but for wrapped ones), in lower case.

    Args:
        chains: texts; null counts as empty.

    Returns:
        One row per sentence that is not blank, in order: row (which chain, from 0), sentence, num_words (a Han
        character is one), num_prose_words, num_axis_words (English words of the axes, wherever they stand), phrasing (a
        digest of the sentence without its numbers; equal for sentences that say the same), has_formula, has_equation,
        formula (a digest; equal for the same formula in other words), for each lexicon a column of its name (whether a
        word of it stands there), is_stuffed, is_hollow, and has_substance (a formula, or a figure without a word of an
        axis, and neither stuffed nor hollow).
    """
    sentence = pl.col("sentence")
    suspect = pl.when(pl.col("num_axis_words") > 0).then(sentence)
    leading, placed = (suspect.str.count_matches(axis_words(before)) for before in (EDGE, f"{CLAUSE_START}|{INSIDE}"))
    sentences = (
        chains.rename("sentence")
        .to_frame()
        .with_row_index("row")
        .with_columns(sentence.fill_null("").str.replace_all(WRAPPED, "$1 $2"))
        .with_columns(sentence.str.replace_all(SENTENCE_END, "$1$2\n").str.split("\n"))
        .explode("sentence")
        .with_columns(sentence.str.strip_chars())
        .filter(sentence != "")
        .with_columns(sentence.str.to_lowercase(), is_stuffed=sentence.str.contains(SPLICE))
        .with_columns(
            num_words=sentence.str.count_matches(WORD).cast(pl.Int64),
            num_prose_words=sentence.str.count_matches(PROSE_WORD).cast(pl.Int64),
            num_axis_words=sentence.str.count_matches(axis_words(EDGE, inner=True)).cast(pl.Int64),
            phrasing=sentence.str.replace_all(PHRASING, " ").hash(),
            has_formula=sentence.str.contains(FORMULA),
            has_equation=sentence.str.contains(EQUATION),
            **{name: sentence.str.contains(lexicon_pattern(name)) for name in LEXICONS},
        )
        .with_columns(
            pl.col("is_stuffed") | (leading > placed).fill_null(value=False),
            formula=formula_of(pl.when("has_formula").then(sentence)).hash(),
        )
    )
    is_marked = pl.any_horizontal(WORD_AXES)
    is_about = pl.col("has_formula") | (sentence.str.contains(FIGURE) & ~is_marked)
    is_about &= ~pl.col("is_stuffed")
    sentences = sentences.with_columns(has_substance=is_about)
    return sentences.with_columns(is_hollow=find_hollow(sentences)).with_columns(
        has_substance=is_about & ~pl.col("is_hollow"),
    )


def find_hollow(sentences: pl.DataFrame) -> pl.Series:
    """Say of each sentence whether it claims to check something, and its numbers come from nowhere.

    They come from earlier sentences with substance that are no checks: a check that is made up gives none to the next.
    """
    numbers = (
        sentences.select("row", "self_verification", "has_substance", number=pl.col("sentence").str.extract_all(NUMBER))
        .with_row_index("at")
        .filter("has_substance")
        .explode("number")
        .drop_nulls("number")
    )
    first = numbers.filter(~pl.col("self_verification")).group_by("row", "number").agg(first=pl.col("at").min())
    is_known = (pl.col("first") < pl.col("at")).fill_null(value=False)
    hollow = (
        numbers.filter("self_verification")
        .unique(["at", "number"])
        .join(first, on=["row", "number"], how="left")
        .group_by("at")
        .agg(num_known=is_known.sum(), num_numbers=pl.len())
        .filter(pl.col("num_known") < pl.min_horizontal("num_numbers", MIN_KNOWN))
    )
    return pl.int_range(sentences.height, dtype=pl.UInt32, eager=True).is_in(hollow["at"].implode())


@functools.cache
def read_lexicon(name: str) -> dict[str, list[str]]:
    """Return the words of a lexicon: `en`, `zh`, and of the English ones those that begin no clause (`inner`)."""
    text = files("limo_curation.judging").joinpath("data", f"{name}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@functools.cache
def axis_words(before: str, *, inner: bool = False) -> str:
    """Return the regular expression that finds the axes' English words behind a pattern; words in a row are one.

    Args:
        before: what stands before the first.
        inner: whether those are meant, too, that stand inside clauses as well.
    """
    lexicons = [read_lexicon(axis) for axis in WORD_AXES]
    words = {
        word for each in lexicons for word in each["en"] if " " not in word and (inner or word not in each["inner"])
    }
    either = "|".join(sorted(map(re.escape, words), key=lambda word: (-len(word), word)))
    return rf"(?:{before})(?:{either})(?:\s+(?:{either}))*{EDGE}"


@functools.cache
def lexicon_pattern(name: str) -> str:
    """Return the regular expression that finds any word of a lexicon in lower-case text."""
    lexicon = read_lexicon(name)
    words, phrases = (
        "|".join(re.escape(entry).replace(r"\ ", " ") for entry in lexicon["en"] if (" " in entry) is is_phrase)
        for is_phrase in (False, True)
    )
    return rf"(?:{CLAUSE_START})(?:{words}){EDGE}|{EDGE}(?:{phrases}){EDGE}|" + "|".join(lexicon["zh"])


def count_distinct(name: str, *, where: str) -> pl.Expr:
    """Count sentences of a kind as often as both their wording and their formula are new.

    Two hundred phrases around one formula count once, and so do two hundred formulas in one phrase.

    Args:
        name: the name of the count.
        where: a column that says which sentences are of the kind.
    """
    kind = pl.col(where)
    wordings, formulas = (pl.col(column).filter(kind).n_unique() for column in ("phrasing", "formula"))
    return pl.min_horizontal(wordings, formulas).cast(pl.Int64).alias(name)


def formula_of(sentence: pl.Expr) -> pl.Expr:
    """Return what is left of a sentence without its words: one text for the same formula."""
    return sentence.str.replace_all(NO_FORMULA, "")
