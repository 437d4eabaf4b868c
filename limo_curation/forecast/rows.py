"""How many candidate rows a run starts from, without reading the sources where that can be avoided."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from limo_curation.config import DemoConfig, RunConfig
from limo_curation.demo.problems import write_demo
from limo_curation.errors import ConfigError, CurationError
from limo_curation.readers.batches import STREAM_ERRORS, arrow
from limo_curation.readers.parquet import arrow_parquet
from limo_curation.source_config import Source
from limo_curation.sources import list_files

CARD_ROWS: Final = {
    "numina_math_cot": 860_000,
    "numina_math_1_5": 896_000,
    "math": 7_500,
    "aime_before_2024": 933,
    "deepscaler": 40_000,
    "openr1_math": 94_000,
    "big_math": 251_122,
    "deepmath": 103_000,
    "open_math_reasoning": 3_200_000,
}
"""Of the catalogue's sources on the Hub, as their cards say; `deployments/README.md` has the same table."""
MAX_COUNTED_BYTES: Final = 2**30
"""Of local files whose lines are counted, for each source (ours: a few seconds)."""
COMPRESSIONS: Final = {".zst": "zstd", ".zstd": "zstd", ".gz": "gzip"}
BLOCK_BYTES: Final = 2**20


def candidate_rows(config: RunConfig) -> tuple[int, str]:
    """Return how many rows the sources have, and where that is from.

    Raises:
        ConfigError: a source does not tell. The message names the option that does.
    """
    if config.demo is not None:
        return demo_rows(config.demo), "the demo's generator"
    counts: list[int] = []
    for source in config.ingestion.sources:
        rows = source_rows(source)
        if rows is None:
            raise ConfigError(f"the rows of source {source.name!r} can't be counted from here; give --rows")
        counts.append(rows)
    on_cards = all(source.path.startswith("hf://") for source in config.ingestion.sources)
    return sum(counts), "the sources' cards" if on_cards else "the sources' files"


def demo_rows(demo: DemoConfig) -> int:
    """Return the rows that the demo's run will write first: its problems, and what is planted among them."""
    with TemporaryDirectory() as folder:
        return num_lines(write_demo(Path(folder), num_problems=demo.num_problems, seed=demo.seed).problems)


def source_rows(source: Source) -> int | None:
    """Return a source's rows, or None where nothing cheap tells them.

    Of Parquet files the footers are read, and of other local files the lines are counted.
    """
    if source.path.startswith("hf://"):
        return CARD_ROWS.get(source.name)
    try:
        fs, files = list_files(source)
    except CurationError:  # a variable that is not set, a file that is not here yet
        return None
    if "file" not in fs.protocol:
        return None
    paths = [Path(file) for file in files]
    try:
        if all(path.suffix == ".parquet" for path in paths):
            return sum(int(arrow_parquet.read_metadata(path).num_rows) for path in paths)
        if sum(path.stat().st_size for path in paths) > MAX_COUNTED_BYTES:
            return None
        return sum(num_lines(path) for path in paths)
    except STREAM_ERRORS:
        return None


def num_lines(path: Path) -> int:
    """Count the lines of a file, compressed or not."""
    compression = COMPRESSIONS.get(path.suffix.lower())
    lines, last = 0, b"\n"
    with path.open("rb") as raw:
        stream = arrow.CompressedInputStream(raw, compression) if compression else raw
        while block := stream.read(BLOCK_BYTES):
            lines += block.count(b"\n")
            last = block[-1:]
    return lines + (last != b"\n")
