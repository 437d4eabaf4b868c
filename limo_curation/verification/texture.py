r"""Look at a chain as a text: does it loop, does it switch language, does it reason at all.

    "... so x = 3. Wait, so x = 3. Wait, so x = 3. Wait, ..."     loops: 4,000 characters compress to 100 bytes
    "First, we add 3. 然后我们把两边同时除以二，得到答案。"              switches between Latin and Han prose
    "\boxed{7}"                                                   only an answer

Each is a number that the stage compares with a threshold of its config.
"""

from __future__ import annotations

import zlib
from typing import Final

import polars as pl

TAIL_CHARACTERS: Final = 4_000  # ours: a chain that loops does so at its end; correct chains stay below 5 there
MAX_COMPRESSED: Final = 500_000  # ours: characters of a chain that are looked at
MIN_FOREIGN_WORDS: Final = 20  # ours: fewer words of the other script are quotations, names or a last line

NO_PROSE: Final = r"```[^`]*```|`[^`\n]*`|\$[^$\n]{0,300}\$|\\[A-Za-z]+|https?://[^\s]*|<[^<>\n]{0,50}>"
"""Code, formulas in dollar signs, LaTeX commands, addresses and tags; each ends soon, so that the search is linear."""

LATIN_WORD: Final = r"[A-Za-z]{3,}"
HAN: Final = r"\p{Han}"
HAN_TO_WORD: Final = 2  # ours: Chinese words have about two characters, so that both scripts count in words
NO_REASONING: Final = (
    r"\\boxed|\\fbox|####|(?i)\b(?:the|final|answer|solution|result|is|therefore|thus|hence|so|it|equals|correct|option)\b"
    r"|答案|所以|因此|最终|最后|正确|选项|故选|选|是|为|[\s$*.,;:!=()\[\]{}。，：；]"
)
"""What an answer is announced with."""


def repetition(chain: str | None) -> float:
    """Return how far a chain compresses: bytes for each compressed byte, of the whole or of its end if that is more.

    Chains that people labelled as correct stay below 5 (the sets of `measurements/steps.py`).
    """
    if not chain:
        return 0.0
    whole = chain[-MAX_COMPRESSED:]
    return max(compression(whole), compression(whole[-TAIL_CHARACTERS:]))


def compression(text: str) -> float:
    """Return bytes for each compressed byte."""
    written = text.encode(errors="replace")
    return len(written) / len(zlib.compress(written, 1))


def language_share(chain: pl.Expr) -> pl.Expr:
    """Return the share of the rarer script among the words of prose, in [0, 0.5]; 0 where it has few words.

    Formulas, code and LaTeX commands don't count.
    """
    prose = chain.fill_null("").str.replace_all(NO_PROSE, " ")
    han = prose.str.count_matches(HAN).cast(pl.Float64) / HAN_TO_WORD
    latin = prose.str.count_matches(LATIN_WORD).cast(pl.Float64)
    rarer = pl.min_horizontal(han, latin)
    return pl.when(rarer < MIN_FOREIGN_WORDS).then(0.0).otherwise(rarer / (han + latin))


def reasoning_characters(chain: pl.Expr, answer: pl.Expr) -> pl.Expr:
    """Return how many characters stand beside the answer, without white space and what announces an answer."""
    written, named = (text.fill_null("").str.replace_all(NO_REASONING, "").str.len_chars() for text in (chain, answer))
    return written.cast(pl.Int64) - named.cast(pl.Int64)
