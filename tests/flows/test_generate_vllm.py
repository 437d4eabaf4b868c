"""The flow `generate` with servers of its own: real vLLM on this machine's processor, and the demo's tiny models."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("flows.curate", reason="Prefect is not installed (extra `flows`)")

from flows.curate import curate
from flows.generate import generate
from limo_curation.config import ExecutionConfig
from limo_curation.engine_config import EngineConfig
from limo_curation.presets import PRESETS_FOLDER
from limo_curation.run_record import load_record, record_names
from limo_curation.runner import commit_parts, missing_parts
from limo_curation.sampling.process_guard import descendants
from limo_curation.sampling.vllm_fleet import VllmFleet
from limo_curation.store import Store
from limo_curation.tables import DROPPED
from tasks.chunks import plan_recorded, recorded_config
from tests.processes import command_of
from tests.tiny_vllm import STRONG, WEAK, skip_without_cpu_build, tiny_vllm

skip_without_cpu_build()

pytestmark = [pytest.mark.prefect, pytest.mark.slow, pytest.mark.vllm, pytest.mark.models]


def test_chunks_of_difficulty_are_done_by_vllm_one_model_after_the_other(prefect_server: None, tmp_path: Path) -> None:
    run_file = tmp_path / "tiny.toml"
    demo = (PRESETS_FOLDER / "demo.toml").read_text(encoding="utf-8")
    demo = demo.replace("runs/demo-source", f"{tmp_path}/source").replace("num_problems = 1_200", "num_problems = 60")
    run_file.write_text(demo, encoding="utf-8")
    execution = ExecutionConfig(store=f"{tmp_path}/store", output=f"{tmp_path}/runs", chunk_rows=30)
    stopped = curate(
        profile=str(run_file), engine=EngineConfig(max_total_tokens=1), execution=execution, return_state=True
    )
    assert stopped.name == "BudgetSpent"
    store = Store(execution.store)
    (run,) = record_names(store)
    engine = EngineConfig(kind="vllm", vllm=(tiny_vllm(WEAK), tiny_vllm(STRONG)), models_at_once=1, max_concurrency=64)

    num_done = generate(run=run, stage="difficulty", store=execution.store, engine=engine)

    record = load_record(store, run)
    config = recorded_config(record, store=execution.store, engine=engine, execution=None)
    fleet = VllmFleet(engine.vllm, models_at_once=1, log_folder=tmp_path, max_concurrency=1, timeout_seconds=1)
    plan = plan_recorded(record, "difficulty", config=config, sampler=fleet, key=None)
    assert missing_parts(plan) == []
    artifact = commit_parts(plan)
    num_chunks = len(store.manifest("difficulty", plan.key).parts)
    assert num_done == 2 * num_chunks > 2  # a pass for each model
    reasons = set(store.scan(artifact, DROPPED, half="dropped").collect()["drop_reason"])
    assert {"solved_by_weak", "never_solved"} <= reasons
    for model in (WEAK, STRONG):
        (log,) = (tmp_path / "runs" / run / "logs").glob(f"*{Path(model).name}/replica-0.log")
        assert log.read_text().count("-m vllm.entrypoints.openai.api_server --model=") == 1  # it was started once
    assert not [one for one in descendants(os.getpid()) if "api_server" in command_of(one)]
