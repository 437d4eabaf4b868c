"""The benchmarks of the catalogue: the ten sets that LIMO evaluates on, each readable as BENCHMARKS rows."""

from __future__ import annotations

import pytest

from limo_curation.catalogue import BENCHMARKS_FOLDER, known_names, load_sources
from limo_curation.ingestion import BENCHMARK_SHAPE, check_columns
from limo_curation.presets import load_config
from limo_curation.problem_config import DecontaminationConfig

TEN_SETS_OF_LIMO = {
    "aime24",
    "amc23",
    "cn_math_2024",
    "gaokao",
    "gpqa",
    "grade_school_math",
    "kaoyan",
    "math500",
    "minerva",
    "olympiadbench",
}


def test_catalogue_holds_the_ten_sets_that_limo_evaluates_on_and_a_later_one() -> None:
    assert set(known_names(BENCHMARKS_FOLDER)) == TEN_SETS_OF_LIMO | {"aime25"}


@pytest.mark.parametrize("name", known_names(BENCHMARKS_FOLDER))
def test_every_benchmark_of_the_catalogue_reads_questions_from_a_public_place(name: str) -> None:
    (source,) = load_sources([name], BENCHMARKS_FOLDER)
    check_columns(source, BENCHMARK_SHAPE)
    assert source.name == name
    assert source.path.startswith(("hf://datasets/", "https://raw.githubusercontent.com/GAIR-NLP/LIMO/"))
    assert "question" in source.columns


@pytest.mark.parametrize("preset", ["full", "limo-v1", "limo-v2"])
def test_presets_name_all_ten_in_one_line(preset: str) -> None:
    assert {source.name for source in load_config(preset).decontamination.benchmarks} == TEN_SETS_OF_LIMO


def test_names_and_tables_may_stand_beside_each_other() -> None:
    table = {"name": "exam", "path": "exam.jsonl", "columns": {"question": "q"}}
    config = DecontaminationConfig.model_validate({"benchmarks": ["aime24", table]})
    assert [source.name for source in config.benchmarks] == ["aime24", "exam"]
