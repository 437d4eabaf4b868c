"""Measure an engine: tokens a second through vLLM at rising concurrency, beside what the memory's bandwidth allows.

    python -m measurements.engine_gpu [--model MODEL] [--concurrency 1 16 64 256] [--max-tokens 384] [--gpus 1]
                                      [--device auto] [--bandwidth TB_PER_SECOND] [--quick] [--json]

Starts one server for the model (`make engine` first), warms it up, and samples problems of the demo's kinds at
temperature .6, eight requests to a slot, each concurrency with seeds of its own. A step of decoding reads the weights
once, and the keys and values of each sequence of the batch; so with b sequences of c tokens the limit is

    b * bandwidth / (weight bytes + b * c * bytes of keys and values a token)      tokens a second

and `of the limit` is the share of it that was reached, prompts and the end of the load, where slots are empty,
included. `client` is the CPU time of this process over wall time: at 1, the client bounds the speed. On a processor
(`--device cpu`, with vLLM's CPU build) the share is left out. The default model is the demo's, which is far too small
for a GPU: name a real one, such as Qwen/Qwen2.5-Math-7B-Instruct.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

from limo_curation.demo.generator import draw_problem
from limo_curation.demo.kinds import KINDS
from limo_curation.errors import ConfigError
from limo_curation.forecast.gpus import GPUS, Gpu
from limo_curation.forecast.models import ModelSize, model_size
from limo_curation.sampling import Completion, Sampler, SampleRequest
from limo_curation.sampling.endpoint import EndpointSampler
from limo_curation.sampling.vllm_command import device_of, visible_gpus
from limo_curation.sampling.vllm_server import VllmServers
from limo_curation.vllm_config import VllmConfig

TINY: Final = "limo_curation/demo/models/tiny-strong"
REQUESTS_PER_SLOT: Final = 8
MEMORY_TOLERANCE: Final = 0.15
"""Between a data sheet's gigabytes and what the driver tells; the kinds of one name differ by more."""


@dataclass(frozen=True, slots=True)
class Speed:
    """What was reached at one concurrency."""

    concurrency: int
    requests_per_s: float
    completion_tokens_per_s: float
    prompt_tokens_per_s: float
    mean_context: float
    """Tokens that a sequence holds while one is added, averaged over all that were added."""
    truncated: float
    """Share of the completions."""
    client_cpu: float
    """CPU seconds of this process for each second."""


def main() -> None:
    """Print a line for each concurrency, and with --json one JSON object on the last line."""
    arguments = parsed_arguments()
    concurrencies: list[int] = [1, 8] if arguments.quick else arguments.concurrency
    max_tokens: int = 64 if arguments.quick else arguments.max_tokens
    config = VllmConfig(
        model=arguments.model,
        device=arguments.device,
        tensor_parallel_size=arguments.gpus,
        max_model_len=arguments.max_model_len,
        max_num_seqs=max(concurrencies),
    )
    on_gpu = device_of(config, visible_gpus(os.environ)) == "gpu"
    gpu = gpu_here() if on_gpu else None
    bytes_per_second = bandwidth(gpu, arguments.bandwidth) * arguments.gpus if on_gpu else None
    size = model_size(config.model, {})
    speeds: list[Speed] = []
    with (
        tempfile.TemporaryDirectory() as logs,
        VllmServers(config, log_folder=Path(logs)) as servers,
    ):
        urls, seeds = {config.requested_name: servers.urls}, count()
        warm_up = EndpointSampler(urls, max_concurrency=max(concurrencies), timeout_seconds=3_600)
        speed_of(warm_up, load(config, max(concurrencies), max_tokens=max_tokens, seeds=seeds), concurrency=0)
        for concurrency in concurrencies:
            sampler = EndpointSampler(urls, max_concurrency=concurrency, timeout_seconds=3_600)
            asked = load(config, REQUESTS_PER_SLOT * concurrency, max_tokens=max_tokens, seeds=seeds)
            speeds.append(speed_of(sampler, asked, concurrency=concurrency))
            print(line_of(speeds[-1], size, bytes_per_second), flush=True)
    if arguments.json:
        print(json.dumps(report(arguments.model, gpu, size, bytes_per_second, speeds)))


def parsed_arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=TINY, help="Hub id or local folder")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 16, 64, 256])
    parser.add_argument("--max-tokens", type=int, default=384, help="of a completion")
    parser.add_argument("--max-model-len", type=int, help="tokens of prompt and completion; else what the model allows")
    parser.add_argument("--gpus", type=int, default=1, help="GPUs that share the model's weights")
    parser.add_argument("--device", choices=["auto", "gpu", "cpu"], default="auto")
    parser.add_argument("--bandwidth", type=float, help="of one GPU's memory, in TB/s, where the table lacks it")
    parser.add_argument("--quick", action="store_true", help="two small loads")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    return parser.parse_args()


def load(config: VllmConfig, number: int, *, max_tokens: int, seeds: Iterable[int]) -> list[SampleRequest]:
    """Return requests of different problems, the same ones each time."""
    rng = Random(0)  # noqa: S311
    choices = [(kind, level) for kind in KINDS for level in kind.shape.levels]
    drawn = [draw_problem(kind, level, 0, rng) for kind, level in rng.choices(choices, k=number)]
    return [
        SampleRequest(config.requested_name, problem.text, 0.6, 0.95, max_tokens, seed, attempt=0)
        for problem, seed in zip(drawn, seeds, strict=False)
    ]


def speed_of(sampler: Sampler, asked: Sequence[SampleRequest], *, concurrency: int) -> Speed:
    """Sample all requests and return how fast that went."""
    wall, cpu = time.perf_counter(), time.process_time()
    done = list(sampler.sample(asked))
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    return Speed(
        concurrency,
        requests_per_s=len(done) / seconds,
        completion_tokens_per_s=sum(one.num_completion_tokens for one in done) / seconds,
        prompt_tokens_per_s=sum(one.num_prompt_tokens for one in done) / seconds,
        mean_context=mean_context(done),
        truncated=sum(one.finish_reason == "length" for one in done) / len(done),
        client_cpu=cpu_seconds / seconds,
    )


def mean_context(done: Iterable[Completion]) -> float:
    """Return how many tokens a sequence holds while one is added to it, averaged over all that were added."""
    pairs = [(one.num_prompt_tokens + one.num_completion_tokens / 2, one.num_completion_tokens) for one in done]
    return sum(held * added for held, added in pairs) / max(1, sum(added for _, added in pairs))


def share_of_limit(speed: Speed, size: ModelSize, bytes_per_second: float) -> float:
    """Return the share of the memory's bandwidth that decoding needed, with all slots in use."""
    bytes_per_token = size.weight_bytes / speed.concurrency + speed.mean_context * size.cache_bytes_per_token
    return speed.completion_tokens_per_s * bytes_per_token / bytes_per_second


def gpu_here() -> tuple[str, float]:
    """Return the first GPU's name and memory in GB, as its driver tells them.

    Raises:
        ConfigError: there is no `nvidia-smi`, or it fails.
    """
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, check=True, timeout=60).stdout  # noqa: S603
        name, _, mebibytes = told.splitlines()[0].rpartition(",")
        return name.strip(), float(mebibytes) * 2**20 / 1e9
    except (OSError, subprocess.SubprocessError, LookupError, ValueError) as error:
        raise ConfigError(f"nvidia-smi does not tell which GPU this is ({error}); measure with --device cpu") from error


def bandwidth(gpu: tuple[str, float] | None, given: float | None) -> float:
    """Return the bandwidth of one GPU's memory, in bytes a second.

    Args:
        gpu: its name and memory in GB.
        given: in TB/s; None takes the table's.

    Raises:
        ConfigError: the table lacks this GPU.
    """
    if given is not None:
        return given * 1e12
    known = None if gpu is None else gpu_of_name(*gpu)
    if known is None:
        raise ConfigError(f"the bandwidth of {gpu} is not known: give its data sheet's with --bandwidth, in TB/s")
    return known.bytes_per_second


def gpu_of_name(name: str, memory_gb: float) -> Gpu | None:
    """Return the GPU that a driver calls so; None where the table has none of this name and memory.

    A card for PCIe has less bandwidth than the module of the same name, so it is not taken for it.
    """
    written = name.lower().replace(" ", "")
    if "pcie" in written:
        return None
    for gpu in GPUS.values():
        is_of_size = abs(memory_gb - gpu.memory_gb) <= MEMORY_TOLERANCE * gpu.memory_gb
        if gpu.name.partition("-")[0] in written and is_of_size:
            return gpu
    return None


def line_of(speed: Speed, size: ModelSize, bytes_per_second: float | None) -> str:
    """Return what is printed of one concurrency."""
    of_limit = "" if bytes_per_second is None else f", {share_of_limit(speed, size, bytes_per_second):.0%} of the limit"
    return (
        f"{speed.concurrency:5} at once: {speed.requests_per_s:,.1f} requests/s, "
        f"{speed.completion_tokens_per_s:,.0f} tokens/s written, {speed.prompt_tokens_per_s:,.0f} read{of_limit}, "
        f"{speed.truncated:.0%} cut off, client {speed.client_cpu:.2f}"
    )


def report(
    model: str,
    gpu: tuple[str, float] | None,
    size: ModelSize,
    bytes_per_second: float | None,
    speeds: Sequence[Speed],
) -> dict[str, object]:
    """Return what --json prints."""
    shares = {
        speed.concurrency: share_of_limit(speed, size, bytes_per_second)
        for speed in speeds
        if bytes_per_second is not None
    }
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "gpu": None if gpu is None else gpu[0],
        "model": model,
        "model_size": asdict(size),
        "bytes_per_second": bytes_per_second,
        "ours": [asdict(speed) | {"of_limit": shares.get(speed.concurrency)} for speed in speeds],
    }


if __name__ == "__main__":
    main()
