"""The card's head: what the Hub, its viewer and `datasets` read of a set, in the form that the Hub documents.

Source: huggingface.co/docs/hub/datasets-cards and its specification of `configs` and `dataset_info`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from limo_curation.markdown import one_line
from limo_curation.publishing_config import PublishingConfig

LANGUAGES: Final = ("en", "zh")
SIZE_CATEGORIES: Final = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
TAGS: Final = ("math", "reasoning", "chain-of-thought", "data-curation", "limo-curation")
TASK_CATEGORIES: Final = ("text-generation", "question-answering")
FEATURE_TYPES: Final[dict[Any, str]] = {
    pl.String: "string",
    pl.Int64: "int64",
    pl.Float64: "float64",
    pl.Boolean: "bool",
}
OWN_LICENSES: Final = "as-the-sources-state"
"""The name that the Hub asks for beside the licence "other"."""
NUMBER_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class DataConfig:
    """One config of a set: its files, which are one split, and what they hold."""

    name: str
    path: str
    """Of its file, or a pattern of its files."""
    schema: pl.Schema
    num_rows: int
    num_bytes: int
    """Of the values, unpacked."""
    file_bytes: int


def front_matter(config: PublishingConfig, data: Sequence[DataConfig], *, languages: Sequence[str]) -> str:
    """Return the head of a card, without the lines that fence it, as YAML.

    Args:
        config: title and licence.
        data: the configs; the first one is the default, and tells the size.
        languages: those of the samples' questions.
    """
    from huggingface_hub import DatasetCardData

    license_name: dict[str, Any] = {"license_name": OWN_LICENSES} if config.license == "other" else {}
    head: Any = DatasetCardData(
        pretty_name=one_line(config.title),
        license=one_line(config.license),
        **license_name,
        language=[name for name in LANGUAGES if name in languages] or [LANGUAGES[0]],
        task_categories=list(TASK_CATEGORIES),
        size_categories=[size_category(data[0].num_rows)],
        tags=list(TAGS),
        configs=[config_entry(one, is_default=place == 0) for place, one in enumerate(data)],
        dataset_info=[info_entry(one) for one in data],
    )
    return head.to_yaml()


def config_entry(one: DataConfig, *, is_default: bool) -> dict[str, Any]:
    """Return where a config's files are."""
    default = {"default": True} if is_default else {}
    return {"config_name": one.name, **default, "data_files": [{"split": "train", "path": one.path}]}


def info_entry(one: DataConfig) -> dict[str, Any]:
    """Return what a config's files hold."""
    return {
        "config_name": one.name,
        "features": [feature(name, dtype) for name, dtype in one.schema.items()],
        "splits": [{"name": "train", "num_bytes": one.num_bytes, "num_examples": one.num_rows}],
        "download_size": one.file_bytes,
        "dataset_size": one.num_bytes,
    }


def feature(name: str, dtype: Any) -> dict[str, Any]:
    """Return a column's type as `datasets` names it."""
    if isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.Struct):
        return {"name": name, "list": [feature(field.name, field.dtype) for field in dtype.inner.fields]}
    return {"name": name, "dtype": FEATURE_TYPES[dtype.base_type()]}


def num_bytes_of(frame: pl.DataFrame) -> int:
    """Return the bytes of a frame's values: UTF-8 for a text, eight for a number, none for a null."""
    return sum(value_bytes(column) for column in frame.iter_columns())


def value_bytes(column: pl.Series) -> int:
    """Return the bytes of a column's values."""
    if isinstance(column.dtype, pl.List):
        return value_bytes(column.explode())
    if isinstance(column.dtype, pl.Struct):
        return sum(value_bytes(field) for field in column.struct.unnest().iter_columns())
    if column.dtype == pl.String:
        return int(column.str.len_bytes().sum())
    return NUMBER_BYTES * (column.len() - column.null_count())


def size_category(rows: int) -> str:
    """Return the Hub's name for a data set of this many rows."""
    return next((name for bound, name in SIZE_CATEGORIES if rows < bound), "n>10M")
