"""The plan of a fine-tuning on given hardware: does it fit, what would, and how long it takes.

    limo-curation memory limo-32b --gpus 8 --gpu-gb 80

Bytes are counted (`memory.py`). Time is arithmetic over an assumed share of the GPUs' peak, which is a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from pydantic import ValidationError

from limo_curation.errors import ConfigError
from limo_curation.forecast.gpus import Gpu, gpu_named
from limo_curation.presets import readable
from limo_curation.sft.config import SftConfig
from limo_curation.sft.examples import load_tokenizer, make_examples
from limo_curation.sft.memory import MemoryNeed, Part, memory_need
from limo_curation.sft.places import TOKENIZER_FILES, find_student, read_samples
from limo_curation.sft.presets import all_presets
from limo_curation.sft.shapes import Shape, shape_of

ASSUMED_MFU: Final = 0.4
"""Share of the peak at which a model's own operations are done, recomputation not counted (a guess of ours)."""
ASSUMED_MFU_OFFLOADED: Final = 0.25
"""The same where the state lies in the host's memory (a guess of ours)."""
LIMO_ROWS: Final = 817
LIMO_TOKENS: Final = 7_000
"""LIMO v1's released set: its samples, and the mean length of its chains."""
PERCENTILES: Final = (50, 90, 99, 100)


@dataclass(frozen=True, slots=True)
class Hardware:
    """What there is."""

    gpu: Gpu | None
    """Each of the GPUs, with the memory that is really there; None: the processor."""
    host_bytes: float | None
    """Of the main machine; None: not known."""


@dataclass(frozen=True, slots=True)
class SftPlan:
    """What a fine-tuning needs, and what there is."""

    config: SftConfig
    shape: Shape
    hardware: Hardware
    lengths: tuple[int, ...]
    """Tokens of each row."""
    need: MemoryNeed

    @property
    def lacks(self) -> str:
        """What does not fit, with both numbers; empty where all does."""
        gpu = self.hardware.gpu
        if gpu is not None and self.need.gpu_bytes > gpu.memory_bytes:
            return f"a GPU needs {self.need.gpu_bytes / 1e9:,.0f} GB, has {gpu.memory_bytes / 1e9:,.0f}"
        there = self.hardware.host_bytes
        if there is not None and self.need.host_bytes > there:
            return f"the host needs {self.need.host_bytes / 1e9:,.0f} GB, has {there / 1e9:,.0f}"
        return ""

    @property
    def hours(self) -> float | None:
        """Of the whole training; None on the processor, or where the GPU's peak is not known."""
        if self.hardware.gpu is None or not self.hardware.gpu.dense_bf16_tflops:
            return None
        flops = self.config.training.epochs * epoch_flops(self.config, self.shape, self.lengths)
        rate = self.config.hardware.num_processes * self.hardware.gpu.flops_per_second * self.assumed_mfu
        return flops / rate / 3_600

    @property
    def assumed_mfu(self) -> float:
        """The share of the peak that the time stands on."""
        return ASSUMED_MFU_OFFLOADED if self.config.hardware.offload else ASSUMED_MFU


def make_plan(
    config: SftConfig, hardware: Hardware, *, lengths: Sequence[int] | None = None, shape: Shape | None = None
) -> SftPlan:
    """Return the plan of a fine-tuning.

    Args:
        config: what is planned.
        hardware: what there is.
        lengths: tokens of each row; None: as in LIMO v1's set, and the longest at the cut-off.
        shape: the student's; None: by its name, or its folder's.

    Raises:
        ConfigError: the student's shape can't be told.
    """
    rows = lengths or [LIMO_TOKENS] * (LIMO_ROWS - 1) + [config.training.max_tokens]
    shape = shape or shape_of(config.student)
    return SftPlan(config, shape, hardware, tuple(rows), memory_need(config, shape, longest=max(rows)))


def plan_for(
    config: SftConfig, *, gpu: str, num_gpus: int | None, gpu_gb: float | None, host_gb: float | None
) -> SftPlan:
    """Return the plan for hardware that is named instead of at hand; rows are measured where a data set is named.

    Args:
        config: what is planned.
        gpu: kind of the GPUs.
        num_gpus: of all machines together; None: as many as the config has processes.
        gpu_gb: memory of each in GB; None: the kind's.
        host_gb: memory of the main machine in GB; None: not looked at.

    Raises:
        ConfigError: an unknown GPU or student, or samples of a step that can't be shared among so many GPUs.
        TableError, TransientError: the data set can't be read.
    """
    kind = gpu_named(gpu) if gpu_gb is None else replace(gpu_named(gpu), memory_gb=gpu_gb)
    on_gpus = config.hardware.device == "gpu"
    if on_gpus and num_gpus is not None:
        config = with_processes(config, num_gpus)
    hardware = Hardware(kind if on_gpus else None, None if host_gb is None else host_gb * 1e9)
    return make_plan(config, hardware, lengths=None if config.dataset is None else row_lengths(config))


def row_lengths(config: SftConfig) -> list[int]:
    """Return the tokens of each row of a config's data set that would be trained on.

    Raises:
        ConfigError, TableError, TransientError: as in `fine_tune`.
    """
    tokenizer = load_tokenizer(find_student(config.student, patterns=TOKENIZER_FILES).folder)
    samples = read_samples(config.dataset or "")
    examples = make_examples(samples.rows, tokenizer, system_prompt=config.system_prompt, config=config.training)
    return examples.rows["input_ids"].list.len().to_list()


def check_fits(plan: SftPlan) -> None:
    """Do nothing where it fits.

    Raises:
        ConfigError: it does not; the message has the number that doesn't fit and the presets that would.
    """
    if not plan.lacks:
        return
    others = presets_that_fit(plan)
    advice = f"the preset that would: {', '.join(others)}" if others else "no preset of this student would"
    raise ConfigError(f"{plan.config.profile} does not fit: {plan.lacks}; {advice}")


def presets_that_fit(plan: SftPlan) -> list[str]:
    """Return the presets of the same student that fit this hardware, with as many processes."""
    asked, hardware = plan.config, plan.config.hardware
    found: list[str] = []
    for preset in all_presets():
        is_other = preset.profile != asked.profile and preset.student == asked.student.partition("@")[0]
        if not is_other or preset.training.global_batch % (hardware.num_processes * preset.hardware.micro_batch):
            continue
        other = with_processes(preset, hardware.num_processes, hardware.num_machines)
        if not make_plan(other, plan.hardware, lengths=plan.lengths, shape=plan.shape).lacks:
            found.append(preset.profile)
    return found


def with_processes(config: SftConfig, num_processes: int, num_machines: int = 1) -> SftConfig:
    """Return a config for other hardware.

    Raises:
        ConfigError: the samples of a step can't be shared among so many.
    """
    values = config.model_dump()
    values["hardware"] |= {"num_processes": num_processes, "num_machines": num_machines}
    try:
        return SftConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(f"{config.profile} on {num_processes} GPUs: {readable(error)}") from None


def epoch_flops(config: SftConfig, shape: Shape, lengths: Sequence[int]) -> float:
    """Return a model's own floating-point operations for all rows once: forwards and backwards, nothing recomputed.

    Forwards are 2 for each parameter that multiplies and token, and 2 for each query number, layer and pair of tokens
    (queries by keys, and weights by values; half of the pairs is in the future). Backwards are twice that (PaLM, arXiv
    2204.02311, appendix B), or as much for weights that are not trained.
    """
    tokens = np.asarray(lengths, dtype=np.float64)
    multiplying = shape.layers * shape.layer_parameters + shape.embedding_parameters
    matrices = 2 * multiplying * tokens.sum()
    attention = 2 * shape.layers * shape.query_width * np.square(tokens).sum()
    backwards = 1 if config.training.method == "lora" else 2
    return float(matrices * (1 + backwards) + attention * 3)


# -- as text -----------------------------------------------------------------------------------------------------------


def plan_text(plan: SftPlan) -> str:
    """Return a plan as lines."""
    config, need, gpu = plan.config, plan.need, plan.hardware.gpu
    method = "full" if config.training.method == "full" else "low-rank"
    percentiles = ", ".join(f"{value:,.0f}" for value in np.percentile(plan.lengths, PERCENTILES))
    billions = f"{plan.shape.num_parameters / 1e9:,.3g}"
    lines = [
        f"{config.profile}: {config.student}, {billions} billion parameters, {method} fine-tuning",
        f"rows: {len(plan.lengths):,}; tokens at percentiles {', '.join(map(str, PERCENTILES))}: {percentiles}",
    ]
    if gpu is not None:
        number = config.hardware.num_processes
        lines += table(f"on each of {number} GPU{'s' if number > 1 else ''}", need.gpu, gpu.memory_bytes)
    lines += table("on the main machine", need.host, plan.hardware.host_bytes)
    if plan.hours is not None:
        lines.append(
            f"time: {plan.hours:,.1f} h for {config.training.epochs} epochs, if {plan.assumed_mfu:.0%} of the peak is "
            "reached (a guess)"
        )
    return "\n".join([*lines, f"does not fit: {plan.lacks}" if plan.lacks else "fits"])


def table(title: str, parts: Sequence[Part], there: float | None) -> list[str]:
    """Return parts as lines, with their sum and what there is."""
    total = sum(part.num_bytes for part in parts)
    has = "" if there is None else f"of {there / 1e9:,.1f}"
    rows = [(part.name, part.num_bytes, part.how) for part in parts]
    return [
        f"\n{title:<34}{'GB':>8}",
        *(f"  {name:<32}{num_bytes / 1e9:>8.1f}  {how}" for name, num_bytes, how in [*rows, ("sum", total, has)]),
    ]
