"""The reference set: what good long chains have of each axis, as percentiles that are fitted once and stored.

`measurements/judging.py --fit` writes `data/reference.toml`; the file names the set, its size and every percentile. An
axis is full at its percentile of FULL_PERCENTILES (ours), so that nine of ten good chains still differ in it; length
is full at an earlier one, since of long chains the right ones are not the longer ones.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import polars as pl

from limo_curation.errors import TableError
from limo_curation.judging.sentences import WORD_AXES

FULL_PERCENTILES: Final = {"elaboration": "75"} | dict.fromkeys(WORD_AXES, "90")
PERCENTILES: Final = (10, 25, 50, 75, 90, 99)
MIN_CHAINS: Final = 20  # ours: of fewer, the upper percentiles are single chains


@dataclass(frozen=True, slots=True)
class Reference:
    """A named set of chains, and the percentiles of each axis in it."""

    name: str
    description: str
    num_chains: int
    percentiles: Mapping[str, Mapping[str, float]]
    """Axis to percentile to value: elaboration in words with substance, the others per 1,000 words."""

    def full_values(self) -> dict[str, float]:
        """Return the value of each axis from which it is full."""
        return {axis: values[FULL_PERCENTILES[axis]] for axis, values in self.percentiles.items()}

    def to_toml(self) -> str:
        """Return the file's text."""
        lines = [f'name = "{self.name}"', f'description = "{self.description}"', f"num_chains = {self.num_chains}"]
        for axis, values in self.percentiles.items():
            lines += ["", f"[percentiles.{axis}]", *(f"{percentile} = {value}" for percentile, value in values.items())]
        return "\n".join(lines) + "\n"


@functools.cache
def read_reference() -> Reference:
    """Return the reference set that is stored with this package."""
    text = files("limo_curation.judging").joinpath("data", "reference.toml").read_text(encoding="utf-8")
    return Reference(**tomllib.loads(text))


def fit_reference(name: str, description: str, features: pl.DataFrame) -> Reference:
    """Fit the percentiles of a set.

    Args:
        name: the set's name.
        description: where it is from.
        features: rows of `score_rules` for its chains; needs num_words, num_substance_words and num_<axis>.

    Raises:
        TableError: the set has fewer than 20 chains, or nine of ten have nothing of an axis. Retrying does not
            help.
    """
    if features.height < MIN_CHAINS:
        raise TableError(f"the reference set {name!r} has {features.height} chains; give at least {MIN_CHAINS}")
    rates = {axis: pl.col(f"num_{axis}") * 1_000 / pl.col("num_words").clip(lower_bound=1) for axis in WORD_AXES}
    values = features.select(elaboration=pl.col("num_substance_words").cast(pl.Float64), **rates)
    percentiles = {
        axis: {
            str(percentile): round(float(values[axis].quantile(percentile / 100, "linear") or 0.0), 3)
            for percentile in PERCENTILES
        }
        for axis in values.columns
    }
    empty = [axis for axis, fitted in percentiles.items() if not fitted[FULL_PERCENTILES[axis]]]
    if empty:
        raise TableError(f"nine of ten chains of the reference set {name!r} have no {empty[0]}: it can't give a scale")
    return Reference(name, description, features.height, percentiles)
