"""The section of the run file that says how many samples are selected, and under which quotas, caps and budgets."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from limo_curation.problem_config import Domain, StageConfig
from limo_curation.source_config import Count, Fraction


class SelectionConfig(StageConfig):
    """Exactly `target_size` samples (LIMO v1: 817, v2: 800)."""

    target_size: Count = 817
    quotas: dict[Domain, Count] = Field(default={})
    """Samples per domain; empty: even over the six domains, the first ones get what is left over."""
    when_short: Literal["fail", "redistribute"] = "fail"
    """A domain that runs dry: refuse, or fill from the best of the other domains with the shortfall on record."""
    max_per_template: Count | None = None
    max_per_source: Count | None = None
    max_total_tokens: Count | None = None
    """Tokens of all samples together: the student's, else those that the teacher's engine counted. A chain whose tokens
    nobody has counted is not selected then. None: no budget (LIMO names none)."""
    diversity: Fraction = 0.0
    """How much being unlike the other samples of its domain counts beside quality (ours; LIMO: quality alone, 0)."""

    @model_validator(mode="after")
    def _quotas_fit(self) -> Self:
        if not self.enabled:
            raise ValueError("enabled: selection can't be switched off; raise target_size instead")
        if self.quotas and sum(self.quotas.values()) != self.target_size:
            raise ValueError(f"quotas add up to {sum(self.quotas.values())}, target_size is {self.target_size}")
        return self
