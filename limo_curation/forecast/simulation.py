"""Draw a run many times over: rows through the stages, and the tokens that its solvers read and write.

Each draw takes every uncertain share and mean anew from its distribution, and then the problems of the run by chance:
the spread of the draws holds both what is not known and what nobody can know before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from limo_curation.config import DemandConfig, RunConfig
from limo_curation.forecast.evidence import Amount, Share, SolverEvidence
from limo_curation.forecast.gathering import Evidence, samples_every_problem
from limo_curation.run_record import PROBLEM_STAGES
from limo_curation.store import Manifest
from limo_curation.tables import DOMAINS

Draws: TypeAlias = NDArray[np.float64]

NUM_DRAWS: Final = 4_000
SEED: Final = 0


@dataclass(frozen=True, slots=True)
class SolverDraws:
    """What one solver is asked, reads and writes, in each draw."""

    problems: Draws
    prompt_tokens: Draws
    completion_tokens: Draws


@dataclass(slots=True)
class RunDraws:
    """A run, many times over."""

    rows_in: dict[str, Draws] = field(default_factory=dict[str, Draws])
    rows_kept: dict[str, Draws] = field(default_factory=dict[str, Draws])
    """By stage."""
    solvers: dict[str, SolverDraws] = field(default_factory=dict[str, SolverDraws])


class Simulation:
    """Draws one run."""

    def __init__(self, config: RunConfig, evidence: Evidence, *, num_draws: int = NUM_DRAWS, seed: int = SEED) -> None:
        self.config = config
        self.evidence = evidence
        self.num_draws = num_draws
        self.random = np.random.default_rng(seed)
        self.drawn = RunDraws()

    def run(self) -> RunDraws:
        """Draw all stages in order. Called once."""
        rows = np.full(self.num_draws, float(self.evidence.rows))
        for stage in PROBLEM_STAGES:
            rows = self._stage(stage, rows)
        problems = rows
        chains = self._stage("generation", problems)
        for stage in ("verification", "judging"):
            chains = self._stage(stage, chains)
        self._stage("selection", chains, with_chain=self._with_chain(problems, chains))
        return self.drawn

    def _stage(self, stage: str, rows: Draws, *, with_chain: Draws | None = None) -> Draws:
        """Draw one stage, and return the rows that it keeps."""
        counted = self.evidence.counted.get(stage)
        if counted is not None:
            self._record_solvers(stage, rows, counted)
            rows = np.full(self.num_draws, float(counted.rows_in))
            kept = np.full(self.num_draws, float(counted.rows_kept))
        elif stage == "difficulty":
            kept = self._difficulty(rows)
        elif stage == "generation":
            self._ask_in_turn(stage, rows)
            kept = np.round(self._total(self.evidence.chains, rows))
        elif stage == "selection":
            kept = np.minimum(rows if with_chain is None else with_chain, float(self.config.selection.target_size))
        else:
            kept = self._share_of(rows, self.evidence.kept[stage]) if getattr(self.config, stage).enabled else rows
        self.drawn.rows_in[stage], self.drawn.rows_kept[stage] = rows, kept
        return kept

    def _difficulty(self, rows: Draws) -> Draws:
        config = self.config.difficulty
        if not config.enabled:
            return rows
        asked = self._ask_in_turn("difficulty", rows)
        kept = self._share_of(asked if samples_every_problem(self.config) else rows, self.evidence.kept["difficulty"])
        return kept if config.demand is None else self._on_demand(config.demand, rows, asked, kept)

    def _on_demand(self, demand: DemandConfig, rows: Draws, asked: Draws, kept: Draws) -> Draws:
        """Take back what need not be asked once enough problems are kept; what a prediction saves is not foreseen."""
        wanted = np.minimum(kept, float(demand.problems_per_domain * len(DOMAINS)))
        needed = np.divide(wanted, kept, out=np.ones_like(kept), where=kept > 0)
        unsolved = np.divide(asked, rows, out=np.ones_like(kept), where=rows > 0)
        # weak solvers see more problems than the strong one could be asked about, as many as it is to choose from
        choice = 1.0 if self.evidence.rated_on_demand else np.maximum(demand.candidates * unsolved, 1.0)
        for one in self.evidence.solvers:
            if one.stage == "difficulty":
                self._scale(one.name, needed if one.name == "strong" else np.minimum(needed * choice, 1.0))
        return wanted

    def _ask_in_turn(self, stage: str, rows: Draws) -> Draws:
        """Draw what each solver of a stage is asked and what that takes; return what the last one was asked."""
        asked = rows
        for one in self.evidence.solvers:
            if one.stage == stage:
                asked = self._share_of(asked, one.asked)
                self._ask(one, asked)
        return asked

    def _ask(self, solver: SolverEvidence, problems: Draws) -> None:
        self.drawn.solvers[solver.name] = SolverDraws(
            problems,
            np.round(self._total(solver.prompt_tokens, problems)),
            np.round(self._total(solver.completion_tokens, problems)),
        )

    def _scale(self, name: str, factor: Draws) -> None:
        """Let a solver be asked a part of the problems only."""
        whole = self.drawn.solvers[name]
        parts = (np.round(one * factor) for one in (whole.problems, whole.prompt_tokens, whole.completion_tokens))
        self.drawn.solvers[name] = SolverDraws(*parts)

    def _record_solvers(self, stage: str, rows: Draws, counted: Manifest) -> None:
        """Take what the solvers of a finished stage have read and written from its manifest."""
        for one in self.evidence.solvers:
            if one.stage == stage:
                counts = solver_counts(counted.metrics, one.name)
                self.drawn.solvers[one.name] = SolverDraws(*(np.full(len(rows), count) for count in counts))

    def _with_chain(self, problems: Draws, chains: Draws) -> Draws:
        """Draw the problems that have at least one chain left, as if a problem's chains were left independently."""
        before = self.drawn.rows_kept["generation"]
        left = np.divide(chains, before, out=np.zeros_like(chains), where=before > 0)
        for_each = np.divide(before, problems, out=np.zeros_like(before), where=problems > 0)
        return self._binomial(problems, 1 - (1 - left) ** for_each)

    def _share_of(self, rows: Draws, share: Share) -> Draws:
        if not share.beta:
            return rows
        return self._binomial(rows, self.random.beta(share.alpha, share.beta, self.num_draws))

    def _binomial(self, rows: Draws, chance: Draws) -> Draws:
        return self.random.binomial(rows.astype(np.int64), np.clip(chance, 0, 1)).astype(np.float64)

    def _total(self, amount: Amount, problems: Draws) -> Draws:
        """Draw the sum over problems of an amount for each."""
        if np.isinf(amount.degrees_of_freedom):
            error = self.random.standard_normal(self.num_draws)
        else:
            error = self.random.standard_t(amount.degrees_of_freedom, self.num_draws)
        chance = self.random.standard_normal(self.num_draws) * amount.spread / np.sqrt(np.maximum(problems, 1.0))
        return problems * amount.mean * np.exp(error * amount.relative_error) * np.maximum(1 + chance, 0.0)


def solver_counts(metrics: Mapping[str, float], name: str) -> tuple[float, float, float]:
    """Return the problems, prompt tokens and completion tokens of a solver, zero where it was not asked."""
    problems, read, written = ("num_problems", "num_prompt_tokens", "num_completion_tokens")
    return (
        metrics.get(f"{name}_{problems}", 0.0),
        metrics.get(f"{name}_{read}", 0.0),
        metrics.get(f"{name}_{written}", 0.0),
    )
