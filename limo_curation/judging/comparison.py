"""Ask judges which of two chains of one problem is better, in both orders.

A judge that prefers what stands first would decide by that, so a chain wins only if it is called the better one
wherever it stands; anything else, a reply that could not be read included, is a tie. Of several judges or seeds more
than half have to agree. How often the place decided is measured: `order_bias`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import polars as pl
from pydantic import Field

from limo_curation.errors import JudgeError
from limo_curation.judge_config import JudgeConfig
from limo_curation.judging.judge import Reply, cost_of, judge_name, judge_request, read_reply
from limo_curation.judging.judge_prompt import compare_prompt
from limo_curation.sampling.protocol import Completion, Sampler, SampleRequest

Place = Literal["first", "second", "tie"]

PREFERENCES: Final = pl.Schema(
    {
        "first_id": pl.String,
        "second_id": pl.String,
        "judge": pl.String,
        "attempt": pl.Int64,
        "in_order": pl.String,  # the better place, first or second, or tie, with first_id in front; null: not read
        "swapped": pl.String,  # the better place with second_id in front
        "num_prompt_tokens": pl.Int64,
        "num_completion_tokens": pl.Int64,
        "num_truncated": pl.Int64,  # replies of the two that were cut off
    }
)
"""One row for each pair, judge and seed."""


class Preference(Reply):
    """A judge's reply about a pair."""

    reason: Annotated[str, Field(max_length=400)]
    better: Place


@dataclass(frozen=True, slots=True)
class OrderBias:
    """How much the order in which two chains are shown decides; None where nothing was decided."""

    num_read: int
    """Pairs, by judge and seed, of which both replies could be read."""
    num_unread: int
    inconsistent_fraction: float | None
    """Of the pairs that were read: those in which the same place won in both orders."""
    first_place_fraction: float | None
    """Of all replies that prefer one: those that prefer what stands first. Every pair is shown in both orders, so an
    unbiased judge has .5."""


def ask_preferences(pairs: pl.DataFrame, *, config: JudgeConfig, sampler: Sampler) -> pl.DataFrame:
    """Let every judge compare the chains of each pair, in both orders.

    Args:
        pairs: `question`, `first_id`, `first`, `second_id`, `second` (ids and texts of the chains), one row a pair.
        config: the panel.
        sampler: the engine that serves its models.

    Returns:
        A PREFERENCES table, judge by judge, each in the order of the pairs.

    Raises:
        TransientError, BudgetError: from the sampler. What was answered is in the request cache.
    """
    columns = ("question", "first_id", "first", "second_id", "second")
    rows = pairs.select(pl.col(columns).fill_null("")).rows(named=True)
    most = config.max_chain_characters

    def requests() -> Iterator[SampleRequest]:
        for judge in config.models:
            for row in rows:
                in_order, swapped = (
                    compare_prompt(row["question"], row[one], row[other], max_chain_characters=most).text
                    for one, other in (("first", "second"), ("second", "first"))
                )
                for attempt in range(judge.num_seeds):
                    yield judge_request(judge, in_order, Preference, row["first_id"], attempt)
                    yield judge_request(judge, swapped, Preference, row["first_id"], attempt)

    each = [(judge, row, attempt) for judge in config.models for row in rows for attempt in range(judge.num_seeds)]
    completions = sampler.sample(requests())
    table = [
        (
            *(row["first_id"], row["second_id"], judge_name(judge), attempt),
            *(preferred_place(in_order), preferred_place(swapped)),
            *cost_of(in_order, swapped),
        )
        for (judge, row, attempt), in_order, swapped in zip(each, completions, completions, strict=True)
    ]
    return pl.DataFrame(table, schema=PREFERENCES, orient="row")


def preferred_place(completion: Completion) -> Place | None:
    """Return the place that a reply prefers; None where it can't be read."""
    try:
        return read_reply(completion, Preference).better
    except JudgeError:
        return None


def settle(preferences: pl.DataFrame) -> pl.DataFrame:
    """Bring all that was said of a pair together.

    Returns:
        `first_id`, `second_id` and `winner` (first, second or tie), one row for each pair, in order of appearance.
    """
    first_wins = (pl.col("in_order") == "first") & (pl.col("swapped") == "second")
    second_wins = (pl.col("in_order") == "second") & (pl.col("swapped") == "first")
    votes = preferences.group_by("first_id", "second_id", maintain_order=True).agg(
        first=first_wins.fill_null(False).sum(), second=second_wins.fill_null(False).sum(), all=pl.len()
    )
    winner = (
        pl.when(pl.col("first") * 2 > pl.col("all"))
        .then(pl.lit("first"))
        .when(pl.col("second") * 2 > pl.col("all"))
        .then(pl.lit("second"))
        .otherwise(pl.lit("tie"))
    )
    return votes.select("first_id", "second_id", winner=winner)


def order_bias(preferences: pl.DataFrame) -> OrderBias:
    """Measure how much the order decides."""
    read = preferences.drop_nulls(["in_order", "swapped"])
    places: list[tuple[str, str]] = read.select("in_order", "swapped").rows()
    decided = [place for both in places for place in both if place != "tie"]
    num_same = sum(one == other != "tie" for one, other in places)
    return OrderBias(
        num_read=read.height,
        num_unread=preferences.height - read.height,
        inconsistent_fraction=num_same / len(places) if places else None,
        first_place_fraction=decided.count("first") / len(decided) if decided else None,
    )


def best_pairs(chains: pl.DataFrame) -> pl.DataFrame:
    """Return the two best chains of each problem that has two: `first_id` (the better one) and `second_id`.

    Args:
        chains: `problem_id`, `chain_id`, `quality` (never null); equal ones are ordered by `chain_id`.
    """
    ordered = chains.select("problem_id", "chain_id", "quality").unique("chain_id")
    ordered = ordered.sort("problem_id", "quality", "chain_id", descending=[False, True, False])
    both = ordered.group_by("problem_id", maintain_order=True).agg(pl.col("chain_id").head(2))
    return both.filter(pl.col("chain_id").list.len() == 2).select(
        first_id=pl.col("chain_id").list.get(0), second_id=pl.col("chain_id").list.get(1)
    )


def put_winners_first(chains: pl.DataFrame, settled: pl.DataFrame) -> pl.DataFrame:
    """Let the two chains of a pair exchange their quality where the second one has won; nothing else changes.

    Args:
        chains: `chain_id`, `quality`.
        settled: what `settle` returns of the `best_pairs`.

    Returns:
        The chains, in order, with `comparison` (won, lost or tie; null for chains that were not compared).
    """
    quality = chains.unique("chain_id").select("chain_id", "quality")
    both = settled.join(quality, left_on="first_id", right_on="chain_id", how="left").join(
        quality, left_on="second_id", right_on="chain_id", how="left", suffix="_second"
    )
    has_changed = pl.col("winner") == "second"
    sides = {"first": ("quality_second", "quality"), "second": ("quality", "quality_second")}
    outcome = pl.concat(
        both.select(
            chain_id=pl.col(f"{side}_id"),
            settled_quality=pl.when(has_changed).then(pl.col(other)).otherwise(pl.col(own)),
            comparison=pl.when(pl.col("winner") == "tie")
            .then(pl.lit("tie"))
            .otherwise(pl.when(pl.col("winner") == side).then(pl.lit("won")).otherwise(pl.lit("lost"))),
        )
        for side, (other, own) in sides.items()
    )
    joined = chains.join(outcome, on="chain_id", how="left", maintain_order="left")
    return joined.with_columns(quality=pl.coalesce("settled_quality", "quality")).drop("settled_quality")
