"""The generated pool as an artifact in a store, as the measured stage reads it, and what measuring needs beside it.

The pool is written by a stage of its own through the project's runner, so it has a manifest, is found again by its key,
and a large one begins with the parts of a small one.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import polars as pl
from pydantic import Field

from limo_curation.errors import TableError
from limo_curation.plan import StageMetrics, TableStage, plan_stage
from limo_curation.problem_config import StageConfig
from limo_curation.provenance import digest_of_files
from limo_curation.runner import run_stage
from limo_curation.stage import StageWriter
from limo_curation.store import Artifact, Store
from limo_curation.tables import DROPPED, SCREENED
from measurements.corpus import PART_ROWS, TRUTH, generate, read_grammar


class PoolConfig(StageConfig):
    """Which pool."""

    rows: Annotated[int, Field(ge=1)]
    pool_seed: int = 0


def fill_pool(*, config: PoolConfig, store: Store, out: StageWriter) -> StageMetrics:
    """Write the generated problems, a part for each 100,000 of them, and beside the parts the truth about the rows."""
    grammar = read_grammar()
    folder = truth_folder(store, config.pool_seed)
    folder.mkdir(parents=True, exist_ok=True)
    for start in range(0, config.rows, PART_ROWS):
        stop = min(start + PART_ROWS, config.rows)
        depends_on = f"{generator_digest()}:{config.pool_seed}:{start}:{stop}"
        file = folder / f"{start:010d}-{stop:010d}.parquet"
        if file.exists() and out.find_part(start, stop, depends_on=depends_on) is not None:
            continue
        problems, truth = generate(start, stop, seed=config.pool_seed, grammar=grammar)
        truth.write_parquet(file)
        out.write_part(start, stop, problems, DROPPED.empty(), rows_in=stop - start, depends_on=depends_on)
    return {}


POOL: Final = TableStage("pool", None, SCREENED, (), fill_pool)


@functools.cache
def generator_digest() -> str:
    """Return a digest of the generator's code and grammar: another one makes another pool."""
    return digest_of_files(Path(__file__).parent.glob("corpus*.*"))[:16]


def truth_folder(store: Store, seed: int) -> Path:
    """Return where the truth about a pool's rows stands."""
    return Path(store.root) / "truth" / f"{generator_digest()}-{seed}"


def make_pool(store: Store, rows: int, *, seed: int = 0) -> Artifact:
    """Return the pool, which is generated where the store does not hold it."""
    config = PoolConfig(rows=rows, pool_seed=seed)
    return run_stage(plan_stage(POOL, {}, config=config, store=store, extra_inputs={"generator": generator_digest()}))


def read_truth(store: Store, rows: int, columns: Sequence[str] = tuple(TRUTH), *, seed: int = 0) -> pl.DataFrame:
    """Return the truth about the pool's rows, in order."""
    folder = truth_folder(store, seed)
    ranges = [(start, min(start + PART_ROWS, rows)) for start in range(0, rows, PART_ROWS)]
    files = [folder / f"{start:010d}-{stop:010d}.parquet" for start, stop in ranges]
    return pl.scan_parquet(files, glob=False).select(columns).collect()


def questions(store: Store, pool: Artifact) -> Iterator[pl.Series]:
    """Yield the questions of each part of the pool.

    Raises:
        TableError: the pool is gone from the store; make it again.
    """
    manifest = store.manifest(pool.stage, pool.key)
    if manifest is None:
        raise TableError(f"{pool.uri} is gone; call make_pool again")
    for index in range(len(manifest.parts)):
        yield store.scan_parts(manifest, [index]).select("question").collect().to_series()


def folded(texts: pl.Series) -> pl.Series:
    """Return texts in lower case, every run of white space one blank: what all candidates compare."""
    return texts.str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()


def write_texts(store: Store, pool: Artifact, file: Path) -> None:
    """Write the folded texts one a line, for the peers."""
    temporary = file.with_suffix(".tmp")
    with temporary.open("wb") as out:
        for part in questions(store, pool):
            folded(part).to_frame().write_csv(out, include_header=False, quote_style="never")
    shutil.move(temporary, file)
