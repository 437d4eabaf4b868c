"""Files that people write: what is read of them, and how each fault is told."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.errors import ConfigError, CurationError, TableError
from limo_curation.judging.hand_written import DECISIONS, content_of, read_decisions, read_labelled

KEEP = {"chain_id": "c1", "decision": "keep", "reviewer": "Ada", "note": "The jump is explained later."}
DROP = {"chain_id": "c2", "decision": "drop", "reviewer": "Ada", "note": None}
LABELLED = {"chain_id": "c1", "question": "3 times 7?", "chain": "3 times 7 is 21.", "level": "L2", "teacher": "R1"}


def json_lines(folder: Path, *rows: Any) -> str:
    file = folder / "rows.jsonl"
    file.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(file)


def comma_separated(folder: Path, *rows: dict[str, Any]) -> str:
    file = folder / "rows.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(file)


def test_json_lines_and_csv_say_the_same(tmp_path: Path) -> None:
    one, other = read_decisions(json_lines(tmp_path, KEEP, DROP)), read_decisions(comma_separated(tmp_path, KEEP, DROP))
    assert one.equals(other)
    assert one.schema == DECISIONS
    assert one.rows() == [("c1", "keep", "Ada", "The jump is explained later."), ("c2", "drop", "Ada", None)]


def test_a_file_as_spreadsheets_save_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "rows.CSV"
    file.write_bytes(b'\xef\xbb\xbfchain_id,decision,note\r\nc1, L4 ,"two\r\nlines, and a comma"\r\n')
    assert read_decisions(str(file)).rows() == [("c1", "L4", None, "two\r\nlines, and a comma")]


def test_other_columns_are_left_alone_and_rows_without_a_decision_passed_over(tmp_path: Path) -> None:
    rows = [{**KEEP, "chain": "21."}, {**DROP, "decision": "", "chain": "x"}]
    assert read_decisions(comma_separated(tmp_path, *rows))["chain_id"].to_list() == ["c1"]


def test_no_file_is_no_decision() -> None:
    assert read_decisions(None).rows() == []


def test_the_same_decision_twice_is_one_and_two_ways_are_refused(tmp_path: Path) -> None:
    assert read_decisions(json_lines(tmp_path, KEEP, KEEP)).height == 1
    with pytest.raises(TableError, match=r"rows\.jsonl: row 3: decision: 'drop' for chain 'c1', for which row 1 says"):
        read_decisions(json_lines(tmp_path, KEEP, DROP, {**KEEP, "decision": "drop"}))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([KEEP, {**DROP, "decision": "L6"}], "row 2: decision: Input should be 'keep', 'drop'"),
        ([{"decision": "keep"}], "row 1: chain_id: Field required"),
        ([{"chain_id": "c1"}], "row 1: decision: Field required"),
        ([{**KEEP, "chain_id": " "}], "row 1: chain_id: String should have at least 1 character"),
        ([{**KEEP, "chain_id": 7}], "row 1: chain_id: Input should be a valid string"),
        (["{broken\n"], "row 1: no JSON"),
        (["\n", "[1]\n"], "row 2: list, not an object"),
        (["[" * 100_000], "row 1: no JSON"),
    ],
)
def test_a_fault_is_told_by_file_row_and_field(tmp_path: Path, rows: list[Any], message: str) -> None:
    with pytest.raises(TableError) as error:
        read_decisions(json_lines(tmp_path, *rows))
    assert "rows.jsonl: " in str(error.value)
    assert message in str(error.value)


def test_of_many_faults_the_first_are_told_and_the_rest_counted(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"row 5: .* and 4 more; mend"):
        read_decisions(json_lines(tmp_path, *[{**KEEP, "decision": "maybe"}] * 9))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("rows.csv", b"chain_id,decision\nc1,keep,surplus\n", "row 1: not as many fields"),
        ("rows.csv", b"chain_id,decision\nc1\n", "row 1: not as many fields"),
        ("rows.csv", b'chain_id,decision\nc1,"keep" x\n', "behind row 0"),
        ("rows.csv", b"chain_id,decision\nc\xff,keep\n", "byte 19 is no UTF-8"),
        ("rows.xlsx", b"PK", "neither .jsonl nor .csv"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(TableError, match=message):
        read_decisions(str(tmp_path / name))


def test_a_missing_file_is_a_mistake_of_the_run_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_decisions(str(tmp_path / "none.csv"))
    with pytest.raises(ConfigError, match="No such file"):
        content_of(str(tmp_path / "none.csv"))


@given(st.binary(max_size=200), st.sampled_from(["rows.csv", "rows.jsonl"]))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str) -> None:
    file = tmp_path_factory.mktemp("bytes") / name
    file.write_bytes(data)
    try:
        table = read_decisions(str(file))
    except CurationError:
        return
    assert table.schema == DECISIONS


def test_labelled_chains_are_read_with_the_long_ones_among_them(tmp_path: Path) -> None:
    long = {**LABELLED, "chain_id": "c2", "chain": "so " * 100_000, "teacher": ""}
    table = read_labelled(comma_separated(tmp_path, LABELLED, long))
    assert table.columns == ["chain_id", "question", "chain", "level", "teacher"]
    assert table["teacher"].to_list() == ["R1", None]
    assert table["chain"].str.len_chars().to_list() == [16, 300_000]


@pytest.mark.parametrize(
    ("rows", "message"), [([], "no row"), ([LABELLED, LABELLED], "chain_id 'c1' stands there twice")]
)
def test_a_set_without_rows_or_with_a_chain_twice_is_refused(tmp_path: Path, rows: list[Any], message: str) -> None:
    with pytest.raises(TableError, match=message):
        read_labelled(json_lines(tmp_path, *rows))


def test_the_content_of_a_file_is_what_its_bytes_are(tmp_path: Path) -> None:
    before = content_of(json_lines(tmp_path, KEEP))
    assert content_of(json_lines(tmp_path, KEEP)) == before
    assert content_of(json_lines(tmp_path, DROP)) != before
