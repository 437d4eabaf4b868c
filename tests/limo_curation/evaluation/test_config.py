"""The run file of an evaluation: what can't be compared or served is refused with the key named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from limo_curation.engine_config import EngineConfig
from limo_curation.errors import ConfigError
from limo_curation.evaluation.config import AttemptsConfig, DecodingConfig, EvaluatedModel, EvaluationConfig
from limo_curation.evaluation.presets import load_evaluation
from limo_curation.evaluation.record import evaluation_name
from limo_curation.source_config import Source

SET = {"name": "set", "path": "set.jsonl", "columns": {"question": "q", "answer": "a"}}
BASE, TUNED = {"name": "base", "model": "owner/base"}, {"name": "tuned", "model": "runs/sft/model"}


def config_of(**values: Any) -> EvaluationConfig:
    given: dict[str, Any] = {"profile": "own", "models": [BASE, TUNED], "benchmarks": [SET]}
    return EvaluationConfig.model_validate(given | values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"models": []}, "models"),
        ({"models": [BASE, BASE]}, "models names 'base' twice"),
        ({"models": [BASE | {"name": "a|b"}]}, "models.0.name"),
        ({"benchmarks": [SET, SET]}, "benchmarks names 'set' twice"),
        ({"benchmarks": [SET | {"name": "average"}]}, "'average' stands for the mean"),
        ({"benchmarks": ["aime1066"]}, "'aime1066' is not in the catalogue"),
        ({"baseline": "nobody"}, "baseline is 'nobody', but the models are base, tuned"),
        ({"prompt": "nothing"}, "no prompt 'nothing'"),
        ({"decoding": {"num_attempts": 4}}, "num_attempts is above 1 at temperature 0"),
        ({"decoding": {"small_set_temperature": 0}}, "small_set_attempts is above 1 at temperature 0"),
        ({"engine": {"kind": "endpoint", "urls": {"owner/base": ["http://a/v1"]}}}, "no entry for runs/sft/model"),
        ({"engine": {"kind": "recorded"}}, "needs engine.completions"),
        ({"execution": {"gpu_workers": 2}}, "execution.gpu_workers"),
    ],
)
def test_impossible_evaluations_are_refused_with_the_key(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        config_of(**values)
    assert words in ".".join(map(str, caught.value.errors()[0]["loc"])) + caught.value.errors()[0]["msg"]


def test_the_first_model_is_the_baseline_where_none_is_named() -> None:
    assert config_of().baseline_name == "base"
    assert config_of(baseline="tuned").baseline_name == "tuned"


def test_given_models_take_the_place_of_the_presets_with_an_engine_that_serves_them(tmp_path: Path) -> None:
    preset = tmp_path / "own.toml"
    preset.write_text(
        'baseline = "old"\nbenchmarks = ["aime24"]\n[[models]]\nname = "old"\nmodel = "owner/old"\n'
        '[engine]\nkind = "endpoint"\nurls = { "owner/old" = ["http://a/v1"] }\n',
        encoding="utf-8",
    )
    models = [EvaluatedModel(name="new", model="owner/new")]
    engine = EngineConfig(kind="endpoint", urls={"owner/new": ("http://a/v1",)})

    config = load_evaluation(
        str(preset), models=models, benchmarks=["amc23", Source.model_validate(SET)], engine=engine
    )

    assert config.baseline_name == "new"
    assert [benchmark.name for benchmark in config.benchmarks] == ["amc23", "set"]
    with pytest.raises(ConfigError, match=r"engine\.urls has no entry for owner/new"):
        load_evaluation(str(preset), models=models)


def test_limo_presets_ask_as_the_paper_says() -> None:
    first, second = load_evaluation("limo-v1"), load_evaluation("limo-v2")

    small = [
        preset.attempts_config(preset.models[0], preset.benchmarks[0], num_items=30).solver
        for preset in (first, second)
    ]
    assert [(one.num_attempts, one.temperature) for one in small] == [(16, 0.7), (4, 0.6)]
    for preset in (first, second):
        large = preset.attempts_config(preset.models[1], preset.benchmarks[1], num_items=500).solver
        assert (large.num_attempts, large.temperature, large.max_tokens) == (1, 0.0, 32_768)
        assert len(preset.benchmarks) == 10


def test_where_and_by_whom_is_sampled_makes_no_new_evaluation_but_another_model_does() -> None:
    name = evaluation_name(config_of())

    assert evaluation_name(config_of(engine={"batch_size": 7}, execution={"store": "elsewhere"})) == name
    assert evaluation_name(config_of(models=[BASE])) != name
    assert evaluation_name(config_of(decoding={"seed": 1})) != name
    assert name.startswith("evaluation-own-")


def test_what_changes_no_verdict_is_in_no_key() -> None:
    solver = DecodingConfig().solver("m", num_items=30, system_prompt="Steps.")
    config = AttemptsConfig(benchmark="set", name="base", solver=solver)
    other = config.model_copy(update={"grading": config.grading.model_copy(update={"num_workers": 9})})

    assert other.key_fields() == config.key_fields()
    assert config.model_copy(update={"name": "tuned"}).key_fields() != config.key_fields()
