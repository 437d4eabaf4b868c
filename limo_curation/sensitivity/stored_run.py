"""A finished run as its store has it: the chains that were judged, the samples, and every stage's ledger."""

from __future__ import annotations

import functools
from typing import Final

import polars as pl
from pydantic import ValidationError

from limo_curation.config import RunConfig
from limo_curation.errors import TableError
from limo_curation.run_record import STAGES, RunRecord, load_samples, missing_stages
from limo_curation.selection import select_samples
from limo_curation.store import Artifact, Manifest, Store
from limo_curation.tables import DROPPED, JUDGED_CHAINS

COLUMNS: Final = (
    *("chain_id", "problem_id", "question", "source", "template_id", "domain"),
    *("published_num_attempts", "strong_solver", "strong_num_attempts", "strong_num_solved", "strong_num_undecided"),
    *("weak_num_attempts", "num_tokens", "num_student_tokens", "rule_score", "rule_level", "judge_level"),
    *("judge_score", "comparison", "human_decision", "human_note", "quality"),
)
"""What is read of JUDGED_CHAINS: all that a number could change, and no chain's text."""


class StoredRun:
    """What is read of a run; each table once."""

    def __init__(self, store: Store, record: RunRecord) -> None:
        self.store = store
        self.record = record
        try:
            self.config = RunConfig.model_validate(record.config)
        except ValidationError:
            raise TableError(f"the record of run {record.name} is of another version; run it again") from None
        missing = missing_stages(record)
        if missing:
            raise TableError(f"run {record.name} is not finished, {missing[0]} is missing; start it again")

    def artifact(self, stage: str) -> Artifact:
        """Return the table that a stage has written."""
        return self.record.artifacts[stage]

    def input_of(self, stage: str) -> Artifact:
        """Return the table that a stage has read."""
        return self.artifact(STAGES[STAGES.index(stage) - 1])

    def manifest(self, stage: str) -> Manifest:
        """Return what a stage has measured.

        Raises:
            TableError: its table is gone. Running it again mends it.
        """
        found = self.store.manifest(self.artifact(stage).stage, self.artifact(stage).key)
        if found is None:
            raise TableError(f"{self.artifact(stage).uri} is gone or damaged; run {self.record.name} again")
        return found

    def ledger(self, stage: str) -> pl.LazyFrame:
        """Return what a stage has dropped."""
        return self.store.scan(self.artifact(stage), DROPPED, half="dropped")

    @functools.cached_property
    def chains(self) -> pl.DataFrame:
        """`COLUMNS` of the JUDGED_CHAINS rows."""
        return self.store.scan(self.artifact("judging"), JUDGED_CHAINS).select(COLUMNS).collect(engine="streaming")

    @functools.cached_property
    def sample_ids(self) -> frozenset[str]:
        """The chains that were selected.

        Raises:
            TableError: selecting from the judged chains gives others: this code is not the run's. Run it again.
        """
        found = frozenset(load_samples(self.store, self.record)["chain_id"])
        again = select_samples(self.chains, config=self.config.selection).kept["chain_id"]
        if frozenset(again) != found:
            others = len(found - set(again))
            raise TableError(
                f"run {self.record.name}: selection now gives {others} other samples than it has on record, so another "
                "version has made it; run it again"
            )
        return found
