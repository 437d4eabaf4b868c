"""The numbers of a run file that are moved, and what they are moved to.

max_solved = 3    at a step of .1   ->   2 and 4          a whole number moves by one at least
threshold = 0.7                     ->   0.63 and 0.77
diversity = 0.0                     ->   0.1              what is 0 moves to the step
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from pydantic import ValidationError

from limo_curation.config import RunConfig
from limo_curation.judging.reference import read_reference
from limo_curation.presets import readable
from limo_curation.problem_config import StageConfig

MOVED: Final[Mapping[str, tuple[str, ...]]] = {
    "screening": ("min_characters", "max_characters", "max_answer_characters"),
    "deduplication": ("threshold", "ngram_size", "num_perm"),
    "decontamination": ("ngram_size", "min_containment", "min_variant_containment"),
    "novelty": ("max_template_count", "max_template_percentile", "max_reference_similarity"),
    "difficulty": ("min_solved", "max_solved", "disputed_share", "disputed_min_votes"),
    "generation": ("max_chain_tokens",),
    "verification": ("max_failed_share", "max_repetition", "max_language_share", "min_reasoning_characters"),
    "judging": (
        "weights.elaboration",
        "weights.self_verification",
        "weights.exploration",
        "weights.adaptive_granularity",
        "full_elaboration_words",
        "full_self_verification",
        "full_exploration",
        "full_adaptive_granularity",
        "judge.weight",
    ),
    "selection": (
        "target_size",
        "quotas",
        "max_per_template",
        "max_per_source",
        "max_total_tokens",
        "diversity",
    ),
}
"""By stage; of quotas each one."""
SAMPLED: Final[Mapping[str, tuple[str, ...]]] = {
    "decontamination": ("paraphrase",),
    "domains": ("classifier",),
    "difficulty": ("weak", "strong", "demand", "truncated_retry_factor"),
    "generation": ("teachers",),
    "judging": ("judge.models", "judge.max_chain_characters"),
}
"""What only sampling anew could tell: who is asked, how often and how."""
NOT_MOVED: Final[Mapping[str, str]] = {
    "ingestion.batch_rows": "changes no row",
    "deduplication.num_threads": "changes no row",
    "deduplication.memory_gib": "changes no row",
    "novelty.num_threads": "changes no row",
    "difficulty.published_band_of": "the scale of min_solved and max_solved, which are moved",
    "difficulty.attempts_per_round": "changes no row",
    "difficulty.sample_share": "a pilot selects nothing",
    "verification.timeout_seconds": "a deadline",
    "verification.num_workers": "changes no row",
    "judging.judge.min_kappa": "decides whether judges are trusted, not how",
    "judging.judge.max_unscored": "decides whether judges are trusted, not how",
    "judging.judge.min_problems": "decides whether judges are trusted, not how",
}


@dataclass(frozen=True, slots=True)
class Knob:
    """One number of a run file."""

    stage: str
    path: tuple[str, ...]
    value: float

    @property
    def name(self) -> str:
        """As a run file would have it: `judging.weights.exploration`."""
        return ".".join((self.stage, *self.path))


def knobs_of(config: RunConfig) -> Iterator[Knob]:
    """Yield the numbers that are set and that a stage looks at, in the order of the work."""
    for stage, names in MOVED.items():
        section = getattr(config, stage)
        if not section.enabled:
            continue
        data = section.model_dump(mode="json")
        if stage == "judging":  # an axis without a full value of its own has the reference set's
            full = read_reference().full_values() | config.judging.full_values()
            data |= {name: full[name.removeprefix("full_").removesuffix("_words")] for name in data if "full_" in name}
        for name in names:
            yield from numbers_below(stage, tuple(name.split(".")), data)


def numbers_below(stage: str, path: tuple[str, ...], data: Any) -> Iterator[Knob]:
    """Yield the number at a path of a section, or those below it; none where nothing is set."""
    holder: Any = data
    for name in path:
        holder = holder.get(name) if isinstance(holder, Mapping) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if isinstance(holder, Mapping):
        below = cast("Mapping[str, float]", holder)
        yield from (Knob(stage, (*path, name), value) for name, value in below.items())
    elif holder is not None:
        yield Knob(stage, path, cast("float", holder))


def positions(value: float, step: float) -> list[float]:
    """Return what a number is moved to, downwards and upwards."""
    if isinstance(value, int):
        width = max(1, round(value * step))
        return [value - width, value + width]
    return [value * (1 - step), value * (1 + step)] if value else [step]


def moved(config: RunConfig, knob: Knob, position: float) -> RunConfig:
    """Return a run's config with one number moved, and with it what has to stay consistent.

    The other weights of the axes share what is left of 1; quotas follow the target size, and it follows each of them.

    Raises:
        ValueError: the number can't be there; the message says why.
    """
    section: StageConfig = getattr(config, knob.stage)
    data = section.model_dump(mode="json")
    holder = data
    for name in knob.path[:-1]:
        holder = holder[name]
    if knob.path[0] == "weights":
        rest = sum(value for name, value in holder.items() if name != knob.path[-1])
        if not rest:
            raise ValueError("the other weights are 0")
        holder.update({name: value / rest * (1 - position) for name, value in holder.items()})
    if knob.path[0] == "quotas":
        data["target_size"] += round(position - knob.value)
    if knob.path == ("target_size",) and data["quotas"]:
        data["quotas"] = scaled(data["quotas"], int(position))
    holder[knob.path[-1]] = int(position) if float(position).is_integer() else position
    try:
        changed = type(section).model_validate(data)
    except ValidationError as error:
        raise ValueError(readable(error)) from None
    return config.model_copy(update={knob.stage: changed})


def scaled(quotas: Mapping[str, int], total: int) -> dict[str, int]:
    """Return quotas in the same proportion that add up to a total; the largest remainders are rounded up."""
    exact = {name: quota * total / sum(quotas.values()) for name, quota in quotas.items()}
    shares = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: shares[name] - exact[name])
    for name in by_remainder[: total - sum(shares.values())]:
        shares[name] += 1
    return {name: share for name, share in shares.items() if share}
