"""How many GPU-seconds a token costs: a roofline, whatever is slower of moving bytes and of arithmetic.

    one step of decoding     reads all weights once, and the keys and values of each sequence of the batch
                             multiplies each sequence's token with the active parameters: 2 operations for each
    reading a prompt         multiplies only: its tokens share one reading of the weights

It leaves out attention's own arithmetic, prompts that attempts share, and the time to load a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from limo_curation.errors import ConfigError
from limo_curation.forecast.gpus import Gpu
from limo_curation.forecast.models import ModelSize

Draws: TypeAlias = NDArray[np.float64]

USABLE_MEMORY: Final = 0.92  # vLLM's default
MIN_CACHE_SHARE: Final = 0.2
"""Memory for keys and values, as a share of the weights, below which one more GPU is taken (ours)."""
GPU_COUNTS: Final = (1, 2, 4, 8, 16, 32)
MAX_SEQUENCES: Final = 256  # vllm_config.VllmConfig.max_num_seqs
BANDWIDTH_USE: Final = (0.4, 0.8)
ARITHMETIC_USE: Final = (0.3, 0.6)
"""Of the peak, what serving reaches (ours: from so much to so much, each as likely)."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A model on the GPUs that hold one replica of it."""

    model: ModelSize
    gpu: Gpu
    num_gpus: int

    def batch_size(self, context_tokens: float) -> float:
        """Return how many sequences of a mean length are decoded together."""
        room = USABLE_MEMORY * self.num_gpus * self.gpu.memory_bytes - self.model.weight_bytes
        fitting = room / (self.model.cache_bytes_per_token * max(context_tokens, 1.0))
        return min(float(MAX_SEQUENCES), max(fitting, 1.0))

    def decode_seconds(self, context_tokens: float, *, bandwidth_use: Draws, arithmetic_use: Draws) -> Draws:
        """Return the GPU-seconds of one completion token.

        Args:
            context_tokens: mean length of a sequence while it is written.
            bandwidth_use: share of the peak bandwidth that is reached.
            arithmetic_use: share of the peak arithmetic that is reached.
        """
        batch = self.batch_size(context_tokens)
        num_bytes = self.model.weight_bytes + batch * context_tokens * self.model.cache_bytes_per_token
        moving = num_bytes / (self.gpu.bytes_per_second * bandwidth_use)
        multiplying = batch * 2 * self.model.active_parameters / (self.gpu.flops_per_second * arithmetic_use)
        return np.maximum(moving, multiplying) / batch

    def prefill_seconds(self, *, arithmetic_use: Draws) -> Draws:
        """Return the GPU-seconds of one prompt token."""
        return 2 * self.model.active_parameters / (self.gpu.flops_per_second * arithmetic_use)


def place(name: str, model: ModelSize, gpu: Gpu, *, at_least: int = 1) -> Placement:
    """Return the smallest placement that holds the weights and a cache beside them.

    Args:
        name: the model's, for the message.
        model: its size.
        gpu: the kind of GPU.
        at_least: GPUs of a replica that the run file asks for.

    Raises:
        ConfigError: it does not fit.
    """
    needed = model.weight_bytes * (1 + MIN_CACHE_SHARE)
    for count in GPU_COUNTS:
        if count >= at_least and needed <= USABLE_MEMORY * count * gpu.memory_bytes:
            return Placement(model, gpu, count)
    raise ConfigError(
        f"{name} needs {needed / 1e9:,.0f} GB, more than {GPU_COUNTS[-1]} GPUs {gpu.name} hold; name a larger --gpu"
    )
