"""Rows of any table from the few columns that a test cares about, and a stage run on them by the real runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from limo_curation.problem_config import StageConfig
from limo_curation.runner import run_stage
from limo_curation.stage import Stage, StageWriter, TableStage, plan_stage
from limo_curation.store import Artifact, Manifest, Store, json_digest
from limo_curation.tables import DROPPED, Table


@dataclass(frozen=True)
class Outcome:
    """Both halves of a finished stage, read back from the store."""

    kept: pl.DataFrame
    dropped: pl.DataFrame
    artifact: Artifact
    manifest: Manifest

    def reasons(self, key: str = "problem_id") -> dict[str, str]:
        return dict(self.dropped.select(key, "drop_reason").iter_rows())


def rows_of(table: Table, *rows: Mapping[str, Any]) -> pl.DataFrame:
    """Return rows of a table; the columns that a row does not name are null."""
    columns = {name: [row.get(name) for row in rows] for name in table.schema}
    return pl.DataFrame(columns, schema=table.schema)


def put_in_store(frame: pl.DataFrame, table: Table, store: Store, *, part_rows: int = 100_000) -> Artifact:
    """Commit a frame as the result of a stage that only writes it."""

    def write(*, config: StageConfig, store: Store, out: StageWriter) -> dict[str, float]:
        out.count_input(frame.height)
        out.write(frame, DROPPED.empty())
        return {}

    stage = TableStage(f"given_{table.name.lower()}", None, table, (), write)
    in_order = {"rows": json_digest(frame.to_dicts()), "part_rows": str(part_rows)}
    return run_stage(
        plan_stage(stage, {}, config=StageConfig(), store=store, part_rows=part_rows, extra_inputs=in_order)
    )


def run_on(
    stage: Stage,
    folder: Path,
    config: StageConfig,
    problems: pl.DataFrame,
    *,
    part_rows: int = 100_000,
    **side: tuple[Table, pl.DataFrame],
) -> Outcome:
    """Run a stage on a frame, in a store in the folder; `side` are its further input tables."""
    store = Store(str(folder))
    assert stage.reads is not None
    inputs = {"problems": put_in_store(problems, stage.reads, store, part_rows=part_rows)}
    if stage.name == "selection":
        inputs = {"chains": inputs["problems"]}
    inputs |= {name: put_in_store(frame, table, store) for name, (table, frame) in side.items()}
    return outcome_of(run_stage(plan_stage(stage, inputs, config=config, store=store, part_rows=part_rows)), store)


def outcome_of(artifact: Artifact, store: Store) -> Outcome:
    manifest = store.manifest(artifact.stage, artifact.key)
    assert manifest is not None
    assert manifest.rows_in == manifest.rows_kept + manifest.rows_dropped
    kept = store.scan(artifact).collect()
    dropped = store.scan(artifact, DROPPED, half="dropped").collect()
    assert (kept.height, dropped.height) == (manifest.rows_kept, manifest.rows_dropped)
    return Outcome(kept, dropped, artifact, manifest)
