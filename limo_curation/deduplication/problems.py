"""The stage: keep one representative of each group of duplicates.

"Ann has 3 apples and buys 5."  "Ann has 3 apples, and buys 5."   near: one of them is dropped
"Ann has 3 apples and buys 5."  "Ann has 7 apples and buys 2."    variant: both are kept, novelty counts them
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import polars as pl

from limo_curation.compiled import compiled
from limo_curation.deduplication.finding import Batch, Found, PoolPart, Settings, find_duplicates, partitions_for
from limo_curation.deduplication.index import NOTHING_KNOWN, Known, index_of, known_of, untouched
from limo_curation.deduplication.matching import EXACT, Indices
from limo_curation.deduplication.signatures import optimal_bands
from limo_curation.digests import frame_digest
from limo_curation.folding import Bytes, Hashes, Offsets, texts_of
from limo_curation.ledger import DropRule, dropped_rows
from limo_curation.problem_config import DeduplicationConfig
from limo_curation.stage import InputPart, StageMetrics, StageWriter, TableStage
from limo_curation.store import Artifact, Store
from limo_curation.tables import CLUSTERED, DROPPED, SCREENED
from limo_curation.threads import run_all

DROP_REASONS: Final = ("exact_duplicate", "near_duplicate")
COMPARED_COLUMNS: Final = ("problem_id", "question", "answer", "source", "published_num_attempts")
MAX_SOURCES: Final = 1 << 15  # places in the order of sources that a rank has room for
MAX_CHARACTERS: Final = (1 << 32) - 1  # lengths that a rank tells apart
BYTES_PER_GIB: Final = 1 << 30


def deduplicate_problems(
    problems: Artifact, *, config: DeduplicationConfig, store: Store, out: StageWriter
) -> StageMetrics:
    """Keep one representative of each group of duplicates.

    A problem is dropped only if it matches its kept representative itself, so similar texts don't chain below the
    threshold. The representative is the one with a gold answer, then of the source named first in `source_priority`,
    then with a published pass rate, then the longest, then the one with the lowest id.

    Drop reasons: `exact_duplicate` (same text up to case and white space) and `near_duplicate` (Jaccard similarity of
    character n-grams at or above the threshold, same numbers); the evidence names the representative.
    """
    del store
    parts = out.input_parts()
    decisions, num_capped = decide(parts, config, out)
    out.progress.start(problems.rows, step="writing")
    sizes = decisions.group_by("duplicate_of").len("duplicates").sort("duplicate_of")

    def write(part: InputPart) -> None:
        dropped = rows_within(decisions, "row", part).drop("duplicate_of")
        clusters = rows_within(sizes, "duplicate_of", part)
        depends_on = f"{frame_digest(dropped)} {frame_digest(clusters)}"
        if out.find_part(part.start, part.stop, depends_on=depends_on) is None:
            kept, ledger = split(out.scan_part(part).collect(), dropped, clusters, config)
            out.write_part(part.start, part.stop, kept, ledger, depends_on=depends_on)
        out.progress.advance(part.rows)

    run_all(write, parts, num_threads=config.num_threads)
    return {"num_rows_capped": float(num_capped)}


def decide(parts: list[InputPart], config: DeduplicationConfig, out: StageWriter) -> tuple[pl.DataFrame, int]:
    """Decide about the whole pool: anew where rows came or went since the last run, and leave an index for the next.

    Returns:
        The decisions, columns as in `DECIDED`, and the number of rows with more candidates than were compared.
    """
    known = known_of(parts, out.read_index())
    found = find(parts, config, out, known=known)
    standing, capped = untouched(known, found.numbers, found.touched)
    new = with_evidence(found.decisions, parts, out, num_threads=config.num_threads)
    decisions = pl.concat([standing, new]).sort("row")
    capped = np.sort(np.concatenate([capped, found.capped]))
    out.write_index(index_of(parts, numbers=found.numbers, decisions=decisions, capped=capped))
    return decisions, len(capped)


def find(
    parts: list[InputPart], config: DeduplicationConfig, out: StageWriter, *, known: Known = NOTHING_KNOWN
) -> Found:
    """Find the duplicates that are not known."""
    bands, rows_per_band = optimal_bands(config.threshold, config.num_perm)
    settings = Settings(config.ngram_size, config.threshold, bands, rows_per_band, config.same_numbers)
    pool = [
        PoolPart(part.start, part.stop, functools.partial(read_batch, part, config, out), known.numbers.get(place))
        for place, part in enumerate(parts)
    ]
    return find_duplicates(
        pool,
        settings=settings,
        num_partitions=partitions_for(sum(part.rows for part in parts), settings),
        num_threads=config.num_threads,
        max_bytes=int(config.memory_gib * BYTES_PER_GIB),
        progress=out.progress,
        gone=known.gone,
    )


def read_batch(part: InputPart, config: DeduplicationConfig, out: StageWriter, places: Indices | None) -> Batch:
    """Read the rows that a part covers, or only those at some places within it."""
    rows = out.scan_part(part).select(COMPARED_COLUMNS).collect()
    if places is None:
        places = np.arange(rows.height)
    else:
        rows = rows[places]
    ids = texts_of(rows["problem_id"])
    names = np.zeros((rows.height, 2), np.uint64)
    read_names(ids.data, ids.offsets, names)
    return Batch(part.start + places, texts_of(rows["question"]), rank_rows(rows, config.source_priority), names)


def rank_rows(rows: pl.DataFrame, source_priority: tuple[str, ...]) -> Hashes:
    """Return each row's rank as a representative, lower is better: answer, source, published rate, length."""
    places = {source: place for place, source in enumerate(source_priority[: MAX_SOURCES - 1])}
    last = pl.lit(len(places), pl.UInt64)
    source = pl.col("source").replace_strict(places, default=last, return_dtype=pl.UInt64) if places else last
    answer = pl.col("answer")
    length = pl.col("question").str.len_chars().clip(upper_bound=MAX_CHARACTERS).cast(pl.UInt64)
    ranks = rows.select(
        rank=(answer.is_null() | (answer == "")).cast(pl.UInt64) * (1 << 48)
        + source * (1 << 33)
        + pl.col("published_num_attempts").is_null().cast(pl.UInt64) * (1 << 32)
        + (pl.lit(MAX_CHARACTERS, pl.UInt64) - length)
    )
    return ranks["rank"].to_numpy()


@compiled
def read_names(data: Bytes, offsets: Offsets, names: Hashes) -> None:
    """Write the first 16 bytes of each id as two numbers in the order of the ids; a shorter one ends in zeros."""
    for row in range(len(offsets) - 1):
        for place in range(min(offsets[row + 1] - offsets[row], 16)):
            shift = np.uint64(56 - 8 * (place % 8))
            names[row, place // 8] |= np.uint64(data[offsets[row] + place]) << shift


def with_evidence(
    decisions: pl.DataFrame, parts: list[InputPart], out: StageWriter, *, num_threads: int | None
) -> pl.DataFrame:
    """Add `evidence`, the id and origin of the representative, to each decision.

    The representatives are looked up part by part, so that their ids need not be in memory with all others.
    """
    representatives = decisions.select(row="duplicate_of").unique().sort("row")

    def names_of(part: InputPart) -> pl.DataFrame:
        names = out.scan_part(part).select(row=pl.int_range(pl.len(), dtype=pl.Int64), evidence=evidence()).collect()
        wanted = rows_within(representatives, "row", part)
        return names.join(wanted, on="row", how="semi").with_columns(pl.col("row") + part.start)

    named = run_all(names_of, parts, num_threads=num_threads)
    names = pl.concat([pl.DataFrame(schema={"row": pl.Int64, "evidence": pl.String}), *named])
    return decisions.join(
        names, left_on="duplicate_of", right_on="row", how="left", maintain_order="left", validate="m:1"
    )


def evidence() -> pl.Expr:
    """Return what the ledger says of a representative."""
    return pl.format("{} ({})", "problem_id", pl.col("origin").fill_null("?"))


def rows_within(frame: pl.DataFrame, column: str, part: InputPart) -> pl.DataFrame:
    """Return the rows of a part, numbered from the part's first row, of a frame sorted by a column of row numbers."""
    start, stop = (int(place) for place in np.searchsorted(frame[column].to_numpy(), [part.start, part.stop]))
    return frame.slice(start, stop - start).with_columns(pl.col(column) - part.start)


def split(
    rows: pl.DataFrame, dropped: pl.DataFrame, clusters: pl.DataFrame, config: DeduplicationConfig
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the kept rows of a part, with their clusters' sizes, and the ledger of the others."""
    rows = rows.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    kept = rows.join(dropped, on="row", how="anti", maintain_order="left")
    kept = kept.join(clusters, left_on="row", right_on="duplicate_of", how="left", maintain_order="left")
    kept = kept.with_columns(cluster_size=pl.col("duplicates").fill_null(0).cast(pl.Int64) + 1)
    marked = rows.join(dropped, on="row", how="inner", maintain_order="left")
    limits = {"exact_duplicate": 1.0, "near_duplicate": config.threshold}
    ledgers = [
        dropped_rows(
            marked.filter((pl.col("relation") == EXACT) == (reason == "exact_duplicate")),
            stage="deduplication",
            rule=DropRule(reason, pl.lit(True), pl.col("jaccard"), limit, pl.col("evidence")),
        )
        for reason, limit in limits.items()
    ]
    return kept.select(list(CLUSTERED.columns)), pl.concat([DROPPED.empty(), *ledgers])


DEDUPLICATION: Final = TableStage("deduplication", SCREENED, CLUSTERED, DROP_REASONS, deduplicate_problems)
