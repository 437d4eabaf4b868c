"""The tables of an evaluation: what is asked, and what became of each attempt."""

from __future__ import annotations

from typing import Final

import polars as pl

from limo_curation.ingestion import WRONG_OPTIONS
from limo_curation.tables import Column, Table

ITEMS: Final = Table(
    "ITEMS",
    "problem_id",
    {
        "problem_id": Column(pl.String, "the benchmark's own id of the item, or file:row; one to an item"),
        "question": Column(pl.String, "the item's text, Unicode NFC"),
        "answer": Column(
            pl.String, "the item's gold answer; of multiple choice the right option's text, or its letter"
        ),
        **{
            name: Column(pl.String, "an option beside the answer; null where the file has no column for it")
            for name in WRONG_OPTIONS
        },
    },
)

ATTEMPTS: Final = Table(
    "ATTEMPTS",
    "attempt_id",
    {
        "attempt_id": Column(pl.String, "the item's id, / and the attempt's number"),
        "problem_id": ITEMS.columns["problem_id"],
        "benchmark": Column(pl.String, "name of the evaluation set"),
        "model": Column(pl.String, "what the model is called in this evaluation"),
        "attempt": Column(pl.Int64, "number of the attempt at the item, from 0"),
        "gold": Column(pl.String, "what the attempt is compared with; of shuffled options the right one's letter"),
        "predicted": Column(
            pl.String, "the final answer found in the completion; null where it was cut off or has none"
        ),
        "verdict": Column(pl.String, "equal, different or undecided; an attempt without an answer is different"),
        "verdict_reason": Column(pl.String, "what the verdict rests on"),
        "finish_reason": Column(pl.String, "stop, or length: the token limit cut it off"),
        "num_tokens": Column(pl.Int64, "tokens of the completion; null where nobody counted them (recorded ones)"),
    },
)
"""One row for each attempt of one model at one item."""
