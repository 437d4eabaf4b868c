"""What a solver's attempts have cost, as a stage's metrics say it: the plan and the benchmark read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Protocol


class Priced(Protocol):
    """A completion, or an attempt that was made of it."""

    @property
    def num_prompt_tokens(self) -> int:
        """Tokens that the solver read."""
        ...

    @property
    def num_completion_tokens(self) -> int:
        """Tokens that it wrote."""
        ...

    @property
    def is_truncated(self) -> bool:
        """Whether the token limit cut it off."""
        ...


@dataclass(slots=True)
class Usage:
    """What the attempts of one solver cost that a result rests on, whether they were sampled or found in the cache."""

    num_problems: int = 0
    """Problems that the solver was asked."""
    num_attempts: int = 0
    num_prompt_tokens: int = 0
    num_completion_tokens: int = 0
    num_truncated: int = 0
    """Attempts that the token limit cut off."""

    def add_attempts(self, attempts: Iterable[Priced]) -> None:
        """Count attempts at one problem or many."""
        for attempt in attempts:
            self.num_attempts += 1
            self.num_prompt_tokens += attempt.num_prompt_tokens
            self.num_completion_tokens += attempt.num_completion_tokens
            self.num_truncated += attempt.is_truncated


def usage_metrics(usages: Mapping[str, Usage]) -> dict[str, float]:
    """Return what solvers cost as metrics of a stage, which are added up over its parts.

    Args:
        usages: by what a solver is in the config: `weak_1` for the first weak one, `strong`, `teacher_1`, and so on.

    Returns:
        `num_sampled_tokens`, the completion tokens of all solvers; and of each one every count of `Usage` behind its
        name, such as `strong_num_prompt_tokens`.
    """
    metrics = {"num_sampled_tokens": float(sum(usage.num_completion_tokens for usage in usages.values()))}
    for solver, usage in usages.items():
        metrics |= {f"{solver}_{name}": float(number) for name, number in asdict(usage).items()}
    return metrics
