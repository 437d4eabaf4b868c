"""The stage contract: what every stage promises, and what a table stage writes through.

Every stage promises columns as declared, a known reason for each dropped row, and that every input row is kept or
dropped. `plan.py` says what a stage is, `parts.py` how its result is kept in parts, and `runner.py` turns a stage into
a committed artifact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import polars as pl
from pydantic import ValidationError

from limo_curation.digests import id_digest
from limo_curation.errors import StageError
from limo_curation.ledger import StageResult
from limo_curation.parts import InputPart, all_parts, clock, find_part, input_part, part_key, scan_part, write_part
from limo_curation.plan import (
    DEFAULT_PART_ROWS,
    RowStage,
    Stage,
    StageMetrics,
    StagePlan,
    TableStage,
    plan_stage,
    settings_of,
)
from limo_curation.progress import Progress
from limo_curation.store import FileRecord, PartRecord
from limo_curation.tables import DROPPED

__all__ = [
    "DEFAULT_PART_ROWS",
    "InputPart",
    "RowStage",
    "Stage",
    "StageMetrics",
    "StagePlan",
    "StageWriter",
    "TableStage",
    "plan_stage",
]  # all that a stage's module needs, from one place

NO_METRICS: Final[Mapping[str, float]] = MappingProxyType({})


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


class StageWriter:
    """What a table stage writes through: whole parts, which are found again, or frames in order, which are not.

    A stage whose parts follow its input goes through `input_parts`, asks `find_part` for each and calls `write_part`
    for those that are not there: killed at any moment it resumes, and on a pool that has grown it does the new parts
    only. A stage whose output is small or has no parts of its own calls `write`, and starts again from its beginning.
    """

    def __init__(self, plan: StagePlan) -> None:
        self.plan = plan
        self.progress = Progress(plan.stage.name)
        self.rows_in = 0
        """Rows that ingestion counted, whose input is no table."""
        self.writes_in_order = False
        self._parts: dict[tuple[int, int], PartRecord] = {}
        self._kept: list[pl.DataFrame] = []
        self._dropped: list[pl.DataFrame] = []
        self._num_flushed = 0
        self._since = clock()

    # -- whole parts -------------------------------------------------------------------------------------------------

    def input_parts(self) -> list[InputPart]:
        """Return the parts of the main input in order; one of them becomes one part of the result."""
        return all_parts(self.plan)

    def scan_part(self, part: InputPart) -> pl.LazyFrame:
        """Return the rows of one of the `input_parts`."""
        return scan_part(self.plan, part)

    def checkpoint(self, name: str, compute: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        """Return a result that concerns the whole table, from the entry if an attempt that was killed left it there.

        Args:
            name: a file's name, one for each result of the stage.
            compute: computes it; the same inputs and config have to give the same frame.
        """
        stage, key, store = self.plan.stage.name, self.plan.key, self.plan.store
        text = store.read_bytes(f"{stage}/{key}/work/{name}.json")
        try:
            frame = store.read_table(stage, key, "work", FileRecord.model_validate_json(text or b""))
        except ValidationError:
            frame = None
        if frame is None:
            frame = compute()
            record = store.write_table(stage, key, "work", name, frame)
            store.write_bytes(f"{stage}/{key}/work/{name}.json", record.model_dump_json(indent=1).encode())
        return frame

    def read_index(self) -> dict[str, pl.DataFrame]:
        """Return what the last run with this code and config wrote by `write_index`; empty where there is none.

        It may have run on another input, or it may be an attempt at this one that was killed.
        """
        return self.plan.store.read_index(self.plan.stage.name, settings_of(self.plan))

    def write_index(self, frames: Mapping[str, pl.DataFrame]) -> None:
        """Leave frames for the next run with this code and config, whatever its input."""
        self.plan.store.write_index(self.plan.stage.name, self.plan.key, settings_of(self.plan), frames)

    def find_part(self, start: int, stop: int, *, depends_on: str = "") -> PartRecord | None:
        """Return the record of a part that need not be computed, or None; a part that is found belongs to the result.

        Args:
            start: first row of the input (ingestion: any number that orders its parts).
            stop: behind the last one.
            depends_on: a digest of all that the part's bytes depend on beyond its own rows of the input.
        """
        record = find_part(self.plan, start, stop, depends_on=depends_on)
        if record is not None:
            self._add(record)
        return record

    def write_part(
        self,
        start: int,
        stop: int,
        kept: pl.DataFrame,
        dropped: pl.DataFrame,
        *,
        rows_in: int | None = None,
        depends_on: str = "",
        metrics: Mapping[str, float] = NO_METRICS,
    ) -> PartRecord:
        """Check both halves of a part and commit it.

        Args:
            start: first row of the input (ingestion: any number that orders its parts).
            stop: behind the last one.
            kept: the rows that are kept.
            dropped: the ledger of the others.
            rows_in: rows that were read, for ingestion, whose numbers may be no rows; else stop - start.
            depends_on: as for `find_part`.
            metrics: what was measured on this part; they are added up over the parts.

        Raises:
            StageError: columns or reasons are not as declared, or a row of the input is neither kept nor dropped.
        """
        stage, result = self.plan.stage, StageResult(kept, dropped, dict(metrics))
        rows_in = stop - start if rows_in is None else rows_in
        if stage.reads is None:
            check_columns(stage, kept, dropped)
            if kept.height + dropped.height != rows_in:
                raise StageError(f"{stage.name}: {rows_in} rows read, {kept.height + dropped.height} kept or dropped")
        else:
            part = input_part(self.plan.main_manifest(), start, stop)
            check_promises(stage, result, ids_in=self.scan_part(part).select(main_id(stage)).collect().to_series())
        wanted = part_key(self.plan, start, stop, depends_on=depends_on)
        record = write_part(self.plan, start, stop, result, rows_in=rows_in, since=self._since, part_key=wanted)
        self._add(record)
        return record

    # -- frames in order ---------------------------------------------------------------------------------------------

    def count_input(self, rows: int) -> None:
        """Add to the rows that were read; for a stage whose input is no table and that calls `write`."""
        self.rows_in += rows

    def write(self, kept: pl.DataFrame, dropped: pl.DataFrame) -> None:
        """Add kept and dropped rows, in the order in which they shall stand in the table.

        Raises:
            StageError: columns or reasons are not the declared ones.
        """
        check_columns(self.plan.stage, kept, dropped)
        self.writes_in_order = True
        self._kept.append(kept)
        self._dropped.append(dropped)
        while sum(frame.height for frame in self._kept + self._dropped) >= self.plan.part_rows:
            self._flush()

    def finish(self) -> list[PartRecord]:
        """Write what is left and return the records of all parts, in order.

        Raises:
            StageError: the stage mixed both ways of writing.
        """
        if self.writes_in_order and len(self._parts) > self._num_flushed:
            raise StageError(f"{self.plan.stage.name}: calls write and write_part; their rows have no common order")
        if self._kept or self._dropped or not self._parts:
            self._flush()
        return [self._parts[place] for place in sorted(self._parts)]

    def _add(self, record: PartRecord) -> None:
        self._parts[record.start, record.stop] = record
        self._since = clock()

    def _flush(self) -> None:
        size = self.plan.part_rows
        kept = pl.concat([self.plan.stage.writes.empty(), *self._kept])
        dropped = pl.concat([DROPPED.empty(), *self._dropped])
        self._kept, self._dropped = [kept.slice(size)], [dropped.slice(size)]
        if kept.height <= size and dropped.height <= size:
            self._kept, self._dropped = [], []
        result = StageResult(kept.head(size), dropped.head(size))
        rows_in = result.kept.height + result.dropped.height
        index = self._num_flushed
        self._num_flushed += 1
        self._add(write_part(self.plan, index, index + 1, result, rows_in=rows_in, since=self._since))
