"""Real trainings of a tiny student: the same losses again, also after a kill, and a student that engines load."""

from __future__ import annotations

import importlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytest.importorskip("trl", reason="TRL is not installed (extra `sft`)")

from limo_curation.errors import TransientError
from limo_curation.sft.config import HardwareConfig, SftConfig
from limo_curation.sft.fine_tuning import FineTuned, fine_tune
from limo_curation.sft.job import JobFolder
from tests.processes import command_of
from tests.published_set import tiny_config

pytestmark = [pytest.mark.models, pytest.mark.slow]

NUM_STEPS = 12  # 17 samples in three steps an epoch, four epochs
PATIENCE_SECONDS = 300.0  # PyTorch alone takes a minute to import on a busy machine
STEPS_BETWEEN_CHECKPOINTS = 2  # so that most of them are in the midst of an epoch


def trainer_processes(folder: Path) -> list[int]:
    """Return the processes that train in a folder: not the guard and not the launcher."""
    numbers = [int(found.name) for found in Path("/proc").glob("[0-9]*")]
    return [
        number
        for number in numbers
        if (command := command_of(number)).rstrip().endswith(f"-m limo_curation.sft.training {folder} 0")
        and "accelerate" not in command
        and "process_guard" not in command
    ]


def kill_when(holds: Callable[[], bool], folder: Path) -> threading.Thread:
    """Kill the training process, as `kill -9` does, once something holds."""

    def kill() -> None:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not (holds() and trainer_processes(folder)) and time.monotonic() < give_up_at:
            time.sleep(0.005)
        for process in trainer_processes(folder):
            os.kill(process, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    return thread


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> SftConfig:
    return tiny_config(tmp_path_factory.mktemp("sft"), checkpoint_steps=STEPS_BETWEEN_CHECKPOINTS)


@pytest.fixture(scope="module")
def whole(config: SftConfig) -> FineTuned:
    """A training that nothing disturbed."""
    return fine_tune(config)


def test_checkpoint_is_chosen_by_its_loss_on_held_out_samples(whole: FineTuned) -> None:
    entries = JobFolder(whole.folder).read_metrics()
    losses = {entry["step"]: entry["eval_loss"] for entry in entries if "eval_loss" in entry}
    assert list(losses) == list(range(0, NUM_STEPS + 1, STEPS_BETWEEN_CHECKPOINTS))
    assert whole.result.held_out_loss == min(loss for step, loss in losses.items() if step)
    assert losses[whole.result.chosen_step] == whole.result.held_out_loss
    assert whole.result.held_out_loss_before == losses[0]
    assert [entry["step"] for entry in entries if "loss" in entry] == list(range(1, NUM_STEPS + 1))
    rows = pl.read_parquet(whole.folder / "examples.parquet")
    assert rows["is_held_out"].sum() == 3


def test_finished_training_is_found_and_touches_nothing(config: SftConfig, whole: FineTuned) -> None:
    before = {file: file.stat().st_mtime_ns for file in whole.folder.rglob("*") if file.is_file()}
    again = fine_tune(config)
    assert (again.is_new, again.model, again.result) == (False, whole.model, whole.result)
    after = {file: file.stat().st_mtime_ns for file in whole.folder.rglob("*") if file.is_file()}
    assert after == before


def test_student_loads_and_learned_what_it_was_taught(whole: FineTuned) -> None:
    transformers: Any = importlib.import_module("transformers")
    model, told = transformers.AutoModelForCausalLM.from_pretrained(whole.model, output_loading_info=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(whole.model)
    torch: Any = importlib.import_module("torch")
    assert not any(told.values())
    assert model.config.use_cache
    assert tokenizer.chat_template
    row = pl.read_parquet(whole.folder / "examples.parquet").filter(~pl.col("is_held_out")).row(0, named=True)
    labels = torch.tensor([[-100] * row["num_prompt_tokens"] + row["input_ids"][row["num_prompt_tokens"] :]])
    tokens = torch.tensor([row["input_ids"]])
    base = transformers.AutoModelForCausalLM.from_pretrained(whole.job.student_folder)
    with torch.inference_mode():
        assert model(tokens, labels=labels).loss < base(tokens, labels=labels).loss


def test_card_names_the_set_and_says_how_the_checkpoint_was_chosen(whole: FineTuned) -> None:
    card = (whole.model / "README.md").read_text(encoding="utf-8")
    assert f"a small set, content digest `{whole.job.dataset_digest}`; 20 rows, of which 0 could not" in card
    assert "No benchmark had a part in the choice" in card
    assert card.count("(chosen)") == 1
    assert str(whole.folder.parent) not in card
    plan = (whole.folder / "plan.txt").read_text(encoding="utf-8")
    assert plan.startswith("tiny-cpu: ")
    assert plan.endswith("fits\n")


def test_killed_training_goes_on_and_ends_in_the_same_losses_and_weights(
    config: SftConfig, whole: FineTuned, tmp_path: Path
) -> None:
    elsewhere = config.model_copy(update={"output": str(tmp_path)})
    folder = JobFolder(tmp_path / whole.folder.name)
    second = folder.checkpoints / f"checkpoint-{2 * STEPS_BETWEEN_CHECKPOINTS}"
    killer = kill_when(lambda: (second / "trainer_state.json").is_file(), folder.folder)
    with pytest.raises(TransientError, match="training ended with exit status"):
        fine_tune(elsewhere)
    killer.join()
    reached = folder.read_metrics()[-1]["step"]
    assert 2 * STEPS_BETWEEN_CHECKPOINTS <= reached < NUM_STEPS
    assert trainer_processes(folder.folder) == []
    cut_off = folder.checkpoints / "checkpoint-11"  # as a kill leaves it that comes while it is written
    cut_off.mkdir()
    (cut_off / "model.safetensors").write_bytes(b"half")

    done = fine_tune(elsewhere)

    assert done.is_new
    assert folder.read_metrics() == JobFolder(whole.folder).read_metrics()
    assert done.result == whole.result
    weights = "model.safetensors"
    assert (done.model / weights).read_bytes() == (whole.model / weights).read_bytes()


def test_low_rank_updates_are_merged_and_nothing_held_out_takes_the_last_step(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, method="lora", lora_rank=4, held_out_share=0.0, epochs=1)
    changed = {"num_processes": 2, "micro_batch": 4, "gradient_checkpointing": True}
    two = HardwareConfig.model_validate(config.hardware.model_dump() | changed)
    done = fine_tune(config.model_copy(update={"hardware": two}))
    assert (done.result.held_out_loss, done.result.chosen_step) == (None, 3)
    load: Any = importlib.import_module("safetensors.torch").load_file
    before = load(Path(done.job.student_folder) / "model.safetensors")
    after = load(done.model / "model.safetensors")
    assert set(after) == set(before), "no trace of the updates is left"
    changed = {name for name in after if not (after[name] == before[name].to(after[name].dtype)).all()}
    assert changed == {name for name in after if name.endswith("_proj.weight")}
