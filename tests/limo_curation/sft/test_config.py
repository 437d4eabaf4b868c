"""The run file of a fine-tuning: what can't be set up is refused with the key that is to blame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from limo_curation.errors import ConfigError
from limo_curation.sft.config import HardwareConfig, SftConfig, TrainingConfig
from limo_curation.sft.presets import SFT_PRESETS, all_presets, load_sft_config


@pytest.mark.parametrize(
    ("section", "values", "told"),
    [
        ("hardware", {"num_processes": 6}, "training.global_batch is 32, no multiple of the 6"),
        ("hardware", {"num_processes": 8, "micro_batch": 3}, "no multiple of the 24"),
        ("hardware", {"offload": True}, 'offload needs sharding = "fsdp"'),
        ("hardware", {"num_processes": 4, "num_machines": 3}, "3 machines can't share"),
        ("hardware", {"machine_rank": 1}, "machine_rank counts from 0"),
        ("hardware", {"device": "cpu"}, 'needs training.precision = "fp32"'),
        ("training", {"held_out_share": 1.0}, "less than 1"),
        ("training", {"max_token": 9}, "max_token"),
    ],
)
def test_what_cannot_be_set_up_is_refused_with_its_key(section: str, values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        SftConfig.model_validate({"profile": "p", "student": "s", section: values})


def test_low_rank_updates_are_not_split() -> None:
    hardware, training = HardwareConfig(sharding="fsdp"), TrainingConfig(method="lora")
    with pytest.raises(ValidationError, match="lora"):
        SftConfig(profile="p", student="s", hardware=hardware, training=training)


def test_defaults_are_limos_recipe() -> None:
    training = TrainingConfig()
    recipe = (training.method, training.learning_rate, training.schedule, training.warm_up_share, training.epochs)
    assert recipe == ("full", 5e-6, "cosine", 0.0, 15)
    assert (training.global_batch, training.max_tokens, training.when_unfit) == (32, 16_384, "fail")


def test_the_last_step_of_an_epoch_may_have_fewer_samples() -> None:
    training = TrainingConfig(epochs=3, global_batch=8)
    assert [training.num_steps(rows) for rows in (1, 8, 9)] == [3, 3, 6]


def test_where_it_is_trained_is_no_part_of_the_key() -> None:
    config = load_sft_config("limo-7b")
    elsewhere = load_sft_config("limo-7b", output="/elsewhere", hardware=HardwareConfig(num_processes=2))
    assert config.key_fields() == elsewhere.key_fields()
    assert config.key_fields() == load_sft_config("limo-7b-offload").key_fields()
    assert config.key_fields() != load_sft_config("limo-7b-lora").key_fields()
    unprompted = config.model_copy(update={"prompt": None})
    assert config.key_fields() != unprompted.key_fields()


def test_every_preset_loads_under_its_own_name_and_asks_as_limo_does() -> None:
    presets = all_presets()
    assert [preset.profile for preset in presets] == sorted(path.stem for path in SFT_PRESETS.glob("*.toml"))
    for preset in presets:
        assert preset.dataset is None
        assert preset.system_prompt is None if preset.profile == "tiny-cpu" else "\\boxed" in preset.system_prompt


def test_what_is_given_takes_the_place_of_the_presets(tmp_path: Path) -> None:
    config = load_sft_config("tiny-cpu", dataset="somewhere", student=None, training=TrainingConfig(precision="fp32"))
    assert (config.dataset, config.student) == ("somewhere", "limo_curation/demo/models/tiny-weak")
    assert config.training.epochs == 15
    with pytest.raises(ConfigError, match="the presets are limo-32b, "):
        load_sft_config("limo-33b")
    own = tmp_path / "own.toml"
    own.write_text('student = "s"\nprompt = "step_by_stap"\n')
    with pytest.raises(ConfigError, match=r"prompt: no prompt 'step_by_stap'; there are .*step_by_step"):
        load_sft_config(str(own))
