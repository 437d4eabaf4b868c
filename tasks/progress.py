"""A run's progress: its record in the store after each stage, and bars in the UI for the run and its long stages."""

from __future__ import annotations

import logging
from contextvars import copy_context
from threading import Lock
from typing import Any, Final, cast
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from limo_curation.config import RunConfig
from limo_curation.errors import TableError
from limo_curation.progress import Standing
from limo_curation.run_record import RunRecord, load_record, run_name, save_record
from limo_curation.store import Artifact, Store

SECONDS_BETWEEN_UPDATES: Final = 2.0  # ours: each is a request to the server

logger = logging.getLogger(__name__)


class ProgressArtifact:
    """Shows a stage's progress as the artifact `progress-<stage>` of its task run.

    A stage that is done before the first update leaves no artifact.
    """

    def __init__(self, *, seconds_between: float = SECONDS_BETWEEN_UPDATES) -> None:
        self.seconds_between = seconds_between
        self._context = copy_context()  # of the task run: the core may count from threads that know no run
        self._lock = Lock()
        self._last: dict[str, float] = {}
        self._artifact_ids: dict[str, UUID] = {}

    def __call__(self, standing: Standing) -> None:
        """Update the artifact, if it is time for that."""
        with self._lock:
            if not standing.done:  # the step has begun, perhaps not for the first time
                self._last.pop(standing.name, None)
            is_last_of_several = standing.is_finished and standing.stage in self._artifact_ids
            passed = standing.seconds - self._last.get(standing.name, 0.0)
            if passed < self.seconds_between and not is_last_of_several:
                return
            self._last[standing.name] = standing.seconds
            try:
                self._context.run(self._show, standing)
            except httpx.HTTPError as error:  # a server that is busy or restarts must not end hours of work
                logger.debug("progress is not shown: %s", error)

    def _show(self, standing: Standing) -> None:
        known = self._artifact_ids.get(standing.stage)
        if known is None:
            key = f"progress-{standing.stage.replace('_', '-')}"
            created: Any = create_progress_artifact(standing.percent, key=key, description=str(standing))
            self._artifact_ids[standing.stage] = cast("UUID", created)
        else:
            updated: Any = update_progress_artifact(known, progress=standing.percent, description=str(standing))
            del updated


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
        self._finished = self._finished_before()
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

    def _finished_before(self) -> RunRecord | None:
        """Return the record of the same run that was finished before, or None.

        Its sections without an effect are brought up to date: workers on other machines go by them.
        """
        try:
            there = load_record(self._store, self.name)
        except TableError:
            return None
        if not there.finished:
            return None
        current = RunRecord.model_validate(there.model_dump() | {"config": self.config.model_dump(mode="json")})
        if current != there:
            save_record(self._store, current)
        return current

    def show(self, percent: float, description: str) -> None:
        """Update the progress bar."""
        updated: Any = update_progress_artifact(self._artifact_id, progress=percent, description=description)
        del updated
