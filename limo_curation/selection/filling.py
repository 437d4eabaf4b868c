"""Fill the quotas: go through the problems' best chains, the most valuable first, and take each that there is room for.

    value = (1 - diversity) * score - diversity * similarity to the nearest sample of the domain - price * tokens

The similarity grows with every sample that is taken, so the next one is looked for anew each time (maximal marginal
relevance, Carbonell and Goldstein 1998). A value never rises, so only the chain that stands first is brought up to date
(lazy greedy): the result is that of looking at all of them. The price is 0 where the samples fit the token budget, else
the lowest at which they do (Lagrangian relaxation): a budget costs as little quality as a price on tokens can make it.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.compiled import Scalar, compiled
from limo_curation.selection.diversity import NUM_BINS, Sketches, similarity, sketch_questions
from limo_curation.selection_config import SelectionConfig

OPEN: Final = 0
TAKEN: Final = 1
QUOTA_FILLED: Final = 2
TEMPLATE_CAP: Final = 3
SOURCE_CAP: Final = 4
TOKEN_BUDGET: Final = 5
NO_TOKEN_COUNT: Final = 6
REASONS: Final = ("open", "taken", "quota_filled", "template_cap", "source_cap", "token_budget", "no_token_count")

NOBODY: Final = -1
NO_CAP: Final = np.iinfo(np.int64).max
DEAREST: Final = 1.0  # of quality, for one token: a chain that is a token shorter goes before any better one
NUM_HALVINGS: Final = 40  # of the range of prices: the price is exact to 1e-12

Codes = npt.NDArray[np.int64]
Outcomes = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float64]


class Pool(NamedTuple):
    """The candidates, the best first, in arrays; a code is -1 where the cap does not apply."""

    values: Values
    """Without what diversity takes off."""
    domains: Codes
    """Places among the quotas; those without one come behind."""
    templates: Codes
    sources: Codes
    sketches: Sketches
    """Empty where diversity does not count."""
    diversity: Scalar
    max_per_template: Scalar
    max_per_source: Scalar


class Standing(NamedTuple):
    """What has been taken so far."""

    of_template: Codes
    of_source: Codes
    latest: Codes
    """Of each domain the candidate that was taken last."""
    before: Codes
    """Of each candidate that was taken, the one of its domain before it."""
    compared: Codes
    """Of each candidate, the sample up to which it has been compared."""
    nearest: Values
    """Of each candidate, its similarity to the nearest of these."""


@dataclass(frozen=True, slots=True)
class Filling:
    """What became of each candidate."""

    outcome: Outcomes
    room: dict[str, int]
    """What is left in each domain's quota, before others fill it."""
    num_tokens: int
    """Of all samples; 0 without a budget."""
    price: float = 0.0
    """Quality for one token."""

    @property
    def num_taken(self) -> int:
        """Candidates that were taken."""
        return int((self.outcome == TAKEN).sum())

    def fits(self, config: SelectionConfig) -> bool:
        """Return whether these are as many samples as are asked for, within the budget."""
        is_within = config.max_total_tokens is None or self.num_tokens <= config.max_total_tokens
        return is_within and self.num_taken == config.target_size


def fill_quotas(candidates: pl.DataFrame, quotas: Mapping[str, int], *, config: SelectionConfig) -> Filling:
    """Take candidates up to the quotas, under the caps and within the token budget.

    A cap counts the samples that were taken, so it passes over a chain only where better ones of its template or
    source were taken. To redistribute, what no domain could fill is filled from the best of all others. A token budget
    is met by a price on tokens, in each of these steps.

    Args:
        candidates: from `best_chains`.
        quotas: samples wanted of each domain.
        config: caps, budget, diversity, and what to do when a domain runs dry.

    Returns:
        What became of each candidate. It need not `fits`: there may be too few candidates (then the price is 0), or the
        shortest may take more than the budget (then it is the dearest).
    """
    pool = pool_of(candidates, quotas, config)
    tokens = candidates["tokens"].fill_null(0).to_numpy()
    is_countless = candidates["is_countless"].to_numpy()

    def fill_at(price: float) -> Filling:
        outcome = np.where(is_countless, NO_TOKEN_COUNT, OPEN).astype(np.uint8)
        room = fill_once(pool._replace(values=pool.values - price * tokens), quotas, outcome, config)
        return Filling(outcome, room, int(tokens[outcome == TAKEN].sum()), price)

    unpriced = fill_at(0.0)
    if unpriced.fits(config) or unpriced.num_taken < config.target_size:
        return unpriced
    found = fill_at(DEAREST)
    if not found.fits(config):
        return found
    too_low = 0.0
    for _ in range(NUM_HALVINGS):
        tried = fill_at((too_low + found.price) / 2)
        if tried.fits(config):
            found = tried
        else:
            too_low = tried.price
    found.outcome[(unpriced.outcome == TAKEN) & (found.outcome != TAKEN)] = TOKEN_BUDGET
    return found


def pool_of(candidates: pl.DataFrame, quotas: Mapping[str, int], config: SelectionConfig) -> Pool:
    """Return the candidates in arrays."""
    domain = candidates["domain"].fill_null("")
    places = {name: place for place, name in enumerate(quotas)}
    score = candidates["score"].fill_null(0.0).to_numpy()
    return Pool(
        values=(1 - config.diversity) * score,
        domains=domain.replace_strict(places, default=len(quotas), return_dtype=pl.Int64).to_numpy(),
        templates=codes_of(candidates["template_id"], config.max_per_template),
        sources=codes_of(candidates["source"].fill_null(""), config.max_per_source),
        sketches=sketch_questions(candidates["question"]) if config.diversity else np.empty((0, NUM_BINS), np.uint8),
        diversity=config.diversity,
        max_per_template=config.max_per_template or NO_CAP,
        max_per_source=config.max_per_source or NO_CAP,
    )


def codes_of(names: pl.Series, cap: int | None) -> Codes:
    """Return numbers in place of names; -1 for nulls, and for all where there is no cap."""
    if cap is None:
        return np.full(len(names), NOBODY, np.int64)
    return names.rank("dense").cast(pl.Int64).fill_null(0).to_numpy() - 1


def fill_once(pool: Pool, quotas: Mapping[str, int], outcome: Outcomes, config: SelectionConfig) -> dict[str, int]:
    """Write what becomes of the candidates that are open, and return what is left in each quota."""
    num_rows = len(outcome)
    standing = Standing(
        of_template=np.zeros(num_rows + 1, np.int64),
        of_source=np.zeros(num_rows + 1, np.int64),
        latest=np.full(len(quotas) + 1, NOBODY, np.int64),
        before=np.full(num_rows, NOBODY, np.int64),
        compared=np.full(num_rows, NOBODY, np.int64),
        nearest=np.zeros(num_rows, np.float64),
    )
    room = np.array([*quotas.values(), 0], np.int64)
    take_open(pool, pool.domains, room, standing, outcome)
    left = dict(zip(quotas, room.tolist(), strict=False))  # the last is of those without a quota
    if config.when_short == "redistribute" and sum(left.values()):
        outcome[outcome == QUOTA_FILLED] = OPEN
        take_open(pool, np.zeros(num_rows, np.int64), np.array([sum(left.values())]), standing, outcome)
    return left


@compiled
def take_open(pool: Pool, groups: Codes, room: Codes, standing: Standing, outcome: Outcomes) -> None:
    """Take open candidates, the most valuable first, while their groups have room; of equals the first."""
    queue = [(pool.diversity * standing.nearest[row] - pool.values[row], row)
             for row in range(len(groups)) if outcome[row] == OPEN]  # fmt: skip
    heapq.heapify(queue)
    left = room.sum()
    while left > 0 and len(queue) > 0:
        cost, row = heapq.heappop(queue)
        if room[groups[row]] == 0:
            outcome[row] = QUOTA_FILLED
            continue
        if pool.diversity > 0 and bring_up_to_date(pool, standing, row):
            now = pool.diversity * standing.nearest[row] - pool.values[row]
            if now > cost:
                heapq.heappush(queue, (now, row))
                continue
        outcome[row] = take(pool, standing, row)
        if outcome[row] == TAKEN:
            room[groups[row]] -= 1
            left -= 1
    for row in range(len(outcome)):
        if outcome[row] == OPEN:
            outcome[row] = QUOTA_FILLED


@compiled
def bring_up_to_date(pool: Pool, standing: Standing, row: Scalar) -> Scalar:
    """Compare a candidate with the samples of its domain that it has not been compared with; say if there are any."""
    latest = standing.latest[pool.domains[row]]
    sample = latest
    while sample != standing.compared[row]:
        near = similarity(pool.sketches[row], pool.sketches[sample])
        standing.nearest[row] = max(standing.nearest[row], near)
        sample = standing.before[sample]
    is_behind = latest != standing.compared[row]
    standing.compared[row] = latest
    return is_behind


@compiled
def take(pool: Pool, standing: Standing, row: Scalar) -> Scalar:
    """Take a candidate if no cap is full, and return what became of it."""
    template, source = pool.templates[row], pool.sources[row]
    if template != NOBODY and standing.of_template[template] >= pool.max_per_template:
        return TEMPLATE_CAP
    if source != NOBODY and standing.of_source[source] >= pool.max_per_source:
        return SOURCE_CAP
    if template != NOBODY:
        standing.of_template[template] += 1
    if source != NOBODY:
        standing.of_source[source] += 1
    domain = pool.domains[row]
    standing.before[row] = standing.latest[domain]
    standing.latest[domain] = row
    return TAKEN


def reasons_of(outcome: Outcomes) -> pl.Series:
    """Return what became of each candidate in words; null: taken."""
    names: list[Any] = [None if name == REASONS[TAKEN] else name for name in REASONS]
    return pl.Series("outcome", names, pl.String).gather(outcome)
