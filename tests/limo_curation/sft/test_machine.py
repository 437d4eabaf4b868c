"""The hardware at hand: as the driver tells it, and refused where there is less than is asked for."""

from __future__ import annotations

import pytest

from limo_curation.errors import ConfigError
from limo_curation.sft.config import HardwareConfig
from limo_curation.sft.machine import hardware_here

TWO = {"CUDA_VISIBLE_DEVICES": "0,1"}


def told(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def test_smallest_gpu_decides_and_has_the_arithmetic_of_its_kind() -> None:
    lines = told("NVIDIA H200, 143771", "NVIDIA H200, 140000")
    here = hardware_here(HardwareConfig(num_processes=2), environment=TWO, ask_driver=lambda: lines)
    assert here.gpu is not None
    assert (here.gpu.name, here.gpu.dense_bf16_tflops) == ("NVIDIA H200", 989)
    assert here.gpu.memory_bytes == pytest.approx(140_000 * 2**20)
    assert here.host_bytes is not None
    assert here.host_bytes > 1e9


def test_unknown_gpu_has_memory_but_no_speed() -> None:
    here = hardware_here(HardwareConfig(), environment=TWO, ask_driver=lambda: told("Tesla T4, 15360"))
    assert here.gpu is not None
    assert here.gpu.memory_bytes == pytest.approx(15_360 * 2**20)
    assert here.gpu.dense_bf16_tflops == 0


def test_fewer_gpus_than_processes_are_refused() -> None:
    with pytest.raises(ConfigError, match="needs 8 GPUs here, and this process sees 2"):
        hardware_here(HardwareConfig(num_processes=8), environment=TWO, ask_driver=lambda: "")
    shared = HardwareConfig(num_processes=4, num_machines=2)
    assert hardware_here(shared, environment=TWO, ask_driver=lambda: told("NVIDIA H100, 81559")).gpu is not None


@pytest.mark.parametrize("lines", ["", "\n", "NVIDIA H200\n", "no devices were found"])
def test_driver_that_tells_nothing_is_named(lines: str) -> None:
    with pytest.raises(ConfigError, match="nvidia-smi"):
        hardware_here(HardwareConfig(), environment=TWO, ask_driver=lambda: lines)


def test_the_processor_needs_no_driver() -> None:
    assert hardware_here(HardwareConfig(device="cpu"), environment={}, ask_driver=lambda: "x").gpu is None
