"""Ingestion: files of any shape become PROBLEMS, BENCHMARKS or RECORDED_CHAINS; what can't be read is quarantined.

A row's identity is its content: `problem_id` is a digest of the question with spellings folded, so the same problem has
the same id in every source, and rows with one id are duplicates of each other.

Each batch of a file becomes one part of the table, and its key is a digest of what it was read from. So an ingestion
that was killed goes on where it stopped, and of files that were added or have grown only what is new is read.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Final

import polars as pl

from limo_curation.errors import ConfigError
from limo_curation.hub_revisions import pin_revision, pinned_revision
from limo_curation.ledger import DropRule, apply_rules
from limo_curation.normalisation import boxed_answer, comparison_text, stored_text
from limo_curation.plan import StageMetrics, TableStage
from limo_curation.problem_config import IngestionConfig
from limo_curation.readers.batches import ROW_NUMBER, BadRow, Batch
from limo_curation.source_config import PublishedRate, Source
from limo_curation.sources import file_digests, pending_batches
from limo_curation.stage import StageWriter
from limo_curation.store import Store, chain_ids, content_ids, json_digest
from limo_curation.tables import BENCHMARKS, DROPPED, PROBLEMS, RECORDED_CHAINS, Table

DROP_REASONS: Final = ("left_out_by_source", "missing_field", "unreadable_row", "unreadable_file")

NUM_WRITERS: Final = 2  # ours: Polars spreads over the cores what it can, and two fill what it leaves idle
LIST_COLUMNS: Final = ("steps", "chains")
WRONG_OPTIONS: Final = ("wrong_option_1", "wrong_option_2", "wrong_option_3")
ITEM_NAMES: Final = ("benchmark_id", "benchmark", "question", "answer", *WRONG_OPTIONS)
TEXT_COLUMNS: Final = ("question", "answer", "source", "origin", "source_solution", "domain_label", "license")


@dataclass(frozen=True, slots=True)
class Shape:
    """One of the tables that files can become: the names a column map may use, and those that it must."""

    table: Table
    names: tuple[str, ...]
    required: tuple[str, ...]
    rows: str


PROBLEM_SHAPE: Final = Shape(PROBLEMS, (*TEXT_COLUMNS, "domain_label_kind"), ("question",), "problem")
BENCHMARK_SHAPE: Final = Shape(BENCHMARKS, ITEM_NAMES, ("question",), "benchmark item")
CHAIN_SHAPE: Final = Shape(
    RECORDED_CHAINS, ("question", "teacher", "chain", "chains", "steps", "origin"), ("question",), "chain"
)


def ingest_problems(*, config: IngestionConfig, store: Store, out: StageWriter) -> StageMetrics:
    """Read candidate problems into the PROBLEMS table.

    Drop reasons: `unreadable_row`, `unreadable_file`, `missing_field` (no question), `left_out_by_source` (the
    source's `keep_where` does not want the row); the evidence names file and row.

    Raises:
        ConfigError: a column map names an unknown column of ours, or lacks the question.
        TableError: a source's file does not exist.
    """
    del store
    return ingest(config, PROBLEM_SHAPE, out)


def ingest_benchmarks(*, config: IngestionConfig, store: Store, out: StageWriter) -> StageMetrics:
    """Read evaluation sets, which must not leak, into the BENCHMARKS table."""
    del store
    return ingest(config, BENCHMARK_SHAPE, out)


def ingest_chains(*, config: IngestionConfig, store: Store, out: StageWriter) -> StageMetrics:
    """Read chains that somebody published into the RECORDED_CHAINS table."""
    del store
    return ingest(config, CHAIN_SHAPE, out)


def pin_sources(config: IngestionConfig) -> IngestionConfig:
    """Return the config with each `hf://` path at the commit that its branch points to now, asked once for a run.

    Raises:
        TransientError, TableError: the Hub does not tell.
    """
    return config.model_copy(update={"sources": tuple(pin_revision(source) for source in config.sources)})


def content_of_sources(config: IngestionConfig) -> dict[str, str]:
    """Return a digest of every file, so that the stage's key follows the files' content, and pinned revisions."""
    contents: dict[str, str] = {}
    for index, source in enumerate(config.sources):
        revision = pinned_revision(source)
        contents |= {f"{index}/revision": revision} if revision else {}
        contents |= {f"{index}/{name}": digest for name, digest in file_digests(source).items()}
    return contents


def ingest(config: IngestionConfig, shape: Shape, out: StageWriter) -> StageMetrics:
    """Read all sources into one table, a batch to a part; a part that any run has done before is taken over.

    One thread reads; the others turn batches into parts, so that at most `NUM_WRITERS` + 1 batches are in memory.
    """
    for source in config.sources:
        check_columns(source, shape)
    digests = [digests_of(source, index, out) for index, source in enumerate(config.sources)]
    num_files, part = sum(map(len, digests)), 0
    out.progress.start(num_files, unit="files")
    with ThreadPoolExecutor(NUM_WRITERS) as pool:
        writing: deque[Future[None]] = deque()
        for source, of_source in zip(config.sources, digests, strict=True):
            columns, num_begun, file = columns_to_read(source), 0, ""
            for pending in pending_batches(source, columns, batch_rows=config.batch_rows, digests=of_source):
                if pending.file != file:
                    out.progress.advance(min(num_begun, 1))  # the file before is done
                    num_begun, file = num_begun + 1, pending.file
                depends_on = json_digest({"source": source.key_fields(), "file": file, "content": pending.content})
                if out.find_part(part, part + 1, depends_on=depends_on) is None:
                    write = partial(write_batch, pending.load(), part, depends_on, source, shape, out)
                    writing.append(pool.submit(copy_context().run, write))
                part += 1
                while len(writing) >= NUM_WRITERS:
                    writing.popleft().result()
            out.progress.advance(len(of_source) - max(num_begun - 1, 0))
        for future in writing:
            future.result()
    return {"num_files": float(num_files)}


def write_batch(batch: Batch, part: int, depends_on: str, source: Source, shape: Shape, out: StageWriter) -> None:
    """Turn a batch into a part of the table."""
    kept, dropped = rows_of_batch(batch, source, shape, out.plan.stage.name)
    rows_in = kept.height + dropped.height
    out.write_part(part, part + 1, kept, dropped, rows_in=rows_in, depends_on=depends_on)


def digests_of(source: Source, index: int, out: StageWriter) -> dict[str, str]:
    """Return the digests of a source's files, which the plan holds already where `content_of_sources` was asked."""
    prefix = f"{index}/"
    planned = {
        name.removeprefix(prefix): digest
        for name, digest in out.plan.extra_inputs.items()
        if name.startswith(prefix) and name != f"{prefix}revision"
    }
    return planned or file_digests(source)


def rows_of_batch(batch: Batch, source: Source, shape: Shape, stage: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a batch as rows of the table, and the ledger of those that are left out or can't be read."""
    rows = map_columns(batch.frame, source, shape, batch.file)
    rules = [*left_out_rules(source), *missing_field_rules(source, shape)]
    present, left_out = apply_rules(rows, stage=stage, rules=rules)
    return present.select(list(shape.table.columns)), pl.concat([left_out, quarantine(batch.bad, stage)])


def check_columns(source: Source, shape: Shape) -> None:
    """Check a source's column map.

    Raises:
        ConfigError: it names an unknown column of ours, lacks a required one, or reads one of a name that readers use.
    """
    for name in source.columns:
        if name not in shape.names:
            raise ConfigError(
                f"source {source.name!r}: columns.{name} is no column of a {shape.rows}; "
                f"known are {', '.join(shape.names)}"
            )
    if ROW_NUMBER in columns_to_read(source):
        raise ConfigError(
            f"source {source.name!r}: rename the column {ROW_NUMBER!r} of the files; it is the readers' own"
        )
    for name in shape.required:
        if name not in source.columns:
            raise ConfigError(f"source {source.name!r}: columns.{name} is missing; name the source's column for it")


def columns_to_read(source: Source) -> dict[str, pl.DataType]:
    """Return the source's columns that are needed, with the type that each is read as."""
    columns: dict[str, pl.DataType] = {
        theirs: pl.List(pl.String) if ours in LIST_COLUMNS else pl.String() for ours, theirs in source.columns.items()
    }
    others = [row_filter.column for row_filter in source.keep_where]
    if source.published_rate is not None:
        others += [source.published_rate.column, *source.published_rate.only_where]
    return columns | {name: columns.get(name, pl.String()) for name in others}


def map_columns(frame: pl.DataFrame, source: Source, shape: Shape, file: str) -> pl.DataFrame:
    """Return the rows with our column names, normalised text and identities; one row for each chain of a list."""
    texts = {ours: theirs for ours, theirs in source.columns.items() if ours not in LIST_COLUMNS}
    ours = frame.select(
        pl.format("{}:{}", pl.lit(file), pl.col(ROW_NUMBER)).alias("place"),
        *(stored_text(pl.col(theirs)).alias(name) for name, theirs in texts.items()),
        *(pl.lit(None, pl.String).alias(name) for name in shape.names if name not in source.columns),
        *(pl.col(source.columns[name]).alias(name) for name in LIST_COLUMNS if name in source.columns),
        *(expression.alias(name) for name, expression in published(source.published_rate).items()),
        *(pl.col(each.column).alias(filter_name(place)) for place, each in enumerate(source.keep_where)),
    )
    if shape.names == ITEM_NAMES:
        return ours.with_columns(
            problem_id=pl.coalesce("benchmark_id", "place"),
            benchmark_id=pl.coalesce("benchmark_id", "place"),
            benchmark=pl.coalesce("benchmark", pl.lit(source.name)),
        )
    ours = ours.with_columns(problem_id=problem_ids(pl.col("question")), origin=pl.coalesce("origin", "place"))
    if shape is CHAIN_SHAPE:
        return with_chains(ours, source)
    answer = pl.col("answer")
    if source.answer_from == "boxed":
        answer = pl.coalesce(pl.when(answer != "").then(answer), boxed_answer(pl.col("source_solution")))
    return ours.with_columns(
        answer=answer,
        source=pl.coalesce("source", pl.lit(source.name)),
        license=pl.coalesce("license", pl.lit(source.license, pl.String)),
        domain_label_kind=pl.coalesce("domain_label_kind", pl.lit(source.domain_label_kind, pl.String)),
    )


def with_chains(rows: pl.DataFrame, source: Source) -> pl.DataFrame:
    """Return rows of one chain each: from a column of text, of a chain's steps, or of several chains."""
    if "chains" in source.columns:
        rows = rows.explode("chains", empty_as_null=True, keep_nulls=True)  # a row without chains is told
    whole = [stored_text(pl.col("chains"))] if "chains" in source.columns else []
    steps = [stored_text(pl.col("steps").list.join("\n\n"))] if "steps" in source.columns else []
    teacher = source.teacher or source.name
    rows = rows.with_columns(
        chain=pl.coalesce("chain", *whole, *steps), teacher=pl.coalesce("teacher", pl.lit(teacher))
    )
    return rows.with_columns(chain_id=chain_ids())


def filter_name(place: int) -> str:
    """Return the name under which the value that a row filter looks at is carried along."""
    return f"filter {place}"


def problem_ids(question: pl.Expr) -> pl.Expr:
    """Return the identity of a question: spellings are folded (`comparison_text`), case, numbers and signs count."""
    return content_ids(comparison_text(question))


def published(rate: PublishedRate | None) -> dict[str, pl.Expr]:
    """Return the three columns of a published pass rate; null where the source has none for the row."""
    if rate is None:
        nothing = pl.lit(None, pl.Int64)
        return {
            "published_solver": pl.lit(None, pl.String),
            "published_num_attempts": nothing,
            "published_num_solved": nothing,
        }
    number = pl.col(rate.column).cast(pl.Float64, strict=False)  # other rows may hold a label there
    solved = {
        "fraction": number * rate.num_attempts,
        "percent": number / 100 * rate.num_attempts,
        "percent_failed": (1 - number / 100) * rate.num_attempts,
        "count": number,
    }[rate.scale]
    counts = pl.all_horizontal(
        number.is_not_null(),
        solved.is_between(-0.5, rate.num_attempts + 0.5),
        *(pl.col(column).str.starts_with(text) for column, text in rate.only_where.items()),
    )
    return {
        "published_solver": pl.when(counts).then(pl.lit(rate.solver)),
        "published_num_attempts": pl.when(counts).then(pl.lit(rate.num_attempts, pl.Int64)),
        "published_num_solved": pl.when(counts).then(solved.round().cast(pl.Int64)),
    }


def left_out_rules(source: Source) -> list[DropRule]:
    """Return the rules that leave out the rows that a source's `keep_where` does not want."""
    rules: list[DropRule] = []
    for place, row_filter in enumerate(source.keep_where):
        value = pl.col(filter_name(place))
        number = value.cast(pl.Float64, strict=False)
        if row_filter.one_of is not None:
            is_wanted, wanted = value.is_in(row_filter.one_of), f"not one of {', '.join(row_filter.one_of)}"
        else:
            is_wanted, wanted = number < row_filter.below, f"not below {row_filter.below:g}"
        told = pl.format(
            "{}: {} is {}, {}", pl.col("place"), pl.lit(row_filter.column), value.fill_null("null"), pl.lit(wanted)
        )
        rules.append(DropRule("left_out_by_source", ~is_wanted.fill_null(False), number, row_filter.below, told))
    return rules


def missing_field_rules(source: Source, shape: Shape) -> list[DropRule]:
    """Return the rules that drop rows without a field that the table can't do without."""
    needed = ("question", "chain") if shape is CHAIN_SHAPE else ("question",)
    return [
        DropRule(
            "missing_field",
            pl.col(name).is_null(),
            evidence=pl.format(
                "{}: field {} is missing or null; fill it, or mend columns.{} of source {}",
                pl.col("place"),
                pl.lit(repr(source.columns.get(name, name))),
                pl.lit(name),
                pl.lit(repr(source.name)),
            ),
        )
        for name in needed
    ]


def quarantine(bad: list[BadRow], stage: str) -> pl.DataFrame:
    """Return the ledger of what could not be read."""
    rows = [
        {
            "stage": stage,
            "problem_id": None,
            "chain_id": None,
            "drop_reason": "unreadable_file" if row.row is None else "unreadable_row",
            "value": None if row.row is None else float(row.row),
            "threshold": None,
            "evidence": row.message,
        }
        for row in bad
    ]
    return pl.DataFrame(rows, schema=DROPPED.schema)


INGESTION: Final = TableStage("ingestion", None, PROBLEMS, DROP_REASONS, ingest_problems)
BENCHMARK_INGESTION: Final = TableStage("benchmarks", None, BENCHMARKS, DROP_REASONS, ingest_benchmarks)
PUBLIC_SET_INGESTION: Final = TableStage("public_sets", None, PROBLEMS, DROP_REASONS, ingest_problems)
CHAIN_INGESTION: Final = TableStage("recorded_chains", None, RECORDED_CHAINS, DROP_REASONS, ingest_chains)
