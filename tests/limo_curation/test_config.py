"""The run file's models: what they refuse, and which settings change a stage's key."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from limo_curation.config import DifficultyConfig, GenerationConfig, RunConfig, VerificationConfig
from limo_curation.engine_config import EngineConfig, Solver
from limo_curation.errors import ConfigError
from limo_curation.judge_config import JudgeConfig, JudgeModel
from limo_curation.judging_config import AxisWeights, JudgingConfig
from limo_curation.problem_config import (
    ALL_SCREENING_RULES,
    DecontaminationConfig,
    DeduplicationConfig,
    Domain,
    DomainClassifier,
    DomainsConfig,
    IngestionConfig,
    NoveltyConfig,
    ParaphraseJudge,
    ScreeningConfig,
)
from limo_curation.publishing_config import PublishingConfig
from limo_curation.selection_config import SelectionConfig
from limo_curation.source_config import Source
from limo_curation.tables import DOMAINS

POOL = Source(path="/data/pool.jsonl", name="pool", columns={"question": "q"})
WEAK = Solver(model="weak", num_attempts=4, max_tokens=100)
STRONG = Solver(model="strong", num_attempts=32, max_tokens=100)


def run_of(**sections: Any) -> RunConfig:
    given: dict[str, Any] = {
        "profile": "p",
        "ingestion": IngestionConfig(sources=(POOL,)),
        "decontamination": DecontaminationConfig(benchmarks=(POOL,)),
        "difficulty": DifficultyConfig(enabled=False),
        "generation": GenerationConfig(recorded=(POOL,)),
    }
    return RunConfig(**(given | sections))


def message_of(section: type[BaseModel], values: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        section.model_validate(values)
    (only,) = caught.value.errors()
    return f"{'.'.join(map(str, only['loc']))}: {only['msg']}"


@pytest.mark.parametrize(
    ("section", "values"),
    [
        (ScreeningConfig, {"min_charaters": 3}),
        (DeduplicationConfig, {"treshold": 0.8}),
        (SelectionConfig, {"target": 817}),
        (Source, {"path": "x", "name": "x", "columns": {}, "licence": "mit"}),
        (Solver, {"model": "m", "num_attempts": 1, "max_tokens": 1, "temp": 0}),
    ],
)
def test_misspelt_key_is_refused_by_name(section: type[BaseModel], values: dict[str, Any]) -> None:
    assert message_of(section, values).startswith(list(values)[-1])


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        (ScreeningConfig, "min_characters", 0),
        (DeduplicationConfig, "threshold", 0.0),
        (DeduplicationConfig, "threshold", 1.01),
        (DeduplicationConfig, "threshold", float("nan")),
        (DeduplicationConfig, "ngram_size", 0),
        (DeduplicationConfig, "num_perm", 15),
        (DeduplicationConfig, "seed", 0),  # datasketch's legacy scheme breaks on 0
        (DecontaminationConfig, "ngram_size", -8),
        (DecontaminationConfig, "min_containment", 0.0),
        (DecontaminationConfig, "min_containment", 1.5),
        (NoveltyConfig, "max_template_count", 0),
        (DifficultyConfig, "min_solved", -1),
        (DifficultyConfig, "disputed_share", 0.5),
        (VerificationConfig, "timeout_seconds", 0.0),
        (AxisWeights, "elaboration", 1.2),
        (AxisWeights, "exploration", -0.1),
        (JudgingConfig, "full_exploration", 0.0),
        (SelectionConfig, "target_size", 0),
        (SelectionConfig, "max_per_template", 0),
        (SelectionConfig, "when_short", "ignore"),
    ],
)
def test_value_out_of_bounds_is_refused_with_its_key(section: type[BaseModel], key: str, value: object) -> None:
    values = {key: value} | ({"enabled": False} if "enabled" in section.model_fields else {})
    if section is SelectionConfig:
        values.pop("enabled")
    assert message_of(section, values).startswith(f"{key}:")


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        (DeduplicationConfig, "threshold", 1.0),
        (DecontaminationConfig, "min_containment", 1.0),
        (DifficultyConfig, "disputed_share", 1.0),
        (ScreeningConfig, "rules", ()),
        (AxisWeights, "elaboration", 0.3),
    ],
)
def test_value_on_the_bound_is_accepted(section: type[BaseModel], key: str, value: object) -> None:
    switch = {"enabled": False} if section in (DecontaminationConfig, DifficultyConfig) else {}
    assert getattr(section.model_validate({key: value, **switch}), key) == value


@pytest.mark.parametrize(
    ("section", "values", "words"),
    [
        (ScreeningConfig, {"min_characters": 50, "max_characters": 50}, "min_characters must be below"),
        (DecontaminationConfig, {}, "benchmarks is empty"),
        (DifficultyConfig, {}, "nothing rates"),
        (DifficultyConfig, {"use_published_rates": True, "min_solved": 4}, "min_solved is above max_solved"),
        (DifficultyConfig, {"strong": STRONG, "max_solved": 32}, "the band would keep every problem"),
        (GenerationConfig, {}, "teachers and recorded are both empty"),
        (GenerationConfig, {"enabled": False, "teachers": (WEAK,)}, "generation can't be switched off"),
        (AxisWeights, {"elaboration": 0.31}, "add up to 1.01, not to 1"),
        (AxisWeights, {"elaboration": 0.0}, "add up to 0.7, not to 1"),
        (SelectionConfig, {"enabled": False}, "selection can't be switched off"),
        (IngestionConfig, {"enabled": False, "sources": (POOL,)}, "ingestion can't be switched off"),
        (SelectionConfig, {"quotas": {"algebra": 1}, "target_size": 2}, "quotas add up to 1, target_size is 2"),
        (SelectionConfig, {"quotas": {"logic": 2}, "target_size": 2}, "Input should be 'algebra'"),
        (PublishingConfig, {"tag": "v1"}, "tag is set, but repo_id is not"),
        (EngineConfig, {"kind": "endpoint"}, "urls is empty"),
        (IngestionConfig, {"sources": ()}, "sources"),
        (DomainsConfig, {"labels": {"topology": "Topology"}}, "labels.topology"),
    ],
)
def test_impossible_section_is_refused_with_the_reason(
    section: type[BaseModel], values: dict[str, Any], words: str
) -> None:
    assert words in message_of(section, values)


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"profile": "a/b"}, "letters, digits, - and _ only"),
        ({"profile": ".."}, "letters, digits, - and _ only"),
        ({"profile": ""}, "letters, digits, - and _ only"),
        ({"generation": GenerationConfig(teachers=(WEAK,)), "engine": EngineConfig(kind="recorded")}, "weak is to be"),
        (
            {
                "difficulty": DifficultyConfig(strong=STRONG),
                "engine": EngineConfig(kind="endpoint", urls={"x": ("u",)}),
            },
            "no entry for strong",
        ),
        (
            {
                "decontamination": DecontaminationConfig(benchmarks=(POOL,), paraphrase=ParaphraseJudge(model="judge")),
                "engine": EngineConfig(kind="endpoint", urls={"x": ("u",)}),
            },
            "no entry for judge",
        ),
        (
            {
                "domains": DomainsConfig(classifier=DomainClassifier(model="classifier")),
                "engine": EngineConfig(kind="endpoint", urls={"x": ("u",)}),
            },
            "no entry for classifier",
        ),
        (
            {
                "judging": JudgingConfig(judge=JudgeConfig(models=(JudgeModel(model="grader"),))),
                "engine": EngineConfig(kind="endpoint", urls={"x": ("u",)}),
            },
            "no entry for grader",
        ),
        (
            {
                "domains": DomainsConfig(enabled=False),
                "selection": SelectionConfig(target_size=1, quotas={"algebra": 1}),
            },
            "quotas are per domain",
        ),
    ],
)
def test_sections_that_contradict_each_other_are_refused(sections: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        run_of(**sections)


def test_solvers_of_a_switched_off_stage_need_no_engine() -> None:
    off = DifficultyConfig(enabled=False, strong=STRONG)
    assert run_of(difficulty=off, engine=EngineConfig(kind="recorded")).difficulty.strong == STRONG


def test_config_is_frozen_and_hostile_mutation_fails() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ScreeningConfig().min_characters = 5


def test_every_section_reads_back_from_its_own_json() -> None:
    config = run_of(generation=GenerationConfig(teachers=(WEAK,)))
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


def test_defaults_are_the_papers_numbers() -> None:
    band = DifficultyConfig(strong=STRONG)
    assert (band.min_solved, band.max_solved, band.published_band_of) == (1, 3, 32)
    assert AxisWeights().model_dump() == {
        "elaboration": 0.30,
        "self_verification": 0.20,
        "exploration": 0.25,
        "adaptive_granularity": 0.25,
    }
    assert SelectionConfig().target_size == 817


def test_names_that_two_modules_hold_are_the_same() -> None:
    assert list(Domain.__args__) == list(DOMAINS)
    assert len(set(ALL_SCREENING_RULES)) == len(ALL_SCREENING_RULES) == 12


@given(
    st.tuples(*[st.integers(0, 1000)] * 3).filter(lambda cuts: sum(cuts) <= 1000),
    st.integers(-300, 300).filter(bool),
)
def test_weights_are_accepted_exactly_if_they_add_up_to_one(cuts: tuple[int, int, int], error: int) -> None:
    parts = [*cuts, 1000 - sum(cuts)]
    names = list(AxisWeights.model_fields)
    assert AxisWeights(**{name: part / 1000 for name, part in zip(names, parts, strict=True)})
    wrong = [*parts[:3], parts[3] + error]
    with pytest.raises(ValidationError):
        AxisWeights(**{name: part / 1000 for name, part in zip(names, wrong, strict=True)})


def test_unset_variable_in_a_path_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOL_FOLDER", "/data")
    monkeypatch.delenv("POOL_MISSING", raising=False)
    good = POOL.model_copy(update={"path": "${POOL_FOLDER}/pool.jsonl"})
    assert good.location() == "/data/pool.jsonl"
    bad = POOL.model_copy(update={"path": "${POOL_MISSING}/pool.jsonl"})
    with pytest.raises(ConfigError, match=r"source 'pool': a variable in '\$\{POOL_MISSING\}/pool.jsonl' is not set"):
        bad.location()


def test_key_follows_what_changes_the_result_and_nothing_else() -> None:
    def moved(path: str, **changes: Any) -> dict[str, Any]:
        return IngestionConfig(sources=(POOL.model_copy(update={"path": path, **changes}),)).key_fields()

    assert moved("/data/pool.jsonl") == moved("s3://bucket/deep/pool.jsonl")  # where the file stands
    assert moved("/data/pool.jsonl") != moved("/data/other.jsonl")  # origin holds the file's name
    assert moved("/data/pool.jsonl") != moved("/data/pool.jsonl", columns={"question": "other"})
    batches = [IngestionConfig(sources=(POOL,), batch_rows=rows).key_fields() for rows in (1, 9)]
    assert batches[0] == batches[1]
    workers = [VerificationConfig(num_workers=number).key_fields() for number in (1, 9)]
    assert workers[0] == workers[1]
    assert VerificationConfig(keep_undecided=True).key_fields() != VerificationConfig().key_fields()
    sets = [DecontaminationConfig(benchmarks=(POOL,)), DecontaminationConfig(benchmarks=(POOL, POOL))]
    assert sets[0].key_fields() == sets[1].key_fields()
    assert NoveltyConfig(enabled=False).key_fields() != NoveltyConfig().key_fields()
