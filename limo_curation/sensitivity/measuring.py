"""Move each number of a finished run down and up, and count how many of its samples change."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator
from typing import Any

import polars as pl

from limo_curation.config import RunConfig
from limo_curation.errors import ConfigError, ShortfallError
from limo_curation.judging.panel import JUDGING_BY_PANEL
from limo_curation.judging.rules import JUDGING
from limo_curation.provenance import source_digest
from limo_curation.run_record import STAGES, RunRecord, load_samples
from limo_curation.selection import select_samples
from limo_curation.sensitivity.effects import (
    PROBLEM_STAGES,
    Effect,
    described,
    no_loss,
    with_other_band,
    with_other_length,
    with_other_problems,
    with_other_texts,
)
from limo_curation.sensitivity.knobs import NOT_MOVED, SAMPLED, Knob, knobs_of, moved, positions
from limo_curation.sensitivity.outcome import Movement, Sensitivity
from limo_curation.sensitivity.redraws import redraw
from limo_curation.sensitivity.rescoring import features_of, with_other_scores
from limo_curation.sensitivity.stored_run import StoredRun
from limo_curation.store import Store
from limo_curation.verification import VERIFICATION


def measure_sensitivity(
    store: Store, record: RunRecord, *, step: float = 0.1, only: Collection[str] = ()
) -> Sensitivity:
    """Move each knob of a run, and redraw the strong attempts; nothing is sampled.

    Args:
        store: where the run's tables are. Those of stages up to novelty that are run again are left there.
        record: a finished run.
        step: by which share of its value each number moves.
        only: names of knobs or beginnings of names (`judging`, `selection.max_per_source`); empty: all.

    Raises:
        ConfigError: `only` names no knob of the run.
        TableError: the run is not finished, its tables are gone, or it was made by another version.
    """
    run = StoredRun(store, record)
    wanted = [knob for knob in knobs_of(run.config) if is_wanted(knob.name, only)]
    settings = [name for name in sampled_settings(run.config) if is_wanted(name, only)]
    if not wanted and not settings:
        left_alone = [f"{name} is not moved: {NOT_MOVED[name]}" for name in only if name in NOT_MOVED]
        known = "; ".join([*left_alone, f"there are {', '.join(knob.name for knob in knobs_of(run.config))}"])
        raise ConfigError(f"--only {' '.join(only)}: no such knob in run {record.name}; {known}")
    num_samples, effects = len(run.sample_ids), Effects(run)
    movements = [movement_of(effects, knob, position) for knob in wanted for position in positions(knob.value, step)]
    return Sensitivity(
        run=record.name,
        samples_digest=run.artifact("selection").digest,
        step=step,
        num_samples=num_samples,
        movements=(*movements, *(needs_sampling(run, name) for name in settings)),
        redraws=redraw(load_samples(store, record), run.config.difficulty),
        changed_stages=tuple(changed_stages(run)),
    )


def is_wanted(name: str, only: Collection[str]) -> bool:
    """Return whether a knob is one of those that were named."""
    return not only or any(name == wanted or name.startswith(f"{wanted}.") for wanted in only)


class Effects:
    """What moving a knob does to the chains that selection chooses from; what several movements need is made once."""

    def __init__(self, run: StoredRun) -> None:
        self.run = run

    @functools.cached_property
    def features(self) -> pl.DataFrame:
        """What the rules count in each judged chain."""
        return features_of(self.run)

    @functools.cached_property
    def texts(self) -> pl.DataFrame:
        """What verification looks at in each chain with the right answer."""
        return described(self.run)

    def of(self, knob: Knob, config: RunConfig) -> Effect:
        """Return the effect of one movement."""
        match knob.stage:
            case "selection":
                return Effect(self.run.chains, no_loss())
            case "judging":
                return with_other_scores(self.run, config, self.features)
            case "verification":
                return with_other_texts(self.run, config, self.texts)
            case "generation":
                return with_other_length(self.run, config)
            case "difficulty":
                return with_other_band(self.run, config, knob.path[-1])
            case _:
                return with_other_problems(self.run, config, knob.stage)


def movement_of(effects: Effects, knob: Knob, position: float) -> Movement:
    """Move one knob and select again."""
    place: dict[str, Any] = {"knob": knob.name, "value": knob.value, "moved_to": position}
    try:
        config = moved(effects.run.config, knob, position)
    except ValueError as error:
        return Movement(**place, note=f"impossible: {error}")
    effect = effects.of(knob, config)
    place |= {"num_unsampled": effect.num_unsampled}
    if not effect.is_known:
        return Movement(**place, note=effect.note)
    try:
        result = select_samples(effect.chains, config=config.selection)
    except ShortfallError as error:
        return Movement(**place, note=f"shortfall: {str(error).splitlines()[0]}")
    samples, selected = effects.run.sample_ids, frozenset(result.kept["chain_id"])
    return Movement(
        **place,
        num_leaving=len(samples - selected),
        num_entering=len(selected - samples),
        reasons=reasons_of(samples - selected, effect, result.dropped),
        note="; ".join(filter(None, [effect.note, note_on_demand(config, knob, effect)])),
    )


def note_on_demand(config: RunConfig, knob: Knob, effect: Effect) -> str:
    """Say that other problems would have been rated in place of those that leave, where they are rated on demand."""
    is_before = STAGES.index(knob.stage) <= STAGES.index("difficulty")
    on_demand = config.difficulty.enabled and config.difficulty.demand is not None
    return "on demand, others would be rated in their place" if is_before and on_demand and effect.lost.height else ""


def reasons_of(leaving: Collection[str], effect: Effect, dropped: pl.DataFrame) -> dict[str, int]:
    """Count why samples leave, the commonest reason first."""
    told = pl.concat([effect.lost, dropped.select("chain_id", reason="drop_reason")])
    told = told.filter(pl.col("chain_id").is_in(list(leaving))).unique("chain_id", keep="first", maintain_order=True)
    counted = told.group_by("reason").len().sort(-pl.col("len").cast(pl.Int64), "reason")
    return dict(counted.rows())


def changed_stages(run: StoredRun) -> Iterator[str]:
    """Yield the stages of what is moved here whose code is not what the run's tables were made by."""
    judging = JUDGING if run.config.judging.judge is None else JUDGING_BY_PANEL
    for stage in (*PROBLEM_STAGES, VERIFICATION, judging):
        if run.manifest(stage.name).source_digest != source_digest(stage.run.__module__):
            yield stage.name


# -- settings that only sampling could tell of -------------------------------------------------------------------------


def sampled_settings(config: RunConfig) -> Iterator[str]:
    """Yield the sections of a run that say who is asked, how often and how."""
    for stage, names in SAMPLED.items():
        section = getattr(config, stage)
        for name in names:
            holder: Any = section
            for part in name.split("."):
                holder = None if holder is None else getattr(holder, part)
            if section.enabled and holder:
                yield f"{stage}.{name}"


def needs_sampling(run: StoredRun, name: str) -> Movement:
    """Return that a section can't be moved without sampling, with the rows that would be asked about."""
    rows = run.input_of(name.split(".")[0]).rows
    return Movement(knob=name, num_unsampled=rows, note="needs sampling")
