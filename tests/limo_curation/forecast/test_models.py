import json
from pathlib import Path

import pytest

from limo_curation.errors import ConfigError
from limo_curation.forecast.models import KNOWN_SIZES, model_size
from limo_curation.presets import PRESETS_FOLDER, load_config


def test_size_of_a_local_model_is_read_from_its_files():
    tiny = model_size("limo_curation/demo/models/tiny-strong", {})
    assert not tiny.is_guess
    assert tiny.weight_bytes == pytest.approx(2_432_888)
    assert tiny.active_parameters == pytest.approx(2_432_888 / 4), "its numbers are of four bytes"
    assert tiny.cache_bytes_per_token == 2 * 3 * 2 * 32 * 4  # keys and values, layers, heads, head size, bytes


def test_every_model_of_a_preset_is_known_for_sure():
    for file in sorted(PRESETS_FOLDER.glob("*.toml")):
        if file.stem == "recorded":
            continue
        config = load_config(file.stem)
        asked = [*config.difficulty.weak, *config.generation.teachers, config.difficulty.strong]
        for solver in asked:
            assert solver is not None
            assert not model_size(solver.model, {}).is_guess, solver.model


def test_pinned_revision_is_the_same_model():
    assert model_size("Qwen/QwQ-32B@0123abc", {}) == KNOWN_SIZES["Qwen/QwQ-32B"]


@pytest.mark.parametrize(
    ("name", "billions"), [("a/b-7B-it", 7.0), ("Llama-3.1-8B", 8.0), ("x/y_1.5b", 1.5), ("q-14b-2x72B", 14.0)]
)
def test_size_in_a_name_is_a_guess(name: str, billions: float):
    guess = model_size(name, {})
    assert guess.is_guess
    assert guess.active_parameters == pytest.approx(billions * 1e9)


@pytest.mark.parametrize("name", ["gpt-next", "org-7B/claude", "v3.7Beta"])
def test_name_without_a_size_asks_for_it(name: str):
    with pytest.raises(ConfigError, match=rf"--size {name}="):
        model_size(name, {})


def test_given_size_wins():
    assert model_size("gpt-next", {"gpt-next": 3.0}).weight_bytes == pytest.approx(6e9)
    assert model_size("Qwen/QwQ-32B", {"Qwen/QwQ-32B": 1.0}).active_parameters == pytest.approx(1e9)


@pytest.mark.parametrize(
    "config", ["", "[]", "{}", '{"num_attention_heads": 0}', '{"num_attention_heads": 2, "num_hidden_layers": "x"}']
)
def test_folder_with_a_broken_config_falls_back_on_the_name(tmp_path: Path, config: str):
    folder = tmp_path / "mine-7B"
    folder.mkdir()
    (folder / "config.json").write_text(config)
    (folder / "model.safetensors").write_bytes(b"12345678")
    assert model_size(str(folder), {}).active_parameters == pytest.approx(7e9)


def test_heads_that_are_not_shared_and_their_size_follow_from_the_others(tmp_path: Path):
    (tmp_path / "config.json").write_text(
        json.dumps({"num_attention_heads": 4, "hidden_size": 64, "num_hidden_layers": 2, "torch_dtype": "bfloat16"})
    )
    (tmp_path / "model.safetensors").write_bytes(b"x" * 100)
    assert model_size(str(tmp_path), {}).cache_bytes_per_token == 2 * 2 * 4 * 16 * 2
