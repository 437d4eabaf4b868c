"""Settings of vLLM servers that a run starts itself; `sampling/vllm_server.py` starts them.

    VllmConfig(model="Qwen/Qwen2.5-Math-7B-Instruct", replicas=8, max_model_len=4_096)     # one for each of 8 GPUs

Nothing of it changes what is asked for, so it is in no stage's key. Where a number is vLLM's own default, it is that of
version 0.32.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from limo_curation.source_config import Count, Section

ENGINE_PYTHON_VARIABLE: Final = "LIMO_ENGINE_PYTHON"
PROJECT_ENGINE: Final = Path(__file__).resolve().parents[1] / ".engine" / "bin" / "python"
"""Where `make engine` puts it."""


class VllmConfig(Section):
    """Replicas of vLLM's OpenAI-compatible server for one model, on this machine."""

    model: str
    """Hub id (pinned as `owner/name@revision`) or local folder."""
    served_name: str | None = None
    """The name that requests call the model by; None: as `model` is written."""
    python: str | None = None
    """Interpreter of the environment with vLLM; None: $LIMO_ENGINE_PYTHON, else the one that `make engine` made."""
    device: Literal["auto", "gpu", "cpu"] = "auto"
    """auto: the GPUs that this process sees, the processor where it sees none."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    """Of the first replica, the others follow; 0: free ones."""
    replicas: Count = 1
    """On GPUs each has its own ones, `tensor_parallel_size * data_parallel_size` of them."""
    tensor_parallel_size: Count = 1
    data_parallel_size: Count = 1
    """Engines inside of one server."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = "auto"
    """auto: as the model's weights are stored."""
    gpu_memory_fraction: Annotated[float, Field(gt=0, le=1)] = 0.92
    """GPU memory for weights and cache, as a fraction (vLLM's default)."""
    kv_cache_memory_bytes: Count | None = None
    """None: on a GPU what the fraction above leaves, on a processor 1 GiB (ours: there vLLM takes most of the machine's
    memory by default)."""
    max_model_len: Count | None = None
    """Tokens of prompt and completion together; None: what the model was made for."""
    max_num_seqs: Count = 256
    """Sequences that are generated at the same time (ours; vLLM's default depends on the GPU)."""
    enable_prefix_caching: bool = True
    """Attempts at one problem share the work on its prompt (vLLM's default)."""
    structured_outputs_backend: Literal["xgrammar", "guidance"] = "xgrammar"
    """What holds a reply to its JSON schema: one of the two that can write JSON without white space."""
    reasoning_parser: str | None = None
    """vLLM's name of how the model marks its thoughts, such as `deepseek_r1` or `qwen3`: then only what stands behind
    them is held to a JSON schema, while without, a judge that thinks has to reply at once. Chains are the same either
    way, since thoughts that come in a field of their own go back in front. None: vLLM takes no thoughts out. A judge
    has to be calibrated as it is to run."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the server. Requests carry their own."""
    extra_arguments: tuple[str, ...] = ()
    """Further arguments of vLLM's server, which win over ours: `--quantization`, `fp8`."""
    start_timeout_seconds: Annotated[float, Field(gt=0)] = 1_800.0
    """Deadline of a start (ours: a large model is loaded and compiled for many minutes)."""
    stop_timeout_seconds: Annotated[float, Field(gt=0)] = 20.0
    """Between asking a server to end and killing it (ours)."""
    max_restarts: Annotated[int, Field(ge=0)] = 5
    """Of each replica, when it dies or hangs (ours)."""

    @field_validator("extra_arguments")
    @classmethod
    def _key_is_not_among_them(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(argument.partition("=")[0].replace("_", "-") == "--api-key" for argument in value):
            raise ValueError("everybody on the machine can read a command line: set LIMO_ENGINE_API_KEY instead")
        return value

    @property
    def requested_name(self) -> str:
        """The model's name in requests."""
        return self.served_name or self.model

    @property
    def num_engines(self) -> int:
        """How many workers, each on a GPU of its own, one server has."""
        return self.tensor_parallel_size * self.data_parallel_size

    def interpreter(self) -> Path:
        """Return the path of the engine environment's interpreter, whether or not there is one."""
        return Path(self.python or os.environ.get(ENGINE_PYTHON_VARIABLE) or PROJECT_ENGINE)
