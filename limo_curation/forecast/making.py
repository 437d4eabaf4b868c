"""Turn evidence into a plan: draw the run, put its models on GPUs, and sum up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from limo_curation.config import RunConfig
from limo_curation.engine_config import Solver
from limo_curation.forecast.evidence import Basis, SolverEvidence
from limo_curation.forecast.forecast import Forecast, GpuForecast, Interval, SolverForecast, StageForecast
from limo_curation.forecast.gathering import Evidence
from limo_curation.forecast.gpus import Gpu
from limo_curation.forecast.guesses import ANSWER_BYTES, PROBLEM_BYTES, TOKEN_BYTES
from limo_curation.forecast.models import ModelSize, model_size
from limo_curation.forecast.simulation import NUM_DRAWS, SEED, Draws, RunDraws, Simulation, SolverDraws
from limo_curation.forecast.throughput import ARITHMETIC_USE, BANDWIDTH_USE, Placement, place
from limo_curation.run_record import STAGES, run_name


def make_forecast(
    config: RunConfig,
    evidence: Evidence,
    *,
    gpus: Sequence[tuple[Gpu, float | None]],
    pilot: str | None = None,
    billions: Mapping[str, float] | None = None,
) -> Forecast:
    """Plan a run.

    Args:
        config: the run.
        evidence: from `gather_evidence`.
        gpus: kinds of GPU to plan for, each with the price of an hour.
        pilot: the name of the run that the evidence is from.
        billions: parameters of models, in billions, which take the place of what we know of them.

    Raises:
        ConfigError: how large a model is can't be told, or it fits on no number of the GPUs.
    """
    drawn = Simulation(config, evidence).run()
    asked = [one.solver.model for one in evidence.solvers if not is_free(one, config)]
    sizes = {model: model_size(served_model(config, model), billions or {}) for model in asked}
    guessed = sorted(model for model, size in sizes.items() if size.is_guess)
    notes = [*evidence.notes, *(f"the size of {model} is read from its name or from --size" for model in guessed)]
    return Forecast(
        run=run_name(config),
        profile=config.profile,
        pilot=pilot,
        rows=evidence.rows,
        rows_from=evidence.rows_from,
        stages=tuple(
            StageForecast(
                stage=stage,
                rows_in=Interval.of(drawn.rows_in[stage]),
                rows_kept=Interval.of(drawn.rows_kept[stage]),
                basis=stage_basis(stage, evidence),
            )
            for stage in STAGES
        ),
        solvers=tuple(solver_forecast(one, drawn.solvers[one.name], config, evidence) for one in evidence.solvers),
        gpus=tuple(gpu_forecast(gpu, price, config, evidence, drawn, sizes) for gpu, price in gpus),
        disk_bytes=Interval.of(disk_bytes(config, evidence, drawn)),
        notes=tuple(notes),
    )


def served_model(config: RunConfig, model: str) -> str:
    """Return the weights behind a model's name in requests."""
    return next((one.model for one in config.engine.vllm if one.requested_name == model), model)


def stage_basis(stage: str, evidence: Evidence) -> Basis:
    """Return where a stage's numbers are from."""
    if stage in evidence.counted:
        return "counted"
    if stage == "generation":
        return evidence.chains.basis
    return evidence.kept["verification" if stage in ("judging", "selection") else stage].basis


def solver_forecast(known: SolverEvidence, drawn: SolverDraws, config: RunConfig, evidence: Evidence) -> SolverForecast:
    """Return one solver's part of the plan."""
    return SolverForecast(
        name=known.name,
        stage=known.stage,
        model=known.solver.model,
        problems=Interval.of(drawn.problems),
        prompt_tokens=Interval.of(drawn.prompt_tokens),
        completion_tokens=Interval.of(drawn.completion_tokens),
        basis="counted" if known.stage in evidence.counted else known.completion_tokens.basis,
        is_free=is_free(known, config),
    )


def is_free(known: SolverEvidence, config: RunConfig) -> bool:
    """Return whether a solver's completions are there already: recorded, or all drawn by the strong solver before."""
    if config.engine.kind == "recorded":
        return True
    strong = config.difficulty.strong if config.difficulty.enabled else None
    if known.stage != "generation" or strong is None or known.solver.num_attempts > strong.num_attempts:
        return False
    same = {"num_attempts": 0, "keeps": "text"}
    return known.solver.model_copy(update=same) == strong.model_copy(update=same) and strong.keeps == "text"


# -- GPUs --------------------------------------------------------------------------------------------------------------


def gpu_forecast(
    gpu: Gpu,
    price: float | None,
    config: RunConfig,
    evidence: Evidence,
    drawn: RunDraws,
    sizes: Mapping[str, ModelSize],
) -> GpuForecast:
    """Return the time of one kind of GPU; how well it is used is drawn, the same for all models."""
    random = np.random.default_rng(SEED)
    bandwidth_use = random.uniform(*BANDWIDTH_USE, NUM_DRAWS)
    arithmetic_use = random.uniform(*ARITHMETIC_USE, NUM_DRAWS)
    placements: dict[str, Placement] = {}
    hours: dict[str, Draws] = {}
    for one in evidence.solvers:
        if is_free(one, config):
            hours[one.name] = np.zeros(NUM_DRAWS)
            continue
        model, cost = one.solver.model, drawn.solvers[one.name]
        placed = placements[model] = place(model, sizes[model], gpu, at_least=gpus_of_replica(config, one.solver))
        decode = placed.decode_seconds(
            mean_context(one, cost), bandwidth_use=bandwidth_use, arithmetic_use=arithmetic_use
        )
        prefill = placed.prefill_seconds(arithmetic_use=arithmetic_use)
        hours[one.name] = (cost.completion_tokens * decode + cost.prompt_tokens * prefill) / 3_600
    of_models = {model: np.zeros(NUM_DRAWS) for model in placements}
    for one in evidence.solvers:
        if one.solver.model in of_models:
            of_models[one.solver.model] = of_models[one.solver.model] + hours[one.name]
    total = sum(hours.values(), np.zeros(NUM_DRAWS))
    return GpuForecast(
        gpu=gpu.name,
        gpus_per_replica={model: one.num_gpus for model, one in placements.items()},
        hours={name: Interval.of(one) for name, one in hours.items()},
        hours_of_models={model: Interval.of(one) for model, one in of_models.items()},
        total_hours=Interval.of(total),
        price_per_hour=price,
        money=None if price is None else Interval.of(total * price),
    )


def gpus_of_replica(config: RunConfig, solver: Solver) -> int:
    """Return the GPUs over which the run file spreads a model's weights."""
    return next(
        (one.tensor_parallel_size for one in config.engine.vllm if one.requested_name == solver.model),
        1,
    )


def mean_context(known: SolverEvidence, cost: SolverDraws) -> float:
    """Return the mean length of a sequence while it is written: its prompt and half of its completion."""
    attempts = max(known.attempts * float(cost.problems.mean()), 1.0)
    return float(cost.prompt_tokens.mean() + cost.completion_tokens.mean() / 2) / attempts


# -- disk --------------------------------------------------------------------------------------------------------------


def disk_bytes(config: RunConfig, evidence: Evidence, drawn: RunDraws) -> Draws:
    """Return what the run's tables and completions take in the store."""
    total = np.zeros(NUM_DRAWS)
    written = sum(
        (drawn.solvers[one.name].completion_tokens for one in evidence.solvers if one.stage == "generation"),
        np.zeros(NUM_DRAWS),
    )
    for stage in STAGES:
        if stage in evidence.counted:
            total = total + evidence.counted[stage].bytes
        elif stage in evidence.bytes_per_row:
            total = total + drawn.rows_in[stage] * evidence.bytes_per_row[stage]
        else:
            kept = drawn.rows_kept[stage]
            chains = drawn.rows_kept["generation"]
            share = np.divide(kept, chains, out=np.zeros_like(kept), where=chains > 0)
            has_text = stage in ("generation", "verification", "judging", "selection")
            total = total + kept * PROBLEM_BYTES + (share * written * TOKEN_BYTES if has_text else 0.0)
    for one in evidence.solvers:
        if is_free(one, config):
            continue  # they stand there already
        cost = drawn.solvers[one.name]
        is_text = one.solver.keeps == "text"
        total = total + (
            cost.completion_tokens * TOKEN_BYTES if is_text else cost.problems * one.attempts * ANSWER_BYTES
        )
    return total
