"""The section of the run file for judging: how the quality of a chain is scored.

"LIMO" is arXiv 2502.03387, "ours" is a choice of this project where the paper says nothing.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from limo_curation.problem_config import StageConfig
from limo_curation.source_config import Count, Fraction, Section


class AxisWeights(Section):
    """Weights of the rule score's axes (LIMO: 30, 20, 25 and 25 percent)."""

    elaboration: Fraction = 0.30
    self_verification: Fraction = 0.20
    exploration: Fraction = 0.25
    adaptive_granularity: Fraction = 0.25

    @model_validator(mode="after")
    def _sum_is_one(self) -> Self:
        total = self.elaboration + self.self_verification + self.exploration + self.adaptive_granularity
        if abs(total - 1) > 1e-9:
            raise ValueError(f"the four weights add up to {total:g}, not to 1")
        return self


class JudgingConfig(StageConfig):
    """LIMO's rule score. The scales are ours: the value of an axis from which it counts as full."""

    weights: AxisWeights = AxisWeights()
    full_elaboration_words: Count = 6_000
    full_self_verification: Annotated[float, Field(gt=0)] = 8.0
    """Checking words per 1,000 words."""
    full_exploration: Annotated[float, Field(gt=0)] = 8.0
    full_adaptive_granularity: Annotated[float, Field(gt=0)] = 16.0
