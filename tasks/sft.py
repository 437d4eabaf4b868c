"""Fine-tuning as a task: the student's folder, and in the Prefect UI the plan, the losses and the progress."""

from __future__ import annotations

from pathlib import Path

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from limo_curation.progress import shown_in_terminal_or_log
from limo_curation.sft.config import SftConfig
from limo_curation.sft.fine_tuning import FineTuned, fine_tune
from limo_curation.sft.job import JobFolder
from tasks.progress import ProgressArtifact
from tasks.reuse import UNCACHED_TASK


# not cached: a run's folder says itself whether it is finished, and where to go on
@task(name="sft", **UNCACHED_TASK)
def sft(config: SftConfig) -> Path:
    """Fine-tune the student, go on where it was killed, or find it done; return the folder of its weights."""
    with shown_in_terminal_or_log(ProgressArtifact()):
        done = fine_tune(config)
    get_run_logger().info(told(done))
    show(done)
    return done.model


def told(done: FineTuned) -> str:
    """Say in one line what came of it."""
    result = done.result
    state = "trained" if done.is_new else "found"
    held_out = "" if result.held_out_loss is None else f", on held-out samples {result.held_out_loss:.4f}"
    return (
        f"sft: {state}, {done.job.num_samples - done.job.num_dropped} of {done.job.num_samples} samples, step "
        f"{result.chosen_step} of {result.num_steps}, loss {result.train_loss:.4f}{held_out}; {done.model}"
    )


def show(done: FineTuned) -> None:
    """Publish the plan and the losses on held-out samples as artifacts."""
    folder = JobFolder(done.folder)
    looks = [entry for entry in folder.read_metrics() if "eval_loss" in entry]
    plan = folder.plan.read_text(encoding="utf-8")
    create_markdown_artifact(f"Student: `{done.model}`\n\n```\n{plan}```\n", key="sft", description=told(done))
    create_table_artifact(looks, key="sft-held-out-loss", description="Loss on the held-out samples, by step")
