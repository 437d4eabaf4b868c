"""The flow `evaluate` on a real server: real tiny models, stopped in the middle, resumed, and served by real vLLM."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("flows.evaluation", reason="Prefect is not installed (extra `flows`)")

from flows.evaluation import evaluate
from limo_curation.config import ExecutionConfig
from limo_curation.engine_config import EngineConfig
from limo_curation.evaluation.config import DecodingConfig, EvaluatedModel
from limo_curation.evaluation.presets import EVALUATION_PRESETS
from limo_curation.housekeeping import collect_garbage
from limo_curation.run_record import load_record, record_names
from limo_curation.sampling.process_guard import descendants
from limo_curation.store import Store
from limo_curation.vllm_config import PROJECT_ENGINE, VllmConfig
from tests.flows.prefect_runs import artifacts_of, latest_flow_run_id, outcomes
from tests.processes import command_of

pytestmark = [pytest.mark.prefect, pytest.mark.models]

WEAK, STRONG = "limo_curation/demo/models/tiny-weak", "limo_curation/demo/models/tiny-strong"
SMALL = DecodingConfig(small_set_attempts=2, max_tokens=96)


def tiny_preset(folder: Path) -> str:
    """Write the preset `tiny` with its source in a folder, and return its path."""
    run_file = folder / "tiny.toml"
    preset = (EVALUATION_PRESETS / "tiny.toml").read_text(encoding="utf-8")
    run_file.write_text(preset.replace("runs/evaluation-source", f"{folder}/source"), encoding="utf-8")
    return str(run_file)


def report_of(execution: ExecutionConfig, name: str) -> tuple[str, dict[str, Any]]:
    folder = Path(execution.output) / name
    return (folder / "evaluation.md").read_text("utf-8"), json.loads((folder / "evaluation.json").read_text("utf-8"))


def test_an_evaluation_that_was_stopped_goes_on_and_says_what_an_undisturbed_one_says(
    prefect_server: None, tmp_path: Path
) -> None:
    profile = tiny_preset(tmp_path)
    whole = ExecutionConfig(store=f"{tmp_path}/whole", output=f"{tmp_path}/whole-runs")
    resumed = ExecutionConfig(store=f"{tmp_path}/store", output=f"{tmp_path}/runs")
    stopped = evaluate(
        profile, decoding=SMALL, execution=resumed, engine=EngineConfig(max_total_tokens=15_000), return_state=True
    )
    assert stopped.name == "BudgetSpent"
    assert record_names(Store(resumed.store)) == []

    name = evaluate(profile, decoding=SMALL, execution=resumed)
    first = outcomes(latest_flow_run_id(), last="evaluation-report")
    assert evaluate(profile, decoding=SMALL, execution=whole) == name

    assert first["tiny-weak on demo-easy"] == "Cached"  # it was done when the budget ended
    assert first["tiny-strong on demo-hard"] == "Completed"
    page, figures = report_of(resumed, name)
    assert (page, figures) == report_of(whole, name)
    assert artifacts_of(latest_flow_run_id())["evaluation"] == page
    assert [row["benchmark"] for row in figures["comparisons"]] == ["demo-easy", "demo-hard", "average"]
    strong = figures["comparisons"][-1]
    assert (strong["model"], strong["baseline"], strong["outcome"]) == ("tiny-strong", "tiny-weak", "got better")
    assert "2 samples at T 0.6" in page
    assert "+40.5" in page
    assert "+23.0" in page
    store = Store(resumed.store)
    assert load_record(store, name).finished
    assert collect_garbage(store, [name], is_dry_run=True) == []


def test_the_stronger_model_is_said_to_be_better_than_the_one_that_took_its_place(
    prefect_server: None, tmp_path: Path
) -> None:
    execution = ExecutionConfig(store=f"{tmp_path}/store", output=f"{tmp_path}/runs")
    models = [EvaluatedModel(name="before", model=STRONG), EvaluatedModel(name="after", model=WEAK)]

    name = evaluate(tiny_preset(tmp_path), models=models, decoding=SMALL, execution=execution)

    page, figures = report_of(execution, name)
    assert figures["comparisons"][-1]["outcome"] == "got worse"
    assert "**after got worse than before on average.**" in page


@pytest.mark.vllm
@pytest.mark.slow
@pytest.mark.skipif(
    not sys.platform.startswith("linux") or not PROJECT_ENGINE.is_file(), reason="vLLM is not installed: make engine"
)
def test_models_are_served_by_vllm_one_after_the_other(prefect_server: None, tmp_path: Path) -> None:
    execution = ExecutionConfig(store=f"{tmp_path}/store", output=f"{tmp_path}/runs")
    engine = EngineConfig(kind="vllm", vllm=(served(WEAK), served(STRONG)), models_at_once=1, max_concurrency=64)

    name = evaluate(tiny_preset(tmp_path), decoding=SMALL, execution=execution, engine=engine)

    _, figures = report_of(execution, name)
    (weak,) = [row for row in figures["results"] if (row["model"], row["benchmark"]) == ("tiny-weak", "demo-easy")]
    assert 0 < weak["accuracy"] < 1
    assert weak["finished"] > 0.8
    assert weak["mean_tokens"] > 10
    assert figures["comparisons"][-1]["outcome"] == "got better"
    assert not [one for one in descendants(os.getpid()) if "api_server" in command_of(one)]


def served(model: str) -> VllmConfig:
    return VllmConfig(
        model=model,
        python=str(PROJECT_ENGINE),
        device="cpu",
        dtype="float32",
        max_model_len=512,
        max_num_seqs=64,
        kv_cache_memory_bytes=256 * 2**20,
        start_timeout_seconds=400,
    )
