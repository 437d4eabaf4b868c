"""A run's progress: its record in the store after each stage, and a progress bar in the Prefect UI."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from limo_curation.config import RunConfig
from limo_curation.errors import TableError
from limo_curation.run_record import RunRecord, load_record, run_name, save_record
from limo_curation.store import Artifact, Store


class Progress:
    """Collects the artifacts of a run as its stages finish.

    A finished record of the same run stays as it is while the stages only find what it names, so that a re-run that
    fails half-way does not leave finished work without a record.
    """

    def __init__(self, config: RunConfig, *, num_stages: int) -> None:
        self.config = config
        self.num_stages = num_stages
        self.name = run_name(config)
        self.artifacts: dict[str, Artifact] = {}
        self._store = Store(config.execution.store)
        self._finished = finished_record(self._store, self.name)
        created: Any = create_progress_artifact(0.0, key="progress", description=f"{self.name}: begun")
        self._artifact_id = cast("UUID", created)

    def add(self, artifact: Artifact) -> Artifact:
        """Put a finished stage on record and return its artifact."""
        self.artifacts[artifact.stage] = artifact
        if self._finished is None or self._finished.artifacts.get(artifact.stage) != artifact:
            self._finished = None
            save_record(self._store, self.record(finished=False))
        done = len(self.artifacts)
        self.show(100 * done / self.num_stages, f"{self.name}: {done} of {self.num_stages}, the last {artifact.stage}")
        return artifact

    def finish(self) -> RunRecord:
        """Put the whole run on record."""
        record = self.record(finished=True)
        if record != self._finished:
            save_record(self._store, record)
        self.show(100.0, f"{self.name}: all stages are done")
        return record

    def record(self, *, finished: bool) -> RunRecord:
        """Return the run's record as it stands."""
        return RunRecord(
            name=self.name,
            profile=self.config.profile,
            config=self.config.model_dump(mode="json"),
            artifacts=dict(self.artifacts),
            finished=finished,
        )

    def show(self, percent: float, description: str) -> None:
        """Update the progress bar."""
        updated: Any = update_progress_artifact(self._artifact_id, progress=percent, description=description)
        del updated


def finished_record(store: Store, name: str) -> RunRecord | None:
    """Return the record of a run that was finished before, or None."""
    try:
        record = load_record(store, name)
    except TableError:
        return None
    return record if record.finished else None
