"""A whole run on sixty made-up problems, by a hand-written sampler, that can be repeated with any number moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from limo_curation.config import DifficultyConfig, GenerationConfig, RunConfig, VerificationConfig
from limo_curation.engine_config import Solver
from limo_curation.ingestion import content_of_sources
from limo_curation.judging_config import JudgingConfig
from limo_curation.plan import plan_stage
from limo_curation.problem_config import DecontaminationConfig, IngestionConfig, ScreeningConfig
from limo_curation.run_record import RunRecord, run_name, save_record
from limo_curation.runner import run_stage
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.selection_config import SelectionConfig
from limo_curation.source_config import Source
from limo_curation.store import Artifact, Store
from tests.small_pipeline import STAGES, STRONG, SeededSampler, write_sources

NUM_MORE = 24  # problems behind the thirty-six


WORDINGS = (
    ("Let me check that", "We verify that", "Checking again,", "To double-check,"),
    ("Perhaps", "Maybe", "Alternatively,", "It might help that"),
    ("Therefore", "Since", "Hence", "Thus"),
)


class TalkativeSampler(SeededSampler):
    """Its chains check, explore and conclude more or less, so that they differ on every axis."""

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[Completion]:
        for done in super().sample(requests):
            seed = done.request.seed
            counts = (seed % 5, seed // 5 % 5, seed // 25 % 5)
            words = [wording for some, count in zip(WORDINGS, counts, strict=True) for wording in some[:count]]
            sums = [seed % 97 + place for place in range(len(words))]
            text = " ".join(f"{word} {seed % 97} + {place} = {sums[place]}." for place, word in enumerate(words))
            opening = f"The sums from {seed % 97} on are {sums}."  # or the checks would be of numbers from nowhere
            yield Completion(done.request, f"{opening} {text} {done.text}", "stop", 10, 20 + 8 * len(words))


@dataclass(frozen=True)
class WholeRun:
    """A finished run, and the sampler that can do it again with another config."""

    store: Store
    config: RunConfig
    record: RunRecord
    sampler: TalkativeSampler

    def again(self, config: RunConfig) -> RunRecord:
        return run_all(self.store, config, self.sampler)


def run_all(store: Store, config: RunConfig, sampler: TalkativeSampler) -> RunRecord:
    """Do every stage for real and put the run on record."""
    done: dict[str, Artifact] = {}
    latest: Artifact | None = None
    for stage in STAGES:
        if stage.name == "recorded_chains":
            continue
        side = {"benchmarks": IngestionConfig(sources=config.decontamination.benchmarks)}
        section = side.get(stage.name) or getattr(config, stage.name)
        inputs: dict[str, Artifact] = {}
        if stage.reads is not None and latest is not None:
            inputs = {"chains" if stage.name in ("verification", "judging", "selection") else "problems": latest}
        if stage.name == "decontamination":
            inputs["benchmarks"] = done["benchmarks"]
        extra = content_of_sources(section) if isinstance(section, IngestionConfig) else {}
        plan = plan_stage(stage, inputs, config=section, store=store, extra_inputs=extra)
        resources: dict[str, Any] = {"sampler": sampler} if stage.name in ("difficulty", "generation") else {}
        done[stage.name] = run_stage(plan, **resources)
        latest = latest if stage.name == "benchmarks" else done[stage.name]
    record = RunRecord(
        name=run_name(config),
        profile=config.profile,
        config=config.model_dump(mode="json"),
        artifacts=done,
        finished=True,
    )
    save_record(store, record)
    return record


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> WholeRun:
    folder = tmp_path_factory.mktemp("whole_run")
    write_sources(folder, num_more=NUM_MORE)
    pool = Source(path=str(folder / "pool*.jsonl"), name="pool", columns={"question": "q", "answer": "gold"})
    exam = Source(path=str(folder / "exam.jsonl"), name="exam", columns={"question": "q", "answer": "gold"})
    weak = Solver(model="weak", num_attempts=2, max_tokens=50)
    config = RunConfig(
        profile="whole",
        ingestion=IngestionConfig(sources=(pool,)),
        screening=ScreeningConfig(max_characters=120),
        decontamination=DecontaminationConfig(benchmarks=(exam,)),
        difficulty=DifficultyConfig(weak=(weak,), strong=STRONG, max_solved=3),
        generation=GenerationConfig(teachers=(STRONG,), max_chain_tokens=90),
        verification=VerificationConfig(min_reasoning_characters=40, num_workers=1),
        judging=JudgingConfig(
            full_elaboration_words=60, full_self_verification=2.0, full_exploration=2.0, full_adaptive_granularity=2.0
        ),
        selection=SelectionConfig(target_size=9, when_short="redistribute", max_total_tokens=500),
    )
    store, sampler = Store(str(folder / "store")), TalkativeSampler(folder)
    return WholeRun(store, config, run_all(store, config, sampler), sampler)
