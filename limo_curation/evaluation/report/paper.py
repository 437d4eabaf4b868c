"""The paper's figures, for a table beside ours (`paper.toml`)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from limo_curation.source_config import Section

PAPER_FILE: Final = Path(__file__).with_name("paper.toml")


class PaperFigures(Section):
    """Pass@1 of some models on ten benchmarks, in percent, as the paper reports it."""

    models: tuple[str, ...]
    base: str
    """The model that LIMO fine-tunes."""
    rival: str
    """The fine-tune that the paper's headline compares with."""
    accuracy: dict[str, tuple[float, ...]]
    """By benchmark, as the catalogue names it; one figure for each model."""

    def average(self, model: str, benchmarks: Iterable[str] | None = None) -> float:
        """Return a model's mean over benchmarks, in percent; None: over all ten."""
        place = self.models.index(model)
        figures = [self.accuracy[name][place] for name in (self.accuracy if benchmarks is None else benchmarks)]
        return sum(figures) / len(figures)

    def gain(self, model: str, over: str) -> float:
        """Return how far one model's mean over all ten benchmarks is above another's, in points."""
        return self.average(model) - self.average(over)


def paper_figures() -> PaperFigures:
    """Read the paper's figures."""
    return PaperFigures.model_validate(tomllib.loads(PAPER_FILE.read_text(encoding="utf-8")))
