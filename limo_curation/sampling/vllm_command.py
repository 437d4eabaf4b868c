"""How vLLM's OpenAI-compatible server is called: its arguments, its environment, its GPUs.

vLLM is not imported: it lives in an environment of its own, since it and Prefect want versions of fastapi that exclude
each other. All of this ran with vLLM 0.32, on its CPU build; the GPU's arguments are the same program's.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from limo_curation.errors import ConfigError
from limo_curation.sampling.protocol import model_folder
from limo_curation.vllm_config import VllmConfig

Device = Literal["gpu", "cpu"]

HOST: Final = "127.0.0.1"
MODULE: Final = "vllm.entrypoints.openai.api_server"
"""The console script `vllm` ends with an error in the CPU build, whose distribution has another name."""
CPU_CACHE_BYTES: Final = 2**30  # ours
OUR_KEY: Final = "LIMO_ENGINE_API_KEY"
VLLM_KEY: Final = "VLLM_API_KEY"


def server_command(config: VllmConfig, *, device: Device, port: int) -> list[str]:
    """Return the command line of one replica; there is no secret in it."""
    folder = model_folder(config.model)
    name, _, revision = (str(folder.resolve()), "", "") if folder else config.model.partition("@")
    structured = {"backend": config.structured_outputs_backend, "disable_any_whitespace": True}
    arguments: dict[str, str | int | float | None] = {
        "model": name,
        "revision": revision or None,
        "tokenizer-revision": revision or None,
        "served-model-name": config.requested_name,
        "host": HOST,
        "port": port,
        "dtype": config.dtype,
        "max-model-len": config.max_model_len,
        "max-num-seqs": config.max_num_seqs,
        "seed": config.seed,
        "tensor-parallel-size": config.tensor_parallel_size,
        "data-parallel-size": config.data_parallel_size,
        # a model's own file may set top_k or a repetition penalty, which no request of ours shows
        "generation-config": "vllm",
        # without the second, a reply under a schema may fill its limit with line breaks, and then it can't be read
        "structured-outputs-config": json.dumps(structured),
        "reasoning-parser": config.reasoning_parser,
        "kv-cache-memory-bytes": config.kv_cache_memory_bytes,
    }
    flags = ["--enable-prefix-caching" if config.enable_prefix_caching else "--no-enable-prefix-caching"]
    flags.append("--disable-uvicorn-access-log")  # a line for each of some million requests
    if device == "gpu":
        arguments["gpu-memory-utilization"] = config.gpu_memory_fraction
    else:
        arguments["kv-cache-memory-bytes"] = config.kv_cache_memory_bytes or CPU_CACHE_BYTES
        flags.append("--enforce-eager")  # compiling takes longer than a small model has work
        # a prompt with a seed of its own that is read in two steps rewinds the seed's generator, which ends the CPU
        # build; without, vLLM lets a step have room for the longest prompt
        flags.append("--no-enable-chunked-prefill")
        if config.num_engines == 1:
            arguments["distributed-executor-backend"] = "uni"  # the model in the engine's process: a third less memory
    written = [f"--{name}={value}" for name, value in arguments.items() if value is not None]
    return [str(config.interpreter()), "-m", MODULE, *written, *flags, *config.extra_arguments]


def server_environment(
    config: VllmConfig, *, device: Device, gpus: tuple[str, ...], inherited: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of one replica.

    Args:
        config: what is served.
        device: what it runs on.
        gpus: the replica's own, named as in CUDA_VISIBLE_DEVICES.
        inherited: this process's environment. Its LIMO_ENGINE_API_KEY becomes the key that the server asks for.
    """
    # PYTHONPATH and PYTHONHOME point into this environment; a key of vLLM's own is none that our requests carry
    left_out = {"PYTHONPATH", "PYTHONHOME", OUR_KEY, VLLM_KEY}
    environment = {name: value for name, value in inherited.items() if name not in left_out}
    environment |= {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}
    if inherited.get(OUR_KEY):
        environment[VLLM_KEY] = inherited[OUR_KEY]
    if model_folder(config.model):
        environment["HF_HUB_OFFLINE"] = "1"  # all that it needs lies there
    if device == "gpu":
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    else:
        environment["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"  # else every replica takes the same cores
        if config.num_engines == 1:
            environment["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # else "uni" is not obeyed
        # half of the cores: servers and clients need some too, and threads that outnumber cores wait for each other
        num_threads = max(1, (os.cpu_count() or 1) // 2 // config.replicas)
        environment.setdefault("OMP_NUM_THREADS", str(num_threads))
    return environment


def device_of(config: VllmConfig, gpus: tuple[str, ...]) -> Device:
    """Return what the servers run on.

    Raises:
        ConfigError: there are fewer GPUs than the replicas need.
    """
    if config.device == "cpu" or (config.device == "auto" and not gpus):
        return "cpu"
    needed = config.replicas * config.num_engines
    if needed > len(gpus):
        raise ConfigError(
            f"{config.replicas} replicas of {config.model} on {config.num_engines} GPUs each need {needed}, "
            f"and {len(gpus)} are visible: lower replicas or the parallel sizes"
        )
    return "gpu"


def visible_gpus(inherited: Mapping[str, str], devices: Path = Path("/dev")) -> tuple[str, ...]:
    """Return the NVIDIA GPUs that a child of this process may use, named as in CUDA_VISIBLE_DEVICES."""
    chosen = inherited.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return tuple(gpu for name in chosen.split(",") if (gpu := name.strip()) and gpu != "-1")
    # CUDA counts the ones that it sees, whatever numbers the driver gave them
    return tuple(str(place) for place, _ in enumerate(devices.glob("nvidia[0-9]*")))


def choose_gpus(config: VllmConfig, *, visible: Sequence[str], claimed: Mapping[str, float]) -> tuple[str, ...]:
    """Return the GPUs on which a model's servers have the most room, in their usual order.

    Args:
        config: what is served.
        visible: all GPUs, named as in CUDA_VISIBLE_DEVICES.
        claimed: the share of each one's memory that other servers took, in [0, 1].

    Raises:
        ConfigError: one of them has less memory left than the model's servers take.
    """
    if config.device == "cpu":
        return ()
    num_needed = config.replicas * config.num_engines
    freest = sorted(visible, key=lambda gpu: claimed.get(gpu, 0.0))[:num_needed]
    for gpu in freest:
        if claimed.get(gpu, 0.0) + config.gpu_memory_fraction > 1:
            raise ConfigError(
                f"GPU {gpu} has no room for {config.requested_name}: other models hold {claimed[gpu]:.0%} of its "
                f"memory, and gpu_memory_fraction = {config.gpu_memory_fraction:g}; lower it or engine.models_at_once"
            )
    return tuple(gpu for gpu in visible if gpu in freest)
