"""Ingestion: files of any shape become PROBLEMS, BENCHMARKS or RECORDED_CHAINS; what can't be read is quarantined.

A row's identity is its content: `problem_id` is a digest of the question after Unicode NFC and with white space
folded, so the same problem has the same id in every source, and rows with one id are duplicates of each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from limo_curation.errors import ConfigError
from limo_curation.ledger import DropRule, apply_rules
from limo_curation.problem_config import IngestionConfig
from limo_curation.source_config import PublishedRate, Source
from limo_curation.sources import BadRow, file_digests, read_source
from limo_curation.stage import StageMetrics, StageWriter, TableStage
from limo_curation.store import Store, chain_ids, content_ids
from limo_curation.tables import BENCHMARKS, DROPPED, PROBLEMS, RECORDED_CHAINS, Table

DROP_REASONS: Final = ("missing_field", "unreadable_row", "unreadable_file")

TEXT_COLUMNS: Final = ("question", "answer", "source", "origin", "source_solution", "domain_label", "license")


@dataclass(frozen=True, slots=True)
class Shape:
    """One of the tables that files can become: the names a column map may use, and those that it must."""

    table: Table
    names: tuple[str, ...]
    required: tuple[str, ...]
    rows: str


PROBLEM_SHAPE: Final = Shape(PROBLEMS, (*TEXT_COLUMNS, "domain_label_kind"), ("question",), "problem")
BENCHMARK_SHAPE: Final = Shape(
    BENCHMARKS, ("benchmark_id", "benchmark", "question", "answer"), ("question",), "benchmark item"
)
CHAIN_SHAPE: Final = Shape(
    RECORDED_CHAINS, ("question", "teacher", "chain", "chains", "steps", "origin"), ("question",), "chain"
)


def ingest_problems(*, config: IngestionConfig, store: Store, out: StageWriter) -> StageMetrics:
    """Read candidate problems into the PROBLEMS table.

    Drop reasons: `unreadable_row`, `unreadable_file`, `missing_field` (no question); the evidence names file and row.

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


def content_of_sources(config: IngestionConfig) -> dict[str, str]:
    """Return a digest of every file, so that the stage's key follows the files' content."""
    return {
        f"{index}/{name}": digest
        for index, source in enumerate(config.sources)
        for name, digest in file_digests(source).items()
    }


def ingest(config: IngestionConfig, shape: Shape, out: StageWriter) -> StageMetrics:
    """Read all sources into one table, batch by batch."""
    num_files: set[tuple[int, str]] = set()
    for index, source in enumerate(config.sources):
        check_columns(source, shape)
        for batch in read_source(source, columns_to_read(source), batch_rows=config.batch_rows):
            num_files.add((index, batch.file))
            rows = map_columns(batch.frame, source, shape, batch.file)
            present, missing = apply_rules(rows, stage=out.plan.stage.name, rules=missing_field_rules(source, shape))
            out.count_input(batch.frame.height + len(batch.bad))
            kept = present.select(list(shape.table.columns))
            out.write(kept, pl.concat([missing, quarantine(batch.bad, out.plan.stage.name)]))
    return {"num_files": float(len(num_files))}


def check_columns(source: Source, shape: Shape) -> None:
    """Check a source's column map.

    Raises:
        ConfigError: it names an unknown column of ours, or lacks a required one.
    """
    for name in source.columns:
        if name not in shape.names:
            raise ConfigError(
                f"source {source.name!r}: columns.{name} is no column of a {shape.rows}; "
                f"known are {', '.join(shape.names)}"
            )
    for name in shape.required:
        if name not in source.columns:
            raise ConfigError(f"source {source.name!r}: columns.{name} is missing; name the source's column for it")


def columns_to_read(source: Source) -> dict[str, pl.DataType]:
    """Return the source's columns that are needed, with the type that each is read as."""
    columns: dict[str, pl.DataType] = {
        theirs: pl.List(pl.String) if ours == "steps" else pl.String() for ours, theirs in source.columns.items()
    }
    if source.published_rate is not None:
        columns[source.published_rate.column] = pl.String()
        columns.update({theirs: pl.String() for theirs in source.published_rate.only_where})
    return columns


def map_columns(frame: pl.DataFrame, source: Source, shape: Shape, file: str) -> pl.DataFrame:
    """Return the rows with our column names, clean text and identities."""
    place = pl.format("{}:{}", pl.lit(file), pl.col("row_number"))
    ours = frame.select(
        place.alias("place"),
        *(clean(pl.col(source.columns[name])).alias(name) for name in shape.names if name in mapped(source, "text")),
        *(pl.lit(None, pl.String).alias(name) for name in shape.names if name not in source.columns),
        *(clean(pl.col(theirs).list.join("\n\n")).alias("steps") for theirs in mapped(source, "steps").values()),
        *(expression.alias(name) for name, expression in published(source.published_rate).items()),
    )
    if shape is BENCHMARK_SHAPE:
        return ours.with_columns(
            problem_id=pl.coalesce("benchmark_id", "place"),
            benchmark_id=pl.coalesce("benchmark_id", "place"),
            benchmark=pl.coalesce("benchmark", pl.lit(source.name)),
        )
    ours = ours.with_columns(problem_id=problem_ids(pl.col("question")), origin=pl.coalesce("origin", "place"))
    if shape is CHAIN_SHAPE:
        ours = ours.with_columns(
            chain=pl.coalesce("chain", "steps"), teacher=pl.coalesce("teacher", pl.lit(source.name))
        )
        return ours.with_columns(chain_id=chain_ids())
    return ours.with_columns(
        source=pl.coalesce("source", pl.lit(source.name)),
        license=pl.coalesce("license", pl.lit(source.license, pl.String)),
        domain_label_kind=pl.coalesce("domain_label_kind", pl.lit(source.domain_label_kind, pl.String)),
    )


def mapped(source: Source, kind: str) -> dict[str, str]:
    """Return the part of a column map that holds texts, or the one that holds lists of steps."""
    return {ours: theirs for ours, theirs in source.columns.items() if (ours == "steps") == (kind == "steps")}


def clean(text: pl.Expr) -> pl.Expr:
    """Return text in Unicode NFC, without zero bytes and outer white space."""
    return text.str.replace_all("\0", "", literal=True).str.normalize("NFC").str.strip_chars()


def problem_ids(question: pl.Expr) -> pl.Expr:
    """Return the identity of a question: white space is folded, case and signs count."""
    return content_ids(question.str.replace_all(r"\s+", " ").str.strip_chars())


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
CHAIN_INGESTION: Final = TableStage("recorded_chains", None, RECORDED_CHAINS, DROP_REASONS, ingest_chains)
