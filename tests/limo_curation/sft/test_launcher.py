"""How the training processes are started, and what their end means."""

from __future__ import annotations

from pathlib import Path

import pytest

from limo_curation.errors import ConfigError
from limo_curation.sft.config import SftConfig
from limo_curation.sft.fine_tuning import fine_tune, only_one
from limo_curation.sft.job import JobFolder
from limo_curation.sft.launcher import check_installed, environment_of, launch_command, run_training
from limo_curation.sft.plan import with_processes
from limo_curation.sft.presets import load_sft_config
from tests.published_set import draw_samples, publish


def command_of(config: SftConfig) -> str:
    return " ".join(launch_command(Path("/runs/one"), config)[1:])


def test_one_process_on_the_processor_is_started_as_such() -> None:
    command = command_of(load_sft_config("tiny-cpu"))
    assert command.startswith("-m accelerate.commands.launch --num_processes 1 --num_machines 1 --mixed_precision no ")
    assert command.endswith(" --cpu -m limo_curation.sft.training /runs/one 0")


def test_split_model_is_split_by_layers_and_may_lie_in_the_hosts_memory() -> None:
    whole, offloaded = command_of(load_sft_config("limo-32b")), command_of(load_sft_config("limo-32b-offload"))
    assert "--num_processes 8" in whole
    assert "--mixed_precision bf16" in whole
    for part in ("--use_fsdp --fsdp_version 2", "--fsdp_auto_wrap_policy TRANSFORMER_BASED_WRAP"):
        assert part in whole
    assert "--fsdp_activation_checkpointing true" in whole
    assert "--fsdp_offload_params false" in whole
    assert offloaded == whole.replace("--fsdp_offload_params false", "--fsdp_offload_params true")
    assert "--multi_gpu" not in whole
    assert "--multi_gpu" in command_of(with_processes(load_sft_config("limo-7b-lora"), 4))


def test_each_machine_knows_its_rank_and_where_the_first_one_is() -> None:
    config = with_processes(load_sft_config("limo-32b"), 16, num_machines=2)
    hardware = config.hardware.model_copy(update={"machine_rank": 1, "main_address": "node-0"})
    command = command_of(config.model_copy(update={"hardware": hardware}))
    assert "--num_processes 16 --num_machines 2" in command
    assert "--machine_rank 1 --main_process_ip node-0 --main_process_port 29500" in command
    assert command.endswith(" /runs/one 1")


def test_what_another_launcher_left_in_the_environment_is_not_passed_on() -> None:
    inherited = {"ACCELERATE_USE_DEEPSPEED": "true", "FSDP_VERSION": "1", "PATH": "/bin", "OMP_NUM_THREADS": "64"}
    environment = environment_of(load_sft_config("tiny-cpu").hardware, inherited)
    assert "ACCELERATE_USE_DEEPSPEED" not in environment
    assert "FSDP_VERSION" not in environment
    assert (environment["PATH"], environment["OMP_NUM_THREADS"]) == ("/bin", "1")
    assert environment["HF_HUB_OFFLINE"] == "1"


def test_library_that_is_not_there_is_named_before_anything_is_started() -> None:
    config = load_sft_config("limo-7b")
    hardware = config.hardware.model_copy(update={"attention": "flash_attention_2"})
    with pytest.raises(ConfigError, match="flash_attn can't be imported"):
        check_installed(config.model_copy(update={"hardware": hardware}))


def test_second_run_in_the_same_folder_is_refused_while_the_first_is_at_work(tmp_path: Path) -> None:
    with only_one(tmp_path, rank=0):
        with only_one(tmp_path, rank=1):  # another machine of the same training
            pass
        with pytest.raises(ConfigError, match="by another run"), only_one(tmp_path, rank=0):
            pass
    with only_one(tmp_path, rank=0):
        pass


def test_fine_tuning_without_a_set_is_refused() -> None:
    with pytest.raises(ConfigError, match="dataset is not set"):
        fine_tune(load_sft_config("tiny-cpu"))


@pytest.mark.models
def test_hardware_that_does_not_suffice_is_told_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed (extra `sft`)")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    dataset = publish(tmp_path / "dataset", draw_samples(10))
    config = load_sft_config("limo-7b", student="limo_curation/demo/models/tiny-weak", dataset=str(dataset))
    with pytest.raises(ConfigError, match="needs 4 GPUs here, and this process sees 0"):
        fine_tune(config.model_copy(update={"output": str(tmp_path / "runs")}))
    assert not list((tmp_path / "runs").rglob("train.log"))


@pytest.mark.models
def test_training_that_ends_before_its_first_step_is_no_trouble_of_the_moment(tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="accelerate is not installed (extra `sft`)")
    with pytest.raises(ConfigError, match=r"(?s)exit status 1 at step 0\. The end of .*job\.json is no job"):
        run_training(JobFolder(tmp_path), load_sft_config("tiny-cpu"), num_steps=3)
