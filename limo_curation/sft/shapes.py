"""The shape of a student, as far as it decides what training costs: a dense decoder as Qwen2.5, Qwen3 and Llama are."""

from __future__ import annotations

import functools
import json
import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from limo_curation.errors import ConfigError
from limo_curation.sampling.protocol import model_folder
from limo_curation.source_config import Count, Section

SHAPES_FILE: Final = Path(__file__).with_name("data") / "shapes.toml"


class Shape(Section):
    """Numbers of a model's `config.json`, under our names."""

    hidden: Count
    layers: Count
    heads: Count
    key_value_heads: Count
    head_size: Count
    intermediate: Count
    vocabulary: Count
    is_tied: bool
    """Whether the embedding is also the output's matrix."""
    has_attention_bias: bool

    @property
    def query_width(self) -> int:
        """Numbers in a token's queries, all heads together."""
        return self.heads * self.head_size

    @property
    def key_width(self) -> int:
        """Numbers in a token's keys; as many are in its values."""
        return self.key_value_heads * self.head_size

    @property
    def layer_matrices(self) -> list[tuple[int, int]]:
        """Inputs and outputs of a layer's seven matrices."""
        hidden, queries, keys = self.hidden, self.query_width, self.key_width
        attention = [(hidden, queries), (hidden, keys), (hidden, keys), (queries, hidden)]
        return [*attention, *[(hidden, self.intermediate)] * 2, (self.intermediate, hidden)]

    @property
    def layer_parameters(self) -> int:
        """Of one layer: matrices, biases and two norms."""
        biases = self.query_width + 2 * self.key_width if self.has_attention_bias else 0
        return sum(rows * columns for rows, columns in self.layer_matrices) + biases + 2 * self.hidden

    @property
    def embedding_parameters(self) -> int:
        """Of the embedding alone; an output matrix of its own has as many."""
        return self.vocabulary * self.hidden

    @property
    def num_parameters(self) -> int:
        """Of the whole model."""
        outer = self.embedding_parameters * (1 if self.is_tied else 2) + self.hidden
        return self.layers * self.layer_parameters + outer

    def low_rank_parameters(self, rank: int) -> int:
        """Return the parameters of low-rank updates to every matrix of the layers."""
        return self.layers * rank * sum(rows + columns for rows, columns in self.layer_matrices)


def shape_of(student: str) -> Shape:
    """Return a student's shape: of a folder from its `config.json`, else from our table of Hub models.

    Raises:
        ConfigError: the table lacks it, or the file is not that of a dense decoder.
    """
    folder = model_folder(student)
    if folder is not None:
        return shape_of_folder(folder)
    known = known_shapes()
    name = student.partition("@")[0]
    if name not in known:
        raise ConfigError(
            f"the shape of {student} is not known here; known are {', '.join(known)}. Download it and name its folder"
        )
    return known[name]


@functools.cache
def known_shapes() -> dict[str, Shape]:
    """Return our table."""
    table: dict[str, dict[str, Any]] = tomllib.loads(SHAPES_FILE.read_text(encoding="utf-8"))
    return {name: Shape.model_validate(fields) for name, fields in table.items()}


def shape_of_folder(folder: Path) -> Shape:
    """Return the shape that a `config.json` tells.

    Raises:
        ConfigError: it is not that of a dense decoder.
    """
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_bytes())
        heads = int(config["num_attention_heads"])
        return Shape(
            hidden=config["hidden_size"],
            layers=config["num_hidden_layers"],
            heads=heads,
            key_value_heads=config.get("num_key_value_heads") or heads,
            head_size=config.get("head_dim") or config["hidden_size"] // heads,
            intermediate=config["intermediate_size"],
            vocabulary=config["vocab_size"],
            is_tied=bool(config.get("tie_word_embeddings", False)),
            has_attention_bias=bool(config.get("attention_bias", config.get("model_type") == "qwen2")),
        )
    except (OSError, ValueError, TypeError, KeyError, ZeroDivisionError, ValidationError) as error:
        raise ConfigError(f"{folder / 'config.json'} tells no dense decoder's shape ({type(error).__name__})") from None
