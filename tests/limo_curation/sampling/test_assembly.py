"""The run file decides which engine stands below the cache and the ledger, and whether there is one at all."""

import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from limo_curation.config import DifficultyConfig, ExecutionConfig, GenerationConfig, RunConfig
from limo_curation.engine_config import EngineConfig, Solver
from limo_curation.errors import BudgetError
from limo_curation.judge_config import JudgeConfig, JudgeModel
from limo_curation.judging_config import JudgingConfig
from limo_curation.problem_config import (
    DecontaminationConfig,
    DomainClassifier,
    DomainsConfig,
    IngestionConfig,
    ParaphraseJudge,
)
from limo_curation.sampling.assembly import assemble_sampler, engine_of
from limo_curation.sampling.endpoint import EndpointSampler
from limo_curation.sampling.recorded import RecordedSampler
from limo_curation.sampling.transformers_engine import TransformersSampler
from limo_curation.source_config import Source
from limo_curation.store import Store
from limo_curation.vllm_config import VllmConfig
from tests.counting_engine import request
from tests.fake_vllm_server import fake_engine
from tests.processes import is_running

ADA = Solver(model="ada", num_attempts=8, max_tokens=50)
ENDPOINT = EngineConfig(kind="endpoint", urls={"ada": ("http://127.0.0.1:9/v1",)}, batch_size=5, max_total_tokens=70)
POOL = Source(path="pool.jsonl", name="pool", columns={"question": "q", "answer": "a"})
TOLD = Source(path="told.jsonl", name="told", columns={"question": "q", "chain": "c"})


def config(**sections: Any) -> RunConfig:
    given: dict[str, Any] = {
        "decontamination": DecontaminationConfig(enabled=False),
        "difficulty": DifficultyConfig(enabled=False),
        "generation": GenerationConfig(recorded=(TOLD,)),
        "engine": ENDPOINT,
    }
    return RunConfig(profile="test", ingestion=IngestionConfig(sources=(POOL,)), **(given | sections))


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"difficulty": DifficultyConfig(use_published_rates=True)},
        {"difficulty": DifficultyConfig(enabled=False, weak=(ADA,), strong=ADA)},
    ],
)
def test_run_that_samples_nothing_needs_no_engine(tmp_path: Path, sections: dict[str, Any]) -> None:
    with assemble_sampler(config(**sections), Store(str(tmp_path)), run="test-1") as both:
        assert both == (None, None)


@pytest.mark.parametrize(
    "sections",
    [
        {"generation": GenerationConfig(teachers=(ADA,))},
        {"difficulty": DifficultyConfig(weak=(ADA,))},
        {"difficulty": DifficultyConfig(strong=ADA)},
        {"decontamination": DecontaminationConfig(benchmarks=(POOL,), paraphrase=ParaphraseJudge(model=ADA.model))},
        {"domains": DomainsConfig(classifier=DomainClassifier(model=ADA.model))},
        {"judging": JudgingConfig(judge=JudgeConfig(models=(JudgeModel(model=ADA.model),)))},
    ],
)
def test_cache_stands_above_the_ledger_and_the_ledger_above_the_engine(
    tmp_path: Path, sections: dict[str, Any]
) -> None:
    with assemble_sampler(config(**sections), Store(str(tmp_path)), run="test-1") as (cached, metered):
        assert cached is not None
        assert metered is not None
        assert cached.engine is metered
        assert isinstance(metered.engine, EndpointSampler)
        assert metered.max_total_tokens == 70


def test_run_files_engine_is_the_one_that_is_made(tmp_path: Path) -> None:
    (tmp_path / "told.jsonl").write_text(json.dumps({"m": "ada", "q": "q", "c": "c"}) + "\n")
    columns = {"model": "m", "question": "q", "completion": "c"}
    told = Source(path=str(tmp_path / "told.jsonl"), name="told", columns=columns)
    with engine_of(EngineConfig(kind="recorded", completions=(told,)), log_folder=tmp_path) as recorded:
        assert isinstance(recorded, RecordedSampler)
    with engine_of(EngineConfig(), log_folder=tmp_path) as embedded:
        assert isinstance(embedded, TransformersSampler)
    with engine_of(ENDPOINT, log_folder=tmp_path) as endpoint:
        assert isinstance(endpoint, EndpointSampler)
        assert (endpoint.max_concurrency, endpoint.timeout_seconds) == (256, 3_600)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="engines are started on Linux only")
def test_servers_that_a_run_starts_write_into_its_folder_and_end_with_the_block(tmp_path: Path) -> None:
    vllm = VllmConfig(
        model="ada", device="cpu", python=fake_engine(tmp_path), extra_arguments=(f"--fake-folder={tmp_path}",)
    )
    run = config(
        generation=GenerationConfig(teachers=(ADA,)),
        engine=EngineConfig(kind="vllm", vllm=(vllm,)),
        execution=ExecutionConfig(output=str(tmp_path / "runs")),
    )
    with (
        suppress(KeyboardInterrupt),
        assemble_sampler(run, Store(str(tmp_path / "store")), run="test-1") as (cached, _),
    ):
        assert cached is not None
        assert [done.text for done in cached.sample([request("why?")])] == ["WHY?"]
        processes = [int(line) for line in (tmp_path / "processes").read_text().split()]
        assert all(is_running(process) for process in processes)
        raise KeyboardInterrupt
    assert not any(is_running(process) for process in processes)
    assert (tmp_path / "runs" / "test-1" / "logs" / "ada" / "replica-0.log").is_file()


def test_assembled_sampler_keeps_the_cache_and_one_budget_for_a_run_that_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "told.jsonl").write_text(json.dumps({"m": "ada", "q": "q", "c": "from the recording"}) + "\n")
    columns = {"model": "m", "question": "q", "completion": "c"}
    told = Source(path=str(tmp_path / "told.jsonl"), name="told", columns=columns)
    engine = EngineConfig(kind="recorded", completions=(told,), max_total_tokens=1)
    asks = config(engine=engine, generation=GenerationConfig(teachers=(ADA,)))
    with assemble_sampler(asks, Store(str(tmp_path / "store")), run="test-1") as (cached, metered):
        assert cached is not None
        assert metered is not None
        assert [done.text for done in cached.sample([request("q")])] == ["from the recording"]
        metered.completion_tokens["ada"] += 1  # the budget is spent from here on
        assert [done.text for done in cached.sample([request("q")])] == ["from the recording"]
        with pytest.raises(BudgetError):
            list(cached.sample([request("q", seed=1)]))
    with assemble_sampler(asks, Store(str(tmp_path / "store")), run="test-1") as (resumed, _):
        assert resumed is not None
        with pytest.raises(BudgetError):
            list(resumed.sample([request("q", seed=1)]))
    with assemble_sampler(asks, Store(str(tmp_path / "store")), run="test-2") as (another, _):
        assert another is not None
        assert [done.text for done in another.sample([request("q", seed=1)])] == ["from the recording"]
