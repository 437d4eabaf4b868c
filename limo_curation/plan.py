"""What a stage is, and what identifies its result.

A stage is a plain function of one of two kinds, described by a small value beside it:

* a **row stage** takes one part and returns kept and dropped rows; parts run in any order, on any worker;
* a **table stage** sees the whole table and writes both halves through a `StageWriter`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from limo_curation.errors import StageError
from limo_curation.ledger import StageResult
from limo_curation.problem_config import StageConfig
from limo_curation.provenance import source_digest
from limo_curation.store import STORE_FORMAT, Artifact, Manifest, Store, json_digest
from limo_curation.tables import Table

DEFAULT_PART_ROWS: Final = 100_000  # design: parts of about 100k rows, some tens of MB each

StageMetrics = dict[str, float]


@dataclass(frozen=True, slots=True)
class RowStage:
    """A stage whose function turns one part into kept and dropped rows."""

    name: str
    reads: Table
    writes: Table
    drop_reasons: tuple[str, ...]
    run: Callable[..., StageResult]


@dataclass(frozen=True, slots=True)
class TableStage:
    """A stage whose function needs the whole table. `reads` is None for ingestion, which reads files."""

    name: str
    reads: Table | None
    writes: Table
    drop_reasons: tuple[str, ...]
    run: Callable[..., StageMetrics]


Stage = RowStage | TableStage


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage, its inputs and config, and where its result stands: all that a worker needs to do a part of it."""

    stage: Stage
    inputs: Mapping[str, Artifact]
    config: StageConfig
    store: Store
    key: str
    part_rows: int
    extra_inputs: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def main_input(self) -> Artifact | None:
        """The table whose rows are kept or dropped: the first input (none for ingestion)."""
        return next(iter(self.inputs.values()), None)

    def main_manifest(self) -> Manifest:
        """Return the manifest of the main input.

        Raises:
            StageError: there is no main input, or it is gone from the store.
        """
        artifact = self.main_input
        manifest = None if artifact is None else self.store.manifest(artifact.stage, artifact.key)
        if manifest is None:
            raise StageError(f"{self.stage.name}: its input {artifact.uri if artifact else ''} is gone from the store")
        return manifest


def plan_stage(
    stage: Stage,
    inputs: Mapping[str, Artifact],
    *,
    config: StageConfig,
    store: Store,
    part_rows: int = DEFAULT_PART_ROWS,
    extra_inputs: Mapping[str, str] = MappingProxyType({}),
) -> StagePlan:
    """Compute a stage's key, which says where its result stands.

    Args:
        stage: the stage.
        inputs: the tables it reads by parameter name; the first is the one whose rows are accounted for.
        config: the stage's section of the run file.
        store: where results are.
        part_rows: rows to a part (does not change the result, so it is not in the key).
        extra_inputs: digests of what else the result depends on (source files, model revisions).
    """
    key = json_digest(
        identity_of(stage)
        | {
            "config": config.key_fields(),
            "inputs": {name: artifact.digest for name, artifact in inputs.items()} | dict(extra_inputs),
        }
    )[:32]
    return StagePlan(stage, dict(inputs), config, store, key, part_rows, dict(extra_inputs))


def identity_of(stage: Stage) -> dict[str, Any]:
    """Return what the results of a stage depend on, whatever its inputs and config are."""
    return {
        "stage": stage.name,
        "source": source_digest(stage.run.__module__),
        "writes": {name: str(dtype) for name, dtype in stage.writes.schema.items()},
        "format": STORE_FORMAT,
    }


def settings_of(plan: StagePlan) -> str:
    """Return a digest of a stage's code and config: runs that share it differ in their input only."""
    return json_digest(identity_of(plan.stage) | {"config": plan.config.key_fields()})[:32]
