"""Verdicts and the reasons for them, and how those of parts add up to that of a whole.

    7 and 7.0           ->  equal, same_number        0.5 and 50%       ->  undecided, percent
    (0,1] and [0,1]     ->  different, bracket        1/3 and 0.333     ->  undecided, rounded

UNDECIDED is never read as either of the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """Whether two answers are equal; UNDECIDED is "could not check", not "wrong"."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


class Reason(StrEnum):
    """What a verdict rests on."""

    SAME_TEXT = "same_text"
    """Equal: the same text, but for typography."""
    SAME_NUMBER = "same_number"
    """Equal: the same exact rational number."""
    SAME_STRUCTURE = "same_structure"
    """Equal: the same list, set, tuple, interval, matrix or relation, element by element."""
    SYMBOLIC = "symbolic"
    """Equal or different: by algebra, in the symbolic tier."""
    OTHER_NUMBER = "other_number"
    """Different: another exact number."""
    OTHER_KIND = "other_kind"
    """One is, say, a list and the other an inequality."""
    OTHER_LENGTH = "other_length"
    """Different: not as many elements."""
    OTHER_ELEMENT = "other_element"
    """Different: one element has no partner on the other side."""
    PERCENT = "percent"
    """Only one side has a percent sign: `50%` may stand for 50 or for 0.5."""
    UNIT = "unit"
    """The units differ, or only one side has one that can't be passed over."""
    ROUNDED = "rounded"
    """One side may be the other one rounded."""
    BASE = "base"
    """The bases differ, or only one side names one."""
    ORDER = "order"
    """The same elements in another order."""
    MULTIPLICITY = "multiplicity"
    """The same elements, repeated on one side."""
    BRACKET = "bracket"
    """The same elements in other brackets: tuple, set, open or closed interval."""
    RELATION = "relation"
    """Other relations, such as `<` and `>`, or a relation against a value."""
    NAME = "name"
    """The same value for another name: `x = 5` and `y = 5`."""
    CHOICE = "choice"
    """Choice letters that differ, or a letter against the text of an option."""
    GROUPING = "grouping"
    """A comma may separate thousands, decimals or two numbers."""
    NOT_UNDERSTOOD = "not_understood"
    """Undecided: one side is not surely read, or the symbolic tier can't tell."""
    TOO_LONG = "too_long"
    """Undecided: longer, or of more elements, than is compared."""
    DEADLINE = "deadline"
    """Undecided: the symbolic tier's process was stopped, at its deadline, its memory limit or a crash."""
    NO_ANSWER = "no_answer"
    """Undecided: there is no answer to compare."""


class Comparison(NamedTuple):
    """A verdict and what it rests on."""

    verdict: Verdict
    reason: Reason


def equal(reason: Reason) -> Comparison:
    """Return an EQUAL with its reason."""
    return Comparison(Verdict.EQUAL, reason)


def different(reason: Reason) -> Comparison:
    """Return a DIFFERENT with its reason."""
    return Comparison(Verdict.DIFFERENT, reason)


def undecided(reason: Reason) -> Comparison:
    """Return an UNDECIDED with its reason."""
    return Comparison(Verdict.UNDECIDED, reason)


def all_equal(parts: Iterable[Comparison]) -> Comparison:
    """Return EQUAL where every part is, else DIFFERENT where one surely is, else the first open part's reason."""
    open_part = None
    for part in parts:
        if part.verdict is Verdict.DIFFERENT:
            return part
        if part.verdict is Verdict.UNDECIDED and open_part is None:
            open_part = part
    return open_part or equal(Reason.SAME_STRUCTURE)
