r"""Compare sets of real numbers that are put together from intervals and points with rational ends.

    `(0,1) \cup \{1\}`  is  `(0,1]`      `x \ne 0`  is  `(-\infty,0) \cup (0,\infty)`  and  `\mathbb{R} \setminus \{0\}`

Each set is brought into one form: pieces in order that neither touch nor overlap.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, NamedTuple

from limo_curation.answers.leaves import DIFFERENCE, INFINITIES, INTERVALS, LIST, SCALAR, SET, UNEQUAL, UNION, Reading
from limo_curation.answers.verdicts import Comparison, Reason, different, equal, undecided

SURELY_SETS: Final = frozenset({UNION, DIFFERENCE, UNEQUAL})
MAX_PIECES: Final = 100  # ours
PAIR: Final = 2


class Cut(NamedTuple):
    """A place between two real numbers: just below or just above a value."""

    infinity: int
    """-1, 0 or 1; the value counts only where it is 0."""
    value: Fraction
    is_above: bool


Piece = tuple[Cut, Cut]
LOWEST: Final = Cut(-1, Fraction(0), False)
HIGHEST: Final = Cut(1, Fraction(0), False)


def compare_point_sets(left: Reading, right: Reading) -> Comparison | None:
    """Compare two sets of reals of which one surely is such a set; None where an end is no rational number."""
    if not {left.kind, right.kind} & SURELY_SETS:
        return None
    first, second = pieces_of(left), pieces_of(right)
    if first is None or second is None:
        return None
    if first == second:
        return equal(Reason.SAME_STRUCTURE)
    pairs = [(a, b) for one, other in zip(first, second, strict=False) for a, b in zip(one, other, strict=True)]
    are_near = len(first) == len(second) and all(
        a.infinity == b.infinity and abs(a.value - b.value) <= 1 for a, b in pairs
    )
    return undecided(Reason.BRACKET) if are_near else different(Reason.OTHER_ELEMENT)  # x > 0 and x >= 1 for integers


def pieces_of(reading: Reading) -> list[Piece] | None:
    """Return a set's pieces in their one form; None where it is not surely a set of reals with rational ends."""
    kind, items = reading.kind, reading.items
    if kind in INTERVALS and len(items) == PAIR:
        low, high = cut_at(items[0], kind[0] == "("), cut_at(items[1], kind[1] == "]")
        return None if low is None or high is None else merged([(low, high)])
    if kind in (SET, LIST) and all(item.kind == SCALAR and item.value is not None for item in items):
        return merged([point(item.value) for item in items if item.value is not None])
    if kind == LIST and all(item.kind == UNEQUAL and item.name == items[0].name for item in items):
        return without([(LOWEST, HIGHEST)], [pieces_of(item) for item in items])
    if kind == UNEQUAL and items[0].value is not None and items[0].unit is None:
        return complement([point(items[0].value)])
    parts = [pieces_of(item) for item in items] if kind in (UNION, DIFFERENCE) else [None]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if kind == UNION:
        return merged([piece for part in known for piece in part])
    return without(known[0], [complement(part) for part in known[1:]])


def cut_at(end: Reading, is_above: bool) -> Cut | None:
    """Return where an interval begins or ends."""
    if end.leaf in INFINITIES:
        return LOWEST if INFINITIES[end.leaf] < 0 else HIGHEST
    is_number = end.kind == SCALAR and end.value is not None and end.unit is None and not end.is_approximate
    return Cut(0, end.value, is_above) if is_number and end.value is not None else None


def point(value: Fraction) -> Piece:
    """Return the set of one number."""
    return Cut(0, value, False), Cut(0, value, True)


def merged(pieces: list[Piece]) -> list[Piece] | None:
    """Return the union of pieces, in order and apart; None where there are too many."""
    if len(pieces) > MAX_PIECES:
        return None
    found = list[Piece]()
    for low, high in sorted(piece for piece in pieces if piece[0] < piece[1]):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], high)
        else:
            found.append((low, high))
    return found


def complement(pieces: list[Piece]) -> list[Piece]:
    """Return the reals that are in none of the pieces, which are in order and apart."""
    cuts = [LOWEST, *(cut for piece in pieces for cut in piece), HIGHEST]
    return [(low, high) for low, high in zip(cuts[::2], cuts[1::2], strict=True) if low < high]


def without(whole: list[Piece], kept: list[list[Piece] | None]) -> list[Piece] | None:
    """Return what of a set is also in all the others."""
    for part in kept:
        if part is None or len(whole) * len(part) > MAX_PIECES:
            return None
        crossed = [(max(a[0], b[0]), min(a[1], b[1])) for a in whole for b in part]
        whole = merged(crossed) or []
    return whole
