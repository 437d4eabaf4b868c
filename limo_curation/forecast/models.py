"""How large a language model is, as far as that decides how fast it samples.

In this order: what the user says, the model's own files where they are here, a table of the presets' models, and a size
in the name ("-7B-"), which is a guess and said to be one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from limo_curation.errors import ConfigError
from limo_curation.sampling.protocol import model_folder

BF16_BYTES: Final = 2
DTYPE_BYTES: Final = {"float32": 4, "bfloat16": 2, "float16": 2}
CACHE_BYTES_PER_BILLION: Final = 8_000
"""Of a token's keys and values, for each billion parameters: as in Qwen2.5's models of 7B and 32B, whose attention
heads share keys and values as most do now."""
SIZE_IN_NAME: Final = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)[bB](?![\w.])")


@dataclass(frozen=True, slots=True)
class ModelSize:
    """What of a model decides its speed."""

    weight_bytes: float
    active_parameters: float
    """Parameters that one token goes through; of a mixture of experts a part of them."""
    cache_bytes_per_token: float
    """Keys and values that the engine holds for each token of a sequence."""
    is_guess: bool = False


def dense_size(billions: float, *, layers: int, key_value_heads: int, head_size: int) -> ModelSize:
    """Return the size of a dense model in BF16."""
    cache = 2 * layers * key_value_heads * head_size * BF16_BYTES
    return ModelSize(billions * 1e9 * BF16_BYTES, billions * 1e9, cache)


def size_from_billions(billions: float) -> ModelSize:
    """Return the size of a dense model in BF16 of which only the number of parameters is known."""
    return ModelSize(billions * 1e9 * BF16_BYTES, billions * 1e9, billions * CACHE_BYTES_PER_BILLION, is_guess=True)


# parameters from the model cards, layers and heads from the config.json of each
KNOWN_SIZES: Final = {
    "Qwen/Qwen2.5-Math-1.5B-Instruct": dense_size(1.54, layers=28, key_value_heads=2, head_size=128),
    "Qwen/Qwen2.5-Math-7B-Instruct": dense_size(7.62, layers=28, key_value_heads=4, head_size=128),
    "Qwen/Qwen2.5-32B-Instruct": dense_size(32.8, layers=64, key_value_heads=8, head_size=128),
    "Qwen/QwQ-32B": dense_size(32.8, layers=64, key_value_heads=8, head_size=128),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B": dense_size(32.8, layers=64, key_value_heads=8, head_size=128),
    # published in FP8, a byte each; its latent attention keeps 512 + 64 numbers a layer
    "deepseek-ai/DeepSeek-R1": ModelSize(671e9, 37e9, 61 * (512 + 64) * BF16_BYTES),
}


def model_size(model: str, given_billions: Mapping[str, float]) -> ModelSize:
    """Return how large a model is.

    Args:
        model: Hub id (also `owner/name@revision`) or local folder.
        given_billions: parameters that the user gave, in billions, by model as the run file names it.

    Raises:
        ConfigError: nothing tells; the message names the option that does.
    """
    if model in given_billions:
        return size_from_billions(given_billions[model])
    folder = model_folder(model)
    measured = None if folder is None else size_of_folder(folder)
    name = model.partition("@")[0]
    known = measured or KNOWN_SIZES.get(name)
    if known is not None:
        return known
    stated = SIZE_IN_NAME.findall(name.rpartition("/")[2].replace("-", " ").replace("_", " "))
    if not stated:
        raise ConfigError(f"how large {model} is can't be told; give its parameters in billions: --size {model}=7.6")
    return size_from_billions(float(stated[-1]))


def size_of_folder(folder: Path) -> ModelSize | None:
    """Return the size of a model whose files are here; None where they don't tell it."""
    weight_bytes = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        heads = int(config["num_attention_heads"])
        head_size = int(config.get("head_dim") or config["hidden_size"] // heads)
        cache_heads = int(config.get("num_key_value_heads") or heads)
        layers = int(config["num_hidden_layers"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError):
        return None
    if not weight_bytes:
        return None
    number_bytes = DTYPE_BYTES.get(str(config.get("dtype") or config.get("torch_dtype")), BF16_BYTES)
    cache = 2 * layers * cache_heads * head_size * number_bytes
    return ModelSize(weight_bytes, weight_bytes / number_bytes, cache)
