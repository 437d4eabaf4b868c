"""Start the training processes through accelerate's launcher, watch them, and leave none behind.

The processes form a group of their own and are gone when this one is, however it goes (`guarded_process.py`). Where
they die after they have come further, starting them again helps: they go on after the last whole checkpoint.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from limo_curation.errors import ConfigError, TransientError
from limo_curation.progress import Progress
from limo_curation.sampling.guarded_process import GuardedProcess
from limo_curation.sft.config import HardwareConfig, SftConfig
from limo_curation.sft.job import JobFolder

STOP_SECONDS: Final = 20.0  # ours, as all numbers here: a process that writes a checkpoint is cut off
SECONDS_BETWEEN_LOOKS: Final = 0.5
MAX_QUOTED_BYTES: Final = 4_000
OUT_OF_MEMORY: Final = "OutOfMemoryError"
WITHOUT_TELEMETRY: Final = {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
"""All files are here already: nothing is asked of the Hub, and nothing is told."""


def run_training(folder: JobFolder, config: SftConfig, *, num_steps: int) -> None:
    """Train until the result is there.

    Args:
        folder: with the job and the examples.
        config: of the job.
        num_steps: of the whole training, for the progress that is shown.

    Raises:
        ConfigError: TRL or a tracker is not installed, a GPU's memory does not suffice, or the processes ended before
            they came any further. The end of their log is quoted.
        TransientError: they ended in between, and will go on from their last checkpoint when they are started again.
    """
    check_installed(config)
    began_at = reached = last_step(folder)
    progress = Progress("sft")
    progress.start(num_steps, "steps")
    progress.advance(reached)
    with GuardedProcess(
        launch_command(folder.folder, config),
        environment=environment_of(config.hardware, os.environ),
        log=folder.log,
        stop_seconds=STOP_SECONDS,
    ) as processes:
        while processes.is_alive:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            if (step := last_step(folder)) > reached:
                progress.advance(step - reached)
                reached = step
        status = processes.stop()
    if status == 0 and folder.result() is not None:
        return
    told = f"training ended with exit status {status} at step {last_step(folder)}. {last_lines(folder.log)}"
    if OUT_OF_MEMORY in told:
        raise ConfigError(f"a GPU's memory does not suffice; see {folder.plan}, and `limo-curation memory`. {told}")
    raise TransientError(told) if last_step(folder) > began_at else ConfigError(told)


def check_installed(config: SftConfig) -> None:
    """Look for the libraries that training needs, without importing them.

    Raises:
        ConfigError: one is absent.
    """
    needed = ["trl", "accelerate", *(["peft"] if config.training.method == "lora" else []), *config.report_to]
    if config.hardware.attention == "flash_attention_2":
        needed.append("flash_attn")
    absent = [name for name in needed if importlib.util.find_spec(name) is None]
    if absent:
        raise ConfigError(f"{', '.join(absent)} can't be imported: pip install 'limo-curation[sft]', or that package")


def launch_command(folder: Path, config: SftConfig) -> list[str]:
    """Return accelerate's command line."""
    hardware = config.hardware
    command = [sys.executable, "-m", "accelerate.commands.launch"]
    command += ["--num_processes", str(hardware.num_processes), "--num_machines", str(hardware.num_machines)]
    command += ["--mixed_precision", "bf16" if config.training.precision == "bf16" else "no"]
    command += ["--dynamo_backend", "no"]
    command += ["--num_cpu_threads_per_process", str(hardware.threads)]
    if hardware.num_processes > 1:
        command += ["--machine_rank", str(hardware.machine_rank)]
        command += ["--main_process_ip", hardware.main_address, "--main_process_port", str(hardware.main_port)]
    if hardware.sharding == "fsdp":
        command += fsdp_arguments(hardware)
    elif hardware.num_processes > 1:
        command.append("--multi_gpu")
    elif hardware.device == "cpu":
        command.append("--cpu")
    return [*command, "-m", "limo_curation.sft.training", str(folder), str(hardware.machine_rank)]


def fsdp_arguments(hardware: HardwareConfig) -> list[str]:
    """Return how the model is split: each of its layers over all processes."""
    return [
        "--use_fsdp",
        *("--fsdp_version", "2"),
        *("--fsdp_reshard_after_forward", "true"),
        *("--fsdp_auto_wrap_policy", "TRANSFORMER_BASED_WRAP"),
        *("--fsdp_state_dict_type", "FULL_STATE_DICT"),  # a checkpoint can be read by any number of processes
        *("--fsdp_cpu_ram_efficient_loading", "true"),  # one process of a machine reads the weights, not all
        *("--fsdp_activation_checkpointing", str(hardware.gradient_checkpointing).lower()),
        *("--fsdp_offload_params", str(hardware.offload).lower()),
    ]


def environment_of(hardware: HardwareConfig, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the processes' environment: ours, without what another launcher may have left there."""
    left = {name: value for name, value in inherited.items() if not name.startswith(("ACCELERATE_", "FSDP_"))}
    on_cpu = {"ACCELERATE_USE_CPU": "true"} if hardware.device == "cpu" else {}
    return left | WITHOUT_TELEMETRY | on_cpu | {"OMP_NUM_THREADS": str(hardware.threads)}


def last_step(folder: JobFolder) -> int:
    """Return the last step that was measured; 0 before the first."""
    return max((entry["step"] for entry in folder.read_metrics()), default=0)


def last_lines(log: Path) -> str:
    """Return the end of a log, for a message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - MAX_QUOTED_BYTES))
            return f"The end of {log}:\n{file.read().decode(errors='replace')}"
    except FileNotFoundError:
        return f"There is no {log}."
