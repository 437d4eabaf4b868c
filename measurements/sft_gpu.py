"""Measure a fine-tuning's speed and memory: a randomly initialised student at full length, in the trainer of `sft`.

    python -m measurements.sft_gpu [--shape Qwen/Qwen2.5-7B-Instruct] [--layers 12] [--tokens 16384] [--steps 24]
                                   [--method full] [--attention sdpa] [--device auto] [--quick] [--json]

The arguments, the data set and the loss are those of `limo_curation/sft/training.py`; only the weights are random, and
`--layers` lets a student of full width fit where it would not in full. Rows are random tokens, a step is one row.

- `tokens/s`: over the median step, the first three left out.
- `MFU`: a student's own operations (`plan.py`: forwards and backwards, nothing recomputed) over the rate of one large
  matrix product, measured here and now in the same precision. Against a data sheet the share would be smaller.
- `memory`: the allocator's peak, beside what `memory.py` counts without its guesses.

On the processor (`--device cpu`) a small shape is trained in 32 bits, to see that the script works.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import os
import platform
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from limo_curation.sft.config import HardwareConfig, SftConfig, TrainingConfig
from limo_curation.sft.examples import EXAMPLES, load_tokenizer
from limo_curation.sft.job import JobFolder
from limo_curation.sft.memory import memory_need
from limo_curation.sft.places import find_student
from limo_curation.sft.plan import epoch_flops
from limo_curation.sft.shapes import Shape, shape_of
from limo_curation.sft.training import as_dataset, low_rank_updates, trainer_arguments

TINY: Final = "limo_curation/demo/models/tiny-weak"
WARM_UP_STEPS: Final = 3
GUESSED_PARTS: Final = frozenset({"libraries", "fragmentation", "processes", "loading"})


@dataclass(frozen=True, slots=True)
class Speed:
    """What was reached."""

    tokens_per_s: float
    step_s: float
    model_tflops: float
    """A student's own operations a second, in 10^12."""
    product_tflops: float
    """Those of one large matrix product."""
    peak_gb: float | None
    """Of the allocator; None on the processor."""
    counted_gb: float
    """What the plan counts, without its guesses."""

    @property
    def mfu(self) -> float:
        """Share of the matrix product's rate."""
        return self.model_tflops / self.product_tflops


def main() -> None:
    """Print the figures, and with --json one JSON object on the last line."""
    arguments = parsed_arguments()
    torch: Any = importlib.import_module("torch")
    on_gpu = torch.cuda.is_available() if arguments.device == "auto" else arguments.device == "gpu"
    name = arguments.shape if on_gpu else TINY
    tokens, steps = (arguments.tokens, arguments.steps) if on_gpu else (min(arguments.tokens, 256), arguments.steps)
    shape = shape_of(name)
    if arguments.layers is not None:
        shape = shape.model_copy(update={"layers": arguments.layers})
    config = config_of(name, tokens, method=arguments.method, attention=arguments.attention, on_gpu=on_gpu)
    speed = measure(config, shape, num_steps=WARM_UP_STEPS + (4 if arguments.quick else steps))
    print(
        f"{name}, {shape.layers} layers, {shape.num_parameters / 1e9:.3g} billion parameters, {tokens:,} tokens a row"
    )
    print(line_of(speed))
    if arguments.json:
        machine = f"{platform.machine()}, {os.cpu_count()} cores"
        gpu = torch.cuda.get_device_name(0) if on_gpu else None
        ours = asdict(speed) | {"mfu": speed.mfu}
        print(json.dumps({"machine": machine, "gpu": gpu, "shape": shape.model_dump(), "tokens": tokens, "ours": ours}))


def parsed_arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", default="Qwen/Qwen2.5-7B-Instruct", help="a student whose shape is known")
    parser.add_argument("--layers", type=int, help="instead of the shape's own number")
    parser.add_argument("--tokens", type=int, default=16_384, help="of a row")
    parser.add_argument("--steps", type=int, default=24, help="beside the first three")
    parser.add_argument("--method", choices=["full", "lora"], default="full")
    parser.add_argument("--attention", choices=["sdpa", "flash_attention_2"], default="sdpa")
    parser.add_argument("--device", choices=["auto", "gpu", "cpu"], default="auto")
    parser.add_argument("--quick", action="store_true", help="four steps")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    return parser.parse_args()


def config_of(student: str, tokens: int, *, method: str, attention: str, on_gpu: bool) -> SftConfig:
    """Return a fine-tuning of one row a step, with nothing held out."""
    return SftConfig(
        profile="measured",
        student=student,
        training=TrainingConfig.model_validate(
            {
                "method": method,
                "precision": "bf16" if on_gpu else "fp32",
                "epochs": 1,
                "global_batch": 1,
                "max_tokens": tokens,
                "held_out_share": 0.0,
            }
        ),
        hardware=HardwareConfig.model_validate(
            {"device": "gpu" if on_gpu else "cpu", "attention": attention, "threads": 8 if on_gpu else 1}
        ),
    )


def measure(config: SftConfig, shape: Shape, *, num_steps: int) -> Speed:
    """Train for some steps and return how fast that went, and what it took."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(config.hardware.threads)
    tokens = config.training.max_tokens
    seconds = train(config, shape, num_steps=num_steps)
    step = statistics.median(seconds[WARM_UP_STEPS:])
    on_gpu = config.hardware.device == "gpu"
    peak = torch.cuda.max_memory_allocated() / 1e9 if on_gpu else None
    need = memory_need(config, shape, longest=tokens)
    counted = sum(part.num_bytes for part in (*need.gpu, *need.host) if part.name not in GUESSED_PARTS)
    return Speed(
        tokens_per_s=tokens / step,
        step_s=step,
        model_tflops=epoch_flops(config, shape, [tokens]) / step / 1e12,
        product_tflops=product_rate(on_gpu=on_gpu) / 1e12,
        peak_gb=peak,
        counted_gb=counted / 1e9,
    )


def train(config: SftConfig, shape: Shape, *, num_steps: int) -> list[float]:
    """Return the seconds that each step took."""
    transformers: Any = importlib.import_module("transformers")
    trainer_class: Any = importlib.import_module("trl.trainer.sft_trainer").SFTTrainer
    ends = [time.perf_counter()]

    class Clock(transformers.TrainerCallback):
        """Notes when a step has ended; the loss that is logged for each has been waited for by then."""

        def on_log(self, *_: object, **__: object) -> None:
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as scratch:
        arguments = trainer_arguments(JobFolder(Path(scratch)), config, num_rows=num_steps, is_fresh=True)
        arguments.save_strategy = importlib.import_module("transformers.trainer_utils").SaveStrategy.NO
        trainer = trainer_class(
            model=random_student(config, shape),
            args=arguments,
            train_dataset=as_dataset(random_rows(shape, config.training.max_tokens, num_steps)),
            processing_class=load_tokenizer(find_student(TINY).folder),
            peft_config=low_rank_updates(config) if config.training.method == "lora" else None,
            callbacks=[Clock()],
        )
        trainer.train()
    return [end - begin for begin, end in itertools.pairwise(ends)][:num_steps]


def random_student(config: SftConfig, shape: Shape) -> Any:
    """Return an untrained student of a shape, where it is trained."""
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    settings = transformers.Qwen2Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        head_dim=shape.head_size,
        max_position_embeddings=config.training.max_tokens,
        tie_word_embeddings=shape.is_tied,
        attn_implementation=config.hardware.attention,
    )
    is_narrow = config.training.method == "lora" and config.training.precision == "bf16"
    torch.manual_seed(0)
    with torch.device("cuda" if config.hardware.device == "gpu" else "cpu"):
        return transformers.AutoModelForCausalLM.from_config(
            settings, dtype=torch.bfloat16 if is_narrow else torch.float32
        )


def random_rows(shape: Shape, tokens: int, number: int) -> pl.DataFrame:
    """Return EXAMPLES of one length, a hundredth of it prompt."""
    ids = np.random.default_rng(0).integers(0, shape.vocabulary, size=(number, tokens), dtype=np.int32)
    return pl.DataFrame(
        {
            "row": range(number),
            "input_ids": ids.tolist(),
            "num_prompt_tokens": [max(1, tokens // 100)] * number,
            "is_held_out": [False] * number,
        },
        schema=EXAMPLES,
    )


def product_rate(*, on_gpu: bool) -> float:
    """Return the operations a second of one large matrix product: in bf16 on a GPU, in 32 bits on the processor."""
    torch: Any = importlib.import_module("torch")
    side, device, dtype = (8_192, "cuda", torch.bfloat16) if on_gpu else (1_024, "cpu", torch.float32)
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    seconds: list[float] = []
    for _ in range(20):
        begin = time.perf_counter()
        torch.mm(left, right)
        if on_gpu:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
    return 2 * side**3 / statistics.median(seconds)


def line_of(speed: Speed) -> str:
    """Return what is printed of it."""
    memory = "" if speed.peak_gb is None else f", peak {speed.peak_gb:.1f} GB, counted {speed.counted_gb:.1f}"
    return (
        f"{speed.tokens_per_s:,.0f} tokens/s, {speed.step_s:.3g} s a step, {speed.model_tflops:.3g} TFLOPS of "
        f"{speed.product_tflops:.3g} in a matrix product: MFU {speed.mfu:.0%}{memory}"
    )


if __name__ == "__main__":
    main()
