"""Files as they are found in the wild: a broken row or file becomes a record that names it, never an exception."""

import gzip
import json
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pytest
import zstandard
from fsspec.implementations.local import LocalFileSystem

from limo_curation.errors import ConfigError, TableError
from limo_curation.readers import comma_separated
from limo_curation.readers.batches import BadRow
from limo_curation.source_config import Source
from limo_curation.sources import base_name, file_digests, read_source

ROWS = [
    {"q": 'How many?\nCount, then say "all".', "a": "5"},
    {"q": "求值：\u2028x + y", "a": None},  # U+2028 is no line's end in JSON
    {"q": "  Ünïcode 😀 $\\frac{1}{2}$  ", "a": "½"},
]
COLUMNS: dict[str, pl.DataType] = {"q": pl.String(), "a": pl.String()}


def source_of(path: Path | str, **more: Any) -> Source:
    return Source(path=str(path), name="pool", columns={"question": "q", "answer": "a"}, **more)


def read(path: Path | str, *, batch_rows: int = 1_000, columns: dict[str, pl.DataType] = COLUMNS, **more: Any):
    batches = list(read_source(source_of(path, **more), columns, batch_rows=batch_rows))
    bad: list[BadRow] = [row for batch in batches for row in batch.bad]
    none = pl.DataFrame(schema={"row_number": pl.Int64, **columns})
    return pl.concat([none, *(batch.frame for batch in batches)]), bad


def json_lines(rows: list[dict[str, Any]] = ROWS) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def write_shape(folder: Path, ending: str, rows: list[dict[str, Any]] = ROWS) -> Path:
    """Write rows in the format that an ending names."""
    path = folder / f"pool.{ending}"
    match ending:
        case "parquet":
            pl.DataFrame(rows).write_parquet(path, row_group_size=2)
        case "csv":
            pl.DataFrame(rows).write_csv(path)
        case "csv.gz":
            path.write_bytes(gzip.compress(pl.DataFrame(rows).write_csv().encode()))
        case "jsonl.gz":
            path.write_bytes(gzip.compress(json_lines(rows)))
        case "jsonl.zst":
            path.write_bytes(zstandard.compress(json_lines(rows)))
        case _:
            path.write_bytes(json_lines(rows))
    return path


SHAPES = ["parquet", "jsonl", "json", "ndjson", "jsonl.gz", "jsonl.zst", "csv", "csv.gz"]


@pytest.mark.parametrize("ending", SHAPES)
def test_same_rows_come_out_of_every_format(tmp_path: Path, ending: str) -> None:
    frame, bad = read(write_shape(tmp_path, ending))
    assert bad == []
    assert frame.select("q", "a").to_dicts() == ROWS
    assert frame["row_number"].to_list() == [1, 2, 3]
    assert dict(frame.schema) == {"row_number": pl.Int64, **COLUMNS}


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_rows_are_numbered_through_over_batches(tmp_path: Path, ending: str) -> None:
    rows = [{"q": f"q{number}", "a": "1"} for number in range(1, 8)]
    frame, _ = read(write_shape(tmp_path, ending, rows), batch_rows=2)
    assert frame["row_number"].to_list() == [1, 2, 3, 4, 5, 6, 7]


def test_format_of_the_source_wins_over_the_ending(tmp_path: Path) -> None:
    frame, _ = read(write(tmp_path / "pool.txt", json_lines()), format="jsonl")
    assert frame.height == 3
    frame, _ = read(write(tmp_path / "pool.csv.zst", zstandard.compress(json_lines())), format="jsonl")
    assert frame.height == 3


def test_ending_that_says_no_format_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the ending of pool\.txt says no format; set format"):
        read(write(tmp_path / "pool.txt", json_lines()))


def test_glob_reads_files_in_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        write(tmp_path / f"{name}.jsonl", json_lines([{"q": name, "a": "1"}]))
    frame, _ = read(f"{tmp_path}/*.jsonl")
    assert frame["q"].to_list() == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["absent.jsonl", "*.parquet", "folder/absent/*.jsonl"])
def test_absent_file_is_a_table_error_that_names_the_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(TableError, match=r"source 'pool': no file .*; mend the path or fetch the file"):
        read(tmp_path / name)


def test_credentials_in_a_path_are_never_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        read("nosuch://user:secret@bucket/pool.jsonl")
    assert "secret" not in str(raised.value)
    assert base_name("https://host/folder/pool.jsonl?token=secret/x") == "pool.jsonl"
    signed, other = (source_of(f"https://host/pool.jsonl?token={token}") for token in ("secret", "other"))
    assert signed.key_fields() == other.key_fields()


def test_file_that_may_not_be_read_is_an_error_and_no_dropped_file(tmp_path: Path) -> None:
    class Locked(LocalFileSystem):
        protocol = "locked"

        def _open(self, path: str, mode: str = "rb", **more: Any) -> Any:
            raise PermissionError(13, "Permission denied", path)

    fsspec.register_implementation("locked", Locked, clobber=True)
    write(tmp_path / "pool.jsonl", json_lines())
    with pytest.raises(TableError, match=r"Permission denied.*; mend the path or the access token"):
        read(f"locked://{tmp_path}/pool.jsonl")


def test_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "pool.jsonl").mkdir()
    with pytest.raises(TableError, match="no file"):
        read(tmp_path / "pool.jsonl")


def test_unknown_protocol_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="can't be opened"):
        read("nosuch://bucket/pool.jsonl")


# -- broken rows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        b'{"q": "cut o',
        b"no json",
        b'{"q": "bad \xff byte", "a": "1"}',
        b'["q", "a"]',
        b'"q"',
        b"17",
        b"null",
        b'{"q": "one", "a": "1"} {"q": "two", "a": "2"}',
        b'{"q": "no end", "a": "1"',
        b"\x00\x00\x00",
    ],
)
def test_line_that_is_no_object_is_reported_with_its_row_and_the_others_are_read(tmp_path: Path, line: bytes) -> None:
    good = b'{"q": "good", "a": "1"}\n'
    frame, bad = read(write(tmp_path / "pool.jsonl", good * 2 + line + b"\n" + good))
    assert [(row.file, row.row) for row in bad] == [("pool.jsonl", 3)]
    assert bad[0].message.startswith("pool.jsonl: row 3: ")
    assert bad[0].message.endswith("; mend the line or leave it out")
    assert frame["row_number"].to_list() == [1, 2, 4]
    assert frame["q"].to_list() == ["good"] * 3


def test_blank_lines_are_no_rows_but_count_as_lines(tmp_path: Path) -> None:
    good = b'{"q": "good", "a": "1"}'
    frame, bad = read(write(tmp_path / "pool.jsonl", b"\n" + good + b"\n\n  \r\n" + good))
    assert bad == []
    assert frame["row_number"].to_list() == [2, 5]


def test_windows_line_ends_and_byte_order_mark_are_read(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + b'{"q": "one", "a": "1"}\r\n{"q": "two", "a": "2"}\r\n'
    frame, bad = read(write(tmp_path / "pool.jsonl", data))
    assert bad == []
    assert frame["q"].to_list() == ["one", "two"]


def test_values_that_are_no_text_are_kept_as_text(tmp_path: Path) -> None:
    data = b'{"q": "How many?", "a": 17}\n{"q": "Really?", "a": true}\n{"q": "What part?", "a": 0.5}\n'
    frame, bad = read(write(tmp_path / "pool.jsonl", data))
    assert bad == []
    assert frame["a"].to_list() == ["17", "true", "0.5"]


def test_numbers_in_parquet_are_kept_as_text(tmp_path: Path) -> None:
    path = tmp_path / "pool.parquet"
    pl.DataFrame({"q": ["How many?"], "a": [17], "other": [b"\xff"]}).write_parquet(path)
    frame, bad = read(path)
    assert (frame["a"].to_list(), bad) == (["17"], [])


def test_column_that_no_row_has_is_null(tmp_path: Path) -> None:
    for ending in ("parquet", "jsonl", "csv"):
        frame, bad = read(write_shape(tmp_path, ending, [{"q": "only"}]))
        assert frame.select("q", "a").rows() == [("only", None)]
        assert bad == []


def test_ten_megabytes_in_one_field_are_read(tmp_path: Path) -> None:
    rows = [{"q": "x" * 10_000_000, "a": "1"}, {"q": "求" * 3_000_000, "a": "2"}]
    for ending in ("jsonl.zst", "parquet", "csv"):
        frame, bad = read(write_shape(tmp_path, ending, rows))
        assert bad == []
        assert frame["q"].str.len_chars().to_list() == [10_000_000, 3_000_000]


def test_list_of_steps_is_read_as_a_list(tmp_path: Path) -> None:
    path = write(tmp_path / "pool.jsonl", b'{"q": "x", "steps": ["one", "two"]}\n{"q": "y", "steps": null}\n')
    frame, bad = read(path, columns={"q": pl.String(), "steps": pl.List(pl.String())})
    assert frame["steps"].to_list() == [["one", "two"], None]
    assert bad == []


@pytest.mark.parametrize("row", [b"one,2,3\n", b"one\n", b'"one, two",3,4\n'])
def test_csv_row_with_another_number_of_fields_is_reported(tmp_path: Path, row: bytes) -> None:
    path = write(tmp_path / "pool.csv", b'q,a\n"first\nline",1\n' + row + b"last,3\n")
    frame, bad = read(path)
    assert frame.select("q", "a").rows() == [("first\nline", "1"), ("last", "3")]
    assert [bad_row.row for bad_row in bad] == [2]
    assert frame["row_number"].to_list() == [1, 3]
    assert "pool.csv: row 2: " in bad[0].message


def test_rows_after_a_bad_csv_row_keep_their_numbers_over_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comma_separated, "BATCH_BYTES", 200)
    lines = [f"question {number},{number}" + (",extra" if number % 10 == 3 else "") for number in range(1, 101)]
    frame, bad = read(write(tmp_path / "pool.csv", "\n".join(["q,a", *lines]).encode()))
    assert frame["row_number"].to_list() == [int(answer) for answer in frame["a"]]
    assert [row.row for row in bad] == list(range(3, 100, 10))
    assert frame.height + len(bad) == 100


def test_csv_number_like_texts_stay_as_they_are_written(tmp_path: Path) -> None:
    frame, _ = read(write(tmp_path / "pool.csv", b'q,a\n007,1e3\nNA,null\n"",\n'))
    assert frame.select("q", "a").rows() == [("007", "1e3"), ("NA", "null"), ("", None)]


# -- files that break off ----------------------------------------------------------------------------------------------

MANY = [{"q": f"question {number} {'x' * (number % 97)}", "a": str(number)} for number in range(60_000)]


@pytest.mark.parametrize("ending", ["parquet", "jsonl.zst", "jsonl.gz", "csv.gz"])
def test_truncated_file_is_reported_once_and_does_not_stop_the_others(tmp_path: Path, ending: str) -> None:
    whole = write_shape(tmp_path, ending, MANY).read_bytes()
    write(tmp_path / f"pool.{ending}", whole[: len(whole) * 2 // 3])
    write_shape(tmp_path, "jsonl")
    (tmp_path / "pool.jsonl").rename(tmp_path / "zzz.jsonl")
    frame, bad = read(f"{tmp_path}/*")
    assert [(row.file, row.row) for row in bad if row.row is None] == [(f"pool.{ending}", None)]
    assert len(bad) <= 2  # the line in which the file breaks off may be reported too
    assert f"pool.{ending}: unreadable after row " in bad[-1].message
    assert bad[-1].message.endswith("; fetch or write the file again")
    assert frame.tail(3)["q"].to_list() == [row["q"] for row in ROWS]


@pytest.mark.parametrize("ending", ["parquet", "jsonl.zst", "jsonl.gz"])
def test_file_of_another_format_is_reported(tmp_path: Path, ending: str) -> None:
    frame, bad = read(write(tmp_path / f"pool.{ending}", b"<html>404: not found</html>" * 50))
    assert frame.height == 0
    assert [row.row for row in bad] == [None]


@pytest.mark.parametrize("ending", SHAPES)
def test_empty_file_never_raises(tmp_path: Path, ending: str) -> None:
    frame, _ = read(write(tmp_path / f"pool.{ending}", b""))
    assert frame.height == 0


def test_several_zstd_frames_are_read_on(tmp_path: Path) -> None:
    data = zstandard.compress(json_lines()) + zstandard.compress(json_lines())
    frame, bad = read(write(tmp_path / "pool.jsonl.zst", data))
    assert (frame.height, bad) == (6, [])


# -- digests -----------------------------------------------------------------------------------------------------------


def test_digest_follows_content_and_not_the_folder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_shape(tmp_path / name, "jsonl")
    one, two = (file_digests(source_of(tmp_path / name / "pool.jsonl")) for name in ("one", "two"))
    assert one == two
    write_shape(tmp_path / "two", "jsonl", ROWS[:2])
    assert file_digests(source_of(tmp_path / "two" / "pool.jsonl")) != one


def test_two_files_of_one_name_have_two_digests(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "pool.jsonl", name.encode())
    assert len(file_digests(source_of(f"{tmp_path}/*/pool.jsonl"))) == 2
