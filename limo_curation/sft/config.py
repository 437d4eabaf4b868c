"""The run file of a fine-tuning (`deployments/sft/NAME.toml`; `presets.py` reads it).

    student = "Qwen/Qwen2.5-32B-Instruct"
    [training]                                      # what is learned: part of the run's key
    learning_rate = 5e-6
    [hardware]                                      # where: changes no result but by rounding
    num_processes = 8

"LIMO" is arXiv 2502.03387 or the training config of its authors' repository, "ours" is a choice of this project.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from limo_curation.config import prompt_text
from limo_curation.source_config import Count, Fraction, ProfileName, Section

Tracker = Literal["clearml", "comet_ml", "mlflow", "neptune", "swanlab", "tensorboard", "trackio", "wandb"]


class TrainingConfig(Section):
    """What is learned, and from what."""

    method: Literal["full", "lora"] = "full"
    """full: every weight (LIMO). lora: low-rank updates of the layers' matrices, merged at the end."""
    lora_rank: Count = 32
    """Of the updates; their scale is twice that (ours)."""
    precision: Literal["bf16", "fp32"] = "bf16"
    """Of the arithmetic (LIMO: bf16). Weights that are trained are kept in 32 bits: an update of 5e-6 is less than a
    weight of .02 can hold in bf16."""
    learning_rate: Annotated[float, Field(gt=0)] = 5e-6
    """The highest one (LIMO)."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warm_up_share: Fraction = 0.0
    """Share of the steps in which the rate rises (LIMO: none)."""
    epochs: Count = 15
    """LIMO."""
    global_batch: Count = 32
    """Samples to a step, over all processes (LIMO v1: 32, v2: 64)."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    """Both are the defaults of the framework that LIMO used, whose config sets neither."""
    max_tokens: Count = 16_384
    """Of a whole row, template included (LIMO's cut-off). No row is truncated."""
    when_unfit: Literal["fail", "drop"] = "fail"
    """What happens to rows that are too long or hold the template's own marks: fail names them, drop lists them in
    `dropped.parquet`."""
    held_out_share: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of the samples that is not trained on; by their loss the checkpoint is chosen (ours: LIMO's authors chose
    on the benchmarks). 0: the last checkpoint is taken."""
    checkpoint_steps: Count | None = None
    """Steps between checkpoints, each with a look at the held-out samples; None: one an epoch."""
    seed: Annotated[int, Field(ge=0)] = 0

    def num_steps(self, num_rows: int) -> int:
        """Return the optimizer's steps for so many rows; the last one of an epoch may have fewer of them."""
        return self.epochs * math.ceil(num_rows / self.global_batch)


class HardwareConfig(Section):
    """Where it is trained, and in what portions; none of it changes a result but by rounding."""

    device: Literal["gpu", "cpu"] = "gpu"
    num_processes: Count = 1
    """One for each GPU, of all machines together. Where the samples can't be shared evenly, the last step of an epoch
    sees some of them twice."""
    num_machines: Count = 1
    """Each runs the flow with its own `machine_rank`, on the same `output`."""
    machine_rank: Annotated[int, Field(ge=0)] = 0
    main_address: str = "127.0.0.1"
    """The machine of rank 0, as the others reach it."""
    main_port: Annotated[int, Field(ge=1, le=65_535)] = 29_500
    sharding: Literal["none", "fsdp"] = "none"
    """none: each GPU holds everything. fsdp: weights, gradients and optimizer are split over all (PyTorch's FSDP2; what
    DeepSpeed calls ZeRO-3)."""
    offload: bool = False
    """Keep the split state in the host's memory; needs `sharding = "fsdp"`."""
    micro_batch: Count = 1
    """Samples that a GPU works on at a time."""
    gradient_checkpointing: bool = True
    """Keep only each layer's input and compute the rest again on the way back."""
    attention: Literal["sdpa", "flash_attention_2"] = "sdpa"
    """sdpa: PyTorch's own, which needs no further package and is as fast on a GPU that it knows."""
    threads: Count = 8
    """Of the processor, for each process; 1 gives the same sums on any machine."""

    @model_validator(mode="after")
    def _can_be_set_up(self) -> Self:
        if self.offload and self.sharding != "fsdp":
            raise ValueError('offload needs sharding = "fsdp": only what is split can be moved')
        if self.num_processes % self.num_machines:
            raise ValueError(f"num_processes is {self.num_processes}, which {self.num_machines} machines can't share")
        if self.machine_rank >= self.num_machines:
            raise ValueError("machine_rank counts from 0 and is below num_machines")
        return self


class SftConfig(Section):
    """One fine-tuning."""

    profile: ProfileName
    dataset: str | None = None
    """Folder of a published set, or its repository on the Hub as `owner/name@revision`. A preset may leave it open."""
    student: str
    """Hub id (pinned as `owner/name@revision`) or local folder."""
    prompt: str | None = None
    """Name of a text in `limo_curation/generation/prompts/`: the system prompt, to be used again when the student is
    asked (LIMO: `step_by_step`, for both). None: the template's own, if it has one."""
    training: TrainingConfig = TrainingConfig()
    hardware: HardwareConfig = HardwareConfig()
    report_to: tuple[Tracker, ...] = ()
    """Trackers beside the run's own `metrics.jsonl`; each is a package that has to be installed."""
    output: str = "runs"
    """Folder in which the run gets its own."""

    @field_validator("prompt")
    @classmethod
    def _prompt_is_there(cls, value: str | None) -> str | None:
        if value is not None:
            prompt_text(value)
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        at_once = self.hardware.micro_batch * self.hardware.num_processes
        if self.training.global_batch % at_once:
            raise ValueError(
                f"training.global_batch is {self.training.global_batch}, no multiple of the {at_once} samples that "
                "hardware.micro_batch * hardware.num_processes works on at a time"
            )
        if self.training.method == "lora" and self.hardware.sharding != "none":
            raise ValueError('training.method = "lora" needs hardware.sharding = "none": the updates are small')
        if self.hardware.device == "cpu" and self.training.precision != "fp32":
            raise ValueError('hardware.device = "cpu" needs training.precision = "fp32"')
        return self

    @property
    def system_prompt(self) -> str | None:
        """The system prompt's text."""
        return None if self.prompt is None else prompt_text(self.prompt)

    def key_fields(self) -> dict[str, Any]:
        """Return what changes the weights, beside the samples and the student's files."""
        return {"system_prompt": self.system_prompt, "training": self.training.model_dump(mode="json")}
