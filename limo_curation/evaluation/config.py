"""The run file of an evaluation: which models, on which benchmarks, decoded and graded how (`presets.py` reads it).

    baseline = "base"                               # the model that the others are compared with, item by item
    benchmarks = ["aime24", "math500"]              # names of `deployments/benchmarks/`, or tables
    [[models]]
    name = "base"
    model = "Qwen/Qwen2.5-32B-Instruct"
    [[models]]
    name = "tuned"
    model = "runs/sft-limo-32b/model"

"LIMO" is arXiv 2502.03387, "ours" is a choice of this project where the paper says nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import Field, field_validator, model_validator

from limo_curation.answers.policy import AnswerPolicy
from limo_curation.catalogue import NamedBenchmarks
from limo_curation.config import DemoConfig, ExecutionConfig, prompt_text
from limo_curation.engine_config import EngineConfig, Solver
from limo_curation.problem_config import StageConfig
from limo_curation.source_config import Count, ProfileName, Section, Source

AVERAGE: Final = "average"
"""Stands in a column of benchmarks for the mean over all of them, each with the same weight."""

Label = Annotated[str, Field(pattern=r"^[\w.-]{1,60}$")]
"""A name in tables and reports: letters, digits, `_`, `-` and `.`."""


class EvaluatedModel(Section):
    """One model, and what it is called in the report."""

    name: Label
    model: str
    """Hub id (pinned as `owner/name@revision`) or local folder, such as the one that fine-tuning wrote."""


class DecodingConfig(Section):
    """How completions are drawn, the same for every model. The defaults are those of LIMO v2."""

    small_set_items: Annotated[int, Field(ge=0)] = 50
    """A benchmark with fewer items than this is small (LIMO)."""
    small_set_attempts: Count = 4
    """Attempts at each item of a small benchmark (LIMO v2; v1: 16)."""
    small_set_temperature: Annotated[float, Field(ge=0)] = 0.6
    """LIMO v2; v1: 0.7."""
    num_attempts: Count = 1
    """Attempts at each item of any other benchmark (LIMO)."""
    temperature: Annotated[float, Field(ge=0)] = 0.0
    """0 is greedy (LIMO)."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Where the temperature is above 0 (ours)."""
    max_tokens: Count = 32_768
    """New tokens of an attempt at most (LIMO)."""
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _attempts_differ(self) -> Self:
        for num_attempts, temperature, name in (
            (self.num_attempts, self.temperature, "num_attempts"),
            (self.small_set_attempts, self.small_set_temperature, "small_set_attempts"),
        ):
            if num_attempts > 1 and temperature == 0:
                raise ValueError(f"{name} is above 1 at temperature 0: every attempt would be the same")
        return self

    def solver(self, model: str, *, num_items: int, system_prompt: str) -> Solver:
        """Return how a model is asked on a benchmark of some size."""
        is_small = num_items < self.small_set_items
        return Solver(
            model=model,
            num_attempts=self.small_set_attempts if is_small else self.num_attempts,
            temperature=self.small_set_temperature if is_small else self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_tokens,
            seed=self.seed,
            system_prompt=system_prompt,
        )


class GradingConfig(Section):
    """When an answer is the gold answer."""

    policy: AnswerPolicy = AnswerPolicy()
    """What counts as the same answer, where the mathematics alone does not say."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 5.0
    """Deadline of one symbolic comparison (ours)."""
    num_workers: Count = 2


class AttemptsConfig(StageConfig):
    """One model on one benchmark: all that its attempts and their verdicts depend on beside the items."""

    benchmark: str
    name: Label
    """What the model is called."""
    solver: Solver
    grading: GradingConfig = GradingConfig()
    option_seed: Annotated[int, Field(ge=0)] = 0
    """Of the order in which an item's options are shown."""

    def key_fields(self) -> dict[str, Any]:
        """Return all but what changes no verdict: the number of workers, and what the request cache keeps."""
        no_effect: Any = {"solver": {"keeps"}, "grading": {"num_workers"}}
        return self.model_dump(mode="json", exclude=no_effect)


class EvaluationConfig(Section):
    """One evaluation: every model on every benchmark, all of them prompted, decoded and graded alike."""

    profile: ProfileName
    models: Annotated[tuple[EvaluatedModel, ...], Field(min_length=1)]
    baseline: str | None = None
    """Name of the model that the others are compared with, item by item; None: the first."""
    benchmarks: Annotated[NamedBenchmarks, Field(min_length=1)]
    """Names of the catalogue (`deployments/benchmarks/`), tables, or both. A table is one benchmark."""
    prompt: str = "step_by_step"
    """Name of a text in `limo_curation/generation/prompts/`: every model's system prompt. It should be the one that a
    tuned model was trained with (LIMO: steps, and the final answer in a box)."""
    option_seed: Annotated[int, Field(ge=0)] = 0
    """Of the order in which options are shown (GPQA's released file has every right one first)."""
    decoding: DecodingConfig = DecodingConfig()
    grading: GradingConfig = GradingConfig()
    trained_on: str | None = None
    """Folder of the published set that the tuned models were trained on: the report then says of each benchmark whether
    that set was decontaminated against it."""
    demo: DemoConfig | None = None
    """The demo's problems, written before the benchmarks are read."""
    engine: EngineConfig = EngineConfig()
    execution: ExecutionConfig = ExecutionConfig()

    @property
    def baseline_name(self) -> str:
        """The name of the model that the others are compared with."""
        return self.baseline or self.models[0].name

    @field_validator("prompt")
    @classmethod
    def _prompt_is_there(cls, value: str) -> str:
        prompt_text(value)
        return value

    @model_validator(mode="after")
    def _names_are_told_apart(self) -> Self:
        models, benchmarks = [one.name for one in self.models], [one.name for one in self.benchmarks]
        for key, names in (("models", models), ("benchmarks", benchmarks)):
            if len(set(names)) < len(names):
                raise ValueError(f"{key} names {max(names, key=names.count)!r} twice; give each a name of its own")
        if AVERAGE in benchmarks:
            raise ValueError(f"benchmarks: {AVERAGE!r} stands for the mean over all of them; give it another name")
        if self.baseline_name not in models:
            raise ValueError(f"baseline is {self.baseline!r}, but the models are {', '.join(models)}")
        return self

    @model_validator(mode="after")
    def _engine_serves_the_models(self) -> Self:
        served = self.engine.served_models
        missing = [one.model for one in self.models if served is not None and one.model not in served]
        if missing:
            place = "engine.urls" if self.engine.kind == "endpoint" else "engine.vllm"
            raise ValueError(f"{place} has no entry for {missing[0]}")
        if self.engine.kind == "recorded" and not self.engine.completions:
            raise ValueError("engine.kind = 'recorded' needs engine.completions")
        if self.execution.gpu_workers:
            raise ValueError("execution.gpu_workers: an evaluation is sampled where it runs; deploy it on the pool gpu")
        return self

    def attempts_config(self, model: EvaluatedModel, benchmark: Source, *, num_items: int) -> AttemptsConfig:
        """Return the part of this config that one model's attempts at one benchmark depend on."""
        return AttemptsConfig(
            benchmark=benchmark.name,
            name=model.name,
            solver=self.decoding.solver(model.model, num_items=num_items, system_prompt=prompt_text(self.prompt)),
            grading=self.grading,
            option_seed=self.option_seed,
        )
