"""Ask one model after the other, each for the whole table, where an engine can't serve all that a stage asks.

    models_at_once = 1        chunk 1    chunk 2    chunk 3
    pass 1   weak             ask        ask        ask          thrown away; its completions are in the request cache
             (the weak solver's servers end, the strong one's start)
    pass 2   weak, strong     ask        ask        ask          weak attempts from the cache; the parts are written

Chunk by chunk alone, the servers would start anew twice for each chunk, and each start takes minutes. A stage on
demand chooses what it asks from what it was answered, so it has no passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from limo_curation.config import DifficultyConfig, GenerationConfig
from limo_curation.engine_config import Solver
from limo_curation.parts import InputPart, scan_part
from limo_curation.plan import RowStage, StagePlan
from limo_curation.problem_config import StageConfig
from limo_curation.progress import Progress
from limo_curation.runner import missing_parts, run_stage
from limo_curation.store import Artifact
from limo_curation.threads import run_all


def run_in_passes(plan: StagePlan, *, models_at_once: int | None, num_workers: int = 1, **resources: Any) -> Artifact:
    """Return a stage's artifact as `run_stage` does, after the passes that fill the request cache for it.

    Args:
        plan: the stage.
        models_at_once: models that the engine serves at the same time; None: all.
        num_workers: parts that are worked on at the same time.
        resources: what the stage's function takes beside tables and config (a sampler).
    """
    passes = earlier_passes(plan, models_at_once=models_at_once)
    if passes and plan.store.artifact(plan.stage.name, plan.key) is None:
        missing = missing_parts(plan)
        progress = Progress(plan.stage.name)
        for number, earlier in enumerate(passes, start=1):
            progress.start(sum(part.rows for part in missing), step=pass_name(number, passes))
            run_all(partial(fill_and_count, earlier, progress, resources), missing, num_threads=num_workers)
    return run_stage(plan, num_workers=num_workers, **resources)


def earlier_passes(plan: StagePlan, *, models_at_once: int | None) -> list[StagePlan]:
    """Return the plans of the passes before the last one: of the same stage and key, with fewer solvers."""
    if models_at_once is None or not isinstance(plan.stage, RowStage) or not plan.config.enabled:
        return []
    return [replace(plan, config=config) for config in configs_of_passes(plan.config, models_at_once)]


def configs_of_passes(config: StageConfig, models_at_once: int) -> list[StageConfig]:
    """Return a stage's config with the first few of its solvers, then some more, up to all but those of the last pass.

    Each asks `models_at_once` models that the one before did not.
    """
    if isinstance(config, DifficultyConfig):
        solvers = [*config.weak, *([config.strong] if config.strong else [])]
        return [
            config.model_copy(update={"weak": config.weak[:stop], "strong": None})
            for stop in cuts(solvers, models_at_once)
        ]
    if isinstance(config, GenerationConfig):
        return [
            config.model_copy(update={"teachers": config.teachers[:stop]})
            for stop in cuts(config.teachers, models_at_once)
        ]
    return []


def cuts(solvers: Sequence[Solver], models_at_once: int) -> list[int]:
    """Return the places before which the solvers of a pass end."""
    found: list[int] = []
    models: set[str] = set()
    for place, solver in enumerate(solvers):
        if solver.model not in models and len(models) == models_at_once:
            found.append(place)
            models = set()
        models.add(solver.model)
    return found


def fill_cache(plan: StagePlan, part: InputPart, **resources: Any) -> None:
    """Run a stage's function on a part for what it asks; its result is thrown away."""
    plan.stage.run(scan_part(plan, part).collect(), config=plan.config, **resources)


def fill_and_count(plan: StagePlan, progress: Progress, resources: dict[str, Any], part: InputPart) -> None:
    """Fill the cache for a part, and count it as done."""
    fill_cache(plan, part, **resources)
    progress.advance(part.rows)


def pass_name(number: int, passes: Sequence[StagePlan]) -> str:
    """Return a pass as people count it."""
    return f"pass {number} of {len(passes) + 1}"
