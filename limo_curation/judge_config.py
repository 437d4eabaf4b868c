"""The section of the run file for judges: language models that grade chains beside the rules.

    [judging.judge]
    calibration = "calibrations/qwq-32b.json"        # what `limo-curation calibrate` has measured of these very judges
    [[judging.judge.models]]
    model = "Qwen/QwQ-32B"
    num_seeds = 3
    temperature = 0.6

Every number is ours: LIMO says that a model has judged, not how.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from limo_curation.source_config import Count, Fraction, Section


class JudgeModel(Section):
    """A language model that grades chains, and how it is sampled."""

    model: str
    """Hub id (pinned as `owner/name@revision`) or local folder."""
    num_seeds: Count = 1
    """How often it grades each chain."""
    temperature: Annotated[float, Field(ge=0)] = 0.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_tokens: Count = 4_096
    """Of one reply, its thoughts included; the grades themselves are some 400."""
    seed: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _seeds_differ(self) -> Self:
        if self.num_seeds > 1 and self.temperature == 0:
            raise ValueError("num_seeds is above 1 at temperature 0: every reply would be the same; raise temperature")
        return self


class JudgeConfig(Section):
    """A panel of judges, what it decides, and why it is trusted to."""

    models: Annotated[tuple[JudgeModel, ...], Field(min_length=1)]
    """Each grades every chain; a chain's level is the median of all grades."""
    max_chain_characters: Annotated[int, Field(ge=1_000)] = 40_000
    """Of a longer chain the judge is shown 40 % of so many characters from its beginning, 20 % from its middle and 40 %
    from its end: by our estimate some 13,000 tokens of English mathematics, and up to 40,000 of Chinese."""
    weight: Fraction = 0.5
    """The judges' share in a chain's quality, the rules have the rest; 0: they are on record and decide nothing."""
    compares_best: bool = False
    """Ask in both orders which of a problem's two best chains is better; the judge's choice is the better one. Its
    calibration has to have compared labelled chains, and the higher label to have won more often than lost."""
    calibration: str | None = None
    """File that `limo-curation calibrate` wrote of these judges. Where their share is above 0 there has to be one."""
    min_kappa: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The lower end of the calibrated agreement's 95 % interval, below which the judges decide nothing."""
    min_problems: Count = 30
    """Problems that the calibration's chains are of, below which the judges decide nothing: a judge that happens to be
    right about a few has an interval without a width."""
    max_unscored: Fraction = 0.1
    """Share of the calibration's chains without a readable grade, above which the judges decide nothing."""
    when_untrusted: Literal["fail", "rules_decide"] = "fail"
    """Judges without a calibration that vouches for them: refuse to run, or let the rules alone rank, on record."""

    decisions: str | None = None
    """CSV or JSON lines of what people have decided of chains: the list of contested ones, filled in."""

    @model_validator(mode="after")
    def _models_differ(self) -> Self:
        names = [one.model for one in self.models]
        if len(set(names)) < len(names):
            raise ValueError(f"models names {max(names, key=names.count)} twice; raise its num_seeds instead")
        return self

    @property
    def decides(self) -> bool:
        """Whether the judges have a say in which chain is better."""
        return self.weight > 0 or self.compares_best

    def key_fields(self) -> dict[str, Any]:
        """Return all but the places of files, whose content is an input of the stage."""
        return self.model_dump(mode="json", exclude={"calibration", "decisions"})
