"""The stage contract: what a stage is, what it promises, and what identifies its result.

A stage is a plain function of one of two kinds, described by a small value beside it:

* a **row stage** takes one part and returns kept and dropped rows; parts run in any order, on any worker;
* a **table stage** sees the whole table and writes both halves through a `StageWriter`.

Every stage promises columns as declared, a known reason for each dropped row, and that every input row is kept or
dropped. `runner.py` turns a stage into a committed artifact.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import polars as pl

from limo_curation.errors import StageError
from limo_curation.ledger import StageResult
from limo_curation.problem_config import StageConfig
from limo_curation.provenance import source_digest
from limo_curation.store import (
    STORE_FORMAT,
    Artifact,
    FileRecord,
    PartRecord,
    Store,
    frame_digest,
    id_digest,
    json_digest,
    part_name,
)
from limo_curation.tables import DROPPED, Table

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

    @property
    def main_input(self) -> Artifact | None:
        """The table whose rows are kept or dropped: the first input (none for ingestion)."""
        return next(iter(self.inputs.values()), None)


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
        {
            "stage": stage.name,
            "source": source_digest(stage.run.__module__),
            "config": config.key_fields(),
            "inputs": {name: artifact.digest for name, artifact in inputs.items()} | dict(extra_inputs),
            "writes": {name: str(dtype) for name, dtype in stage.writes.schema.items()},
            "format": STORE_FORMAT,
        }
    )[:32]
    return StagePlan(stage, dict(inputs), config, store, key, part_rows)


# -- what every stage promises ----------------------------------------------------------------------------------------


def main_id(stage: Stage) -> str:
    """Return the column by which a stage's rows are accounted for."""
    return stage.writes.id_column if stage.reads is None else stage.reads.id_column


def check_columns(stage: Stage, kept: pl.DataFrame, dropped: pl.DataFrame) -> None:
    """Check columns, types and drop reasons.

    Raises:
        StageError: something is not as declared.
    """
    for table, frame in ((stage.writes, kept), (DROPPED, dropped)):
        if frame.schema != table.schema:
            differing = sorted(set(frame.schema.items()) ^ set(table.schema.items()), key=str)
            raise StageError(f"{stage.name}: columns differ from {table.name}: {differing or 'their order'}")
    unknown = set(dropped["drop_reason"].unique().to_list()) - set(stage.drop_reasons)
    if unknown:
        raise StageError(f"{stage.name}: undeclared drop reasons {sorted(map(str, unknown))}")


def check_promises(stage: Stage, result: StageResult, *, ids_in: pl.Series) -> None:
    """Check one part of a row stage: columns, reasons, and that every input row was kept or dropped.

    Where a stage turns problems into chains, a problem counts once, however often it comes in or however many chains
    it has.

    Raises:
        StageError: a promise is broken.
    """
    check_columns(stage, result.kept, result.dropped)
    ids_out = pl.concat([result.kept[ids_in.name], result.dropped[ids_in.name]])
    if stage.reads is not None and stage.writes.id_column != stage.reads.id_column:
        ids_in, ids_out = ids_in.unique(), ids_out.unique()
    if ids_out.len() != ids_in.len() or id_digest(ids_out) != id_digest(ids_in):
        lost = ids_in.filter(~ids_in.is_in(ids_out.to_list())).head(3).to_list()
        raise StageError(f"{stage.name}: {ids_in.len()} rows in, {ids_out.len()} out; not accounted for: {lost}")


def write_part(
    plan: StagePlan,
    start: int,
    stop: int,
    kept: pl.DataFrame,
    dropped: pl.DataFrame,
    *,
    rows_in: int,
    metrics: Mapping[str, float],
    since: tuple[float, float],
) -> PartRecord:
    """Write both halves of a part and return its record."""
    name = part_name(start, stop)
    files: dict[str, FileRecord] = {
        half: plan.store.write_table(plan.stage.name, plan.key, half, name, frame)
        for half, frame in (("kept", kept), ("dropped", dropped))
    }
    reasons: dict[str, int] = dict(sorted(Counter(dropped["drop_reason"].to_list()).items()))
    return PartRecord(
        start=start,
        stop=stop,
        rows_in=rows_in,
        kept=files["kept"],
        dropped=files["dropped"],
        kept_digest=frame_digest(kept),
        dropped_digest=frame_digest(dropped),
        reasons=reasons,
        metrics=dict(metrics),
        wall_seconds=time.perf_counter() - since[0],
        cpu_seconds=time.process_time() - since[1],
    )


class StageWriter:
    """Takes both halves of a table stage as frames of any size and writes them as parts of bounded size."""

    def __init__(self, plan: StagePlan) -> None:
        self.plan = plan
        self.parts: list[PartRecord] = []
        self.rows_in = 0
        self._kept: list[pl.DataFrame] = []
        self._dropped: list[pl.DataFrame] = []
        self._since = (time.perf_counter(), time.process_time())

    def count_input(self, rows: int) -> None:
        """Add to the rows that were read; ingestion calls this, whose input is no table."""
        self.rows_in += rows

    def write(self, kept: pl.DataFrame, dropped: pl.DataFrame) -> None:
        """Add kept and dropped rows, in the order in which they shall stand in the table.

        Raises:
            StageError: columns or reasons are not the declared ones.
        """
        check_columns(self.plan.stage, kept, dropped)
        self._kept.append(kept)
        self._dropped.append(dropped)
        while sum(frame.height for frame in self._kept + self._dropped) >= self.plan.part_rows:
            self._flush()

    def finish(self) -> list[PartRecord]:
        """Write what is left and return the records of all parts."""
        if self._kept or self._dropped or not self.parts:
            self._flush()
        return self.parts

    def _flush(self) -> None:
        size = self.plan.part_rows
        kept = pl.concat([self.plan.stage.writes.empty(), *self._kept])
        dropped = pl.concat([DROPPED.empty(), *self._dropped])
        self._kept, self._dropped = [kept.slice(size)], [dropped.slice(size)]
        if kept.height <= size and dropped.height <= size:
            self._kept, self._dropped = [], []
        index = len(self.parts)
        record = write_part(
            self.plan,
            index,
            index + 1,
            kept.head(size),
            dropped.head(size),
            rows_in=min(kept.height, size) + min(dropped.height, size),
            metrics={},
            since=self._since,
        )
        self._since = (time.perf_counter(), time.process_time())
        self.parts.append(record)
