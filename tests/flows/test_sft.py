"""Fine-tuning as a flow on a real Prefect server: it ends in a student that is found again, and says what it did."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest
import yaml

sft_module = pytest.importorskip("flows.sft", reason="Prefect is not installed (extra `flows`)")

from limo_curation.presets import PRESETS_FOLDER  # noqa: E402
from limo_curation.sft.presets import all_presets  # noqa: E402
from tests.flows.prefect_runs import artifacts_of, log_lines  # noqa: E402
from tests.published_set import draw_samples, publish  # noqa: E402


def test_every_preset_has_a_deployment_on_the_pool_with_gpus() -> None:
    file: dict[str, Any] = yaml.safe_load((PRESETS_FOLDER / "prefect.yaml").read_text(encoding="utf-8"))
    deployments = [one for one in file["deployments"] if "sft" in one["tags"]]
    assert {one["parameters"]["profile"] for one in deployments} == {preset.profile for preset in all_presets()}
    assert {one["work_pool"]["name"] for one in deployments} == {"gpu"}
    assert {one["name"] for one in deployments} == {
        preset.profile.replace("tiny-cpu", "tiny") for preset in all_presets()
    }


def run_flow(folder: Path) -> tuple[str, Any]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        state = sft_module.sft(dataset=str(folder / "dataset"), output=str(folder / "runs"), return_state=True)
    return printed.getvalue(), state


@pytest.mark.prefect
@pytest.mark.models
@pytest.mark.slow
def test_flow_ends_in_a_student_that_the_next_run_finds(prefect_server: None, tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="TRL is not installed (extra `sft`)")
    publish(tmp_path / "dataset", draw_samples(12))

    printed, state = run_flow(tmp_path)
    again, found = run_flow(tmp_path)

    model = Path(state.result())
    assert printed == again == f"model: {model}\n"
    assert (model / "model.safetensors").is_file()
    assert found.result() == str(model)
    log_lines(state.state_details.flow_run_id, containing="sft: trained, 12 of 12 samples")
    log_lines(found.state_details.flow_run_id, containing="sft: found, 12 of 12 samples")
    artifacts = artifacts_of(state.state_details.flow_run_id)
    assert {"sft", "sft-held-out-loss"} <= set(artifacts)
