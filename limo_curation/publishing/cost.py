"""What a set has cost: tokens of each model in each stage, and GPU-hours where there were any.

Tokens come from the manifests of the stages, which count what a result rests on, whether it was sampled or found in the
cache: the same run has the same cost, however often it was resumed. GPU-hours are those that the run has spent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from limo_curation.config import RunConfig
from limo_curation.forecast.gathering import solvers_of
from limo_curation.run_record import RunRecord, manifests
from limo_curation.sampling.protocol import model_name
from limo_curation.sampling.spending import run_spending
from limo_curation.store import Manifest, Store


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What one model has read and written in one role of a stage."""

    stage: str
    role: str
    """`classifier`, `weak_1`, `strong`, `teacher_1`, `judge_1`, `comparison_1` and so on, as in the metrics; or
    `paraphrase`."""
    model: str
    num_attempts: int
    num_prompt_tokens: int | None
    """None: nobody has counted them."""
    num_completion_tokens: int


def token_costs(store: Store, record: RunRecord, config: RunConfig) -> list[ModelCost]:
    """Return the tokens of each model that a run has asked, in the order of the work.

    Raises:
        TableError: an entry that the run used is gone.
    """
    done = manifests(store, record)
    return [
        cost
        for role, stage, model in asked_models(config)
        if stage in done and (cost := cost_of(role, stage, model, done[stage])) is not None
    ]


def asked_models(config: RunConfig) -> list[tuple[str, str, str]]:
    """Return what a run asks: role, stage and model."""
    asked: list[tuple[str, str, str]] = []
    if config.decontamination.enabled and config.decontamination.paraphrase is not None:
        asked.append(("paraphrase", "decontamination", config.decontamination.paraphrase.model))
    if config.domains.enabled and config.domains.classifier is not None:
        asked.append(("classifier", "domains", config.domains.classifier.model))
    asked += [(role, stage, solver.model) for role, stage, solver in solvers_of(config)]
    if config.judging.enabled and config.judging.judge is not None:
        for place, judge in enumerate(config.judging.judge.models, 1):
            asked += [(f"{role}_{place}", "judging", judge.model) for role in ("judge", "comparison")]
    return asked


def cost_of(role: str, stage: str, model: str, manifest: Manifest) -> ModelCost | None:
    """Return what a stage's metrics tell of one role; None where it asked nothing."""
    metrics = {name: int(number) for name, number in manifest.metrics.items()}
    if role == "paraphrase":  # its metrics tell pairs, asked in both orders, and no prompts
        num_attempts, read = 2 * metrics.get("num_pairs_judged", 0), None
        written = metrics.get("num_sampled_tokens", 0)
    else:
        num_attempts, read = metrics.get(f"{role}_num_attempts", 0), metrics.get(f"{role}_num_prompt_tokens", 0)
        written = metrics.get(f"{role}_num_completion_tokens", 0)
    return ModelCost(stage, role, model_name(model), num_attempts, read, written) if num_attempts else None


def gpu_hours(store: Store, record: RunRecord) -> Mapping[str, float]:
    """Return the GPU-hours of each model that held a GPU, over all attempts at the run.

    Raises:
        TableError: an account of the run's spending is damaged.
    """
    hours: defaultdict[str, float] = defaultdict(float)
    for model, seconds in sorted(run_spending(store, record.name).gpu_seconds.items()):
        if seconds:
            hours[model_name(model)] += seconds / 3_600
    return hours
