"""Calibration: run judges and rules on chains whose level people have set, and keep what was found as a file.

A run file names the file of its judges (`judging.judge.calibration`). It vouches for the very models, sampling, excerpt
and rubric that it was measured with: judges that differ in any of them, or that agree too little, decide nothing.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from limo_curation.digests import frame_digest
from limo_curation.errors import ConfigError
from limo_curation.files import Files
from limo_curation.judge_config import JudgeConfig
from limo_curation.judging.agreement import Agreement, measure
from limo_curation.judging.comparison import OrderBias, ask_preferences, order_bias, settle
from limo_curation.judging.judge import aggregate, ask_judges, judge_name, panel_digest, rubric_digest
from limo_curation.judging.levels import grade_level
from limo_curation.judging.quality import level_number
from limo_curation.progress import Progress
from limo_curation.sampling.protocol import Sampler

logger = logging.getLogger(__name__)

FORMAT: Final = 1
MAX_PAIRS: Final = 200  # ours: enough for an order bias of a tenth, and a small part of the cost


class Measured(BaseModel):
    """A part of a calibration's file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JudgeReport(Measured):
    """What was measured of one judge."""

    judge: str
    revision: str
    agreement: Agreement
    """Of the median of its own grades."""
    self_preference_levels: float | None
    """Mean of grade minus label on chains that it wrote itself, less that on others'; None: one of them is missing."""
    num_own_chains: int
    num_replies: int
    num_unparsed: int
    mean_prompt_tokens: float | None
    """Per chain, over all seeds."""
    mean_completion_tokens: float | None


class PairReport(Measured):
    """What was measured on pairs of one problem's chains with different labels, each shown in both orders."""

    num_pairs: int
    right_fraction: float | None
    """Pairs in which the chain of the higher label won."""
    wrong_fraction: float | None
    """Pairs in which it lost; the others are ties."""
    order: OrderBias


class Calibration(Measured):
    """What judges and rules were found to be worth on one set of labelled chains."""

    format: Literal[1] = FORMAT
    panel_digest: str
    """Of the judges with all that their grades depend on; it has to be that of the run's judges."""
    rubric_digest: str
    labels_digest: str
    """Of the labelled set's rows, in any order."""
    num_chains: int
    num_problems: int
    panel: Agreement
    """Of the judges together: the median of all grades."""
    rules: Agreement
    judges: tuple[JudgeReport, ...]
    pairs: PairReport


def calibrate(
    labelled: pl.DataFrame, *, config: JudgeConfig, sampler: Sampler, max_pairs: int = MAX_PAIRS
) -> tuple[Calibration, pl.DataFrame]:
    """Measure judges and rules on labelled chains.

    Args:
        labelled: `chain_id`, `question`, `chain`, `level` (L1 to L5) and `teacher` (or null); see
            `hand_written.read_labelled`.
        config: the panel.
        sampler: the engine that serves its models. Put a request cache above it: a calibration resumes by it.
        max_pairs: pairs that are compared in both orders, at the most.

    Returns:
        The calibration, and for each chain what it rests on: `chain_id, question, teacher, num_characters`, the levels
        (1 to 5) `label`, `rules` and `panel`, and one column for each judge.

    Raises:
        TransientError, BudgetError: from the sampler.
    """
    progress = Progress("calibration")
    progress.start(labelled.height * sum(one.num_seeds for one in config.models), "replies", step="grades")
    judgements = ask_judges([labelled.lazy()], config=config, sampler=sampler, progress=progress)
    names = [judge_name(judge) for judge in config.models]
    graded = labelled.select(
        "chain_id",
        "question",
        "teacher",
        num_characters=pl.col("chain").str.len_chars().cast(pl.Int64),
        label=level_number("level"),
        rules=pl.Series(grade_level(labelled), dtype=pl.String),
    ).with_columns(rules=level_number("rules"))
    for column, of_judge in [("panel", pl.lit(True)), *((name, pl.col("judge") == name) for name in names)]:
        levels = aggregate(judgements.filter(of_judge)).select("chain_id", level_number("judge_level").alias(column))
        graded = graded.join(levels, on="chain_id", how="left", maintain_order="left")
    calibration = Calibration(
        panel_digest=panel_digest(config, sampler),
        rubric_digest=rubric_digest(),
        labels_digest=frame_digest(labelled.select("chain_id", "question", "chain", "level", "teacher")),
        num_chains=labelled.height,
        num_problems=labelled["question"].n_unique(),
        panel=measure(graded, "panel"),
        rules=measure(graded, "rules"),
        judges=tuple(
            report_on(name, sampler.revision(judge.model), graded, judgements.filter(pl.col("judge") == name))
            for name, judge in zip(names, config.models, strict=True)
        ),
        pairs=compare_labelled(labelled, config=config, sampler=sampler, max_pairs=max_pairs),
    )
    return calibration, graded


def report_on(name: str, revision: str, graded: pl.DataFrame, own: pl.DataFrame) -> JudgeReport:
    """Return what was measured of one judge from its grades and its own replies."""
    teacher = pl.col("teacher").str.split("@").list.first()  # a revision may be pinned on one side only
    is_own = (teacher == name.partition("@")[0]).fill_null(False)
    errors = graded.filter(pl.col(name).is_not_null()).select(is_own=is_own, error=pl.col(name) - pl.col("label"))
    of_own, of_others = (errors.filter(side)["error"].to_list() for side in (pl.col("is_own"), ~pl.col("is_own")))
    both = bool(of_own) and bool(of_others)
    num_chains = own["chain_id"].n_unique()
    prompt, completion = (int(own[f"num_{kind}_tokens"].sum()) for kind in ("prompt", "completion"))
    return JudgeReport(
        judge=name,
        revision=revision,
        agreement=measure(graded, name),
        self_preference_levels=sum(of_own) / len(of_own) - sum(of_others) / len(of_others) if both else None,
        num_own_chains=len(of_own),
        num_replies=own.height,
        num_unparsed=own["level"].null_count(),
        mean_prompt_tokens=prompt / num_chains if num_chains else None,
        mean_completion_tokens=completion / num_chains if num_chains else None,
    )


def compare_labelled(labelled: pl.DataFrame, *, config: JudgeConfig, sampler: Sampler, max_pairs: int) -> PairReport:
    """Let the judges compare chains of one problem with different labels, and measure what the order decides."""
    pairs = labelled_pairs(labelled, max_pairs=max_pairs)
    preferences = ask_preferences(pairs, config=config, sampler=sampler)
    winners: list[str] = settle(preferences)["winner"].to_list()
    return PairReport(
        num_pairs=pairs.height,
        right_fraction=winners.count("first") / len(winners) if winners else None,
        wrong_fraction=winners.count("second") / len(winners) if winners else None,
        order=order_bias(preferences),
    )


def labelled_pairs(labelled: pl.DataFrame, *, max_pairs: int) -> pl.DataFrame:
    """Return pairs of one problem's chains, that of the higher label first: the nearest labels, problem after problem.

    Returns:
        `question, first_id, first, second_id, second`: at most `max_pairs`, one of each problem before a second one.
    """
    by_question: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for row in labelled.sort("question", "level", "chain_id", descending=[False, True, False]).iter_rows(named=True):
        by_question[row["question"]].append((row["level"], row["chain_id"], row["chain"]))
    pairs = [
        (place, question, better[1:], worse[1:])
        for question, chains in by_question.items()
        for place, (better, worse) in enumerate(pairwise(chains))
        if better[0] != worse[0]
    ]
    rows = [(question, *better, *worse) for _, question, better, worse in sorted(pairs)[:max_pairs]]
    columns = ("question", "first_id", "first", "second_id", "second")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


# -- the file, and what it vouches for ---------------------------------------------------------------------------------


def write_calibration(calibration: Calibration, path: Path) -> None:
    """Write a calibration's file, whole or not at all."""
    Files(str(path.parent)).write_bytes(path.name, f"{calibration.model_dump_json(indent=1)}\n".encode())


def read_calibration(path: str) -> Calibration:
    """Read a calibration's file.

    Raises:
        ConfigError: there is no such file, or it is none of a calibration.
    """
    try:
        return Calibration.model_validate_json(Path(path).read_bytes())
    except OSError as error:
        raise ConfigError(
            f"judging.judge.calibration: {path} can't be read ({error.strerror}); mend the path"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "file"
        raise ConfigError(
            f"judging.judge.calibration: {path}: {place}: {first['msg']}; write it anew by `limo-curation calibrate`"
        ) from None


def why_untrusted(config: JudgeConfig, sampler: Sampler) -> str | None:
    """Return why a panel may decide nothing, with what would mend it; None: its calibration vouches for it.

    Raises:
        ConfigError: the calibration can't be read.
    """
    if config.calibration is None:
        return "no calibration is named; run `limo-curation calibrate` and name its file as judging.judge.calibration"
    known = read_calibration(config.calibration)
    if known.rubric_digest != rubric_digest():
        return f"{config.calibration} is of another rubric; run `limo-curation calibrate` again"
    if known.panel_digest != panel_digest(config, sampler):
        was = ", ".join(judge.revision for judge in known.judges)
        return f"{config.calibration} is of other judges or settings ({was}); run `limo-curation calibrate` again"
    return below_floor(known, config)


def below_floor(known: Calibration, config: JudgeConfig) -> str | None:
    """Return why what was measured is not enough to decide anything; None: it is."""
    if known.num_problems < config.min_problems:
        return (
            f"it rests on chains of {known.num_problems} problems, below min_problems = {config.min_problems}; label "
            "chains of more problems"
        )
    if known.panel.unscored_fraction > config.max_unscored:
        return (
            f"{known.panel.num_unscored} of {known.panel.num_chains} labelled chains have no readable grade, above "
            f"max_unscored = {config.max_unscored:g}; raise max_tokens or take another judge"
        )
    if known.panel.kappa_low is None or known.panel.kappa_low < config.min_kappa:
        low = "not defined" if known.panel.kappa_low is None else f"{known.panel.kappa_low:.2f}"
        return (
            f"the lower end of kappa is {low}, below min_kappa = {config.min_kappa:g}; take a better judge or label "
            f"more than {known.panel.num_chains} chains"
        )
    return why_not_compare(known.pairs) if config.compares_best else None


def why_not_compare(pairs: PairReport) -> str | None:
    """Return why judges may not compare chains; None: on labelled ones the better one won more often than it lost."""
    mend = "or set judging.judge.compares_best = false"
    if pairs.right_fraction is None or pairs.wrong_fraction is None:
        return f"no labelled pair was compared; label chains of one problem with different levels, {mend}"
    if pairs.right_fraction <= pairs.wrong_fraction:
        return (
            f"of {pairs.num_pairs} labelled pairs the higher label wins {pairs.right_fraction:.0%} and loses "
            f"{pairs.wrong_fraction:.0%}; take a better judge, {mend}"
        )
    return None


def may_decide(config: JudgeConfig, sampler: Sampler) -> bool:
    """Return whether the panel has a say: it shall have one, and its calibration vouches for it; log why it has none.

    Raises:
        ConfigError: it shall have a say, nothing vouches for it, and `when_untrusted` is "fail".
    """
    if not config.decides:
        logger.info("the judges are on record and decide nothing: judging.judge.weight is 0")
        return False
    why = why_untrusted(config, sampler)
    if why is not None and config.when_untrusted == "fail":
        raise ConfigError(f"the judges may not decide: {why}; or set judging.judge.when_untrusted = 'rules_decide'")
    if why is not None:
        logger.warning("the judges may not decide, the rules do alone: %s", why)
    return why is None
