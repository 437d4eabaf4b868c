"""What a fine-tuning needs of memory, counted before it is begun: pure functions of the student's shape and the config.

The numbers of bytes are those of this way of training: weights that are trained, their gradients and AdamW's two
moments in 32 bits (16 bytes a parameter, as in ZeRO, arXiv 1910.02054), arithmetic in bf16, and TRL's loss in tiles. A
layer's activations were counted by what autograd keeps of transformers' Qwen2 layer with PyTorch's own attention; the
tests count them again. What is a guess says so.

A GPU is fullest at one of two moments, and at both every layer's kept activations are there: when the loss's gradient
is taken, or on the way back through a layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from limo_curation.sft.config import SftConfig, TrainingConfig
from limo_curation.sft.shapes import Shape

MASTER_BYTES: Final = 4
"""Of a weight that is trained, of its gradient, and of each of AdamW's two moments."""
LIBRARY_BYTES: Final = 2e9
"""CUDA's context, the libraries' workspaces and the loss's tiles (a guess of ours)."""
NETWORK_BYTES: Final = 1.5e9
"""NCCL's buffers, where there are several processes (a guess of ours)."""
FRAGMENTED_SHARE: Final = 0.05
"""Of all else, that the allocator can't use (a guess of ours)."""
PROCESS_BYTES: Final = 4e9
"""Of the host's memory, for a process with PyTorch loaded (a guess of ours)."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that takes memory."""

    name: str
    num_bytes: float
    how: str
    """What was counted."""


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """What takes memory on each GPU at the moment when it is fullest, and on the main machine."""

    gpu: tuple[Part, ...]
    host: tuple[Part, ...]

    @property
    def gpu_bytes(self) -> float:
        """Of each GPU; 0 where it is trained on the processor."""
        return sum(part.num_bytes for part in self.gpu)

    @property
    def host_bytes(self) -> float:
        """Of the main machine."""
        return sum(part.num_bytes for part in self.host)


def memory_need(config: SftConfig, shape: Shape, *, longest: int) -> MemoryNeed:
    """Return what a fine-tuning needs.

    Args:
        config: method, precision, sharding, offload, processes, micro batch.
        shape: the student's.
        longest: tokens of the longest row; a micro batch of such rows is planned for.
    """
    hardware = config.hardware
    state = state_parts(config, shape)
    working = activation_parts(config, shape, tokens=longest * hardware.micro_batch)
    host = host_parts(config, shape)
    if hardware.device == "cpu":
        return MemoryNeed((), (*host, *[scaled(part, hardware.num_processes) for part in (*state, *working)]))
    if hardware.offload:
        machines = hardware.num_machines
        host += [scaled(part, hardware.num_processes / machines) for part in state]
        host.append(Part("pinning", MASTER_BYTES * shape.num_parameters / machines, "at most as much as the weights"))
        state = []
    gpu = [*state, *working]
    libraries = LIBRARY_BYTES + (NETWORK_BYTES if hardware.num_processes > 1 else 0.0)
    gpu.append(Part("libraries", libraries, "a guess"))
    lost = FRAGMENTED_SHARE * sum(part.num_bytes for part in gpu)
    gpu.append(Part("fragmentation", lost, f"a guess: {FRAGMENTED_SHARE:.0%} of the above"))
    return MemoryNeed(tuple(gpu), tuple(host))


def state_parts(config: SftConfig, shape: Shape) -> list[Part]:
    """Return what each process holds from the first step to the last."""
    number, training = shape.num_parameters, config.training
    if training.method == "lora":
        updates = shape.low_rank_parameters(training.lora_rank)
        width = number_bytes(training)
        return [
            Part("weights", width * number, f"{width} bytes each, not trained"),
            Part(
                "updates", 4 * MASTER_BYTES * updates, f"16 bytes for each of {updates / 1e6:,.0f} million parameters"
            ),
        ]
    split = config.hardware.num_processes if config.hardware.sharding == "fsdp" else 1
    over = f", over {split} processes" if split > 1 else ""
    parts = [
        Part("weights", MASTER_BYTES * number / split, f"4 bytes each{over}"),
        Part("gradients", MASTER_BYTES * number / split, f"4 bytes each{over}"),
        Part("optimizer", 2 * MASTER_BYTES * number / split, f"8 bytes each{over}"),
    ]
    if config.hardware.sharding == "none" and training.precision == "bf16":
        parts.append(Part("copies of the weights", number_bytes(training) * number, "in bf16, for the arithmetic"))
    return parts


def activation_parts(config: SftConfig, shape: Shape, *, tokens: int) -> list[Part]:
    """Return what a step needs beside the state, at the moment when most is needed."""
    width, layers = number_bytes(config.training), shape.layers
    one_layer = layer_bytes_per_token(config, shape) * tokens
    if config.hardware.gradient_checkpointing:
        kept = Part("kept activations", layers * shape.hidden * width * tokens, f"inputs of {layers} layers")
        recomputed = one_layer
    else:
        kept = Part("kept activations", layers * one_layer, f"all of {layers} layers")
        recomputed = 0.0
    under_way = (4 * shape.intermediate + 4 * shape.hidden) * width / 2 * tokens
    gathered = gathered_bytes(config, shape)
    on_the_way = Part(
        "way back through a layer",
        recomputed + under_way + gathered,
        f"{(recomputed + under_way) / 1e9:.1f} GB for {tokens:,} tokens, {gathered / 1e9:.1f} GB of gathered weights",
    )
    return [kept, max(loss_part(config, shape, tokens=tokens), on_the_way, key=lambda part: part.num_bytes)]


def layer_bytes_per_token(config: SftConfig, shape: Shape) -> float:
    """Return what autograd keeps of one layer for each token.

    In bf16: of each of two norms its input in 32 bits, and its result before and after the weights (16 a hidden
    number); queries and the attention's result, keys and values (4 each); the gate before and after its activation, the
    other branch and their product (8). Without sharding the weights of norms are in 32 bits, so that five matrices cast
    their input anew (6). Low-rank updates keep an input of their own for each matrix (2).
    """
    hidden, queries, keys = shape.hidden, shape.query_width, shape.key_width
    kept = 16 * hidden + 4 * queries + 4 * keys + 8 * shape.intermediate + 4 * shape.heads
    if config.training.method == "lora":
        kept += 2 * sum(rows for rows, _ in shape.layer_matrices)
    elif config.hardware.sharding == "none":
        kept += 6 * hidden
    return kept * number_bytes(config.training) / 2


def gathered_bytes(config: SftConfig, shape: Shape) -> float:
    """Return the split weights that are whole for the moment, with their gradients: two layers, and the outer ones."""
    if config.hardware.sharding == "none":
        return 0.0
    outer = shape.num_parameters - shape.layers * shape.layer_parameters
    return number_bytes(config.training) * (3 * shape.layer_parameters + 2 * outer)


def loss_part(config: SftConfig, shape: Shape, *, tokens: int) -> Part:
    """Return what the loss's gradient needs: hidden states and their gradient, and that of the output's matrix."""
    width = number_bytes(config.training)
    hidden = (2 * width + MASTER_BYTES) * shape.hidden * tokens
    is_trained = config.training.method == "full"
    matrix = (MASTER_BYTES + width) * shape.embedding_parameters if is_trained else 0.0
    outer = shape.num_parameters - shape.layers * shape.layer_parameters
    gathered = width * outer if config.hardware.sharding == "fsdp" else 0.0
    return Part("loss", hidden + matrix + gathered, "in tiles; the gradient of the output's matrix in 32 bits")


def host_parts(config: SftConfig, shape: Shape) -> list[Part]:
    """Return what the main machine needs in any case: processes, and the weights on their way in and out."""
    hardware, number = config.hardware, shape.num_parameters
    local = hardware.num_processes // hardware.num_machines
    parts = [Part("processes", PROCESS_BYTES * local, f"a guess: {PROCESS_BYTES / 1e9:g} GB for each of {local}")]
    if hardware.device == "cpu":
        return parts
    if hardware.sharding == "fsdp":
        parts.append(Part("checkpoint", 2 * MASTER_BYTES * number, "the whole optimizer, when it is written"))
    else:
        width = number_bytes(config.training) if config.training.method == "lora" else MASTER_BYTES
        parts.append(Part("loading", width * number * local, "the weights, by every process"))
    return parts


def number_bytes(training: TrainingConfig) -> int:
    """Return the bytes of a number that is calculated with."""
    return 2 if training.precision == "bf16" else 4


def scaled(part: Part, factor: float) -> Part:
    """Return a part that is there several times."""
    return Part(part.name, part.num_bytes * factor, part.how)
