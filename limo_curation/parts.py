"""Parts of a stage's result: which rows of the input each covers, what it depends on, and where it is found again.

An input's part files are merged from left to right while they fit into a part, and a file that is larger than a part
is cut into ranges counted from its own first row. So a file that is appended at the end leaves the parts before it as
they were. A part's key is a digest of all that its bytes depend on, so what any earlier run computed for it, also a
run on a smaller pool, is taken over.

    input files   60 | 30 | 50 | 250 | 10        part_rows = 100
    parts         60+30 | 50 | 100 | 100 | 50 | 10
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from limo_curation.digests import frame_digest
from limo_curation.ledger import StageResult
from limo_curation.plan import StagePlan, identity_of
from limo_curation.store import FileRecord, Manifest, PartRecord, json_digest, part_name


@dataclass(frozen=True, slots=True)
class InputRows:
    """Rows [start, stop) of one part file of the input; counted within the file."""

    index: int
    """The place of the file among the input's parts."""
    start: int
    stop: int
    sha256: str
    """Of the whole file."""


@dataclass(frozen=True, slots=True)
class InputPart:
    """Rows [start, stop) of the main input, which one output part covers, and the files that hold them."""

    start: int
    stop: int
    files: tuple[InputRows, ...]

    @property
    def rows(self) -> int:
        """How many rows these are."""
        return self.stop - self.start

    @property
    def content(self) -> list[tuple[str, int, int]]:
        """What its rows are, wherever in the input they stand: for each file its SHA-256 and the range in it."""
        return [(file.sha256, file.start, file.stop) for file in self.files]


def all_parts(plan: StagePlan) -> list[InputPart]:
    """Return the parts of the main input, in order."""
    return aligned_parts(plan.main_manifest(), plan.part_rows)


def aligned_parts(manifest: Manifest, part_rows: int) -> list[InputPart]:
    """Cut an input into parts of at most `part_rows` rows that follow its files; an empty input is one empty part."""
    ranges: list[tuple[int, int]] = []
    start = stop = 0  # the files that are merged so far
    for rows in [file.rows for file in kept_files(manifest)]:
        if stop > start and stop - start + rows > part_rows:
            ranges.append((start, stop))
            start = stop
        if rows > part_rows:
            ranges.extend((first, min(first + part_rows, stop + rows)) for first in range(stop, stop + rows, part_rows))
            start = stop + rows
        stop += rows
    if stop > start or not ranges:
        ranges.append((start, stop))
    return with_files(manifest, ranges)


def input_part(manifest: Manifest, start: int, stop: int) -> InputPart:
    """Return rows [start, stop) of an input with the files that hold them."""
    return with_files(manifest, [(start, stop)])[0]


def with_files(manifest: Manifest, ranges: Sequence[tuple[int, int]]) -> list[InputPart]:
    """Return each of some row ranges, in ascending order, with the files that hold it (files without rows do not)."""
    parts: list[InputPart] = []
    ahead: deque[tuple[int, int, FileRecord]] = deque()
    offset = 0
    for index, file in enumerate(kept_files(manifest)):
        if file.rows:
            ahead.append((index, offset, file))
        offset += file.rows
    for start, stop in ranges:
        while ahead and ahead[0][1] + ahead[0][2].rows <= start:
            ahead.popleft()
        held: list[InputRows] = []
        for index, first, file in ahead:
            if first >= stop:
                break
            held.append(InputRows(index, max(start - first, 0), min(stop - first, file.rows), file.sha256))
        parts.append(InputPart(start, stop, tuple(held)))
    return parts


def kept_files(manifest: Manifest) -> list[FileRecord]:
    """Return the files of an input's kept half, in order."""
    return [part.kept for part in manifest.parts]


# -- the result's parts ------------------------------------------------------------------------------------------------


def scan_part(plan: StagePlan, part: InputPart) -> pl.LazyFrame:
    """Return a lazy frame over the rows of the main input that a part covers, opening only the files they are in."""
    rows = plan.store.scan_parts(plan.main_manifest(), [file.index for file in part.files], plan.stage.reads)
    return rows.slice(part.files[0].start if part.files else 0, part.rows)


def part_key(plan: StagePlan, start: int, stop: int, *, depends_on: str = "") -> str:
    """Return a digest of everything that a part's bytes depend on; empty where no other entry may take it over.

    The part of a stage that reads a table depends on its rows of that table, the side tables, the config and
    `depends_on`. Ingestion reads no table, and its config is that of all sources together: there `depends_on` has to
    tell everything (the file, its digest, the range in it and how its columns are mapped).
    """
    main, *others = plan.inputs or [""]
    if plan.stage.reads is None:
        return json_digest(identity_of(plan.stage) | {"depends_on": depends_on})[:32] if depends_on else ""
    return json_digest(
        identity_of(plan.stage)
        | {
            "config": plan.config.key_fields(),
            "rows of": [main, *input_part(plan.main_manifest(), start, stop).content],
            "beside": {name: plan.inputs[name].digest for name in others} | dict(plan.extra_inputs),
            "depends_on": depends_on,
        }
    )[:32]


def find_part(plan: StagePlan, start: int, stop: int, *, depends_on: str = "") -> PartRecord | None:
    """Return a part that is done: in this entry, or in another one, from which it is then taken over and committed."""
    since = clock()
    name, wanted = plan.stage.name, part_key(plan, start, stop, depends_on=depends_on)
    done = plan.store.finished_part(name, plan.key, start, stop)
    if done is not None and done.part_key == wanted:
        return done
    there = plan.store.reusable_part(name, wanted) if wanted else None
    if there is None:
        return None
    linked = plan.store.link_part(name, plan.key, there, start, stop)
    if there.key != plan.key:
        wall, cpu = time.perf_counter() - since[0], time.process_time() - since[1]
        linked = linked.model_copy(update={"reused": True, "wall_seconds": wall, "cpu_seconds": cpu})
    plan.store.commit_part(name, plan.key, linked)
    return linked


def write_part(
    plan: StagePlan,
    start: int,
    stop: int,
    result: StageResult,
    *,
    rows_in: int,
    since: tuple[float, float],
    part_key: str = "",
) -> PartRecord:
    """Write both halves of a part, commit it and return its record.

    Args:
        plan: the stage.
        start: first row of the input.
        stop: behind the last one.
        result: both halves, already checked, and what was measured.
        rows_in: how many rows of the input these are.
        since: when work on the part began, from `clock`.
        part_key: of `part_key`, or empty.
    """
    name = part_name(start, stop)
    files: dict[str, FileRecord] = {
        half: plan.store.write_table(plan.stage.name, plan.key, half, name, frame)
        for half, frame in (("kept", result.kept), ("dropped", result.dropped))
    }
    reasons = dict(result.dropped.group_by("drop_reason").len().sort("drop_reason").iter_rows())
    record = PartRecord(
        start=start,
        stop=stop,
        part_key=part_key,
        rows_in=rows_in,
        kept=files["kept"],
        dropped=files["dropped"],
        kept_digest=frame_digest(result.kept),
        dropped_digest=frame_digest(result.dropped),
        reasons=reasons,
        metrics=dict(result.metrics),
        wall_seconds=time.perf_counter() - since[0],
        cpu_seconds=time.process_time() - since[1],
    )
    plan.store.commit_part(plan.stage.name, plan.key, record)
    return record


def clock() -> tuple[float, float]:
    """Return wall and CPU seconds, from which those of a part are counted."""
    return time.perf_counter(), time.process_time()
