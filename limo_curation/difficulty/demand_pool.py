"""Which problems a round on demand looks at: the pool as arrays, without texts or engines.

A round of a domain that is short of problems, with the numbers of `DemandConfig`:

    at random    the next of the domain in an order that hangs on nothing but their ids: rated to the end
    candidates   the unseen problems that are likeliest to be kept: shown to the weak solvers
    picks        the likeliest of all candidates so far that no weak solver solved: shown to the strong one

The order at random is laid down beforehand, and a problem whose turn comes counts as drawn at random also where it was
picked before: so what is drawn at random is a uniform sample of the pool, whatever the prediction does. The first
round is at random as a whole, since there is nothing yet to predict from.

A problem that was not looked at takes some 30 bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from limo_curation.config import DemandConfig
from limo_curation.difficulty.prediction import (
    ABOVE,
    BAND,
    NUM_OUTCOMES,
    WEAK_NUMBERS,
    Features,
    Prediction,
    fit_chances,
    gain,
)

UNSEEN, WAITING, DONE = 0, 1, 2
"""Standings. Waiting: no weak solver solved it, and the strong one was not asked yet."""
DOMAIN: Final = 0  # which kind of group the domain is
MIN_YIELD: Final = 0.01  # ours: kept problems for each one rated, where fewer were found so far
MIN_SHARE: Final = 2  # ours: problems of a domain in a round, one at random and one picked
MAX_FIT_ROWS: Final = 50_000  # ours: the latest; more move no chance by a hundredth
MAX_COMPARED: Final = 100_000  # ours: unseen problems of a domain, the next at random, from which candidates are chosen
ROWS_AT_ONCE: Final = 1_000_000

Rows = npt.NDArray[np.int64]
"""Places of problems in the pool, from 0."""


@dataclass(frozen=True, slots=True)
class DomainShare:
    """How many problems of one domain a round looks at."""

    domain: int
    num_missing: int
    """Problems to keep until the domain has enough."""
    num_picks: int
    """Problems that are chosen by their chance, at most."""


class DemandPool:
    """What is known of every problem, and what follows from it for the next round."""

    def __init__(
        self,
        features: Features,
        priority: npt.NDArray[np.uint64],
        *,
        num_groups: Sequence[int],
        settled: npt.NDArray[np.bool_],
        num_kept: npt.NDArray[np.int64],
        config: DemandConfig,
    ) -> None:
        """Start with a pool of which nothing was sampled.

        Args:
            features: known before any attempt; the first kind of group is the domain.
            priority: (rows,), numbers that make the order at random, and part problems with equal chances.
            num_groups: codes of each kind of group.
            settled: (rows,), problems that need no sampling, since their rate is published.
            num_kept: (domains,), how many of these are kept.
            config: how many problems are needed, and the sizes of a round.
        """
        self.features = features
        self.priority = priority
        self.num_groups = tuple(num_groups)
        self.config = config
        self.standing = np.where(settled, DONE, UNSEEN).astype(np.int8)
        self.is_random = np.zeros(len(features), dtype=np.bool_)
        self.num_kept = num_kept.copy()
        self.num_rated = 0
        """Problems that the strong solver has rated."""
        domains = features.groups[:, DOMAIN]
        open_rows = np.flatnonzero(~settled)
        in_order = open_rows[np.lexsort((priority[open_rows], domains[open_rows]))]
        bounds = np.searchsorted(domains[in_order], np.arange(1, self.num_groups[DOMAIN]))
        self._at_random = np.split(in_order, bounds)
        self._num_drawn = [0] * self.num_groups[DOMAIN]
        self._outcome = np.full(len(features), -1, dtype=np.int8)
        self._place = np.full(len(features), -1, dtype=np.int32)
        self._seen = np.empty(0, dtype=np.int64)
        self._weak_numbers = np.empty((0, len(WEAK_NUMBERS)), dtype=np.float32)
        self._rated = np.empty(0, dtype=np.int64)
        self._strong_tokens = np.zeros(NUM_OUTCOMES)

    def num_missing(self) -> npt.NDArray[np.int64]:
        """Return (domains,) how many problems of each are still to be kept; 0 where none is left to look at."""
        left = np.bincount(self.features.groups[self.standing != DONE, DOMAIN], minlength=self.num_groups[DOMAIN])
        return np.where(left > 0, np.maximum(self.config.problems_per_domain - self.num_kept, 0), 0)

    # -- a round -----------------------------------------------------------------------------------------------------

    def begin_round(self) -> list[DomainShare]:
        """Draw a round's problems at random, which `is_random` marks, and return the share of each open domain.

        A domain is open until enough of its problems are kept, or all of them are done. No domain is: the end.
        """
        missing = self.num_missing()
        open_domains = np.flatnonzero(missing).tolist()
        shares: list[DomainShare] = []
        for domain in open_domains:
            num_random = size = max(self.config.round_problems // len(open_domains), MIN_SHARE)
            if self.num_rated:
                found = max(self._outcomes_rated()[BAND] / self.num_rated, MIN_YIELD)
                size = min(size, max(math.ceil(missing[domain] / found), MIN_SHARE))
                num_random = math.ceil(size * self.config.random_share)
            self._draw(domain, num_random)
            shares.append(DomainShare(domain, int(missing[domain]), size - num_random))
        return shares

    def candidates(self, shares: Sequence[DomainShare]) -> Rows:
        """Return the problems that the round shows to the weak solvers: drawn at random, and the likeliest unseen."""
        chosen = [np.flatnonzero(self.is_random & (self.standing == UNSEEN))]
        wanted = [share for share in shares if share.num_picks > 0]
        if wanted:
            before, tokens = self.fit_before_weak(), self._mean_tokens_of_unseen()
            for share in wanted:
                rows = self._next_unseen(share.domain)
                gains = gain(before.chances_of(self.features.take(rows)), tokens)
                chosen.append(rows[highest(gains, self.priority[rows], share.num_picks * self.config.candidates)])
        return np.sort(np.concatenate(chosen))

    def add_weak(self, rows: Rows, *, is_solved: npt.NDArray[np.bool_], weak_numbers: npt.NDArray[np.float32]) -> None:
        """Learn what the weak solvers made of problems.

        Args:
            rows: the problems.
            is_solved: (rows,), whether a weak solver solved it.
            weak_numbers: (rows, WEAK_NUMBERS).
        """
        self.standing[rows] = np.where(is_solved, DONE, WAITING)
        self._outcome[rows[is_solved]] = ABOVE
        self._place[rows] = np.arange(len(self._seen), len(self._seen) + len(rows))
        self._seen = np.concatenate([self._seen, rows])
        self._weak_numbers = np.concatenate([self._weak_numbers, weak_numbers.astype(np.float32)])

    def picks(self, shares: Sequence[DomainShare]) -> tuple[Rows, npt.NDArray[np.float64]]:
        """Return the problems that the round shows to the strong solver, and their chances of the band.

        These are the ones drawn at random that no weak solver solved, and the likeliest that wait, as many as the
        domain is expected to need. The chances are NaN where nothing was rated yet.
        """
        waiting = self._seen[self.standing[self._seen] == WAITING]
        is_random = self.is_random[waiting]
        if not self.num_rated:
            rows = np.sort(waiting[is_random])
            return rows, np.full(len(rows), np.nan)
        chances = self.fit_after_weak().chances_of(self._after_weak(waiting))
        gains = gain(chances, self._mean_tokens())
        chosen = [np.flatnonzero(is_random)]
        for share in shares:
            of_domain = np.flatnonzero(~is_random & (self.features.groups[waiting, DOMAIN] == share.domain))
            best = of_domain[highest(gains[of_domain], self.priority[waiting[of_domain]], max(share.num_picks, 0))]
            needed = int(np.searchsorted(np.cumsum(chances[best, BAND]), share.num_missing)) + 1
            chosen.append(best[:needed])
        places = np.concatenate(chosen)
        places = places[np.argsort(waiting[places])]
        return waiting[places], chances[places, BAND]

    def add_strong(self, rows: Rows, *, outcomes: npt.NDArray[np.int8], num_tokens: npt.NDArray[np.float64]) -> None:
        """Learn what the strong solver made of problems.

        Args:
            rows: the problems.
            outcomes: (rows,), BELOW, BAND or ABOVE; those in the band are kept.
            num_tokens: (rows,), completion tokens that the strong solver wrote.
        """
        self.standing[rows] = DONE
        self._outcome[rows] = outcomes
        self._rated = np.concatenate([self._rated, rows])
        self.num_rated += len(rows)
        self._strong_tokens += np.bincount(outcomes, weights=num_tokens, minlength=NUM_OUTCOMES)
        kept = rows[outcomes == BAND]
        self.num_kept += np.bincount(self.features.groups[kept, DOMAIN], minlength=self.num_groups[DOMAIN])

    # -- prediction --------------------------------------------------------------------------------------------------

    def chances_left(self) -> npt.NDArray[np.float64]:
        """Return (rows,) the chance of the band of each problem that is not done; NaN for the others."""
        chances = np.full(len(self.features), np.nan)
        if self.num_rated:
            waiting, unseen = np.flatnonzero(self.standing == WAITING), np.flatnonzero(self.standing == UNSEEN)
            chances[waiting] = self.fit_after_weak().chances_of(self._after_weak(waiting))[:, BAND]
            before = self.fit_before_weak()
            for rows in slices(unseen):
                chances[rows] = before.chances_of(self.features.take(rows))[:, BAND]
        return chances

    def fit_after_weak(self) -> Prediction:
        """Fit the outcomes of what the strong solver rated to all that is known after the weak attempts."""
        rows = self._rated[-MAX_FIT_ROWS:]
        return fit_chances(
            self._after_weak(rows), np.eye(NUM_OUTCOMES)[self._outcome[rows]], num_groups=self.num_groups
        )

    def fit_before_weak(self) -> Prediction:
        """Fit what the weak solvers have seen to what is known before; what waits has its predicted outcome."""
        rows = self._seen[-MAX_FIT_ROWS:]
        outcomes = np.eye(NUM_OUTCOMES)[self._outcome[rows]]
        waits = self.standing[rows] == WAITING
        outcomes[waits] = self.fit_after_weak().chances_of(self._after_weak(rows[waits]))
        return fit_chances(self.features.take(rows), outcomes, num_groups=self.num_groups)

    def _after_weak(self, rows: Rows) -> Features:
        known = self.features.take(rows)
        numbers = np.concatenate([known.numbers, self._weak_numbers[self._place[rows]]], axis=1)
        return Features(numbers, known.groups)

    def _next_unseen(self, domain: int) -> Rows:
        in_order = self._at_random[domain][self._num_drawn[domain] :]
        return in_order[self.standing[in_order] == UNSEEN][:MAX_COMPARED]

    def _mean_tokens_of_unseen(self) -> npt.NDArray[np.float64]:
        tokens = self._mean_tokens()
        num_solved = len(self._seen) - self.num_rated - int((self.standing == WAITING).sum())
        num_above = self._outcomes_rated()[ABOVE]
        tokens[ABOVE] *= num_above / max(num_above + num_solved, 1)  # what a weak solver solves takes no strong token
        return tokens

    def _mean_tokens(self) -> npt.NDArray[np.float64]:
        number = self._outcomes_rated()
        overall = self._strong_tokens.sum() / max(self.num_rated, 1)
        return np.where(number > 0, self._strong_tokens / np.maximum(number, 1), overall)

    def _outcomes_rated(self) -> npt.NDArray[np.int64]:
        return np.bincount(self._outcome[self._rated], minlength=NUM_OUTCOMES)

    def _draw(self, domain: int, number: int) -> None:
        first = self._num_drawn[domain]
        self.is_random[self._at_random[domain][first : first + number]] = True
        self._num_drawn[domain] = first + number


def highest(values: npt.NDArray[np.float64], priority: npt.NDArray[np.uint64], number: int) -> Rows:
    """Return the places of the highest values, in falling order; of equal ones the lower priority comes first."""
    places = np.arange(len(values))
    if 0 < number < len(values):
        places = np.flatnonzero(values >= np.partition(values, len(values) - number)[len(values) - number])
    return places[np.lexsort((priority[places], -values[places]))][:number]


def slices(rows: Rows) -> list[Rows]:
    """Return rows in portions, so that what is computed on them stays small."""
    return [rows[start : start + ROWS_AT_ONCE] for start in range(0, len(rows), ROWS_AT_ONCE)]
