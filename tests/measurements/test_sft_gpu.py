"""The measurement of a fine-tuning: its shares are the arithmetic that it says, and it runs on the processor too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from limo_curation.sft.shapes import known_shapes
from measurements.sft_gpu import Speed, config_of, line_of, random_rows

ROOT = Path(__file__).parents[2]


def test_share_is_of_the_matrix_product_that_was_measured() -> None:
    speed = Speed(1_000, 2.0, model_tflops=300, product_tflops=600, peak_gb=70.0, counted_gb=65.0)
    assert speed.mfu == 0.5
    assert line_of(speed).endswith("MFU 50%, peak 70.0 GB, counted 65.0")


def test_rows_have_the_length_that_is_asked_for_and_tokens_of_the_vocabulary() -> None:
    shape = known_shapes()["Qwen/Qwen2.5-0.5B-Instruct"]
    rows = random_rows(shape, 1_000, 3)
    assert rows["input_ids"].list.len().to_list() == [1_000] * 3
    assert 0.9 * shape.vocabulary < rows["input_ids"].explode().max() < shape.vocabulary
    assert rows["num_prompt_tokens"].to_list() == [10] * 3


def test_on_a_gpu_it_is_trained_as_the_presets_train() -> None:
    config = config_of("Qwen/Qwen2.5-7B-Instruct", 16_384, method="full", attention="sdpa", on_gpu=True)
    assert (config.training.precision, config.hardware.gradient_checkpointing) == ("bf16", True)


@pytest.mark.models
def test_fine_tuning_on_the_processor_is_measured() -> None:
    pytest.importorskip("trl", reason="TRL is not installed (extra `sft`)")
    command = [sys.executable, "-m", "measurements.sft_gpu", "--device", "cpu", "--quick", "--json"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.splitlines()
    report = json.loads(told[-1])
    assert report["gpu"] is None
    assert 0 < report["ours"]["mfu"] < 1
    assert report["ours"]["tokens_per_s"] * report["ours"]["step_s"] == pytest.approx(report["tokens"])
