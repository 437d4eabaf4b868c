r"""How sound a chain is as a text: does it arrive, does it move on, does it keep to the matter?

    "... so the area is 60. \boxed{60}"                  arrives: completeness 1
    "... then x = 3. Wait, x = 3. Wait, x = 3. Wait"     breaks off (completeness 0) in a loop (compression 40)
    "I must check. Let me think again. Hmm, perhaps."    words about thinking: no substance
    "5 * 12 = 60. ... (289 - 169) / 2 = 60."             reaches its answer in two ways: num_derivations 2
    "Perhaps The area perhaps is check 60."              stuffed (`sentences.py`)

Each of the four axes is multiplied by the soundness, so no number of checking words helps a chain that never arrives.
The gold answer is not looked at. A sentence without substance that is put in never raises any of them. The thresholds
are ours.
"""

from __future__ import annotations

import functools
import operator
from typing import Final

import polars as pl

from limo_curation.verification.texture import compression

TAIL_CHARACTERS: Final = 1_200
"""An answer has to stand in the last so many characters."""
ANNOUNCEMENT: Final = (
    r"\\boxed\s*\{\s*[^}\s]|####\s*[^\s#]|\banswer\s*(?:is|:|=)|\b(?:right|correct|final) answer\b"
    r"|(?:^|\n)(?:\W*answer\W*\n|a:\s*\S)|答案\s*(?:是|为|：|:)"
)
CONCLUSION: Final = r"(?:^|\n|[.!?]\s+)(?:therefore|thus|hence|so|in conclusion|因此|所以)[^\n]*\d[^\n]*[.。]\W*$"
"""A last sentence that concludes, holds a figure and is finished."""
BEHIND: Final = rf"(?s)^.*(?:{ANNOUNCEMENT}|(?-s:{CONCLUSION}))(.*)$"
"""The text behind the last place where an answer is announced."""
MAX_BOXES: Final = 100
"""More boxes in a chain are a loop of its ending, not answers."""
NEAR_CHARACTERS: Final = 200
"""Behind an announcement: the answer and a last sentence (right long chains have at most 100 there)."""
INCOMPLETE: Final = 0.1
"""What is left of the soundness of a chain that arrives nowhere."""
DENSE: Final = 2.5
"""Bytes for each compressed byte up to which a text counts as dense: right long chains begin at 2.6."""
LOOPING: Final = 10.0
"""Bytes for each compressed byte from which nothing is left: the text says each thing three times over."""
LAST_BOX: Final = r"(?s)^.*\\boxed\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})+)\}"
LAST_FIGURE: Final = r"(?s)^(?:.*[^\d.,/])?(\d[\d.,/]*)"
PLAIN: Final = {
    r"[ \t$,*°%]|\\[()\[\]!;:,]|\\(?:left|right)|\^\{?\\circ\}?|\\(?:text|mathrm)\s*\{[^{}]*\}": "",
    r"\\boxed\s*\{[^{}=\n]*=": "",
    r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}": "$1/$2",
    r"\\sqrt\{([^{}]*)\}": "√$1",
    r"\\pi": "π",
    "⁄": "/",
}
"""What a formula may be written with, to how it is compared; a box loses the left side of its equation."""
LEFT_SIDE: Final = r"^.*[=≈]"
GOES_NO_FURTHER: Final = r"(?:[^\d.+*/^(·×-]|\.\D|\.?$)"
"""Behind the right side of an equation, or it would be the beginning of another number or term."""
DERIVATIONS: Final = 2
"""Distinct formulas that come to the answer in a chain that has reached it twice."""
UNDERIVED: Final = 0.7
"""What is left of the soundness where none does: so for one in 20 right long chains and one in three wrong ones."""
STUFFED_COST: Final = 20.0
"""One stuffed sentence for each 20 distinct ones with a formula leaves nothing; 99 of 100 natural chains have none."""
FULL_SUBSTANCE: Final = 0.5
"""Share of substance that is enough: three quarters of the right long chains have it."""


def completeness(chains: pl.Series) -> pl.Series:
    """Return a fraction in [0, 1] for each chain: 1 where it ends in an answer, 0 where none is near its end."""
    texts = chains.fill_null("")
    behind = texts.str.tail(TAIL_CHARACTERS).str.to_lowercase().str.extract(BEHIND, 1).str.len_chars()
    far = (behind.cast(pl.Float64) - NEAR_CHARACTERS) * (1 / (TAIL_CHARACTERS - NEAR_CHARACTERS))
    is_loop = texts.str.count_matches(r"\boxed", literal=True) > MAX_BOXES
    near = (1 - far.clip(0.0, 1.0)).fill_null(0.0)
    return (near * (~is_loop).cast(pl.Float64)).alias("completeness")


def compressions(texts: pl.Series) -> pl.Series:
    """Return bytes for each compressed byte of each text; 1 for an empty one."""
    ratios = [compression(text) if text else 1.0 for text in texts]
    return pl.Series("compression", ratios, dtype=pl.Float64)


def count_derivations(texts: pl.Series) -> pl.Series:
    """Count the sentences of each text in which an equation comes to the answer that stands at its end.

    Args:
        texts: the sentences with substance and a new formula, in lower case, a line each.

    Returns:
        num_derivations: 0 also where no answer is found, which is the content of the last box near the end, or else the
        last number there.
    """
    tails = texts.fill_null("").str.tail(TAIL_CHARACTERS)
    boxed, figure = (tails.str.extract(last, 1) for last in (LAST_BOX, LAST_FIGURE))
    both = pl.DataFrame({"text": texts, "answer": boxed.zip_with(boxed.is_not_null(), figure)})
    for written, plain in PLAIN.items():
        both = both.with_columns(pl.all().str.replace_all(written, plain))
    answer = pl.col("answer").str.replace(LEFT_SIDE, "").str.strip_chars(".").str.escape_regex()
    found = both.select(pl.col("text").str.count_matches("[=≈]" + answer + GOES_NO_FURTHER))
    return found.to_series().fill_null(0).cast(pl.Int64).alias("num_derivations")


def soundness() -> pl.Expr:
    """Return the product of what `completeness`, `compression` and the rest say, each on a scale of [0, 1].

    Multiplied by reciprocals throughout: a frame of one row divides by a constant in another way than a longer one, and
    the last digit would depend on the size of a part.
    """
    arrival = INCOMPLETE + (1 - INCOMPLETE) * pl.col("completeness")
    density = (pl.col("compression").pow(-1) - 1 / LOOPING) * (1 / (1 / DENSE - 1 / LOOPING))
    substance = pl.col("substance_share") * (1 / FULL_SUBSTANCE)
    derivations = pl.col("num_derivations").clip(upper_bound=DERIVATIONS) * (1 / DERIVATIONS)
    derived = UNDERIVED + (1 - UNDERIVED) * derivations
    stuffed = 1 - pl.col("num_stuffed") * STUFFED_COST / pl.col("num_formulas").clip(lower_bound=1)
    factors = (arrival, density.clip(0.0, 1.0), substance.clip(0.0, 1.0), derived, stuffed.clip(0.0, 1.0))
    return functools.reduce(operator.mul, factors).alias("soundness")
