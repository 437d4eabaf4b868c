r"""Intervals that are not written as such: the real line, the empty set, and what `|x| < 3` and `|x| \ge 3` say."""

from __future__ import annotations

from typing import Final

from limo_curation.answers.leaves import INFINITIES, OPAQUE, SCALAR, SET, UNION, Reading
from limo_curation.answers.normalisation import CLOSE_SET, OPEN_SET
from limo_curation.answers.relations import Relation

WHOLE_LINE: Final = tuple(Reading(SCALAR, end, leaf=end) for end in (r"-\infty", r"\infty"))
CONSTANTS: Final = {
    **dict.fromkeys((r"\emptyset", r"\varnothing", "∅", OPEN_SET + CLOSE_SET), Reading(SET, "∅")),
    **dict.fromkeys(
        (r"\mathbb{R}", "ℝ", "all real numbers", "all reals"),
        Reading("()", "ℝ", WHOLE_LINE, is_interval=True),
    ),
}


def read_constant(text: str) -> Reading | None:
    """Read the empty set and the real numbers; None for anything else."""
    return CONSTANTS.get(text)


MIRRORED: Final = {"(": ")", "[": "]", ")": "(", "]": "["}


def read_absolute(relation: Relation, ends: tuple[Reading, ...]) -> Reading:
    """Read the real x with |x| between two ends; the lower one must be known not to be negative."""
    low, high = ends
    opening, closing = relation.ends
    if not relation.parts[0]:
        return Reading(MIRRORED[closing] + closing, "", (negative(high), high), name=relation.name, is_interval=True)
    if low.value is None or low.value < 0:
        return Reading(OPAQUE, "")
    sides = ((MIRRORED[closing], negative(high), negative(low), MIRRORED[opening]), (opening, low, high, closing))
    pieces = tuple(
        Reading(first + last, f"{first}{start.text},{end.text}{last}", (start, end), is_interval=True)
        for first, start, end, last in sides
    )
    return Reading(UNION, "", pieces, name=relation.name)


def negative(end: Reading) -> Reading:
    """Return minus an interval's end."""
    leaf = end.leaf.removeprefix("-") if end.leaf.startswith("-") else f"-{end.leaf}"
    if end.value is None and end.leaf not in INFINITIES:
        leaf = f"-({end.leaf})"
    return end._replace(text=leaf, leaf=leaf, value=None if end.value is None else -end.value)
