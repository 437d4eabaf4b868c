"""The hardware at hand, for the plan of a fine-tuning: its GPUs as the driver tells them, and its memory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from limo_curation.doctor import memory_bytes
from limo_curation.errors import ConfigError
from limo_curation.forecast.gpus import GPUS, Gpu
from limo_curation.sampling.vllm_command import visible_gpus
from limo_curation.sft.config import HardwareConfig
from limo_curation.sft.plan import Hardware

QUERY: Final = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
MEBIBYTE: Final = 2**20


def hardware_here(
    config: HardwareConfig,
    *,
    environment: Mapping[str, str] = os.environ,
    ask_driver: Callable[[], str] = lambda: told_by_driver(),
) -> Hardware:
    """Return what this machine has for a fine-tuning.

    Args:
        config: how many processes it is to hold, and of which kind.
        environment: CUDA_VISIBLE_DEVICES, if it is set.
        ask_driver: returns lines of name and memory in MiB.

    Raises:
        ConfigError: there are fewer GPUs than processes, or the driver tells nothing.
    """
    if config.device == "cpu":
        return Hardware(None, memory_bytes())
    needed = config.num_processes // config.num_machines
    visible = visible_gpus(environment)
    if len(visible) < needed:
        raise ConfigError(
            f"hardware.num_processes = {config.num_processes} on {config.num_machines} machines needs {needed} GPUs "
            f"here, and this process sees {len(visible)}; set it to what there is, or name another preset"
        )
    found = [gpu_of_line(line) for line in ask_driver().splitlines() if line.strip()]
    if not found:
        raise ConfigError("nvidia-smi names no GPU; see `limo-curation doctor`")
    return Hardware(min(found, key=lambda gpu: gpu.memory_gb), memory_bytes())


def told_by_driver() -> str:
    """Ask the driver for all GPUs.

    Raises:
        ConfigError: there is no `nvidia-smi`, or it fails.
    """
    try:
        return subprocess.run(QUERY, capture_output=True, text=True, check=True, timeout=60).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigError(f"nvidia-smi does not tell which GPUs there are ({type(error).__name__})") from None


def gpu_of_line(line: str) -> Gpu:
    """Return a GPU from the driver's line, with the arithmetic of our table; 0 where the table lacks it.

    Raises:
        ConfigError: the line is of another form.
    """
    name, _, mebibytes = line.rpartition(",")
    try:
        memory_gb = float(mebibytes) * MEBIBYTE / 1e9
    except ValueError:
        raise ConfigError(f"nvidia-smi tells {line!r} instead of a name and MiB") from None
    written = name.strip().lower().replace(" ", "")
    known = next((gpu for gpu in GPUS.values() if gpu.name.partition("-")[0] in written), None)
    if known is None:
        return Gpu(name.strip(), memory_gb, bandwidth_tb_per_second=0.0, dense_bf16_tflops=0.0)
    return replace(known, name=name.strip(), memory_gb=memory_gb)
