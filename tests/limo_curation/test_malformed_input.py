"""Malformed input: whatever a file holds, the message names file, row, field and fix, and the rest is ingested."""

import gzip
import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from limo_curation.ingestion import INGESTION, content_of_sources
from limo_curation.plan import plan_stage
from limo_curation.problem_config import IngestionConfig, ScreeningConfig
from limo_curation.readers import json_lines
from limo_curation.runner import run_stage
from limo_curation.screening import screen_problems
from limo_curation.source_config import Source
from limo_curation.store import Store
from tests.rows import Outcome, outcome_of

GOOD = [{"q": f"How many sheep are {number}?", "a": str(number)} for number in range(6)]


def ingest(folder: Path, *names: str, columns: dict[str, str] | None = None) -> Outcome:
    """Ingest files of the folder, and behind them a good one that must come through."""
    pl.DataFrame(GOOD[:1]).write_parquet(folder / "zzz.parquet")
    mapped = columns or {"question": "q", "answer": "a"}
    sources = [Source(path=str(folder / name), name=name, columns=mapped) for name in names]
    sources.append(Source(path=str(folder / "zzz.parquet"), name="zzz", columns={"question": "q"}))
    config = IngestionConfig(sources=tuple(sources), batch_rows=2)
    store = Store(str(folder / "store"))
    outcome = outcome_of(
        run_stage(plan_stage(INGESTION, {}, config=config, store=store, extra_inputs=content_of_sources(config))), store
    )
    assert "zzz" in outcome.kept["source"].to_list()
    return outcome


def told(outcome: Outcome) -> list[tuple[str, str]]:
    return list(outcome.dropped.select("drop_reason", "evidence").iter_rows())


def lines(*rows: object) -> bytes:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


def text_column(*values: bytes | None) -> pa.Array:
    """Return an Arrow text column with any bytes in it; Arrow does not check them."""
    return pa.Array.from_buffers(pa.string(), len(values), pa.array(values, pa.binary()).buffers())


# -- bad bytes ---------------------------------------------------------------------------------------------------------


def test_bad_byte_in_json_lines_costs_its_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(GOOD[0]) + b'{"q": "caf\xe9", "a": "1"}\n' + lines(GOOD[1]))
    outcome = ingest(tmp_path, "a.jsonl")
    assert outcome.kept["origin"].to_list()[:2] == ["a.jsonl:1", "a.jsonl:3"]
    ((reason, message),) = told(outcome)
    assert reason == "unreadable_row"
    assert message.startswith("a.jsonl: row 2: ")


def test_bad_byte_in_csv_costs_its_row_and_names_the_field(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"q,a\nHow many?,1\ncaf\xe9,2\nWhy?,3\xff\nWhat?,4\n")
    outcome = ingest(tmp_path, "a.csv")
    assert outcome.kept["origin"].to_list()[:2] == ["a.csv:1", "a.csv:4"]
    assert told(outcome) == [
        ("unreadable_row", "a.csv: row 2: field 'q' is not UTF-8; mend the row or leave it out"),
        ("unreadable_row", "a.csv: row 3: field 'a' is not UTF-8; mend the row or leave it out"),
    ]


def test_bad_byte_in_a_column_that_nobody_reads_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"q,a,note\nHow many?,1,caf\xe9\n")
    assert ingest(tmp_path, "a.csv").dropped.height == 0


def test_bad_byte_in_parquet_costs_its_row_and_names_the_field(tmp_path: Path) -> None:
    questions = text_column(b"How many?", b"caf\xe9", None, "求 x".encode(), b"Why?")
    answers = text_column(b"1", b"2", b"3", b"4", b"\xff5")
    tags = pa.ListArray.from_arrays([0, 1, 2, 3, 4, 5], text_column(b"a", b"b", b"c", b"d", b"e"))
    pq.write_table(pa.table({"q": questions, "a": answers, "tags": tags}), tmp_path / "a.parquet")
    columns = {"question": "q", "answer": "a", "domain_label": "tags"}
    outcome = ingest(tmp_path, "a.parquet", columns=columns)
    assert outcome.kept["question"].to_list()[:2] == ["How many?", "求 x"]
    assert [reason for reason, _ in told(outcome)] == ["unreadable_row", "missing_field", "unreadable_row"]
    assert told(outcome)[0][1] == "a.parquet: row 2: field 'q' is not UTF-8; mend the row or leave it out"


def test_zero_bytes_are_taken_out_of_texts(tmp_path: Path) -> None:
    pl.DataFrame([{"q": "Ze\0ro?", "a": "\0" + "7"}]).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_bytes(b"q,a\nZe\0ro?,7\n")
    (tmp_path / "c.jsonl").write_bytes(b'{"q": "Ze\\u0000ro?", "a": "7"}\n{"q": "raw \0 byte", "a": "7"}\n')
    outcome = ingest(tmp_path, "a.parquet", "b.csv", "c.jsonl")
    assert outcome.kept.select("question", "answer").rows()[:3] == [("Zero?", "7")] * 3
    assert told(outcome)[0][1].startswith("c.jsonl: row 2: ")


# -- files that break off ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["jsonl.gz", "jsonl.zst", "parquet"])
def test_truncated_file_is_told_once_and_what_was_read_before_it_is_kept(tmp_path: Path, ending: str) -> None:
    many = [{"q": f"Question {number} {number * 7919 % 10_007}?", "a": "1"} for number in range(200_000)]
    path = tmp_path / f"a.{ending}"
    if ending == "parquet":
        pl.DataFrame(many).write_parquet(path)
    else:
        path.write_bytes({"gz": gzip.compress, "zst": zstandard.compress}[ending[-3:].strip(".")](lines(*many)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 4])
    outcome = ingest(tmp_path, f"a.{ending}")
    files = [message for reason, message in told(outcome) if reason == "unreadable_file"]
    assert len(files) == 1
    assert files[0].startswith(f"a.{ending}: unreadable after row ")
    assert files[0].endswith("; fetch or write the file again")
    assert outcome.kept.height > (100_000 if ending != "parquet" else 0)  # Parquet's footer stands at its end


def test_compressed_file_with_bytes_that_are_no_compression_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(b"\x1f\x8b\x08\x00" + b"not what gzip writes" * 10)
    ((reason, message),) = told(ingest(tmp_path, "a.jsonl.gz"))
    assert reason == "unreadable_file"
    assert message.startswith("a.jsonl.gz: unreadable after row 0 (")


def test_damaged_row_group_costs_its_rows_and_not_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"q": [f"Question {n}?" for n in range(6)], "a": ["1"] * 6}), path, row_group_size=2)
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    data = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(bytes(data))
    outcome = ingest(tmp_path, "a.parquet")
    assert outcome.kept["origin"].to_list()[:-1] == ["a.parquet:1", "a.parquet:2", "a.parquet:5", "a.parquet:6"]
    ((reason, message),) = told(outcome)
    assert (reason, message.split(" (")[0]) == ("unreadable_file", "a.parquet: unreadable after row 2")


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet", "a.csv", "a.jsonl.gz", "a.jsonl.zst"])
def test_empty_file_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    assert told(ingest(tmp_path, name)) == [("unreadable_file", f"{name}: it is empty; fetch or write it again")]


def test_folder_that_a_pattern_meets_is_told(tmp_path: Path) -> None:
    (tmp_path / "a1.jsonl").mkdir()
    (tmp_path / "a2.jsonl").write_bytes(lines(*GOOD))
    outcome = ingest(tmp_path, "a*.jsonl")
    assert told(outcome) == [("unreadable_file", "a1.jsonl: it is a folder; name the files in it")]
    assert outcome.kept.height == 7


# -- other layouts -----------------------------------------------------------------------------------------------------


def test_missing_column_is_told_for_each_row_with_the_fix(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.csv", "c.parquet"):
        write = {"a.jsonl": pl.DataFrame.write_ndjson, "b.csv": pl.DataFrame.write_csv}
        write.get(name, pl.DataFrame.write_parquet)(pl.DataFrame({"prompt": ["How many?"]}), tmp_path / name)
    outcome = ingest(tmp_path, "a.jsonl", "b.csv", "c.parquet")
    assert [reason for reason, _ in told(outcome)] == ["missing_field"] * 3
    assert told(outcome)[1][1] == (
        "b.csv:1: field 'q' is missing or null; fill it, or mend columns.question of source 'b.csv'"
    )


@pytest.mark.parametrize(
    ("column", "found"),
    [
        (pa.array([{"text": "How many?"}]), "struct<text: string>"),
        (pa.array([[["How"], ["many?"]]]), "list<"),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), "map<string, int64"),
    ],
)
def test_parquet_column_that_is_no_text_is_told_with_its_type(tmp_path: Path, column: pa.Array, found: str) -> None:
    pq.write_table(pa.table({"q": column, "a": ["1"]}), tmp_path / "a.parquet")
    ((reason, message),) = told(ingest(tmp_path, "a.parquet"))
    assert reason == "unreadable_file"
    assert message.startswith(f"a.parquet: column 'q' holds {found}")
    assert message.endswith("not text; name another column, or flatten it")


def test_json_column_of_objects_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines({"q": {"text": "How many?"}, "a": "1"}))
    assert told(ingest(tmp_path, "a.jsonl")) == [
        ("unreadable_file", "a.jsonl: column 'q' holds objects, not text; name another column, or flatten it")
    ]


def test_list_of_words_is_read_as_one_text_in_every_format(tmp_path: Path) -> None:
    rows = [{"q": "How many?", "a": "1", "tags": ["algebra", "sets"]}, {"q": "Why?", "a": "2", "tags": None}]
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.jsonl").write_bytes(lines(*rows))
    outcome = ingest(tmp_path, "a.parquet", "b.jsonl", columns={"question": "q", "domain_label": "tags"})
    assert outcome.kept["domain_label"].to_list()[:4] == ["algebra; sets", None, "algebra; sets", None]


def test_json_array_is_told_with_the_command_that_mends_it(tmp_path: Path) -> None:
    for name, text in (("a.json", json.dumps(GOOD)), ("b.json", json.dumps(GOOD, indent=1))):
        (tmp_path / name).write_text(text, encoding="utf-8")
    message = "it is one JSON array; write one object to a line (jq -c '.[]')"
    assert told(ingest(tmp_path, "a.json", "b.json")) == [
        ("unreadable_file", f"a.json: {message}"),
        ("unreadable_file", f"b.json: {message}"),
    ]


def test_column_that_stands_twice_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"q,a,q\nHow many?,1,Why?\n")
    pq.write_table(pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["q", "q"]), tmp_path / "b.parquet")
    assert told(ingest(tmp_path, "a.csv", "b.parquet")) == [
        ("unreadable_file", "a.csv: column 'q' stands 2 times; rename all but one"),
        ("unreadable_file", "b.parquet: column 'q' stands 2 times; rename all but one"),
    ]


def test_column_that_stands_twice_and_is_not_read_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"q,a,note,note\nHow many?,1,x,y\n")
    assert ingest(tmp_path, "a.csv").kept["answer"].to_list()[0] == "1"


def test_csv_row_with_too_many_or_too_few_fields_is_told_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"q,a\nHow many?,1\nOne, two, three?,2\nWhy?\nWhat?,3\n")
    outcome = ingest(tmp_path, "a.csv")
    assert outcome.kept["origin"].to_list()[:2] == ["a.csv:1", "a.csv:4"]
    assert told(outcome) == [
        ("unreadable_row", "a.csv: row 2: 4 fields, the header has 2; quote the text or mend the row"),
        ("unreadable_row", "a.csv: row 3: 1 fields, the header has 2; quote the text or mend the row"),
    ]


def test_csv_whose_lines_end_as_on_an_old_mac_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"q,a\rHow many?,1\rWhy?,2\r")
    assert ingest(tmp_path, "a.csv").kept["question"].to_list()[:2] == ["How many?", "Why?"]


def test_csv_with_an_open_quote_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'q,a\nHow many?,1\n"Why?,2\nWhat?,3\n')
    outcome = ingest(tmp_path, "a.csv")
    assert outcome.manifest.rows_in == outcome.kept.height + outcome.dropped.height
    assert outcome.dropped["drop_reason"].to_list() in (["unreadable_file"], ["unreadable_row"])


@pytest.mark.parametrize("depth", [2_000, 200_000])
def test_deeply_nested_json_costs_its_row(tmp_path: Path, depth: int) -> None:
    nested = b'{"q": "deep", "a": ' + b"[" * depth + b"]" * depth + b"}\n"
    (tmp_path / "a.jsonl").write_bytes(lines(GOOD[0]) + nested + lines(GOOD[1]))
    outcome = ingest(tmp_path, "a.jsonl")
    assert outcome.kept["origin"].to_list()[:2] == ["a.jsonl:1", "a.jsonl:3"]
    assert told(outcome)[0][1].startswith("a.jsonl: row 2: ")


def test_json_row_without_text_for_a_list_is_told(tmp_path: Path) -> None:
    rows = [{"q": "How many?", "a": ["1", "2"]}, {"q": "Why?", "a": {"x": 1}}, {"q": "What?", "a": ["3"]}]
    (tmp_path / "a.jsonl").write_bytes(lines(*rows))
    outcome = ingest(tmp_path, "a.jsonl")
    assert outcome.manifest.rows_in == 4


# -- sizes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_ten_megabyte_problem_is_ingested_and_screened_out_by_its_length(tmp_path: Path, name: str) -> None:
    frame = pl.DataFrame([{"q": "x" * 10_000_000, "a": "1"}, GOOD[1]])
    write = {"a.jsonl": pl.DataFrame.write_ndjson, "a.csv": pl.DataFrame.write_csv}
    write.get(name, pl.DataFrame.write_parquet)(frame, tmp_path / name)
    outcome = ingest(tmp_path, name)
    dropped = screen_problems(outcome.kept, config=ScreeningConfig()).dropped
    assert dropped.filter(pl.col("drop_reason") == "too_long")["value"].to_list() == [10_000_000.0]


def test_endless_line_costs_its_row_and_is_never_held_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "BATCH_BYTES", 100)
    monkeypatch.setattr(json_lines, "MAX_LINE_BYTES", 1_000)
    endless = b'{"q": "' + b"x" * 10_000 + b'", "a": "1"}\n'
    (tmp_path / "a.jsonl").write_bytes(lines(GOOD[0]) + endless + lines(*GOOD[1:3]))
    outcome = ingest(tmp_path, "a.jsonl")
    assert outcome.kept["origin"].to_list()[:-1] == ["a.jsonl:1", "a.jsonl:3", "a.jsonl:4"]
    assert told(outcome)[0][1] == "a.jsonl: row 2: longer than 1,000 bytes; mend the line or leave it out"
