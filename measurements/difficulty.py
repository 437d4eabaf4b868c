"""Measure what a kept problem costs: tokens by fixed sampling, early stopping, on demand, and with a cascade in front.

    LIMO_DATA=... python -m measurements.difficulty [--rows 10000000] [--quick] [--json]
    python -m measurements.difficulty --models [--problems 120] [--json]

A simulated pool (`difficulty_pool.py`, which says what is real and what is assumed) is rated in several ways. What
chooses is the project's own code (`DemandPool`, with its regression, as the stage uses it); what an attempt would have
shown is looked up. With --models the demo's tiny models rate generated problems for real (`difficulty_models.py`).

    every problem     4 weak attempts and 32 strong ones for each
    fixed             4 weak attempts for each, 32 strong ones where none of them succeeds
    early             the same, each until its first success, and its fourth
    on demand         early, the likeliest problems first, until 400 of each of six domains are kept
    cascade           a 1.5B before the 7B
    known rates       no prediction can do better: as if the pass rate of every problem were known

Tokens are thousands for each kept problem; "GPU" counts a token of a 7B as 7/32 of one of the 32B, as its weights that
have to be read are.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from limo_curation.config import DemandConfig
from limo_curation.difficulty.demand_pool import DONE, DemandPool
from limo_curation.difficulty.prediction import ABOVE, BAND, BELOW, Features
from measurements.deduplication import processor
from measurements.difficulty_models import rate_for_real
from measurements.difficulty_pool import (
    MAX_SOLVED,
    NUM_DOMAINS,
    NUM_SOURCES,
    STRONG_ATTEMPTS,
    STRONG_TOKENS,
    WEAK_ATTEMPTS,
    WEAK_TOKENS,
    Floats,
    Link,
    SimulatedPool,
    auc,
    odds_ratio,
    pass_rates,
    real_counts,
    real_links,
    simulate,
)

LINKS: Final = (
    Link("none", weak_noise=4.0, signal=0.0, text_signal=0.0),
    Link("weak", weak_noise=3.0, signal=0.15),
    Link("middle", weak_noise=2.0, signal=0.3),
    Link("strong", weak_noise=1.0, signal=0.6),
)
"""From less to more than the odds ratios (1.9 to 16.5) and AUCs (.38 to .72) of `real_links`."""
ONE_WEAK, CASCADE = (1,), (0, 1)
"""Which weak solvers of the pool are asked, in order."""
WEAK_SIZES: Final = (1.5 / 32, 7 / 32)
ORDER_STREAM, STRENGTH_STREAM = 1, 2  # of random numbers; that of the pool is 0
QUICK_ROWS: Final = 100_000
PROBLEMS_PER_DOMAIN: Final = 400  # the preset `full`

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one way of rating took, and what it kept."""

    num_rated: int
    """Problems that the strong solver has rated."""
    num_kept: int
    weak_tokens: tuple[float, ...]
    """Of each weak solver of the pool."""
    strong_tokens: float

    @property
    def tokens(self) -> float:
        """Thousands of tokens for each kept problem."""
        return (sum(self.weak_tokens) + self.strong_tokens) / max(self.num_kept, 1) / 1e3

    @property
    def gpu_tokens(self) -> float:
        """The same in tokens of the strong solver, by size."""
        weak = sum(tokens * size for tokens, size in zip(self.weak_tokens, WEAK_SIZES, strict=True))
        return (weak + self.strong_tokens) / max(self.num_kept, 1) / 1e3


# -- ways of rating ----------------------------------------------------------------------------------------------------


def left_by(pool: SimulatedPool, solvers: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Return (rows,) which problems none of some weak solvers solves."""
    return np.logical_not(pool.weak_solved[:, list(solvers)].any(axis=1))


def weak_tokens_of(pool: SimulatedPool, rows: Rows, solvers: tuple[int, ...]) -> list[float]:
    """Return the tokens of each weak solver, one after the other, each until its first success."""
    tokens = [0.0] * pool.weak_solved.shape[1]
    waiting = rows
    for solver in solvers:
        tokens[solver] = float(WEAK_TOKENS * pool.weak_attempts[waiting, solver].sum(dtype=np.int64))
        waiting = waiting[~pool.weak_solved[waiting, solver]]
    return tokens


def fixed(pool: SimulatedPool, *, for_every_problem: bool) -> Cost:
    """Draw all attempts: the strong ones of every problem, or of those that the 7B leaves."""
    left = left_by(pool, ONE_WEAK)
    num_rated = len(pool) if for_every_problem else int(left.sum())
    weak = (0.0, float(WEAK_TOKENS * WEAK_ATTEMPTS * len(pool)))
    strong = float(STRONG_TOKENS * STRONG_ATTEMPTS * num_rated)
    return Cost(num_rated, int((left & pool.is_in_band).sum()), weak, strong)


def early(pool: SimulatedPool, solvers: tuple[int, ...]) -> tuple[Cost, npt.NDArray[np.bool_]]:
    """Stop each solver at the attempt that decides; return also (rows,) what is kept."""
    left = left_by(pool, solvers)
    rows = np.flatnonzero(left)
    kept = left & (pool.num_counted >= 1) & (pool.num_counted <= MAX_SOLVED)
    strong = float(STRONG_TOKENS * pool.fourth[rows].sum(dtype=np.int64))
    weak = weak_tokens_of(pool, np.arange(len(pool)), solvers)
    return Cost(len(rows), int(kept.sum()), tuple(weak), strong), kept


def on_demand(
    pool: SimulatedPool, solvers: tuple[int, ...], config: DemandConfig, *, seed: int = 0
) -> tuple[Cost, DemandPool]:
    """Rate in rounds until every domain has enough, or nothing is left; the pool of the stage chooses."""
    demand = DemandPool(
        Features(pool.log_characters[:, None], np.stack([pool.domain, pool.source], axis=1)),
        np.random.default_rng([ORDER_STREAM, seed]).integers(0, 2**63, len(pool)).astype(np.uint64),
        num_groups=(NUM_DOMAINS, NUM_SOURCES),
        settled=np.zeros(len(pool), dtype=np.bool_),
        num_kept=np.zeros(NUM_DOMAINS, dtype=np.int64),
        config=config,
    )
    left = left_by(pool, solvers)
    outcomes = np.select([pool.is_in_band, pool.num_solved > MAX_SOLVED], [BAND, ABOVE], BELOW).astype(np.int8)
    weak, strong = np.zeros(pool.weak_solved.shape[1]), 0.0
    while shares := demand.begin_round():
        rows = demand.candidates(shares)
        weak += weak_tokens_of(pool, rows, solvers)
        demand.add_weak(rows, is_solved=~left[rows], weak_numbers=pool.weak_numbers[rows])
        rows, _ = demand.picks(shares)
        tokens = STRONG_TOKENS * pool.fourth[rows].astype(np.float64)
        strong += float(tokens.sum())
        demand.add_strong(rows, outcomes=outcomes[rows], num_tokens=tokens)
    return Cost(demand.num_rated, int(demand.num_kept.sum()), tuple(weak.tolist()), strong), demand


def known_rates(pool: SimulatedPool) -> Cost:
    """Rate the thousandth of the pool whose pass rates yield most for a token, without weak attempts."""
    place = np.unique(pool.rates, return_inverse=True)[1]
    number = np.bincount(place)
    gains = np.bincount(place, weights=pool.is_in_band) / np.bincount(place, weights=pool.fourth)
    best = np.argsort(-gains)
    taken = best[: int(np.searchsorted(np.cumsum(number[best]), len(pool) / 1_000)) + 1]
    rows = np.flatnonzero(np.isin(place, taken))
    strong = float(STRONG_TOKENS * pool.fourth[rows].sum(dtype=np.int64))
    return Cost(len(rows), int(pool.is_in_band[rows].sum()), (0.0, 0.0), strong)


# -- one link ----------------------------------------------------------------------------------------------------------


def strength_of(pool: SimulatedPool) -> dict[str, float]:
    """Return how strong a link is, in the terms of `real_links`, and how much the problems' texts say."""
    weak = (pool.weak_attempts[:, 1] == 1) & pool.weak_solved[:, 1]
    strong = np.random.default_rng(STRENGTH_STREAM).random(len(pool)) < pool.rates
    by_source = np.bincount(pool.source, weights=pool.is_in_band) / np.maximum(np.bincount(pool.source), 1)
    return {
        "odds_ratio": odds_ratio(weak, strong),
        "signal_auc": auc(-pool.weak_numbers[~weak, 3], strong[~weak]),
        "source_auc": auc(by_source[pool.source], pool.is_in_band),
        "left_by_7b": float(left_by(pool, ONE_WEAK).mean()),
        "left_by_both": float(left_by(pool, CASCADE).mean()),
    }


def measure(pool: SimulatedPool, config: DemandConfig) -> dict[str, Any]:
    """Rate a pool in every way; return costs, and how the kept sets differ."""
    one_weak, kept = early(pool, ONE_WEAK)
    cascade, kept_by_cascade = early(pool, CASCADE)
    demanded, demand = on_demand(pool, ONE_WEAK, config)
    demanded_by_cascade, _ = on_demand(pool, CASCADE, config)
    kept_by_fixed = left_by(pool, ONE_WEAK) & pool.is_in_band
    return {
        "costs": {
            "every problem": fixed(pool, for_every_problem=True),
            "fixed": fixed(pool, for_every_problem=False),
            "early": one_weak,
            "early, cascade": cascade,
            "on demand": demanded,
            "on demand, cascade": demanded_by_cascade,
            "known rates": known_rates(pool),
        },
        "early_differs_from_fixed": int((kept != kept_by_fixed).sum()),
        "lost_by_cascade": float((kept & ~kept_by_cascade).sum() / kept.sum()),
        "bias": bias_of(pool, demand),
    }


def bias_of(pool: SimulatedPool, demand: DemandPool) -> dict[str, float]:
    """Return the mean solved attempts of what is kept, of both draws, and the share of each draw that is kept."""
    found: dict[str, float] = {}
    for name, draw in (("random", demand.is_random), ("predicted", ~demand.is_random)):
        of_draw = (demand.standing == DONE) & draw & left_by(pool, ONE_WEAK)
        kept = of_draw & pool.is_in_band
        found[f"{name}_kept_share"] = float(kept.sum() / max(of_draw.sum(), 1))
        found[f"{name}_kept_mean_solved"] = float(pool.num_solved[kept].mean()) if kept.any() else float("nan")
    return found


def print_measured(link: Link, strength: dict[str, float], measured: dict[str, Any]) -> None:
    """Print one link's table."""
    told = ", ".join(f"{name} {number:.3g}" for name, number in strength.items())
    print(f"\nlink {link.name}: {told}")
    print(f"{'':<20} {'rated':>10} {'kept':>9} {'tokens':>8} {'GPU':>8} {'x fewer than fixed':>19} {'than every':>11}")
    costs: dict[str, Cost] = measured["costs"]
    for name, cost in costs.items():
        ratios = [costs[base].tokens / cost.tokens for base in ("fixed", "every problem")]
        line = f"{name:<20} {cost.num_rated:>10,} {cost.num_kept:>9,} {cost.tokens:>8,.0f} {cost.gpu_tokens:>8,.0f}"
        print(f"{line} {ratios[0]:>19.2f} {ratios[1]:>11.2f}")
    print(f"kept sets: early differs from fixed in {measured['early_differs_from_fixed']} problems;", end=" ")
    print(f"the cascade loses {measured['lost_by_cascade']:.1%}, which the 1.5B solves and the 7B does not")
    print(", ".join(f"{name} {number:.3f}" for name, number in measured["bias"].items()), flush=True)


def measure_links(data: Path, num_rows: int, config: DemandConfig) -> dict[str, Any]:
    """Measure and print every link."""
    counts = real_counts(data)
    rates, weights = pass_rates(counts)
    print(f"{counts.sum():,} real problems: {counts[0] / counts.sum():.1%} never solved in 128 attempts;", end=" ")
    print(f"in a pool like them {band_share(rates, weights):.1%} are solved 1 to 3 times in 32")
    links = real_links(data)
    print(f"real links: odds ratios {spread(links['odds_ratio'].to_numpy())}", end=", ")
    print(f"AUCs {spread(links['signal_auc'].to_numpy())}")
    found: dict[str, Any] = {}
    for link in LINKS:
        pool = simulate(num_rows, rates, weights, link)
        strength, measured = strength_of(pool), measure(pool, config)
        print_measured(link, strength, measured)
        costs = {
            name: asdict(cost) | {"tokens": cost.tokens, "gpu_tokens": cost.gpu_tokens}
            for name, cost in measured["costs"].items()
        }
        found[link.name] = strength | measured | {"costs": costs}
    return found


def band_share(rates: Floats, weights: Floats) -> float:
    """Return the share of problems that are solved 1 to 3 times in 32 attempts."""
    below = [(1 - rates) ** STRONG_ATTEMPTS]
    for solved in range(1, MAX_SOLVED + 1):
        step = (STRONG_ATTEMPTS - solved + 1) / solved * rates / (1 - rates)
        below.append(below[-1] * step)
    return float(weights @ sum(below[1:]))


def spread(numbers: Floats) -> str:
    """Say the least, the middle and the greatest of some numbers."""
    return f"{numbers.min():.2f} to {numbers.max():.2f}, median {np.median(numbers):.2f}"


def main() -> None:
    """Print tables, and with --json one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="problems of the simulated pool")
    parser.add_argument("--models", action="store_true", help="rate generated problems with the demo's models")
    parser.add_argument("--problems", type=int, default=120, help="with --models: how many")
    parser.add_argument("--quick", action="store_true", help="100,000 problems, 100 of a domain: under a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    arguments = parser.parse_args()
    if arguments.models:
        found = rate_for_real(arguments.problems)
    elif "LIMO_DATA" not in os.environ:
        sys.exit("LIMO_DATA is not set: name the folder with problems.jsonl.zst and chains.jsonl.zst")
    else:
        rows = QUICK_ROWS if arguments.quick else arguments.rows
        needed = 100 if arguments.quick else PROBLEMS_PER_DOMAIN
        found = measure_links(Path(os.environ["LIMO_DATA"]), rows, DemandConfig(problems_per_domain=needed))
    if arguments.json:
        machine = {"processor": processor(), "cores": os.cpu_count()}
        print(json.dumps({"machine": machine, "ours": found}))


if __name__ == "__main__":
    main()
