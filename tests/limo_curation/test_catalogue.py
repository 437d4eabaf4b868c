"""The catalogue: a name stands for one whole source, and a wrong name is told the known ones."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from limo_curation.catalogue import (
    CHAINS_FOLDER,
    SOURCES_FOLDER,
    NamedSources,
    known_names,
    load_sources,
    named_sources,
)
from limo_curation.errors import ConfigError
from limo_curation.ingestion import CHAIN_SHAPE, PROBLEM_SHAPE, check_columns
from limo_curation.problem_config import IngestionConfig

EXPECTED = {
    "aime_before_2024",
    "big_math",
    "deepmath",
    "deepscaler",
    "math",
    "numina_math_1_5",
    "numina_math_cot",
    "open_math_reasoning",
    "openr1_math",
}
TABLE = {"name": "pool", "path": "pool.jsonl", "columns": {"question": "q"}}


def write(folder: Path, name: str, text: str) -> Path:
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def test_catalogue_holds_the_promised_sources() -> None:
    assert set(known_names(SOURCES_FOLDER)) == EXPECTED


@pytest.mark.parametrize("name", known_names(SOURCES_FOLDER))
def test_every_source_of_the_catalogue_reads_problems_with_an_answer_from_the_hub(name: str) -> None:
    (source,) = load_sources([name])
    check_columns(source, PROBLEM_SHAPE)
    assert source.name == name
    assert source.path.startswith("hf://datasets/")
    assert "answer" in source.columns or source.answer_from == "boxed"
    assert source.license is not None or name == "big_math"  # its card names none


@pytest.mark.parametrize("name", known_names(CHAINS_FOLDER))
def test_every_chain_source_of_the_catalogue_reads_chains_with_a_teacher(name: str) -> None:
    (source,) = load_sources([name], CHAINS_FOLDER)
    check_columns(source, CHAIN_SHAPE)
    assert source.teacher is not None or "teacher" in source.columns


def test_published_rates_are_carried_where_a_set_has_them() -> None:
    rates = {source.name: source.published_rate for source in load_sources(sorted(EXPECTED))}
    with_rate = {name: (rate.column, rate.num_attempts) for name, rate in rates.items() if rate is not None}
    assert with_rate == {"big_math": ("llama8b_solve_rate", 64), "open_math_reasoning": ("pass_rate_72b_tir", 32)}


def test_run_file_names_sources_beside_tables_in_its_own_order() -> None:
    config = IngestionConfig.model_validate({"sources": ["deepscaler", TABLE, "math"]})
    assert [source.name for source in config.sources] == ["deepscaler", "pool", "math"]


def test_config_with_named_sources_survives_a_round_trip_through_json() -> None:
    config = IngestionConfig.model_validate({"sources": ["big_math"]})
    assert IngestionConfig.model_validate(config.model_dump(mode="json")) == config
    assert IngestionConfig.model_validate_json(config.model_dump_json()) == config


def test_schema_lets_a_form_take_names_and_tables() -> None:
    items = TypeAdapter(NamedSources).json_schema(mode="validation")["items"]
    assert {"type": "string"} in items["anyOf"]


def test_unknown_name_is_told_the_known_ones_and_the_key() -> None:
    with pytest.raises(ValidationError, match=r"'deepscalar' is not in the catalogue sources; known are aime_before"):
        IngestionConfig.model_validate({"sources": ["deepscalar"]})


@pytest.mark.parametrize("name", ["../sources/math", "math.toml", "", "MATH"])
def test_name_is_a_word_and_never_a_path(name: str) -> None:
    with pytest.raises(ConfigError, match="is not in the catalogue"):
        load_sources([name])


def test_no_source_at_all_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        IngestionConfig.model_validate({"sources": []})


def test_folder_is_a_parameter_and_the_file_gives_the_name(tmp_path: Path) -> None:
    write(tmp_path, "aime24", 'path = "a.jsonl"\ncolumns = { question = "q" }\n')
    assert [source.name for source in load_sources(["aime24"], tmp_path)] == ["aime24"]
    assert [source.path for source in named_sources(["aime24"], folder=tmp_path)] == ["a.jsonl"]
    with pytest.raises(ConfigError, match=r"known are aime24"):
        load_sources(["aime25"], tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path = ", "is no TOML"),
        ('columns = { question = "q" }', r"bad\.toml: path: Field required"),
        ('path = "a.jsonl"\ncolumns = { question = "q" }\ncolour = 1', r"bad\.toml: colour: Extra inputs"),
        ('path = "a.jsonl"\nanswer_from = "boxed"\ncolumns = { question = "q" }', "columns.source_solution"),
        ('path = "a.jsonl"\nkeep_where = [{ column = "y" }]\ncolumns = { question = "q" }', "either one_of or below"),
    ],
)
def test_broken_file_of_the_catalogue_names_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_sources(["bad"], write(tmp_path, "bad", text))
