"""Novelty: templates are counted over the whole pool, whatever the parts are."""

from pathlib import Path

import pytest

from limo_curation.novelty import NOVELTY
from limo_curation.problem_config import NoveltyConfig
from limo_curation.tables import CLUSTERED, TEMPLATED
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
