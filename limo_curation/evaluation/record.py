"""What an evaluation leaves in the store: its record, by which its tables are found again and kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from limo_curation.evaluation.config import EvaluationConfig
from limo_curation.evaluation.report import Evaluated
from limo_curation.evaluation.report.markdown import recipe_of
from limo_curation.evaluation.tables import ATTEMPTS
from limo_curation.files import without_credentials
from limo_curation.presets import load_config
from limo_curation.publishing.card import RUN_FILE
from limo_curation.run_record import EVALUATION_PREFIX, RunRecord, save_record, without_effectless
from limo_curation.store import Artifact, Store, json_digest


def evaluation_name(config: EvaluationConfig) -> str:
    """Return `evaluation-<profile>-<8 hex digits>`: the same for configs that lead to the same result."""
    content = without_credentials(without_effectless(config.model_dump(mode="json")))
    return f"{EVALUATION_PREFIX}{config.profile}-{json_digest(content)[:8]}"


def record_evaluation(
    store: Store,
    config: EvaluationConfig,
    *,
    items: Mapping[str, Artifact],
    attempts: Mapping[tuple[str, str], Artifact],
) -> RunRecord:
    """Put a finished evaluation on record beside the runs, so that nothing that it used is collected as garbage.

    Args:
        store: where its tables are.
        config: the evaluation.
        items: by benchmark.
        attempts: by model and benchmark.
    """
    record = RunRecord(
        name=evaluation_name(config),
        profile=config.profile,
        config=config.model_dump(mode="json"),
        artifacts={items_of(name): artifact for name, artifact in items.items()}
        | {attempts_of(model, name): artifact for (model, name), artifact in attempts.items()},
        finished=True,
    )
    save_record(store, record)
    return record


def load_evaluated(store: Store, record: RunRecord, config: EvaluationConfig) -> Evaluated:
    """Read all attempts of a recorded evaluation, and what its report says beside them.

    Raises:
        TableError: an entry is gone from the store.
        ConfigError: `trained_on` is no published set.
    """
    names = [benchmark.name for benchmark in config.benchmarks]
    items = {name: record.artifacts[items_of(name)] for name in names}
    attempts = {
        (model.name, name): record.artifacts[attempts_of(model.name, name)] for model in config.models for name in names
    }
    first = config.models[0]
    return Evaluated(
        name=record.name,
        config=config,
        attempts=pl.concat([store.scan(artifact, ATTEMPTS).collect() for artifact in attempts.values()]),
        recipes={
            one.name: recipe_of(config.attempts_config(first, one, num_items=items[one.name].rows).solver)
            for one in config.benchmarks
        },
        left_out={name: num_unfit(store, items[name]) + num_unfit(store, attempts[first.name, name]) for name in names},
        kept_out=None if config.trained_on is None else kept_out_of(config.trained_on),
    )


def kept_out_of(dataset: str) -> list[str]:
    """Return the benchmarks against which a published set was decontaminated, as its run file says.

    Raises:
        ConfigError: the folder holds no run file, or one of another version.
    """
    decontamination = load_config(str(Path(dataset) / RUN_FILE)).decontamination
    return [benchmark.name for benchmark in decontamination.benchmarks] if decontamination.enabled else []


def items_of(benchmark: str) -> str:
    """Return what a benchmark's items are called in the record."""
    return f"items of {benchmark}"


def attempts_of(model: str, benchmark: str) -> str:
    """Return what a model's attempts at a benchmark are called in the record."""
    return f"{model} on {benchmark}"


def num_unfit(store: Store, artifact: Artifact) -> int:
    """Return how many rows an entry dropped, those aside that its source's `keep_where` does not want."""
    manifest = store.manifest(artifact.stage, artifact.key)
    reasons = {} if manifest is None else manifest.reasons
    return sum(rows for reason, rows in reasons.items() if reason != "left_out_by_source")
