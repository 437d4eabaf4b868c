"""What counts as the same answer, where the mathematics alone does not say.

The defaults never guess: where two readings of a pair lead to different verdicts, it is undecided. A caller who knows
more about the questions (that all answers are integers, that every list is ordered) says so here. A policy is
symmetric, but for `decimals`, which asks which of the two is the gold answer.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict


class AnswerPolicy(BaseModel):
    """How to judge pairs that can be read in two ways."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    percent: Literal["undecided", "sign", "hundredth"] = "undecided"
    """A percent sign on one side only: undecided; "sign": it is only a sign (50% is 50); "hundredth": 50% is 0.5."""

    units: Literal["optional", "required"] = "optional"
    """A unit on one side only: "optional" passes over it; "required" makes the pair undecided."""

    lists: Literal["unordered", "ordered"] = "unordered"
    """Bare lists (`1, 2`): "unordered" as sets are; "ordered" as tuples are."""

    repeats: Literal["undecided", "ignored", "counted"] = "undecided"
    """`1, 1, 2` against `1, 2`: undecided; "ignored": equal; "counted": different."""

    brackets: Literal["undecided", "ignored"] = "undecided"
    """The same elements in the same order as list, tuple or set: undecided; "ignored": equal. Intervals always keep
    their brackets: an open end is not a closed one."""

    decimals: Literal["exact", "gold_places"] = "exact"
    """A decimal that may be the other side rounded: "exact" leaves it undecided; "gold_places": equal where the gold
    answer is the decimal and the prediction rounds to it at the gold answer's last place."""

    names: Literal["optional", "required"] = "optional"
    """A name on one side only, `y = 1` against `1`: "optional" compares the values; "required": undecided."""


DEFAULT_POLICY: Final = AnswerPolicy()
