"""The measurement of an engine: its limit is the arithmetic that it says, and it runs on the processor too."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from limo_curation.errors import ConfigError
from limo_curation.forecast.models import ModelSize
from limo_curation.sampling import Completion
from limo_curation.vllm_config import PROJECT_ENGINE, VllmConfig
from measurements.engine_gpu import Speed, bandwidth, gpu_of_name, load, mean_context, share_of_limit, speed_of
from tests.counting_engine import CountingEngine, request

ROOT = Path(__file__).parents[2]
SIZE = ModelSize(weight_bytes=16e9, active_parameters=8e9, cache_bytes_per_token=1e5)


def speed_at(concurrency: int, *, tokens_per_s: float, context: float) -> Speed:
    return Speed(concurrency, 1.0, tokens_per_s, 1.0, context, 0.0, 0.0)


def test_one_sequence_at_the_limit_reads_the_weights_for_each_token() -> None:
    # 4e12 bytes a second hold 250 readings of 16e9 bytes
    assert share_of_limit(speed_at(1, tokens_per_s=250, context=0), SIZE, 4e12) == pytest.approx(1)


def test_sequences_share_the_weights_but_not_their_own_keys_and_values() -> None:
    # a step of 100 sequences: 16e9 bytes of weights, and 100 times 1,000 tokens of 1e5 bytes: 26e9 bytes
    speed = speed_at(100, tokens_per_s=100 * 4e12 / 26e9, context=1_000)
    assert share_of_limit(speed, SIZE, 4e12) == pytest.approx(1)
    assert share_of_limit(speed, SIZE, 8e12) == pytest.approx(1 / 2)


def test_context_is_averaged_over_the_tokens_that_are_added() -> None:
    short = Completion(request("a"), "", "stop", num_prompt_tokens=10, num_completion_tokens=0)
    long = Completion(request("b"), "", "stop", num_prompt_tokens=100, num_completion_tokens=60)
    assert mean_context([short, long]) == 130
    assert mean_context([short]) == 0


@pytest.mark.parametrize(
    ("name", "memory_mib", "known"),
    [
        ("NVIDIA H200", 143_771, "h200"),
        ("NVIDIA H100 80GB HBM3", 81_559, "h100"),
        ("NVIDIA H100 PCIe", 81_559, None),  # 2.0 TB/s instead of 3.35
        ("NVIDIA A100-SXM4-80GB", 81_920, "a100-80gb"),
        ("NVIDIA A100-SXM4-40GB", 40_960, None),
        ("NVIDIA L40S", 46_068, "l40s"),
        ("NVIDIA L40", 46_068, None),
        ("NVIDIA GeForce RTX 4090", 24_564, "rtx4090"),
        ("Tesla T4", 15_360, None),
    ],
)
def test_gpu_is_known_by_its_drivers_name_and_memory(name: str, memory_mib: int, known: str | None) -> None:
    gpu = gpu_of_name(name, memory_mib * 2**20 / 1e9)
    assert (gpu and gpu.name) == known


def test_bandwidth_that_is_not_known_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"Tesla T4.*--bandwidth"):
        bandwidth(("Tesla T4", 16.1), None)
    assert bandwidth(("Tesla T4", 16.1), 0.32) == 0.32e12
    assert bandwidth(("NVIDIA H200", 150.8), None) == 4.8e12


def test_load_is_fixed_and_no_request_repeats_another() -> None:
    config = VllmConfig(model="ada")
    seeds = count()
    first, second = (load(config, 50, max_tokens=64, seeds=seeds) for _ in range(2))
    assert [one.question for one in first] == [one.question for one in second]
    assert len({(one.question, one.seed) for one in first + second}) == 100


def test_speed_counts_what_the_engine_wrote() -> None:
    speed = speed_of(CountingEngine(), [request("q", seed=seed) for seed in range(10)], concurrency=4)
    assert speed.completion_tokens_per_s == pytest.approx(5 * speed.requests_per_s)
    assert speed.prompt_tokens_per_s == pytest.approx(10 * speed.requests_per_s)
    assert speed.truncated == 0.5


@pytest.mark.vllm
def test_engine_on_the_processor_is_measured() -> None:
    if not (PROJECT_ENGINE.parents[1] / ".cpu-done").exists():
        pytest.skip("vLLM's CPU build is not installed: make engine ENGINE=cpu")
    command = [sys.executable, "-m", "measurements.engine_gpu", "--device", "cpu", "--quick", "--json"]
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.splitlines()
    report = json.loads(told[-1])
    assert [one["concurrency"] for one in report["ours"]] == [1, 8]
    assert all(one["completion_tokens_per_s"] > 0 and one["of_limit"] is None for one in report["ours"])
    assert report["gpu"] is None
