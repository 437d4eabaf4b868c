"""A simulated pool to rate: pass rates that follow real ones, and weak solvers that are linked to the strong one.

What is real: the distribution of pass rates, of 26,889 problems that one model attempted 128 times each; their sampling
noise is taken out by the mixture that explains the counts best. It is taken for the strong solver's.

What is assumed: a weak solver's log-odds are the strong one's, lowered by a shift, plus noise of its own; and what its
failed attempts tell (votes, log-probability, length) is the strong solver's log-odds, each seen through noise of its
own. How loud the noise is can be told from `odds_ratio` and `signal_auc`, which labelled chains of other models bound
(`real_links`). An attempt has 700 tokens if it is a weak one and 10,000 if it is a strong one, solved or not.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import zstandard

from limo_curation.difficulty.prediction import WEAK_NUMBERS

Floats = npt.NDArray[np.float64]

WEAK_ATTEMPTS: Final = 4  # LIMO v2
STRONG_ATTEMPTS: Final = 32  # LIMO v2
MAX_SOLVED: Final = 3  # LIMO v2: 1 to 3 of 32 are kept
WEAK_TOKENS: Final = 700  # shared estimate: a short chain of thought of a 7B model on a competition problem
STRONG_TOKENS: Final = 10_000  # shared estimate: a chain of R1-Distill-Qwen-32B on a hard one
RATE_GRID: Final = 200
EM_STEPS: Final = 2_000
NUM_SOURCES: Final = 8
NUM_DOMAINS: Final = 6
POOL_STREAM: Final = 0  # of random numbers
ROWS_AT_ONCE: Final = 500_000


@dataclass(frozen=True, slots=True)
class Link:
    """How weak solvers and texts go with the strong solver's log-odds of a problem."""

    name: str
    weak_noise: float
    """Standard deviation of a weak solver's log-odds around the shifted ones."""
    signal: float
    """Correlation of each number of the failed weak attempts with the strong solver's log-odds, over the pool."""
    text_signal: float = 0.5
    """The same of what the source is chosen by (ours: AUC .58 for the band; real texts give .58 to .61)."""
    weak_shifts: tuple[float, ...] = (3.0, 2.0)
    """Log-odds by which the weak solvers are worse than the strong one: a 1.5B and a 7B (ours)."""


@dataclass(frozen=True, slots=True)
class SimulatedPool:
    """What every solver would make of every problem, and what can be seen of it."""

    rates: npt.NDArray[np.float32]
    """(rows,), the strong solver's pass rate."""
    num_solved: npt.NDArray[np.int8]
    """(rows,), strong attempts of all 32 that reach the answer."""
    fourth: npt.NDArray[np.int8]
    """(rows,), attempts up to the fourth that does; 32 where it never comes."""
    num_counted: npt.NDArray[np.int8]
    """(rows,), of these attempts those that reach the answer."""
    weak_attempts: npt.NDArray[np.int8]
    """(rows, weak solvers), attempts up to the first that reaches the answer, or all four."""
    weak_solved: npt.NDArray[np.bool_]
    """(rows, weak solvers)."""
    weak_numbers: npt.NDArray[np.float32]
    """(rows, WEAK_NUMBERS) of the failed attempts."""
    source: npt.NDArray[np.int16]
    domain: npt.NDArray[np.int16]
    log_characters: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.rates)

    @property
    def is_in_band(self) -> npt.NDArray[np.bool_]:
        """(rows,), whether 1 to 3 of the strong attempts reach the answer."""
        return (self.num_solved >= 1) & (self.num_solved <= MAX_SOLVED)


# -- real pass rates ---------------------------------------------------------------------------------------------------


def read_lines(data: Path, name: str) -> pl.DataFrame:
    """Return one of the shared data sets."""
    with (data / f"{name}.jsonl.zst").open("rb") as file:
        text = zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(file).read()
    return pl.read_ndjson(io.BytesIO(text), infer_schema_length=None)


def real_counts(data: Path) -> npt.NDArray[np.int64]:
    """Return how many real problems were solved 0, 1, ... 128 times in 128 attempts."""
    rows = read_lines(data, "problems").filter(pl.col("source") == "deepscaler")
    unsolved = rows["difficulty_raw"].cast(pl.Float64).to_numpy() / 100 * 128
    return np.bincount(128 - np.rint(unsolved).astype(np.int64), minlength=129)


def pass_rates(counts: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return rates and their weights: the mixture of binomials that makes the counts likeliest, by EM.

    Args:
        counts: (attempts + 1,), how many problems were solved so often.
    """
    num_attempts = len(counts) - 1
    rates = 1 / (1 + np.exp(-np.linspace(-9, 9, RATE_GRID)))
    solved = np.arange(num_attempts + 1)
    log_likelihood = solved[:, None] * np.log(rates) + (num_attempts - solved[:, None]) * np.log1p(-rates)
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    weights = np.full(RATE_GRID, 1 / RATE_GRID)
    for _ in range(EM_STEPS):
        joint = likelihood * weights
        weights = (counts[:, None] * joint / joint.sum(axis=1, keepdims=True)).sum(axis=0) / counts.sum()
    return rates, weights


# -- the pool ----------------------------------------------------------------------------------------------------------


def simulate(num_rows: int, rates: Floats, weights: Floats, link: Link, *, seed: int = 0) -> SimulatedPool:
    """Return a pool; a larger one begins with the problems of a smaller one."""
    parts = [
        simulate_part(
            min(ROWS_AT_ONCE, num_rows - start), rates, weights, link, np.random.default_rng([POOL_STREAM, seed, start])
        )
        for start in range(0, num_rows, ROWS_AT_ONCE)
    ]
    names = SimulatedPool.__dataclass_fields__
    return SimulatedPool(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def simulate_part(num_rows: int, rates: Floats, weights: Floats, link: Link, rng: np.random.Generator) -> SimulatedPool:
    """Return some problems of a pool."""
    log_odds = np.log(rates) - np.log1p(-rates)
    mean = float(weights @ log_odds)
    spread = math.sqrt(float(weights @ (log_odds - mean) ** 2))
    drawn = rng.choice(len(rates), num_rows, p=weights / weights.sum())
    own = log_odds[drawn]
    standard = (own - mean) / spread
    num_solved, fourth, num_counted = attempts_until(rates[drawn], STRONG_ATTEMPTS, MAX_SOLVED + 1, rng)
    weak_rates = [
        1 / (1 + np.exp(shift - own + link.weak_noise * rng.normal(size=num_rows))) for shift in link.weak_shifts
    ]
    weak = [attempts_until(rate, WEAK_ATTEMPTS, 1, rng) for rate in weak_rates]
    by_text = seen_through(standard, link.text_signal, rng)
    return SimulatedPool(
        rates=rates[drawn].astype(np.float32),
        num_solved=num_solved,
        fourth=fourth,
        num_counted=num_counted,
        weak_attempts=np.stack([number for _, number, _ in weak], axis=1),
        weak_solved=np.stack([solved > 0 for solved, _, _ in weak], axis=1),
        weak_numbers=failed_attempts(standard, link.signal, rng),
        source=np.clip(np.floor((by_text + 2) * NUM_SOURCES / 4), 0, NUM_SOURCES - 1).astype(np.int16),
        domain=rng.integers(0, NUM_DOMAINS, num_rows).astype(np.int16),
        log_characters=rng.normal(5.3, 0.6, num_rows).astype(np.float32),
    )


def attempts_until(
    rates: Floats, num_attempts: int, needed: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """Draw attempts on problems with these pass rates.

    Returns:
        How many of all attempts reach the answer; after how many as many as needed do, or all; and how many do by then.
    """
    reached = rng.random((len(rates), num_attempts), dtype=np.float32) < rates[:, None].astype(np.float32)
    so_far = np.cumsum(reached, axis=1, dtype=np.int8)
    is_decided = so_far >= needed
    last = np.where(is_decided[:, -1], np.argmax(is_decided, axis=1), num_attempts - 1)
    counted = np.take_along_axis(so_far, last[:, None], axis=1)[:, 0]
    return so_far[:, -1], (last + 1).astype(np.int8), counted


def failed_attempts(standard: Floats, signal: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return WEAK_NUMBERS of failed attempts on problems with these log-odds (mean 0, standard deviation 1)."""
    votes = np.clip(np.rint(2.0 + seen_through(standard, signal, rng)), 1, WEAK_ATTEMPTS)
    numbers = np.zeros((len(standard), len(WEAK_NUMBERS)), dtype=np.float32)
    numbers[:, 0] = votes / WEAK_ATTEMPTS
    numbers[:, 1] = (WEAK_ATTEMPTS + 1 - votes) / WEAK_ATTEMPTS
    numbers[:, 2] = -0.4 + 0.1 * seen_through(standard, signal, rng)
    numbers[:, 3] = math.log(WEAK_TOKENS) - 0.3 * seen_through(standard, signal, rng)
    numbers[:, 4] = rng.binomial(WEAK_ATTEMPTS, 0.03, len(standard)) / WEAK_ATTEMPTS
    return numbers


def seen_through(standard: Floats, signal: float, rng: np.random.Generator) -> Floats:
    """Return normal numbers that have a given correlation with others."""
    return signal * standard + math.sqrt(1 - signal**2) * rng.normal(size=len(standard))


# -- how strong a link is ----------------------------------------------------------------------------------------------


def odds_ratio(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Return how many times the odds of one grow where the other holds; a half is added to every count."""
    both, neither = (one & other).sum() + 0.5, (~one & ~other).sum() + 0.5
    return float(both * neither / (((one & ~other).sum() + 0.5) * ((~one & other).sum() + 0.5)))


def auc(scores: npt.NDArray[np.floating], is_positive: npt.NDArray[np.bool_]) -> float:
    """Return the chance that a positive has the higher score than a negative; a draw counts half."""
    ranks = pl.Series(scores).rank().to_numpy()
    num_positive, num_negative = int(is_positive.sum()), int((~is_positive).sum())
    above = ranks[is_positive].sum() - num_positive * (num_positive + 1) / 2
    return float(above / (num_positive * num_negative))


def real_links(data: Path) -> pl.DataFrame:
    """Return how the attempts of two models at the same problems go together, for labelled chains.

    Returns:
        `benchmark`, `weak`, `strong`, `problems`, `odds_ratio` of being solved, and `signal_auc`: the chance that, of
        two problems that the weak model failed, the one that the strong model solves has the shorter failed chain.
    """
    chains = read_lines(data, "chains").filter(pl.col("source").str.starts_with("skythought_"))
    rows: list[dict[str, object]] = []
    for weak in ("google/gemma-2-27b-it", "Qwen/Qwen2.5-Math-7B"):
        for strong in ("Qwen/Qwen2.5-14B-Instruct", "Sky-T1-math-correct-5K-27B"):
            for benchmark in ("math500", "minerva_math", "olympiadbench"):
                of_benchmark = chains.filter(pl.col("source") == f"skythought_{benchmark}")
                one, other = (of_benchmark.filter(pl.col("generator") == name) for name in (weak, strong))
                pairs = one.join(other, on="problem", suffix="_strong").drop_nulls(
                    ["final_correct", "final_correct_strong"]
                )
                if pairs.is_empty():
                    continue
                failed = pairs.filter(~pl.col("final_correct"))
                rows.append(
                    {
                        "benchmark": benchmark,
                        "weak": weak,
                        "strong": strong,
                        "problems": pairs.height,
                        "odds_ratio": odds_ratio(
                            pairs["final_correct"].to_numpy(), pairs["final_correct_strong"].to_numpy()
                        ),
                        "signal_auc": auc(-failed["n_chars"].to_numpy(), failed["final_correct_strong"].to_numpy()),
                    }
                )
    return pl.DataFrame(rows)
