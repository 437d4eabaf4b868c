"""The three verdicts, and how the verdicts of parts add up to the verdict of a whole."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """Whether two answers are equal; UNDECIDED is "could not check", not "wrong"."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


def all_equal(verdicts: Iterable[Verdict]) -> Verdict:
    """Return EQUAL where every part is, DIFFERENT where one part surely differs, else UNDECIDED."""
    found = set(verdicts)
    if Verdict.DIFFERENT in found:
        return Verdict.DIFFERENT
    return Verdict.UNDECIDED if Verdict.UNDECIDED in found else Verdict.EQUAL
