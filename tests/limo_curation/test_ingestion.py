"""Ingestion: identity is content, every row is accounted for, and the ledger says which file and row to mend."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.errors import ConfigError, TableError
from limo_curation.ingestion import (
    BENCHMARK_INGESTION,
    CHAIN_INGESTION,
    problem_ids,
)
from limo_curation.normalisation import stored_text
from limo_curation.source_config import PublishedRate, RowFilter
from limo_curation.tables import BENCHMARKS, PROBLEMS, RECORDED_CHAINS
from tests.ingested import COLUMNS, ROWS, ingest, pool


def write_lines(path: Path, *lines: object) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines]
    data = "".join(f"{text}\n" for text in texts).encode("utf-8", "surrogateescape")
    path.write_bytes(zstandard.compress(data) if path.suffix == ".zst" else data)
    return path


# -- identity ----------------------------------------------------------------------------------------------------------


def test_same_rows_from_every_format_have_the_same_ids(tmp_path: Path) -> None:
    frame = pl.DataFrame(ROWS)
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_csv(tmp_path / "a.csv")
    write_lines(tmp_path / "a.jsonl", *ROWS)
    write_lines(tmp_path / "a.jsonl.zst", *ROWS)
    outcomes = [ingest(tmp_path, pool(tmp_path / f"a.{ending}")) for ending in ("parquet", "csv", "jsonl", "jsonl.zst")]
    ids = [outcome.kept["problem_id"].to_list() for outcome in outcomes]
    assert ids[0] == ids[1] == ids[2] == ids[3]
    assert len(set(ids[0])) == 3
    assert all(len(name) == 20 for name in ids[0])


def test_digest_is_the_same_for_every_format_where_the_source_names_its_rows(tmp_path: Path) -> None:
    rows = [row | {"id": f"r{number}"} for number, row in enumerate(ROWS)]
    columns = COLUMNS | {"origin": "id"}
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame(rows).write_csv(tmp_path / "b.csv")
    write_lines(tmp_path / "c.jsonl", *rows)
    names = ("a.parquet", "b.csv", "c.jsonl")
    outcomes = [ingest(tmp_path, pool(tmp_path / name, columns=columns)) for name in names]
    assert len({outcome.artifact.digest for outcome in outcomes}) == 1
    assert len({outcome.artifact.key for outcome in outcomes}) == 3


def test_parts_and_batches_change_nothing(tmp_path: Path) -> None:
    rows = [{"problem": f"What is {number} + {number}?", "gold": str(2 * number)} for number in range(50)]
    pl.DataFrame([*rows, {"problem": None, "gold": "1"}]).write_parquet(tmp_path / "a.parquet")
    shapes = [(1, 7), (50, 3), (1_000, 1_000)]
    outcomes = [
        ingest(tmp_path / str(index), pool(tmp_path / "a.parquet"), part_rows=part, batch_rows=batch)
        for index, (part, batch) in enumerate(shapes)
    ]
    assert len({outcome.artifact.digest for outcome in outcomes}) == 1
    assert len({outcome.manifest.dropped_digest for outcome in outcomes}) == 1
    assert [outcome.manifest.rows_in for outcome in outcomes] == [51] * 3


def ids_of(*questions: str) -> list[str]:
    return (
        pl.Series("q", questions, pl.String)
        .to_frame()
        .select(problem_ids(stored_text(pl.col("q"))))
        .to_series()
        .to_list()
    )


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1), min_size=1))
def test_white_space_is_folded_in_an_identity(words: list[str]) -> None:
    assert len(set(ids_of(" ".join(words), "\n".join(words), f"  {'   '.join(words)}\t"))) == 1


def test_case_signs_and_numbers_count_in_an_identity() -> None:
    different = ["Find N.", "find n.", "Find N", "Find -N.", "Find 2.", "Find 2 .", "Find2."]
    assert len(set(ids_of(*different))) == len(different)


def test_latex_spellings_of_one_problem_have_one_identity_and_are_stored_as_they_were(tmp_path: Path) -> None:
    spellings = [r"Find \(\dfrac{a}{b}\) if $a \leqslant b$ .", r"Find $ \frac{a}{b} $ if $a \le b$."]
    path = write_lines(tmp_path / "a.jsonl", *({"problem": text} for text in spellings))
    kept = ingest(tmp_path, pool(path)).kept
    assert kept["problem_id"].n_unique() == 1
    assert kept["question"].to_list() == spellings


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(lambda text: text.strip("\0 ")))
def test_composed_and_decomposed_text_is_one_problem(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("identity")
    forms = [{"problem": f"x {unicodedata.normalize(form, text)} x"} for form in ("NFC", "NFD")]
    outcome = ingest(folder, pool(write_lines(folder / "a.jsonl", *forms), columns={"question": "problem"}))
    assert outcome.kept["problem_id"].n_unique() == 1
    assert outcome.kept["question"].n_unique() == 1


# -- columns -----------------------------------------------------------------------------------------------------------


def test_texts_are_cleaned_and_missing_columns_filled(tmp_path: Path) -> None:
    rows = [*ROWS, {"problem": "Zero\u0000 byte?", "gold": " 7 ", "licence": "mit"}]
    path = write_lines(tmp_path / "a.jsonl", *rows)
    kept = ingest(tmp_path, pool(path, columns=COLUMNS | {"license": "licence"}, license="apache-2.0")).kept
    assert kept.schema == PROBLEMS.schema
    assert kept["question"].to_list()[2:] == ["Café seats: 4 tables of 6?", "Zero byte?"]
    assert kept["answer"].to_list() == ["9", "2", None, "7"]
    assert kept["license"].to_list() == ["apache-2.0"] * 3 + ["mit"]
    assert kept["source"].to_list() == ["pool"] * 4
    assert kept["origin"].to_list() == ["a.jsonl:1", "a.jsonl:2", "a.jsonl:3", "a.jsonl:4"]
    assert kept["published_solver"].null_count() == 4


def test_rows_own_label_kind_wins_over_the_sources(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", {"problem": "One?", "who": "llm"}, {"problem": "Two?"})
    columns = {"question": "problem", "domain_label_kind": "who"}
    kept = ingest(tmp_path, pool(path, columns=columns, domain_label_kind="human")).kept
    assert kept["domain_label_kind"].to_list() == ["llm", "human"]
    assert ingest(tmp_path, pool(path)).kept["domain_label_kind"].to_list() == [None, None]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"question": "problem", "awnser": "gold"}, r"columns\.awnser is no column of a problem; known are question"),
        ({"answer": "gold"}, r"columns\.question is missing; name the source's column"),
        ({"question": "problem", "chain": "gold"}, r"columns\.chain is no column of a problem"),
    ],
)
def test_column_map_with_a_wrong_name_of_ours_is_refused(tmp_path: Path, columns: dict[str, str], message: str) -> None:
    path = write_lines(tmp_path / "a.jsonl", *ROWS)
    with pytest.raises(ConfigError, match=message):
        ingest(tmp_path, pool(path, columns=columns))


def test_column_of_a_name_that_the_readers_use_is_refused(tmp_path: Path) -> None:
    source = pool(tmp_path / "a.jsonl", columns={"question": "problem", "origin": "row_number"})
    write_lines(tmp_path / "a.jsonl", ROWS[0])
    with pytest.raises(ConfigError, match="source 'pool': rename the column 'row_number'"):
        ingest(tmp_path, source)


def test_column_that_the_file_lacks_drops_its_rows_and_names_it(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", *ROWS)
    outcome = ingest(tmp_path, pool(path, columns={"question": "prompt"}))
    assert outcome.kept.height == 0
    assert outcome.dropped["drop_reason"].to_list() == ["missing_field"] * 3
    assert outcome.dropped["evidence"].to_list()[1] == (
        "a.jsonl:2: field 'prompt' is missing or null; fill it, or mend columns.question of source 'pool'"
    )


# -- what can't be read ------------------------------------------------------------------------------------------------


def test_every_broken_row_is_on_record_and_the_counts_reconcile(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "a.jsonl",
        ROWS[0],
        "{broken",
        {"problem": None, "gold": "1"},
        "",
        {"gold": "1"},
        '["problem"]',
        '{"problem": "bad \udcff byte"}',
        ROWS[1],
    )
    outcome = ingest(tmp_path, pool(path), part_rows=2)
    assert outcome.kept["origin"].to_list() == ["a.jsonl:1", "a.jsonl:8"]
    assert outcome.manifest.reasons == {"missing_field": 2, "unreadable_row": 3}
    assert (outcome.manifest.rows_in, outcome.manifest.metrics["num_files"]) == (7, 1)
    places = sorted(evidence.split(";")[0] for evidence in outcome.dropped["evidence"].to_list())
    assert [place[:12] for place in places] == [
        "a.jsonl: row",
        "a.jsonl: row",
        "a.jsonl: row",
        "a.jsonl:3: f",
        "a.jsonl:5: f",
    ]
    assert sorted(outcome.dropped["value"].drop_nulls().to_list()) == [2.0, 6.0, 7.0]


def test_question_of_white_space_only_is_kept_for_screening_to_judge(tmp_path: Path) -> None:
    outcome = ingest(tmp_path, pool(write_lines(tmp_path / "a.jsonl", {"problem": "  \n", "gold": "1"})))
    assert outcome.kept["question"].to_list() == [""]


def test_truncated_file_is_on_record_and_the_next_source_is_read(tmp_path: Path) -> None:
    pl.DataFrame(ROWS * 500).write_parquet(tmp_path / "a.parquet")
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(data[: len(data) // 2])
    write_lines(tmp_path / "b.jsonl", *ROWS)
    outcome = ingest(tmp_path, pool(tmp_path / "a.parquet"), pool(tmp_path / "b.jsonl", name="second"))
    assert outcome.kept["source"].to_list() == ["second"] * 3
    assert outcome.manifest.reasons == {"unreadable_file": 1}
    assert outcome.dropped["evidence"].to_list()[0].startswith("a.parquet: unreadable after row 0 (")
    assert outcome.manifest.metrics["num_files"] == 2


def test_absent_file_stops_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"source 'pool': no file .*absent\.jsonl"):
        ingest(tmp_path, pool(tmp_path / "absent.jsonl"))


# -- other shapes ------------------------------------------------------------------------------------------------------


def test_benchmark_items_have_an_id_with_or_without_one_in_the_file(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "exam.jsonl", {"problem": "One?", "id": "x/1"}, {"problem": "Two?"}, {"id": "x/3"})
    source = pool(path, name="exam", columns={"question": "problem", "benchmark_id": "id"})
    outcome = ingest(tmp_path, source, stage=BENCHMARK_INGESTION)
    assert outcome.kept.schema == BENCHMARKS.schema
    assert outcome.kept.select("benchmark_id", "benchmark").rows() == [("x/1", "exam"), ("exam.jsonl:2", "exam")]
    assert outcome.reasons() == {"x/3": "missing_field"}


def test_recorded_chains_meet_their_problems_by_content(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "chains.jsonl",
        {"problem": ROWS[1]["problem"].replace(" ", "  "), "text": "So $x=2$.", "who": "t"},
        {"problem": "Other?", "steps": ["First,", "then."]},
        {"problem": "No chain?"},
        {"problem": None, "text": "No question."},
    )
    columns = {"question": "problem", "chain": "text", "steps": "steps", "teacher": "who"}
    outcome = ingest(tmp_path, pool(path, name="set", columns=columns), stage=CHAIN_INGESTION)
    problems = ingest(tmp_path, pool(write_lines(tmp_path / "a.jsonl", *ROWS)))
    assert outcome.kept.schema == RECORDED_CHAINS.schema
    assert outcome.kept["problem_id"].to_list()[0] == problems.kept["problem_id"].to_list()[1]
    assert outcome.kept.select("teacher", "chain").rows() == [("t", "So $x=2$."), ("set", "First,\n\nthen.")]
    assert outcome.kept["chain_id"].n_unique() == 2
    assert outcome.manifest.reasons == {"missing_field": 2}


# -- published pass rates ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "values", "solved"),
    [
        ("fraction", ["0.25", "0", "1.0", "1.5", "-0.2"], [8, 0, 32, None, None]),
        ("percent", ["25", "0", "100", "150", "-3"], [8, 0, 32, None, None]),
        ("percent_failed", ["75.0", "100", "0", "150", "-3"], [8, 0, 32, None, None]),
        ("count", ["8", "0", "32", "33", "-1"], [8, 0, 32, None, None]),
    ],
)
def test_published_rate_on_each_scale(tmp_path: Path, scale: Any, values: list[str], solved: list[int | None]) -> None:
    rows = [{"problem": f"Q {number}?", "rate": value} for number, value in enumerate([*values, "hard", None])]
    rate = PublishedRate(column="rate", scale=scale, num_attempts=32, solver="m")
    path = write_lines(tmp_path / "a.jsonl", *rows)
    kept = ingest(tmp_path, pool(path, columns={"question": "problem"}, published_rate=rate)).kept
    assert kept["published_num_solved"].to_list() == [*solved, None, None]
    has_rate = [number is not None for number in [*solved, None, None]]
    assert kept["published_num_attempts"].is_not_null().to_list() == has_rate
    assert kept["published_solver"].to_list() == ["m" if has else None for has in has_rate]


def test_rate_counts_only_where_the_source_says_so(tmp_path: Path) -> None:
    rows = [
        {"problem": "One?", "level": 75.0, "kind": "model: 128 samples", "lang": "en"},
        {"problem": "Two?", "level": 75.0, "kind": "human: grade", "lang": "en"},  # a grade is no rate
        {"problem": "Three?", "level": 75.0, "kind": None, "lang": "en"},
        {"problem": "Four?", "level": 75.0, "kind": "model", "lang": "zh"},
        {"problem": "Five?", "level": "75", "kind": "model", "lang": "en"},
    ]
    rate = PublishedRate(
        column="level",
        scale="percent_failed",
        num_attempts=128,
        solver="m",
        only_where={"kind": "model", "lang": "en"},
    )
    path = write_lines(tmp_path / "a.jsonl", *rows)
    kept = ingest(tmp_path, pool(path, columns={"question": "problem"}, published_rate=rate)).kept
    assert kept["published_num_solved"].to_list() == [32, None, None, None, 32]


# -- what a source leaves out, and answers that stand in solutions ----------------------------------------------------


def test_rows_that_a_source_leaves_out_are_on_record_with_the_value(tmp_path: Path) -> None:
    rows = [
        {"problem": "One?", "year": 2023, "valid": "Yes"},
        {"problem": "Two?", "year": 2024, "valid": "Yes"},
        {"problem": "Three?", "year": 1999, "valid": "No"},
        {"problem": "Four?", "year": None, "valid": "Yes"},
        {"problem": "Five?", "year": "1999 I", "valid": None},
    ]
    path = write_lines(tmp_path / "a.jsonl", *rows)
    wanted = (RowFilter(column="valid", one_of=("Yes", "yes")), RowFilter(column="year", below=2024))
    outcome = ingest(tmp_path, pool(path, keep_where=wanted))
    assert outcome.kept["question"].to_list() == ["One?"]
    assert outcome.manifest.reasons == {"left_out_by_source": 4}
    assert sorted(outcome.dropped.select("value", "threshold", "evidence").iter_rows(), key=lambda row: row[2]) == [
        (2024.0, 2024.0, "a.jsonl:2: year is 2024, not below 2024"),
        (None, None, "a.jsonl:3: valid is No, not one of Yes, yes"),
        (None, 2024.0, "a.jsonl:4: year is null, not below 2024"),
        (None, None, "a.jsonl:5: valid is null, not one of Yes, yes"),
    ]


def test_filter_may_look_at_a_mapped_column(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", *ROWS)
    outcome = ingest(tmp_path, pool(path, keep_where=(RowFilter(column="gold", below=9),)))
    assert outcome.kept["answer"].to_list() == ["2"]


def test_answer_is_taken_from_the_solutions_last_box_where_the_row_has_none(tmp_path: Path) -> None:
    rows = [
        {"problem": "One?", "gold": None, "text": r"\boxed{1} or \boxed{\frac{1}{2}}"},
        {"problem": "Two?", "gold": "7", "text": r"\boxed{8}"},
        {"problem": "Three?", "gold": " ", "text": r"\boxed{9}"},
        {"problem": "Four?", "gold": None, "text": "We prove it."},
    ]
    path = write_lines(tmp_path / "a.jsonl", *rows)
    columns = COLUMNS | {"source_solution": "text"}
    kept = ingest(tmp_path, pool(path, columns=columns, answer_from="boxed")).kept
    assert kept["answer"].to_list() == [r"\frac{1}{2}", "7", "9", None]
    assert ingest(tmp_path, pool(path, columns=columns)).kept["answer"].to_list() == [None, "7", "", None]


def test_list_of_chains_becomes_a_row_each(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path / "a.jsonl",
        {"problem": "One?", "texts": ["So 1.", "So, 1."]},
        {"problem": "Two?", "texts": ["So 2.", None]},
        {"problem": "Three?", "texts": []},
    )
    source = pool(path, columns={"question": "problem", "chains": "texts"}, teacher="m")
    outcome = ingest(tmp_path, source, stage=CHAIN_INGESTION)
    assert outcome.kept["chain"].to_list() == ["So 1.", "So, 1.", "So 2."]
    assert outcome.kept["teacher"].to_list() == ["m"] * 3
    assert outcome.kept["origin"].to_list() == ["a.jsonl:1", "a.jsonl:1", "a.jsonl:2"]
    assert (outcome.manifest.rows_in, outcome.manifest.reasons) == (5, {"missing_field": 2})
