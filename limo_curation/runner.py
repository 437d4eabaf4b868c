"""The one runner: turns a stage's function into a committed artifact, doing only what is not done yet.

It commits part by part, checks what every stage promises, reconciles the counts and finds finished work by its key.
A stage that is switched off passes its rows through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import as_completed
from contextvars import copy_context
from functools import partial
from typing import Any

import polars as pl

from limo_curation.digests import add_digests, id_digest
from limo_curation.errors import StageError
from limo_curation.ledger import StageResult
from limo_curation.parts import InputPart, all_parts, clock, find_part, input_part, part_key, scan_part, write_part
from limo_curation.progress import Progress
from limo_curation.provenance import library_versions, source_digest
from limo_curation.stage import NO_METRICS, StagePlan, StageWriter, TableStage, check_promises, main_id
from limo_curation.store import STORE_FORMAT, Artifact, Manifest, PartRecord
from limo_curation.tables import DROPPED, Table
from limo_curation.threads import thread_pool


def run_stage(plan: StagePlan, *, num_workers: int = 1, **resources: Any) -> Artifact:
    """Return the stage's artifact, doing only what is not done yet.

    Args:
        plan: from `plan_stage`.
        num_workers: parts that are worked on at the same time.
        resources: what the stage's function takes beside tables and config (a sampler).
    """
    artifact = plan.store.artifact(plan.stage.name, plan.key)
    if artifact is not None:
        return artifact
    if isinstance(plan.stage, TableStage) and plan.config.enabled:
        return run_table(plan, **resources)
    missing = missing_parts(plan)
    progress = Progress(plan.stage.name)
    progress.start(sum(part.rows for part in missing))
    with thread_pool(num_workers) as pool:
        rows_of = {
            # each part in a copy of the caller's context, so that its log lines find the run they belong to
            pool.submit(copy_context().run, partial(run_part, plan, part.start, part.stop, **resources)): part.rows
            for part in missing
        }
        for future in as_completed(rows_of):
            future.result()
            progress.advance(rows_of[future])
    return commit_parts(plan)


# -- row stages ------------------------------------------------------------------------------------------------------


def missing_parts(plan: StagePlan) -> list[InputPart]:
    """Return the parts that have to be computed; what another entry holds is taken over first."""
    return [part for part in all_parts(plan) if find_part(plan, part.start, part.stop) is None]


def run_part(plan: StagePlan, start: int, stop: int, **resources: Any) -> PartRecord:
    """Do rows [start, stop) of a row stage and commit them.

    Raises:
        StageError: the stage broke its contract.
    """
    since = clock()
    _, *others = plan.inputs
    part = scan_part(plan, input_part(plan.main_manifest(), start, stop)).collect()
    if plan.config.enabled:
        side = {name: plan.store.scan(plan.inputs[name]) for name in others}
        result = plan.stage.run(part, **side, config=plan.config, **resources)
        if not isinstance(result, StageResult):
            raise StageError(f"{plan.stage.name}: the function returned {type(result).__name__}, not a StageResult")
    else:
        result = pass_through(part, plan.stage.writes)
    check_promises(plan.stage, result, ids_in=part[main_id(plan.stage)])
    key = part_key(plan, start, stop)
    return write_part(plan, start, stop, result, rows_in=part.height, since=since, part_key=key)


def commit_parts(plan: StagePlan) -> Artifact:
    """Commit a row stage all of whose parts are done.

    Raises:
        StageError: a part is missing.
    """
    wanted = all_parts(plan)
    found = [find_part(plan, part.start, part.stop) for part in wanted]
    finished = [part for part in found if part is not None]
    if len(finished) < len(wanted):
        first = wanted[found.index(None)]
        raise StageError(
            f"{plan.stage.name}: {len(wanted) - len(finished)} of {len(wanted)} parts are missing, "
            f"the first is rows {first.start} to {first.stop}"
        )
    return commit(plan, finished)


def pass_through(part: pl.DataFrame, writes: Table) -> StageResult:
    """Keep every row of a stage that is switched off; the columns that the stage would have added are null."""
    added = [pl.lit(None, dtype).alias(name) for name, dtype in writes.schema.items() if name not in part.columns]
    return StageResult(part.with_columns(added).select(list(writes.columns)), DROPPED.empty())


# -- table stages -----------------------------------------------------------------------------------------------------


def run_table(plan: StagePlan, **resources: Any) -> Artifact:
    """Do a table stage, which finds what an earlier attempt finished, and commit it.

    Raises:
        StageError: the stage broke its contract.
    """
    writer = StageWriter(plan)
    metrics = plan.stage.run(**plan.inputs, config=plan.config, store=plan.store, out=writer, **resources)
    if not isinstance(metrics, dict):
        raise StageError(f"{plan.stage.name}: the function returned {type(metrics).__name__}, not its metrics")
    parts = writer.finish()
    if plan.stage.reads is None:
        check_counts(plan, writer, parts)
    elif writer.writes_in_order:
        check_ids_of_table(plan, parts)
    else:
        check_coverage(plan, parts)
    return commit(plan, parts, metrics=metrics)


def check_counts(plan: StagePlan, writer: StageWriter, parts: list[PartRecord]) -> None:
    """Check that ingestion kept or dropped what it counted; whole parts were checked one by one."""
    rows_out = sum(part.rows_in for part in parts)
    if writer.writes_in_order and rows_out != writer.rows_in:
        raise StageError(f"{plan.stage.name}: {writer.rows_in} rows read, {rows_out} kept or dropped")


def check_coverage(plan: StagePlan, parts: list[PartRecord]) -> None:
    """Check that whole parts, each checked when it was written, cover every row of the input once."""
    ends = [0, *(part.stop for part in parts)]
    starts = [*(part.start for part in parts), 0 if plan.main_input is None else plan.main_input.rows]
    for stop, start in zip(ends, starts, strict=True):
        if stop != start:
            raise StageError(f"{plan.stage.name}: a part ends at row {stop} of the input, the next begins at {start}")


def check_ids_of_table(plan: StagePlan, parts: list[PartRecord]) -> None:
    """Check that a table stage kept or dropped every input row, part by part, so that memory stays bounded."""
    name, id_column = plan.stage.name, main_id(plan.stage)
    base = plan.store.entry_uri(name, plan.key)

    def total(files: Iterator[str]) -> int:
        return sum(id_digest(pl.read_parquet(file, columns=[id_column])[id_column]) for file in files) % 2**64

    ids_out = total(f"{base}/kept/{part.kept.name}" for part in parts)
    ids_out += total(f"{base}/dropped/{part.dropped.name}" for part in parts)
    source = plan.main_manifest()
    source_base = plan.store.entry_uri(source.stage, source.key)
    ids_in = total(f"{source_base}/kept/{part.kept.name}" for part in source.parts)
    if ids_in != ids_out % 2**64:
        rows_out = sum(part.rows_in for part in parts)
        raise StageError(f"{name}: {source.rows_kept} rows in, {rows_out} out, or other rows than came in")


# -- both kinds -------------------------------------------------------------------------------------------------------


def commit(plan: StagePlan, parts: list[PartRecord], *, metrics: Mapping[str, float] = NO_METRICS) -> Artifact:
    """Reconcile the counts of all parts and write the manifest.

    Raises:
        StageError: rows in differ from rows kept and dropped.
    """
    reasons: Counter[str] = Counter()
    totals: Counter[str] = Counter(dict(metrics))
    for part in parts:
        reasons.update(part.reasons)
        totals.update(part.metrics)
    rows_in = sum(part.rows_in for part in parts)
    if plan.main_input is not None and rows_in != plan.main_input.rows:
        raise StageError(f"{plan.stage.name}: {plan.main_input.rows} rows in the input, {rows_in} accounted for")
    return plan.store.commit(
        Manifest(
            store_format=STORE_FORMAT,
            stage=plan.stage.name,
            key=plan.key,
            table=plan.stage.writes.name,
            columns={name: str(dtype) for name, dtype in plan.stage.writes.schema.items()},
            rows_in=rows_in,
            rows_kept=sum(part.kept.rows for part in parts),
            rows_dropped=sum(part.dropped.rows for part in parts),
            bytes=sum(part.kept.bytes + part.dropped.bytes for part in parts),
            digest=add_digests([part.kept_digest for part in parts]),
            dropped_digest=add_digests([part.dropped_digest for part in parts]),
            reasons=dict(sorted(reasons.items())),
            metrics=dict(sorted(totals.items())),
            config=plan.config.model_dump(mode="json"),
            inputs={name: artifact.digest for name, artifact in plan.inputs.items()},
            extra_inputs=dict(plan.extra_inputs),
            source_digest=source_digest(plan.stage.run.__module__),
            libraries=library_versions(),
            parts=tuple(parts),
            wall_seconds=sum(part.wall_seconds for part in parts),
            cpu_seconds=sum(part.cpu_seconds for part in parts),
        )
    )
