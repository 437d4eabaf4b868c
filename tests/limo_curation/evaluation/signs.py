"""Attempts written as signs, for tests of what is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from limo_curation.evaluation.tables import ATTEMPTS

LETTERS = {"+": "equal", "-": "different", "?": "undecided", "|": "different"}


def attempts(model: str, items: Mapping[str, str] | Sequence[str], *, benchmark: str = "set") -> pl.DataFrame:
    """Attempts as signs, one text to an item: + solved, - wrong, ? undecided, | cut off; the n-th took n tokens."""
    named = items if isinstance(items, Mapping) else {f"item {place}": signs for place, signs in enumerate(items)}
    rows: list[dict[str, Any]] = [
        {
            "attempt_id": f"{name}/{number}",
            "problem_id": name,
            "benchmark": benchmark,
            "model": model,
            "attempt": number,
            "gold": "1",
            "verdict": LETTERS[sign],
            "finish_reason": "length" if sign == "|" else "stop",
            "num_tokens": number + 1,
        }
        for name, signs in named.items()
        for number, sign in enumerate(signs)
    ]
    return pl.DataFrame(rows, schema=ATTEMPTS.schema)
