"""Novelty: templates are counted over the whole pool, whatever the parts are."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from limo_curation.novelty import NOVELTY, halves_of, ids_of, template_ids
from limo_curation.problem_config import NoveltyConfig
from limo_curation.source_config import Source
from limo_curation.tables import CLUSTERED, TEMPLATED
from limo_curation.tables import PROBLEMS as PROBLEMS_TABLE
from tests.rows import rows_of, run_on

COMMON = [f"Ann has {number} apples and buys {number * 7}.5; how many?" for number in range(2, 7)]
PROBLEMS = rows_of(
    CLUSTERED,
    *[{"problem_id": f"ann{index}", "question": question} for index, question in enumerate(COMMON)],
    {"problem_id": "case", "question": "Ann HAS  1,000 apples\nand buys 3; how many?"},  # same template
    {"problem_id": "pears", "question": "Ann has 2 pears and buys 14; how many?"},
    {"problem_id": "zh3", "question": "小明有3个苹果，又买了5个，一共有多少个？"},
    {"problem_id": "zh9", "question": "小明有9个苹果，又买了40个，一共有多少个？"},
    {"problem_id": "cook", "question": "Ann has two apples and eats 14; how many?"},
)


def test_common_template_is_dropped_with_its_count_and_three_siblings(tmp_path: Path) -> None:
    outcome = run_on(NOVELTY, tmp_path, NoveltyConfig(max_template_count=5), PROBLEMS, part_rows=2)
    assert outcome.kept["problem_id"].to_list() == ["pears", "zh3", "zh9", "cook"]
    assert outcome.dropped["problem_id"].to_list() == ["ann0", "ann1", "ann2", "ann3", "ann4", "case"]
    assert outcome.dropped.select("drop_reason", "value", "threshold", "evidence").unique().rows() == [
        ("common_template", 6.0, 5.0, "on the same template: ann0, ann1, ann2")
    ]
    assert outcome.manifest.metrics["num_templates"] == 4


def test_template_at_the_limit_is_kept(tmp_path: Path) -> None:
    outcome = run_on(NOVELTY, tmp_path, NoveltyConfig(max_template_count=6), PROBLEMS)
    assert outcome.dropped.height == 0
    assert outcome.kept.schema == TEMPLATED.schema
    assert outcome.kept["template_count"].to_list() == [6] * 6 + [1, 2, 2, 1]


@pytest.mark.parametrize("part_rows", [1, 3, 10, 1_000])
def test_result_does_not_depend_on_the_parts(tmp_path: Path, part_rows: int) -> None:
    config = NoveltyConfig(max_template_count=5)
    whole = run_on(NOVELTY, tmp_path / "whole", config, PROBLEMS)
    parts = run_on(NOVELTY, tmp_path / "parts", config, PROBLEMS, part_rows=part_rows)
    assert parts.artifact.digest == whole.artifact.digest
    assert parts.manifest.dropped_digest == whole.manifest.dropped_digest
    assert parts.kept.equals(whole.kept)


def test_empty_pool_gives_an_empty_table(tmp_path: Path) -> None:
    outcome = run_on(NOVELTY, tmp_path, NoveltyConfig(), CLUSTERED.empty())
    assert (outcome.kept.height, outcome.dropped.height) == (0, 0)


def test_percentile_drops_at_most_the_rest_of_the_problems(tmp_path: Path) -> None:
    def dropped(percentile: float) -> set[str]:
        config = NoveltyConfig(max_template_count=100, max_template_percentile=percentile)
        outcome = run_on(NOVELTY, tmp_path, config, PROBLEMS)
        assert outcome.dropped.height <= (1 - percentile / 100) * PROBLEMS.height
        return set(outcome.dropped["problem_id"])

    assert dropped(100) == dropped(50) == set()  # six of ten stand on the largest: without them only four would do
    assert dropped(40) == {"ann0", "ann1", "ann2", "ann3", "ann4", "case"}
    assert dropped(20) == dropped(40) | {"zh3", "zh9"}


def test_the_lower_of_both_limits_holds(tmp_path: Path) -> None:
    config = NoveltyConfig(max_template_count=1, max_template_percentile=100)
    assert run_on(NOVELTY, tmp_path, config, PROBLEMS).dropped.height == 8


def test_other_names_and_units_are_one_template(tmp_path: Path) -> None:
    questions = ["Ann walks 5 km.", "Bob walks seven miles.", "She walks 5 feet.", "Ann runs 5 km."]
    rows = [{"problem_id": f"p{place}", "question": text} for place, text in enumerate(questions)]
    problems = rows_of(CLUSTERED, *rows)
    outcome = run_on(NOVELTY, tmp_path, NoveltyConfig(), problems)
    assert outcome.kept["template_count"].to_list() == [3, 3, 3, 1]
    assert outcome.kept["template_id"].n_unique() == 2


@settings(max_examples=20, deadline=None)
@given(
    words=st.lists(st.sampled_from(["Ann has 3", "Bob has 4", "3 km", "None", "三"]), max_size=12),
    part_rows=st.integers(1, 5),
    num_threads=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_neither_order_nor_parts_nor_threads_change_a_problem(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], part_rows: int, num_threads: int, seed: int
) -> None:
    problems = rows_of(CLUSTERED, *[{"problem_id": f"p{place}", "question": word} for place, word in enumerate(words)])
    config = NoveltyConfig(max_template_count=2)
    threaded = config.model_copy(update={"num_threads": num_threads})
    folder = tmp_path_factory.mktemp("stores")
    plain = run_on(NOVELTY, folder / "plain", config, problems)
    shuffled = problems.sample(fraction=1, shuffle=True, seed=seed)
    other = run_on(NOVELTY, folder / "other", threaded, shuffled, part_rows=part_rows)
    assert other.artifact.digest == plain.artifact.digest
    assert other.manifest.dropped_digest == plain.manifest.dropped_digest


PUBLIC_SET = Source(path="public.jsonl", name="s1", columns={"question": "question"})
PUBLIC = rows_of(
    PROBLEMS_TABLE,
    {"problem_id": "known", "source": "s1", "question": "Bob has 12 pears and buys 8 of them; how many?"},
    {"problem_id": "other", "source": None, "question": "Find the area of a triangle whose sides are 3, 4 and 5."},
)


def test_similarity_to_public_sets_is_told_and_drops_where_a_limit_is_set(tmp_path: Path) -> None:
    problems = rows_of(
        CLUSTERED,
        {"problem_id": "same", "question": "Ann has 2 pears and buys 14 of them; how many?"},
        {"problem_id": "near", "question": "Find the area of a rectangle whose sides are 3, 4 and 5."},
        {"problem_id": "new", "question": "A train leaves the station, and another one follows it."},
    )
    config = NoveltyConfig(reference=(PUBLIC_SET,))
    told = run_on(NOVELTY, tmp_path, config, problems, references=(PROBLEMS_TABLE, PUBLIC))
    same, near, new = told.kept["reference_similarity"].to_list()
    assert (same, new) == (1.0, 0.0)
    assert 0.5 < near < 1
    limited = config.model_copy(update={"max_reference_similarity": 0.9})
    outcome = run_on(NOVELTY, tmp_path, limited, problems, references=(PROBLEMS_TABLE, PUBLIC))
    assert outcome.kept["problem_id"].to_list() == ["near", "new"]
    assert outcome.dropped.select("problem_id", "drop_reason", "value", "threshold", "evidence").rows() == [
        ("same", "near_public_set", 1.0, 0.9, "near known (s1)")
    ]


def test_without_public_sets_nothing_is_said_of_them(tmp_path: Path) -> None:
    assert run_on(NOVELTY, tmp_path, NoveltyConfig(), PROBLEMS).kept["reference_similarity"].null_count() == 10


def test_a_limit_without_public_sets_is_refused() -> None:
    with pytest.raises(ValidationError, match="reference is empty"):
        NoveltyConfig(max_reference_similarity=0.9)


def test_ids_are_the_same_as_text_and_as_numbers() -> None:
    ids = pl.Series("id", ["00000000000000000000", "ffffffffffffffffffff", "0123456789abcdef0123"])
    assert ids_of(halves_of(ids)).to_list() == ids.to_list()


@pytest.mark.data
def test_real_templates_hold_problems_that_are_alike(data_folder: Path) -> None:
    schema = {"source": pl.String, "text_a": pl.String, "text_b": pl.String}
    pairs = pl.read_ndjson(data_folder / "dup_pairs.jsonl.zst", schema=schema)
    shares: dict[object, float] = {
        source: float((template_ids(rows["text_a"]) == template_ids(rows["text_b"])).sum()) / rows.height
        for (source,), rows in pairs.group_by("source")
    }
    print(shares)
    assert shares["gsm_hard"] >= 0.95
