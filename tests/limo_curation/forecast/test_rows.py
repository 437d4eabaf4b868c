import gzip
from pathlib import Path

import polars as pl
import pytest
import zstandard

from limo_curation.demo.problems import write_demo
from limo_curation.errors import ConfigError
from limo_curation.forecast.rows import CARD_ROWS, candidate_rows, source_rows
from limo_curation.presets import load_config
from limo_curation.source_config import Source
from tests.pilot_run import pilot_config


def source(path: Path | str, name: str = "pool") -> Source:
    return Source(path=str(path), name=name, columns={"question": "q"})


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "jsonl.zst"])
@pytest.mark.parametrize("last", ["", "\n"])
def test_lines_are_counted_whether_or_not_the_last_one_ends(tmp_path: Path, ending: str, last: str):
    text = ("{}\n" * 999 + "{}" + last).encode()
    pack = {"jsonl": bytes, "jsonl.gz": gzip.compress, "jsonl.zst": zstandard.compress}[ending]
    (tmp_path / f"pool.{ending}").write_bytes(pack(text))
    assert source_rows(source(tmp_path / f"pool.{ending}")) == 1_000


def test_empty_file_has_no_rows(tmp_path: Path):
    (tmp_path / "pool.jsonl").touch()
    assert source_rows(source(tmp_path / "pool.jsonl")) == 0


def test_rows_of_parquet_are_read_from_the_footers(tmp_path: Path):
    for name, rows in (("a", 7), ("b", 5)):
        pl.DataFrame({"q": ["x"] * rows}).write_parquet(tmp_path / f"{name}.parquet")
    assert source_rows(source(tmp_path / "*.parquet")) == 12


@pytest.mark.parametrize("path", ["absent.jsonl", "${NO_SUCH_VARIABLE}/pool.jsonl", "hf://datasets/a/b/c.parquet"])
def test_source_that_tells_nothing_asks_for_the_number(path: str):
    assert source_rows(source(path)) is None
    with pytest.raises(ConfigError, match="the rows of source 'pool' can't be counted from here; give --rows"):
        candidate_rows(pilot_config(path=path))


def test_broken_archive_tells_nothing(tmp_path: Path):
    (tmp_path / "pool.jsonl.zst").write_bytes(b"no archive")
    assert source_rows(source(tmp_path / "pool.jsonl.zst")) is None


def test_sources_of_the_catalogue_are_counted_by_their_cards():
    config = load_config("full")
    assert candidate_rows(config) == (sum(CARD_ROWS.values()), "the sources' cards")


def test_the_demo_counts_what_it_will_write(tmp_path: Path):
    config = load_config("demo")
    assert config.demo is not None
    written = write_demo(tmp_path, num_problems=config.demo.num_problems, seed=config.demo.seed)
    rows = len(written.problems.read_text().splitlines())
    assert rows > config.demo.num_problems, "there are planted ones"
    assert candidate_rows(config) == (rows, "the demo's generator")
