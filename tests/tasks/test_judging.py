"""Judging as a task: by rules in parts, by judges where the engine is, with the contested chains listed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prefect", reason="Prefect is not installed (extra `flows`)")

from prefect import flow

from flows.generate import generate
from limo_curation.config import ExecutionConfig, RunConfig
from limo_curation.engine_config import EngineConfig
from limo_curation.errors import BudgetError, ConfigError
from limo_curation.judge_config import JudgeConfig, JudgeModel
from limo_curation.judging.hand_written import read_decisions
from limo_curation.judging_config import JudgingConfig
from limo_curation.run_record import RunRecord, save_record
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.endpoint import EndpointSampler
from limo_curation.store import Artifact, Store
from limo_curation.tables import VERIFIED_CHAINS
from tasks.judging import judging
from tests.chat_server import ChatServer, Reply, chat
from tests.limo_curation.judging.judges import Judge, grades
from tests.rows import put_in_store, rows_of

WATCHING = JudgingConfig(judge=JudgeConfig(models=(JudgeModel(model="one"),), weight=0.0))


@flow(name="judge-alone", retries=0)
def alone(chains: Artifact, config: JudgingConfig, sampler: Any, folder: str, gpu_workers: int = 0) -> Artifact:
    execution = ExecutionConfig(store=f"{folder}/store", output=f"{folder}/runs", chunk_rows=2, gpu_workers=gpu_workers)
    return judging(chains, config=config, sampler=sampler, engine=EngineConfig(), execution=execution, run="r1")


def given(folder: Path) -> Artifact:
    rows = [
        {"chain_id": f"c{place}", "problem_id": "p", "question": "3 times 7?", "chain": "21."} for place in range(3)
    ]
    return put_in_store(rows_of(VERIFIED_CHAINS, *rows), VERIFIED_CHAINS, Store(str(folder / "store")))


@pytest.mark.prefect
def test_judges_grade_where_the_engine_is_and_contested_chains_are_listed(prefect_server: None, tmp_path: Path) -> None:
    judge, store = Judge(lambda chain, request: grades("L5", 9)), Store(str(tmp_path / "store"))
    chains = given(tmp_path)
    by_rules = store.scan(alone(chains, JudgingConfig(), None, str(tmp_path))).collect()
    judged = store.scan(alone(chains, WATCHING, judge, str(tmp_path))).collect()
    assert by_rules["judge_level"].null_count() == 3
    assert judged["judge_level"].to_list() == ["L5"] * 3
    table = tmp_path / "runs" / "r1" / "contested.csv"
    assert table.read_text(encoding="utf-8").count("c") >= judged["is_contested"].sum()
    assert read_decisions(str(table)).height == 0
    assert "3 contested chains" in (tmp_path / "runs" / "r1" / "contested.html").read_text(encoding="utf-8")
    alone(chains, WATCHING, judge, str(tmp_path))
    assert len(judge.requests) == 3


class Spent(Judge):
    """Has no token left."""

    def complete(self, request: SampleRequest) -> Completion:
        raise BudgetError("engine.max_total_tokens = 1 is spent")


@pytest.mark.prefect
def test_a_spent_budget_says_which_stage_is_not_done(prefect_server: None, tmp_path: Path) -> None:
    with pytest.raises(BudgetError, match=r"judging is not done: engine\.max_total_tokens = 1"):
        alone(given(tmp_path), WATCHING, Spent(), str(tmp_path))


@pytest.mark.prefect
def test_judges_without_an_engine_are_a_mistake_of_the_run_file(prefect_server: None, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no engine was given"):
        alone(given(tmp_path), WATCHING, None, str(tmp_path))


# -- on the work pool `gpu` --------------------------------------------------------------------------------------------


def record_of(chains: Artifact, url: str, folder: Path, judging: Mapping[str, Any]) -> RunRecord:
    """Put a run on record that has come as far as judging."""
    source = {"name": "pool", "path": "pool.jsonl", "columns": {"question": "q"}}
    recorded = {"name": "chains", "path": "chains.jsonl", "columns": {"question": "q", "chain": "c"}}
    config = RunConfig.model_validate(
        {
            "profile": "small",
            "ingestion": {"sources": [source]},
            "decontamination": {"enabled": False},
            "difficulty": {"enabled": False},
            "generation": {"recorded": [recorded]},
            "judging": judging,
            "engine": {"kind": "endpoint", "urls": {"one": [url]}},
            "execution": {"output": str(folder / "runs"), "chunk_rows": 2},
        }
    )
    record = RunRecord(
        name="small-1",
        profile="small",
        config=config.model_dump(mode="json"),
        artifacts={"verification": chains},
        finished=False,
    )
    save_record(Store(str(folder / "store")), record)
    return record


class GradingServer(ChatServer):
    """Finds every chain excellent."""

    def reply_to(self, body: dict[str, Any]) -> Reply:
        with self.lock:
            self.bodies.append(body)
        return Reply(200, chat(grades("L5", 9)))


@pytest.mark.prefect
def test_a_gpu_worker_does_the_stage_and_the_run_that_waits_finds_it(prefect_server: None, tmp_path: Path) -> None:
    chains, store = given(tmp_path), str(tmp_path / "store")
    with GradingServer() as server:
        record = record_of(chains, server.url, tmp_path, WATCHING.model_dump(mode="json"))
        assert generate(run=record.name, stage="judging", store=store) == 1
        assert len(server.bodies) == 3
    waiting = EndpointSampler({"one": ["http://127.0.0.1:9/v1"]}, max_concurrency=1, timeout_seconds=1)
    judged = alone(chains, WATCHING, waiting, str(tmp_path), gpu_workers=2)
    assert Store(store).scan(judged).collect()["judge_level"].to_list() == ["L5"] * 3
    assert "3 contested chains" in (tmp_path / "runs" / "r1" / "contested.html").read_text(encoding="utf-8")


@pytest.mark.prefect
def test_a_gpu_worker_is_refused_where_no_judge_is_asked(prefect_server: None, tmp_path: Path) -> None:
    record = record_of(given(tmp_path), "http://127.0.0.1:9/v1", tmp_path, {})
    state = generate(run=record.name, stage="judging", store=str(tmp_path / "store"), return_state=True)
    assert (state.name, state.message) == ("Unfit", "run small-1 has no judges: the rules need no worker")
