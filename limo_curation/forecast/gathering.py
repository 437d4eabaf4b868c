"""Put together what is known of a run before it: counts of this store first, then a pilot, then guesses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from limo_curation.config import RunConfig
from limo_curation.difficulty.band import NOT_SAMPLED
from limo_curation.engine_config import Solver
from limo_curation.errors import ConfigError
from limo_curation.forecast.counted import counted_stages
from limo_curation.forecast.evidence import (
    Amount,
    Share,
    SolverEvidence,
    chains_amount,
    counted_share,
    measured_solver,
)
from limo_curation.forecast.guesses import (
    CERTAIN,
    IN_BAND,
    KEPT_SHARES,
    UNSOLVED,
    WITHOUT_RATE,
    guessed_chains,
    guessed_share,
    guessed_solver,
)
from limo_curation.forecast.rows import candidate_rows
from limo_curation.run_record import PROBLEM_STAGES, STAGES, RunRecord, manifests
from limo_curation.store import Manifest, Store

CHAIN_STAGES: Final = ("verification", "judging")
MANY: Final = 1e6  # of a share that is known
NEVER_DROP: Final = ("domains", "judging")
NO_PILOT: Final = (
    "there is no pilot: all shares and tokens are guesses, and the intervals are wide. Make one, such as "
    "`prefect deployment run curate/PROFILE -p pilot_share=0.001`, and name that run with --pilot"
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a plan rests on."""

    rows: int
    """Candidate rows."""
    rows_from: str
    counted: Mapping[str, Manifest]
    """Stages that need no estimate."""
    kept: Mapping[str, Share]
    """Of a stage's rows; of difficulty's, where every problem is sampled, of those that its last solver was asked."""
    solvers: tuple[SolverEvidence, ...]
    chains: Amount
    """For each problem of generation."""
    rated_on_demand: bool
    """Whether the shares of difficulty are those of a pilot that rated on demand."""
    bytes_per_row: Mapping[str, float]
    """Of the pilot's tables, for each row that the stage was given."""
    notes: tuple[str, ...]
    """What a reader has to know."""


def gather_evidence(config: RunConfig, store: Store, *, pilot: RunRecord | None, rows: int | None) -> Evidence:
    """Return what is known of a run before it.

    Args:
        config: the run.
        store: where it is to happen, and where the pilot happened.
        pilot: a run whose shares and tokens are carried over; None: guesses.
        rows: candidate rows; None: as the sources tell. With a number no stage counts as done.

    Raises:
        ConfigError: the sources don't tell how many rows they have, or the pilot has none.
        TableError: an entry of the pilot is gone.
    """
    # a pilot had other rows, but one that rates a share only has them all up to there
    but = None if pilot is None or rates_a_share(pilot) else pilot.name
    counted = counted_stages(config, store, but=but) if rows is None else {}
    known = {} if pilot is None else pilot_manifests(config, store, pilot)
    num_rows, rows_from = (rows, "--rows") if rows is not None else rows_of(config, counted)
    solvers = solver_evidence(config, pilot, known, counted)
    wrote_alike = not any(one.is_guess for one in solvers if one.stage == "generation")
    has_chains = "generation" in known and wrote_alike
    return Evidence(
        rows=num_rows,
        rows_from=rows_from,
        counted=counted,
        kept={
            stage: kept_share(stage, config, solvers, known.get(stage)) for stage in (*PROBLEM_STAGES, *CHAIN_STAGES)
        },
        solvers=solvers,
        chains=chains_amount(known["generation"]) if has_chains else guessed_chains(config),
        rated_on_demand="difficulty" in known and pilot is not None and rated_on_demand(pilot),
        bytes_per_row={stage: one.bytes / one.rows_in for stage, one in known.items()},
        notes=tuple(notes_on(config, num_rows, known, solvers, counted)),
    )


def pilot_manifests(config: RunConfig, store: Store, pilot: RunRecord) -> dict[str, Manifest]:
    """Return the stages of a pilot that tell something of a run.

    Raises:
        ConfigError: there is none.
        TableError: an entry of the pilot is gone.
    """
    known = {stage: one for stage, one in manifests(store, pilot).items() if one.rows_in}
    if not known:
        raise ConfigError(f"run {pilot.name} has no rows, so it is no pilot; name another one")
    if rated_on_demand(pilot) and config.difficulty.demand is None:
        known.pop("difficulty", None)  # it chose which problems to rate: its shares are not those of all
    return known


def rated_on_demand(pilot: RunRecord) -> bool:
    """Return whether a pilot rated only as many problems as it needed."""
    return pilot.config.get("difficulty", {}).get("demand") is not None


def rates_a_share(pilot: RunRecord) -> bool:
    """Return whether a pilot rated a random share of its problems only."""
    return pilot.config.get("difficulty", {}).get("sample_share", 1.0) < 1


def rows_that_count(manifest: Manifest) -> int:
    """Return a stage's rows without those that a pilot left out by chance."""
    return manifest.rows_in - manifest.reasons.get(NOT_SAMPLED, 0)


def rows_of(config: RunConfig, counted: Mapping[str, Manifest]) -> tuple[int, str]:
    """Return the candidate rows, and where that is from."""
    if "ingestion" in counted:
        return counted["ingestion"].rows_in, "a run of this store"
    return candidate_rows(config)


def solvers_of(config: RunConfig) -> list[tuple[str, str, Solver]]:
    """Return what the run asks: name in the metrics, stage, and solver, in the order of the work."""
    found = [(f"teacher_{place}", "generation", one) for place, one in enumerate(config.generation.teachers, 1)]
    if not config.difficulty.enabled:
        return found
    raters = [(f"weak_{place}", "difficulty", one) for place, one in enumerate(config.difficulty.weak, 1)]
    if config.difficulty.strong is not None:
        raters.append(("strong", "difficulty", config.difficulty.strong))
    return raters + found


def samples_every_problem(config: RunConfig) -> bool:
    """Return whether difficulty asks a solver about each of its rows."""
    return not config.difficulty.use_published_rates


def solver_evidence(
    config: RunConfig, pilot: RunRecord | None, known: Mapping[str, Manifest], counted: Mapping[str, Manifest]
) -> tuple[SolverEvidence, ...]:
    """Return what is known of each solver: from this store or the pilot if it asked the same one, else a guess."""
    found: list[SolverEvidence] = []
    for name, stage, solver in solvers_of(config):
        manifest = counted.get(stage) or known.get(stage)
        is_alike = stage in counted or (pilot is not None and asked_alike(pilot, name, solver))
        before_it = found[-1].name if stage == "difficulty" and found else None
        if manifest is None or not is_alike or not manifest.metrics.get(f"{name}_num_problems"):
            found.append(guessed_solver(name, stage, solver, asked_share(config, name, stage, before_it, None)))
        else:
            asked = asked_share(config, name, stage, before_it, manifest)
            found.append(measured_solver(name, solver, manifest, asked=asked))
    return tuple(found)


def asked_share(config: RunConfig, name: str, stage: str, before_it: str | None, manifest: Manifest | None) -> Share:
    """Return the share of problems that a solver is asked: all where nothing decides before it, counted, or a guess."""
    if stage == "generation":
        return CERTAIN
    if before_it is None and samples_every_problem(config):
        share = config.difficulty.sample_share
        return CERTAIN if share == 1 else Share(share * MANY, (1 - share) * MANY, "counted")
    if manifest is None:
        return guessed_share(WITHOUT_RATE if before_it is None else UNSOLVED)
    before = rows_that_count(manifest) if before_it is None else manifest.metrics.get(f"{before_it}_num_problems", 0.0)
    return counted_share(manifest.metrics[f"{name}_num_problems"], before)


def asked_alike(pilot: RunRecord, name: str, solver: Solver) -> bool:
    """Return whether a pilot was to ask a solver in this place, with the settings on which its tokens depend.

    A prompt that a run file names stands in its teachers as text (`GenerationConfig`).
    """
    place, _, number = name.partition("_")
    difficulty, generation = pilot.config.get("difficulty", {}), pilot.config.get("generation", {})
    in_place: dict[str, list[dict[str, Any] | None]] = {
        "weak": difficulty.get("weak", []),
        "strong": [difficulty.get("strong")],
        "teacher": generation.get("teachers", []),
    }
    there = dict(enumerate(in_place[place], 1)).get(int(number or 1)) or {}
    wanted = solver.model_dump(mode="json")
    return all(there.get(field) == wanted[field] for field in ("model", "num_attempts", "max_tokens", "system_prompt"))


def kept_share(stage: str, config: RunConfig, solvers: tuple[SolverEvidence, ...], known: Manifest | None) -> Share:
    """Return the share that a stage keeps: of the pilot, or a guess."""
    if stage in NEVER_DROP:
        return Share(1.0, 0.0, "guess" if known is None else "pilot")
    if stage != "difficulty":
        return guessed_share(KEPT_SHARES[stage]) if known is None else counted_share(known.rows_kept, known.rows_in)
    raters = [one for one in solvers if one.stage == "difficulty"]
    if known is None or any(one.is_guess for one in raters):
        return guessed_share(IN_BAND if config.difficulty.strong is not None or not raters else UNSOLVED)
    if raters and samples_every_problem(config):
        return counted_share(known.rows_kept, known.metrics[f"{raters[-1].name}_num_problems"])
    return counted_share(known.rows_kept, rows_that_count(known))


def notes_on(
    config: RunConfig,
    num_rows: int,
    known: Mapping[str, Manifest],
    solvers: tuple[SolverEvidence, ...],
    counted: Mapping[str, Manifest],
) -> list[str]:
    """Say what a reader has to know about a plan."""
    notes: list[str] = []
    is_estimated = any(stage not in counted for stage in STAGES)
    if not known and is_estimated:
        notes.append(NO_PILOT)
    first = known.get("ingestion")
    if first is not None and is_estimated and first.rows_in < num_rows:
        notes.append(
            f"the pilot had {first.rows_in:,} rows; of a larger pool deduplication and novelty keep a smaller share"
        )
    notes += [
        f"{one.name}: the pilot did not ask {one.solver.model} with these settings, so its tokens are a guess"
        for one in solvers
        if known and one.is_guess and one.stage not in counted
    ]
    if config.difficulty.demand is not None and "difficulty" not in {*known, *counted}:
        notes.append("what difficulty.demand saves by choosing the likeliest problems is not foreseen")
    if config.decontamination.enabled and config.decontamination.paraphrase is not None:
        notes.append("what decontamination.paraphrase asks its judge is left out")
    if config.domains.enabled and config.domains.classifier is not None:
        notes.append("what domains.classifier asks its model is left out")
    if config.judging.enabled and config.judging.judge is not None:
        notes.append(
            "what judging.judge asks its judges is left out; `limo-curation calibrate` tells their tokens a chain"
        )
    return notes
