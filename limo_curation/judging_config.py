"""The section of the run file for judging: how the quality of a chain is scored.

"LIMO" is arXiv 2502.03387, "ours" is a choice of this project where the paper says nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from limo_curation.judge_config import JudgeConfig
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


Rate = Annotated[float, Field(gt=0)]


class JudgingConfig(StageConfig):
    """LIMO's rule score. Each `full_` value is where its axis is full; without one, what the reference set has."""

    weights: AxisWeights = AxisWeights()
    full_elaboration_words: Count | None = None
    """Words in distinct sentences with a formula or a figure."""
    full_self_verification: Rate | None = None
    """Sentences with a formula and a checking word, per 1,000 words of the chain."""
    full_exploration: Rate | None = None
    full_adaptive_granularity: Rate | None = None
    judge: JudgeConfig | None = None
    """Language models that grade chains beside the rules; None: nobody is asked."""

    def key_fields(self) -> dict[str, Any]:
        """Return all but the places of the judges' files, whose content is an input of the stage."""
        judge = None if self.judge is None else self.judge.key_fields()
        return super().key_fields() | {"judge": judge}

    def full_values(self) -> dict[str, float]:
        """Return the axes whose full value is set here."""
        values = {
            "elaboration": self.full_elaboration_words,
            "self_verification": self.full_self_verification,
            "exploration": self.full_exploration,
            "adaptive_granularity": self.full_adaptive_granularity,
        }
        return {axis: float(value) for axis, value in values.items() if value is not None}
