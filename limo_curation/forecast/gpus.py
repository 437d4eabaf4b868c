"""GPUs that a plan can be made for: memory, bandwidth and dense BF16 arithmetic, as the vendors' data sheets say.

Where a data sheet gives arithmetic with sparsity, half of it stands here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from limo_curation.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU."""

    name: str
    memory_gb: float
    """Gigabytes of 10^9 bytes."""
    bandwidth_tb_per_second: float
    dense_bf16_tflops: float

    @property
    def memory_bytes(self) -> float:
        """Bytes of memory."""
        return self.memory_gb * 1e9

    @property
    def bytes_per_second(self) -> float:
        """Peak memory bandwidth."""
        return self.bandwidth_tb_per_second * 1e12

    @property
    def flops_per_second(self) -> float:
        """Peak rate of BF16 operations."""
        return self.dense_bf16_tflops * 1e12


GPUS: Final = {
    gpu.name: gpu
    for gpu in (
        Gpu("a100-80gb", 80, 2.039, 312),  # SXM
        Gpu("h100", 80, 3.35, 989),  # SXM
        Gpu("h200", 141, 4.8, 989),  # SXM
        Gpu("b200", 180, 8.0, 2_250),  # an eighth of an HGX B200
        Gpu("l40s", 48, 0.864, 362),
        Gpu("rtx4090", 24, 1.008, 165),  # accumulating in FP32
        Gpu("mi300x", 192, 5.3, 1_307),
    )
}


def gpu_named(name: str) -> Gpu:
    """Return a GPU by its name.

    Raises:
        ConfigError: it is not in the table; the message lists those that are.
    """
    gpu = GPUS.get(name.lower())
    if gpu is None:
        raise ConfigError(f"--gpu {name}: known are {', '.join(GPUS)}; take the one that is nearest to yours")
    return gpu
