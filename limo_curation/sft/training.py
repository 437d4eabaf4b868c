"""The training itself: one process for each GPU, started by accelerate's launcher (`launcher.py`).

    accelerate launch --num_processes 8 ... -m limo_curation.sft.training RUN_FOLDER MACHINE_RANK

TRL's trainer does the work. It takes the loss in tiles of tokens and vocabulary, so that the logits of 16,384 tokens
(10 GB at Qwen2.5's vocabulary in 32 bits) never stand in memory. Which rows it sees, when it looks at the held-out ones
and where it goes on after a kill is decided here.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any, Final, cast

import polars as pl

from limo_curation.sft.config import SftConfig
from limo_curation.sft.examples import load_tokenizer
from limo_curation.sft.job import Job, JobFolder, Result, write_whole
from limo_curation.sft.model_card import render_model_card, training_versions

IGNORED: Final = -100  # PyTorch's mark of a label without loss
KEPT_CHECKPOINTS: Final = 2  # and the best: the last may be cut off by a kill
MEASURED: Final = (
    "step",
    "epoch",
    "loss",
    "grad_norm",
    "learning_rate",
    "mean_token_accuracy",
    "eval_loss",
    "eval_mean_token_accuracy",
)
"""Of what the trainer logs; the others depend on the clock, or begin anew after a kill."""


def train(folder: JobFolder) -> None:
    """Train, or go on after the last whole checkpoint, and write the chosen weights and the result."""
    import torch

    job = folder.read_job()
    config = job.config
    torch.set_num_threads(config.hardware.threads)
    tokenizer = load_tokenizer(Path(job.student_folder))
    rows = pl.read_parquet(folder.examples)
    checkpoint = last_whole_checkpoint(folder.checkpoints)
    trainer = make_trainer(folder, job, tokenizer, rows, is_fresh=checkpoint is None)
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    save_student(trainer, tokenizer, folder.model, config)
    if trainer.is_world_process_zero():
        result = result_of(job, trainer.state, rows)
        card = render_model_card(job, result, folder.read_metrics())
        write_whole(folder.model / "README.md", card)
        folder.write_result(result)
    trainer.accelerator.wait_for_everyone()  # other machines look for the result when their processes have ended


def make_trainer(folder: JobFolder, job: Job, tokenizer: Any, rows: pl.DataFrame, *, is_fresh: bool) -> Any:
    """Return TRL's trainer for a job; one that is fresh looks at the held-out samples before its first step."""
    from transformers import TrainerCallback
    from trl.trainer.sft_trainer import SFTTrainer

    class MetricsFile(TrainerCallback):
        """Writes all that was measured, also before a kill, each time something was."""

        def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            """Write the file."""
            del args, control
            if state.is_world_process_zero:
                write_whole(folder.metrics, metrics_text(state.log_history))

    training = job.config.training
    trainer: Any = SFTTrainer(
        model=job.student_folder,
        args=trainer_arguments(folder, job.config, num_rows=int((~rows["is_held_out"]).sum()), is_fresh=is_fresh),
        train_dataset=as_dataset(rows.filter(~pl.col("is_held_out"))),
        eval_dataset=as_dataset(rows.filter("is_held_out")) if training.held_out_share else None,
        processing_class=tokenizer,
        peft_config=low_rank_updates(job.config) if training.method == "lora" else None,
        callbacks=[MetricsFile()],
    )
    return trainer


def trainer_arguments(folder: JobFolder, config: SftConfig, *, num_rows: int, is_fresh: bool) -> Any:
    """Return a config as TRL's own."""
    from trl.trainer.sft_config import SFTConfig

    training, hardware = config.training, config.hardware
    at_once = hardware.micro_batch * hardware.num_processes
    when = "epoch" if training.checkpoint_steps is None else "steps"
    holds_out = training.held_out_share > 0
    trained_dtype = "bfloat16" if training.precision == "bf16" and training.method == "lora" else "float32"
    return SFTConfig(
        output_dir=str(folder.checkpoints),
        # rows are made by `examples.py`; nothing is cut off, packed or dropped here
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        model_init_kwargs={"dtype": trained_dtype, "attn_implementation": hardware.attention},
        per_device_train_batch_size=hardware.micro_batch,
        per_device_eval_batch_size=hardware.micro_batch,
        gradient_accumulation_steps=training.global_batch // at_once,
        num_train_epochs=training.epochs,
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.schedule,
        warmup_steps=math.ceil(training.warm_up_share * training.num_steps(num_rows)),
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        optim="adamw_torch" if hardware.device == "cpu" else "adamw_torch_fused",
        seed=training.seed,
        bf16=training.precision == "bf16",
        use_cpu=hardware.device == "cpu",
        # a split model is checkpointed by the one who splits it; see `launcher.py`
        gradient_checkpointing=hardware.gradient_checkpointing and hardware.sharding == "none",
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy=when,
        eval_strategy=when if holds_out else "no",
        save_steps=training.checkpoint_steps or 1,
        eval_steps=training.checkpoint_steps if holds_out else None,
        eval_on_start=holds_out and is_fresh,
        save_total_limit=KEPT_CHECKPOINTS,
        load_best_model_at_end=holds_out,
        metric_for_best_model="eval_loss",
        greater_is_better=False,
        report_to=list(config.report_to) or "none",
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=hardware.device == "gpu",
        disable_tqdm=True,
    )


def low_rank_updates(config: SftConfig) -> Any:
    """Return the low-rank updates as PEFT's config."""
    from peft import LoraConfig

    rank = config.training.lora_rank
    return LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")


def as_dataset(rows: pl.DataFrame) -> Any:
    """Return EXAMPLES as the trainer's data set: no loss on the prompt."""
    import datasets

    labelled = rows.select(
        "input_ids",
        labels=pl.concat_list(
            pl.lit(IGNORED, pl.Int32).repeat_by("num_prompt_tokens"),
            pl.col("input_ids").list.slice(pl.col("num_prompt_tokens")),
        ),
    )
    return cast("Any", datasets).Dataset.from_dict({name: labelled[name].to_list() for name in labelled.columns})


def metrics_text(history: list[dict[str, Any]]) -> str:
    """Return the trainer's history as lines of JSON, without what differs between two runs of the same job."""
    measured = [{name: entry[name] for name in MEASURED if name in entry} for entry in history]
    return "".join(json.dumps(entry) + "\n" for entry in measured if {"loss", "eval_loss"} & entry.keys())


def last_whole_checkpoint(folder: Path) -> Path | None:
    """Return the newest checkpoint that was written to its end; younger ones, cut off by a kill, are deleted."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]), reverse=True)
    for checkpoint in found:
        try:
            json.loads((checkpoint / "trainer_state.json").read_bytes())  # the trainer writes it last
        except (OSError, ValueError):
            shutil.rmtree(checkpoint, ignore_errors=True)
            continue
        return checkpoint
    return None


def save_student(trainer: Any, tokenizer: Any, folder: Path, config: SftConfig) -> None:
    """Write the trained weights, in the precision of the arithmetic, and the tokenizer, as engines load them."""
    import torch

    model: Any = trainer.accelerator.unwrap_model(trainer.model)
    if config.training.method == "lora":
        model = model.merge_and_unload()
        state = model.state_dict()
    else:
        state = trainer.accelerator.get_state_dict(trainer.model)  # of a split model: gathered on the first process
    if trainer.is_world_process_zero():
        dtype = torch.bfloat16 if config.training.precision == "bf16" else torch.float32
        model.config.dtype, model.config.use_cache = dtype, True  # the trainer switches the cache off
        # an output that is the embedding once more: gathering and casting make two of them
        aliases: Any = model.all_tied_weights_keys if model.config.tie_word_embeddings else {}
        kept = {name: weight.to(dtype) for name, weight in state.items() if name not in aliases}
        model.save_pretrained(folder, state_dict=kept)
        tokenizer.save_pretrained(folder)


def result_of(job: Job, state: Any, rows: pl.DataFrame) -> Result:
    """Return what came of a training that has ended."""
    steps = [entry for entry in state.log_history if "loss" in entry]
    looks = {entry["step"]: entry["eval_loss"] for entry in state.log_history if "eval_loss" in entry}
    last_epoch = [entry["loss"] for entry in steps if entry["epoch"] > job.config.training.epochs - 1]
    chosen = state.best_global_step or state.global_step
    trained = rows.filter(~pl.col("is_held_out"))
    return Result(
        key=job.key,
        num_steps=state.global_step,
        num_tokens=int(trained["input_ids"].list.len().sum()),
        train_loss=sum(last_epoch) / len(last_epoch),
        held_out_loss=looks.get(chosen),
        held_out_loss_before=looks.get(0),
        chosen_step=chosen,
        versions=training_versions(),
    )


if __name__ == "__main__":
    train(JobFolder(Path(sys.argv[1]), rank=int(sys.argv[2])))
