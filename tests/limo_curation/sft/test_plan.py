"""The plan of a fine-tuning: it refuses with the number that does not fit, and names what would."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from limo_curation import cli
from limo_curation.errors import ConfigError
from limo_curation.forecast.gpus import gpu_named
from limo_curation.sft.config import HardwareConfig, TrainingConfig
from limo_curation.sft.plan import (
    Hardware,
    SftPlan,
    check_fits,
    epoch_flops,
    make_plan,
    plan_for,
    plan_text,
    presets_that_fit,
    with_processes,
)
from limo_curation.sft.presets import load_sft_config
from limo_curation.sft.shapes import shape_of


def plan(profile: str, *, gpus: int, gpu: str, host_gb: float | None = None) -> SftPlan:
    return plan_for(load_sft_config(profile), gpu=gpu, num_gpus=gpus, gpu_gb=None, host_gb=host_gb)


@pytest.mark.parametrize(
    ("profile", "gpus", "gpu", "others"),
    [
        ("limo-32b", 8, "h100", ["limo-32b-offload"]),
        ("limo-32b", 1, "h200", ["limo-32b-lora", "limo-32b-offload"]),
        ("limo-32b-lora", 1, "h100", ["limo-32b-offload"]),
        ("limo-7b", 1, "h100", ["limo-7b-lora", "limo-7b-offload"]),
        ("limo-7b", 1, "rtx4090", ["limo-7b-offload"]),
    ],
)
def test_what_does_not_fit_is_refused_with_the_presets_that_would(
    profile: str, gpus: int, gpu: str, others: list[str]
) -> None:
    made = plan(profile, gpus=gpus, gpu=gpu)
    assert presets_that_fit(made) == others
    memory = gpu_named(gpu).memory_gb
    told = rf"{profile} does not fit: a GPU needs [\d,]+ GB, has {memory:g}; the preset that would: {', '.join(others)}"
    with pytest.raises(ConfigError, match=told):
        check_fits(made)


@pytest.mark.parametrize(
    ("profile", "gpus", "gpu"),
    [
        ("limo-32b", 8, "h200"),
        ("limo-32b", 32, "h100"),
        ("limo-32b-offload", 8, "h100"),
        ("limo-32b-lora", 1, "h200"),
        ("limo-7b", 4, "h100"),
        ("limo-7b-offload", 1, "h100"),
        ("limo-7b-lora", 1, "l40s"),
    ],
)
def test_presets_fit_what_they_are_made_for(profile: str, gpus: int, gpu: str) -> None:
    check_fits(plan(profile, gpus=gpus, gpu=gpu))


def test_student_of_a_certain_commit_is_offered_the_presets_of_its_name() -> None:
    config = load_sft_config("limo-32b", student="Qwen/Qwen2.5-32B-Instruct@0123")
    made = plan_for(config, gpu="h100", num_gpus=8, gpu_gb=None, host_gb=None)
    assert presets_that_fit(made) == ["limo-32b-offload"]


def test_presets_whose_steps_cannot_be_shared_are_not_offered() -> None:
    three = HardwareConfig(num_processes=3, sharding="fsdp")
    config = load_sft_config("limo-7b", training=TrainingConfig(global_batch=30), hardware=three)
    made = plan_for(config, gpu="rtx4090", num_gpus=None, gpu_gb=None, host_gb=None)
    assert made.lacks
    assert presets_that_fit(made) == []


def test_host_that_is_too_small_is_told_too() -> None:
    with pytest.raises(ConfigError, match=r"the host needs [\d,]+ GB, has 512; no preset of this student would"):
        check_fits(plan("limo-32b-offload", gpus=8, gpu="h100", host_gb=512))


def test_rows_decide_by_the_longest_of_them() -> None:
    config, hardware = with_processes(load_sft_config("limo-7b"), 2), Hardware(gpu_named("h100"), None)
    assert make_plan(config, hardware).lacks
    assert not make_plan(config, hardware, lengths=[2_000] * 800).lacks
    assert make_plan(config, hardware, lengths=[2_000] * 799 + [16_384]).lacks


def test_operations_are_six_a_parameter_and_token_and_attention_beside() -> None:
    config = load_sft_config("limo-7b")
    shape = shape_of(config.student)
    multiplying = shape.num_parameters - shape.embedding_parameters  # the embedding is looked up
    short = epoch_flops(config, shape, [1] * 1_000)
    assert short == pytest.approx(6 * multiplying * 1_000, rel=1e-3)
    one, two = epoch_flops(config, shape, [16_384]), epoch_flops(config, shape, [8_192] * 2)
    assert one - two == pytest.approx(6 * 28 * 3_584 * (16_384**2 - 2 * 8_192**2))
    assert epoch_flops(load_sft_config("limo-7b-lora"), shape, [1]) == pytest.approx(4 * multiplying, rel=1e-3)


def test_twice_the_gpus_take_half_the_time() -> None:
    eight, sixteen = (plan("limo-32b", gpus=gpus, gpu="h200").hours for gpus in (8, 16))
    assert eight == 2 * sixteen > 1


def test_text_adds_up_and_says_what_is_a_guess() -> None:
    text = plan_text(plan("limo-32b", gpus=8, gpu="h100"))
    gpu, _, _ = text.partition("on the main machine")
    numbers = [float(found) for found in re.findall(r"^  [a-z ]+ +([\d.]+)  ", gpu, re.MULTILINE)]
    assert sum(numbers[:-1]) == pytest.approx(numbers[-1], abs=0.5)
    assert text.count("guess") == 4
    assert text.endswith("does not fit: a GPU needs 101 GB, has 80")


def test_command_prints_the_plan_and_fails_where_it_does_not_fit() -> None:
    fits = CliRunner().invoke(cli.app, ["memory", "limo-32b", "--gpus", "8", "--gpu-gb", "141"])
    lacks = CliRunner().invoke(cli.app, ["memory", "limo-32b", "--gpus", "8", "--gpu-gb", "80"])
    assert (fits.exit_code, lacks.exit_code) == (0, 1)
    assert fits.stdout.endswith("fits\n")
    assert "on each of 8 GPUs" in lacks.stdout
    assert lacks.stderr == (
        "error: limo-32b does not fit: a GPU needs 101 GB, has 80; the preset that would: limo-32b-offload\n"
    )
