"""The run file: one frozen model per stage (`presets.py` reads it from TOML).

The same models are the parameters of the flow, so the Prefect UI shows and checks what the TOML says. Unknown keys and
impossible combinations are refused with the key named. Every default says where its number is from: "LIMO" is
arXiv 2502.03387, "ours" is a choice of this project where the paper says nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from limo_curation.answers.policy import AnswerPolicy
from limo_curation.catalogue import NamedChains
from limo_curation.engine_config import EngineConfig, Solver
from limo_curation.judging_config import JudgingConfig
from limo_curation.problem_config import (
    DecontaminationConfig,
    DeduplicationConfig,
    DomainsConfig,
    IngestionConfig,
    NoveltyConfig,
    ScreeningConfig,
    StageConfig,
)
from limo_curation.publishing_config import PublishingConfig
from limo_curation.selection_config import SelectionConfig
from limo_curation.source_config import Count, Fraction, ProfileName, Section

PROMPTS_FOLDER: Final = Path(__file__).resolve().parent / "generation" / "prompts"


class DemandConfig(Section):
    """How many problems of the band a run needs, and in which order they are looked for. Every number is ours."""

    problems_per_domain: Count
    """Kept problems of each domain at which its sampling stops; a round that is under way is finished."""
    random_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of each round that is drawn at random instead of by its predicted chance: the part of the pool that stays
    representative, and from which the bias of the rest is told."""
    round_problems: Count = 500
    """Problems to a round, of all domains together; then the chances are predicted anew. The first round is drawn at
    random as a whole, so a large one spends much before anything is known; 500 keep 1,000 requests under way."""
    candidates: Count = 5
    """Problems that the weak solvers see for each one that the strong solver is then shown. Weak attempts are some 100
    times cheaper than a strong rating (4 x 700 tokens of a 7B, 32 x 10,000 of a 32B): a few more cost little."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the random share, and of the order of problems with equal chances."""


class DifficultyConfig(StageConfig):
    """Drop what a weak solver solves; keep what a strong one solves rarely."""

    weak: tuple[Solver, ...] = ()
    """Tried in order; a problem that any of them solves once is dropped (LIMO v2: Qwen2.5-Math-7B, 4 attempts)."""
    strong: Solver | None = None
    """LIMO v2: R1-Distill-Qwen-32B, 32 attempts."""
    min_solved: Annotated[int, Field(ge=0)] = 1
    max_solved: Annotated[int, Field(ge=0)] = 3
    """The band of solved attempts that is kept (LIMO v2: 1 to 3 of 32)."""
    use_published_rates: bool = False
    """A rate that the source publishes replaces sampling: kept if rate times `published_band_of` is in the band."""
    published_band_of: Count = 32
    disputed_share: Annotated[float, Field(gt=0.5, le=1)] = 0.6
    """Share of the strong attempts on one other answer from which the gold answer is disputed (ours)."""
    disputed_min_votes: Count = 5
    """Attempts that the other answer must have beside that share: 3 of 4 may be chance (ours)."""
    policy: AnswerPolicy = AnswerPolicy()
    """What counts as the same answer, where the mathematics alone does not say."""
    truncated_retry_factor: Annotated[int, Field(ge=2)] | None = None
    """An attempt that is cut off is drawn once more with so many times `max_tokens`; None: it has failed."""
    attempts_per_round: Count = 4
    """Strong attempts at a problem that are under way at the same time, at most; does not change the kept set."""
    sample_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Rate a random share of the problems, by their ids, and drop the others: a pilot, from which `limo-curation plan`
    tells what all of them will cost."""
    demand: DemandConfig | None = None
    """Rate only as many problems as are needed, the likeliest first; None: every problem is rated."""

    @model_validator(mode="after")
    def _band_is_possible(self) -> Self:
        if self.min_solved > self.max_solved:
            raise ValueError("min_solved is above max_solved: no problem could be kept")
        if self.strong is not None and self.max_solved >= self.strong.num_attempts:
            raise ValueError("max_solved must be below strong.num_attempts: the band would keep every problem")
        if self.enabled and self.strong is None and not self.weak and not self.use_published_rates:
            raise ValueError("nothing rates: name weak or strong solvers, or set use_published_rates or enabled=false")
        if self.demand is not None and self.strong is None:
            raise ValueError("demand needs a strong solver: without one there is nothing to save")
        if self.demand is not None and self.sample_share < 1:
            raise ValueError("demand and sample_share both choose what is rated; set one of them")
        return self

    def key_fields(self) -> dict[str, Any]:
        """Return all but how many attempts are under way and what the cache keeps: neither changes a number."""
        no_effect: Any = {"attempts_per_round": True, "strong": {"keeps"}, "weak": {"__all__": {"keeps"}}}
        return self.model_dump(mode="json", exclude=no_effect)


class GenerationConfig(StageConfig):
    """Reasoning chains: from teachers, and from sources that carry some."""

    prompt: str | None = None
    """Name of a text in `limo_curation/generation/prompts/`: the system prompt of teachers without one of their own."""
    teachers: tuple[Solver, ...] = ()
    recorded: NamedChains = ()
    """Names of the catalogue (`deployments/chains/`), tables, or both."""
    student: str | None = None
    """By whose tokens chains are measured: Hub id (pinned as `owner/name@revision`), or folder with a tokenizer. None:
    by what the teacher's engine counted, so recorded chains are not bounded."""
    max_chain_tokens: Count | None = 16_384
    """Tokens above which a chain is dropped (LIMO's cut-off in training: the student would never see its end); None:
    no limit."""

    @field_validator("teachers")
    @classmethod
    def _teachers_are_prompted(cls, teachers: tuple[Solver, ...], info: ValidationInfo) -> tuple[Solver, ...]:
        name: str | None = info.data.get("prompt")
        if name is None:
            return teachers
        prompted = {"system_prompt": prompt_text(name)}
        return tuple(one if one.system_prompt is not None else one.model_copy(update=prompted) for one in teachers)

    @model_validator(mode="after")
    def _has_chains(self) -> Self:
        if not self.enabled:
            raise ValueError("enabled: generation can't be switched off, since samples are made of chains")
        if not self.teachers and not self.recorded:
            raise ValueError("teachers and recorded are both empty: no chain could be made")
        if any(teacher.keeps != "text" for teacher in self.teachers):
            raise ValueError("teachers: a teacher's attempts are the chains, so keeps must be 'text'")
        return self

    def key_fields(self) -> dict[str, Any]:
        """Return the teachers, with their prompts' text, the student and the limit.

        The recorded chains are an input table with a digest of its own.
        """
        return self.model_dump(mode="json", exclude={"prompt", "recorded"})


def prompt_text(name: str) -> str:
    """Return a text of `limo_curation/generation/prompts/`.

    Raises:
        ValueError: there is none of that name (the message names those that are there).
    """
    texts = {file.stem: file for file in PROMPTS_FOLDER.glob("*.txt")}
    if name not in texts:
        raise ValueError(f"no prompt {name!r}; there are {', '.join(sorted(texts))}")
    return texts[name].read_text(encoding="utf-8").strip()


# -- chains ------------------------------------------------------------------------------------------------------------


class VerificationConfig(StageConfig):
    """A chain stays only if its final answer equals the gold answer, its steps hold and it reads as one text."""

    keep_undecided: bool = False
    """Keep chains whose answer could not be compared (flagged in `verdict`)."""
    policy: AnswerPolicy = AnswerPolicy()
    """What counts as the same answer, where the mathematics alone does not say."""
    max_failed_share: Fraction | None = 0.05
    """False equations that the chain does not correct, as a share of those that were checked (ours: a long exploration
    holds slips that nothing rests on, up to .045 in LIMO v2's own chains); None: steps drop nothing."""
    max_repetition: Annotated[float, Field(gt=1)] | None = 8.0
    """Bytes for each compressed byte, above which a chain loops (ours: correct ones stay below 5); None: off."""
    max_language_share: Fraction | None = 0.15
    """Share of the rarer script, Han or Latin, among the words of prose (ours); None: off."""
    min_reasoning_characters: Annotated[int, Field(ge=0)] = 5
    """Characters beside the answer and what announces it, below which a chain only names one (ours); 0: off."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 5.0
    """Deadline of one symbolic comparison (ours)."""
    num_workers: Count = 2

    def key_fields(self) -> dict[str, Any]:
        """Return all but the number of workers, which does not change a verdict."""
        return self.model_dump(mode="json", exclude={"num_workers"})


class DemoConfig(Section):
    """The demo's source: generated problems with planted traps, written before they are ingested."""

    folder: str = "runs/demo-source"
    num_problems: Annotated[int, Field(ge=60, le=1_800)] = 1_200
    seed: Annotated[int, Field(ge=0)] = 0


class ExecutionConfig(Section):
    """Where and in what portions; none of it changes a result.

    How many parts run at once is Prefect's own setting, PREFECT_TASKS_RUNNER_THREAD_POOL_MAX_WORKERS.
    """

    store: str = "runs/store"
    output: str = "runs"
    """Folder of the run's report and published data set."""
    part_rows: Count = 100_000
    chunk_rows: Count = 2_000
    """Problems to a part in stages that sample an engine."""
    parallel_chunks: Count = 2
    """Chunks that are sampled at the same time."""
    gpu_workers: Annotated[int, Field(ge=0)] = 0
    """Runs of the flow `generate` on the work pool `gpu` that share a stage's chunks; 0: this process samples."""


class RunConfig(Section):
    """One run: every stage's section."""

    profile: ProfileName
    demo: DemoConfig | None = None
    ingestion: IngestionConfig
    screening: ScreeningConfig = ScreeningConfig()
    deduplication: DeduplicationConfig = DeduplicationConfig()
    decontamination: DecontaminationConfig
    novelty: NoveltyConfig = NoveltyConfig()
    domains: DomainsConfig = DomainsConfig()
    difficulty: DifficultyConfig
    generation: GenerationConfig
    verification: VerificationConfig = VerificationConfig()
    judging: JudgingConfig = JudgingConfig()
    selection: SelectionConfig = SelectionConfig()
    publishing: PublishingConfig = PublishingConfig()
    engine: EngineConfig = EngineConfig()
    execution: ExecutionConfig = ExecutionConfig()

    @property
    def is_pilot(self) -> bool:
        """Whether only a random share of the problems is rated; such a run ends before selection."""
        return self.difficulty.enabled and self.difficulty.sample_share < 1

    @model_validator(mode="after")
    def _engine_serves_the_models(self) -> Self:
        solvers = [*self.generation.teachers]
        if self.difficulty.enabled:
            solvers += [*self.difficulty.weak, *([self.difficulty.strong] if self.difficulty.strong else [])]
        asked = {solver.model for solver in solvers}
        if self.decontamination.enabled and self.decontamination.paraphrase is not None:
            asked.add(self.decontamination.paraphrase.model)
        if self.domains.enabled and self.domains.classifier is not None:
            asked.add(self.domains.classifier.model)
        if self.judging.enabled and self.judging.judge is not None:
            asked.update(judge.model for judge in self.judging.judge.models)
        models = sorted(asked)
        if self.engine.kind == "recorded" and models and not self.engine.completions:
            raise ValueError(f"engine.kind = 'recorded' needs engine.completions, since {models[0]} is to be sampled")
        if self.selection.quotas and not self.domains.enabled:
            raise ValueError("selection.quotas are per domain, but domains.enabled is false")
        served = self.engine.served_models
        missing = [model for model in models if served is not None and model not in served]
        if missing:
            place = "engine.urls" if self.engine.kind == "endpoint" else "engine.vllm"
            raise ValueError(f"{place} has no entry for {missing[0]}")
        return self
