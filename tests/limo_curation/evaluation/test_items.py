"""Items as they are asked: right options stand anywhere, and every gold answer is one that can be compared."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.answers import Verdict, compare_answers
from limo_curation.catalogue import BENCHMARKS_FOLDER, known_names, load_sources
from limo_curation.errors import ConfigError, TableError
from limo_curation.evaluation.items import ITEM_INGESTION, ITEM_SHAPE, check_items, plain_answer, with_prompts
from limo_curation.evaluation.tables import ITEMS
from limo_curation.ingestion import check_columns
from limo_curation.problem_config import IngestionConfig
from limo_curation.runner import run_stage
from limo_curation.source_config import Source
from limo_curation.stage import plan_stage
from limo_curation.store import Artifact, Store
from limo_curation.tables import DROPPED
from tests.rows import rows_of

GPQA_COLUMNS = load_sources(["gpqa"], BENCHMARKS_FOLDER)[0].columns


def choices(num_items: int) -> pl.DataFrame:
    """Items whose right option is `yes`, as GPQA's file has them: always in the first column."""
    wrong = {f"wrong_option_{number}": f"no {number}" for number in (1, 2, 3)}
    rows = [
        {"problem_id": f"gpqa.csv:{row}", "question": "Which?", "answer": "yes", **wrong} for row in range(num_items)
    ]
    return rows_of(ITEMS, *rows)


def read(folder: Path, source: Source) -> tuple[Store, Artifact]:
    store = Store(str(folder / "store"))
    plan = plan_stage(ITEM_INGESTION, {}, config=IngestionConfig(sources=(source,)), store=store)
    return store, run_stage(plan)


# -- options -----------------------------------------------------------------------------------------------------------


def test_right_options_are_spread_evenly_over_the_letters() -> None:
    letters = Counter(with_prompts(choices(4_000), benchmark="gpqa", seed=0)["gold"])

    assert set(letters) == set("ABCD")
    assert all(900 < count < 1_100 for count in letters.values())  # 1,000 each, give or take 3.7 standard errors


def test_gold_letter_is_the_one_that_the_right_option_stands_behind() -> None:
    for prompt, gold in with_prompts(choices(50), benchmark="gpqa", seed=0).select("prompt", "gold").iter_rows():
        assert f"{gold}. yes" in prompt.splitlines()
        assert [line[:3] for line in prompt.splitlines()[2:6]] == ["A. ", "B. ", "C. ", "D. "]
        assert "letter" in prompt.splitlines()[-1]


def test_order_of_options_is_the_same_in_every_run_and_part_and_another_by_seed() -> None:
    whole = with_prompts(choices(50), benchmark="gpqa", seed=0)
    parts = [with_prompts(choices(50).slice(start, 10), benchmark="gpqa", seed=0) for start in (40, 30, 20, 10, 0)]

    assert pl.concat(reversed(parts)).equals(whole)
    assert whole["gold"].head(8).to_list() == ["C", "B", "C", "C", "A", "C", "A", "B"]  # on every machine
    assert not with_prompts(choices(50), benchmark="gpqa", seed=1)["gold"].equals(whole["gold"])


def test_options_are_read_from_the_columns_that_gpqa_has(tmp_path: Path) -> None:
    header = ",".join(GPQA_COLUMNS.values())
    (tmp_path / "gpqa.csv").write_text(f"{header}\nWhich gas?,helium,argon,neon,xenon\n", encoding="utf-8")
    store, items = read(tmp_path, Source(name="gpqa", path=f"{tmp_path}/gpqa.csv", columns=GPQA_COLUMNS))

    (row,) = store.scan(items).collect().to_dicts()

    assert (row["problem_id"], row["answer"], row["wrong_option_3"]) == ("gpqa.csv:1", "helium", "xenon")


# -- gold answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "plain"),
    [
        ('["2", "x = 5"]', "2, x = 5"),
        ("[3568, 5880, 6512]", "3568, 5880, 6512"),
        ("[7]", "7"),
        ("[1, 2]", "[1, 2]"),  # an interval
        ("[-1,0)", "[-1,0)"),
        (r"[0, \frac{1}{2}]", r"[0, \frac{1}{2}]"),
        ("[" * 100_000, "[" * 100_000),
        ("42", "42"),
    ],
)
def test_answers_that_a_file_lists_are_written_with_commas_and_intervals_stay(answer: str, plain: str) -> None:
    assert plain_answer(answer) == plain


@given(st.lists(st.integers(-99, 99), min_size=3, max_size=6, unique=True))
def test_an_answer_with_every_listed_value_equals_the_list(values: list[int]) -> None:
    predicted = ", ".join(map(str, reversed(values)))

    assert compare_answers(predicted, plain_answer(str(values))) is Verdict.EQUAL


def test_lists_of_answers_in_a_file_of_json_lines_are_items_too(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text(
        '{"q": "one?", "a": 7}\n{"q": "three?", "a": [1, 2, 3]}\n{"q": "word?", "a": "x"}\n', encoding="utf-8"
    )
    source = Source(name="set", path=f"{tmp_path}/set.jsonl", columns={"question": "q", "answer": "a"})
    store, items = read(tmp_path, source)

    asked = with_prompts(store.scan(items).collect(), benchmark="set", seed=0)

    assert asked["gold"].to_list() == ["7", "1, 2, 3", "x"]
    assert store.scan(items, DROPPED, half="dropped").collect().is_empty()


# -- benchmarks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", known_names(BENCHMARKS_FOLDER))
def test_every_benchmark_of_the_catalogue_has_questions_and_gold_answers(name: str) -> None:
    (source,) = load_sources([name], BENCHMARKS_FOLDER)

    check_columns(source, ITEM_SHAPE)


def test_a_benchmark_without_gold_answers_is_refused_before_anything_is_sampled(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text('{"q": "one?"}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"columns\.answer is missing"):
        read(tmp_path, Source(name="set", path=f"{tmp_path}/set.jsonl", columns={"question": "q"}))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('{"id": "1", "q": "a?", "a": "1"}\n{"id": "1", "q": "b?", "a": "2"}\n', "2 items with ids .* such as '1'"),
        ('{"id": "1", "a": "1"}\n', "0 items can be read, none"),
        ('{"id": "1", "q": "a?", "a": null}\n', "1 items can be read, none of them with a gold answer"),
    ],
)
def test_a_benchmark_that_can_not_be_compared_by_item_is_refused(tmp_path: Path, lines: str, words: str) -> None:
    (tmp_path / "set.jsonl").write_text(lines, encoding="utf-8")
    columns = {"benchmark_id": "id", "question": "q", "answer": "a"}
    store, items = read(tmp_path, Source(name="set", path=f"{tmp_path}/set.jsonl", columns=columns))

    with pytest.raises(TableError, match=words):
        check_items(store, items, benchmark="set")


def test_items_of_one_question_without_ids_are_told_apart_by_file_and_row(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text('{"q": "a?", "a": "1"}\n{"q": "a?", "a": "1"}\n', encoding="utf-8")
    source = Source(name="set", path=f"{tmp_path}/set.jsonl", columns={"question": "q", "answer": "a"})
    store, items = read(tmp_path, source)

    check_items(store, items, benchmark="set")

    assert store.scan(items).collect()["problem_id"].to_list() == ["set.jsonl:1", "set.jsonl:2"]
