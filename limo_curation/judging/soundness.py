r"""How sound a chain is as a text: does it arrive, does it move on, does it keep to the matter?

    "... so the area is 60. \boxed{60}"                  arrives: completeness 1
    "... then x = 3. Wait, x = 3. Wait, x = 3. Wait"     breaks off (completeness 0) in a loop (compression 40)
    "I must check. Let me think again. Hmm, perhaps."    words about thinking: no substance

Each of the four axes is multiplied by the soundness, so no number of checking words helps a chain that never arrives.
The gold answer is not looked at. A sentence without substance that is put in never raises any of the three. The
thresholds are ours.
"""

from __future__ import annotations

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


def soundness() -> pl.Expr:
    """Return the product of `completeness`, `compression` and `substance_share`, each on a scale of [0, 1].

    Multiplied by reciprocals throughout: a frame of one row divides by a constant in another way than a longer one, and
    the last digit would depend on the size of a part.
    """
    arrival = INCOMPLETE + (1 - INCOMPLETE) * pl.col("completeness")
    density = (pl.col("compression").pow(-1) - 1 / LOOPING) * (1 / (1 / DENSE - 1 / LOOPING))
    substance = pl.col("substance_share") * (1 / FULL_SUBSTANCE)
    return (arrival * density.clip(0.0, 1.0) * substance.clip(0.0, 1.0)).alias("soundness")
