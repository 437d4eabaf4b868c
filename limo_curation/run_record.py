"""A run's record: which artifact each stage used, and what can be told from that (its funnel, a row's life).

A record is one small JSON file beside the entries, `<store>/runs/<name>.json`. It holds no time and no duration, so
the same run writes the same bytes, and a run that is resumed overwrites its record with a longer one.
"""

from __future__ import annotations

import re
from typing import Any, Final

import polars as pl
from pydantic import ValidationError, field_validator

from limo_curation.config import RunConfig
from limo_curation.errors import TableError
from limo_curation.files import without_credentials
from limo_curation.sampling.spending import run_spending
from limo_curation.store import Artifact, KeptConfig, Manifest, Record, Store, json_digest
from limo_curation.tables import BENCHMARKS, DROPPED, RECORDED_CHAINS, SAMPLES

RUNS_FOLDER: Final = "runs"
EVALUATION_PREFIX: Final = "evaluation-"
"""Of the names of evaluations, whose records stand among those of runs so that their tables are kept."""
PROBLEM_STAGES: Final = (
    "ingestion",
    "screening",
    "deduplication",
    "decontamination",
    "novelty",
    "domains",
    "difficulty",
)
STAGES: Final = (*PROBLEM_STAGES, "generation", "verification", "judging", "selection")
"""The stages in the order of the work: sections of the run file, and names in a run's record."""
SECTIONS_WITHOUT_EFFECT: Final = ("execution", "engine")  # where and who samples: neither changes a result
PLACE_OF_PUBLICATION: Final = ("repo_id", "private", "tag", "create_pr", "token_block")
"""Settings of publishing that say where a set goes, not what it is: who runs a published config pushes it nowhere."""
SIDE_TABLES: Final = (BENCHMARKS.name, RECORDED_CHAINS.name)  # read beside the problems, no step of their funnel
LIFE_COLUMNS: Final = ("stage", "outcome", "chain_id", "drop_reason", "value", "threshold", "evidence")


class RunRecord(Record):
    """What one run used, stage by stage, in the order of the work."""

    name: str
    profile: str
    config: KeptConfig
    artifacts: dict[str, Artifact]
    finished: bool

    @field_validator("name")
    @classmethod
    def _name_is_a_file_name(cls, value: str) -> str:
        if not re.fullmatch(r"[\w-]+", value):
            raise ValueError("name is used as a file's name: letters, digits, - and _ only")
        return value


# -- keeping records ---------------------------------------------------------------------------------------------------


def run_name(config: RunConfig) -> str:
    """Return `<profile>-<8 hex digits>`: the same for configs that lead to the same result.

    Credentials don't count: who runs a published config has other ones, and a new password makes no new run.
    """
    told = without_credentials(without_effectless(config.model_dump(mode="json")))
    return f"{config.profile}-{json_digest(told)[:8]}"


def without_effectless(config: dict[str, Any]) -> dict[str, Any]:
    """Return a run's config without what changes where it runs and where its set goes, not what comes out."""
    kept = {name: section for name, section in config.items() if name not in SECTIONS_WITHOUT_EFFECT}
    publishing: dict[str, Any] = kept.get("publishing", {})
    here = {name: value for name, value in publishing.items() if name not in PLACE_OF_PUBLICATION}
    return kept | ({"publishing": here} if "publishing" in kept else {})


def shareable_config(record: RunRecord) -> dict[str, Any]:
    """Return the config as it may be published: no machines, no engines' addresses, no credentials."""
    return without_effectless(record.config)


def config_of(record: RunRecord) -> RunConfig:
    """Return the config of a run as it may be published.

    Raises:
        TableError: this version of the package knows other settings than the one that made the run.
    """
    try:
        return RunConfig.model_validate(shareable_config(record))
    except ValidationError as error:
        raise TableError(
            f"the config of run {record.name} is not one of this version ({error.error_count()} settings differ); run "
            "it again"
        ) from None


def save_record(store: Store, record: RunRecord) -> None:
    """Write a run's record; an earlier one of the same name is replaced."""
    store.write_bytes(f"{RUNS_FOLDER}/{record.name}.json", record.model_dump_json(indent=1).encode())


def load_record(store: Store, name: str) -> RunRecord:
    """Read a run's record.

    Raises:
        TableError: no such run in this store (the message names those that are there), or a damaged record.
    """
    known = record_names(store)
    if name not in known:
        raise TableError(
            f"no run {name!r} in {without_credentials(store.url)}; recorded are: {', '.join(known) or 'none'}"
        )
    text = store.read_bytes(f"{RUNS_FOLDER}/{name}.json")
    try:
        return RunRecord.model_validate_json(text or b"")
    except ValidationError:
        raise TableError(
            f"the record of run {name!r} is damaged; run it again, which finds its finished work"
        ) from None


def list_records(store: Store) -> list[RunRecord]:
    """Return the records of all runs, by name.

    Raises:
        TableError: one of them is damaged.
    """
    return [load_record(store, name) for name in record_names(store)]


def latest_record(store: Store) -> RunRecord:
    """Return the record that was written last (by the file's time, since a record holds none), evaluations aside.

    Raises:
        TableError: the store has no runs.
    """
    names = [name for name in record_names(store) if not name.startswith(EVALUATION_PREFIX)]
    if not names:
        raise TableError(f"no run is recorded in {without_credentials(store.url)}; start one, or name another store")
    if len(names) == 1:
        return load_record(store, names[0])
    return load_record(store, max(names, key=lambda name: store.fs.modified(f"{store.root}/{RUNS_FOLDER}/{name}.json")))


def record_names(store: Store) -> list[str]:
    """Return the sorted names of the runs of a store."""
    return [name.removesuffix(".json") for name in store.list(RUNS_FOLDER) if name.endswith(".json")]


# -- telling what happened ---------------------------------------------------------------------------------------------


def manifests(store: Store, record: RunRecord) -> dict[str, Manifest]:
    """Return the manifests of the stages that problems or chains went through, in order.

    Raises:
        TableError: an entry that the run used is gone.
    """
    found: dict[str, Manifest] = {}
    for stage, artifact in record.artifacts.items():
        if artifact.table in SIDE_TABLES:
            continue
        manifest = store.manifest(artifact.stage, artifact.key)
        if manifest is None:
            raise TableError(f"run {record.name}: {artifact.uri} is gone or damaged; run it again")
        found[stage] = manifest
    return found


def missing_stages(record: RunRecord) -> list[str]:
    """Return the stages that a run has not finished, in order."""
    return [stage for stage in STAGES if stage not in record.artifacts]


def spent_budget(store: Store, record: RunRecord) -> str | None:
    """Say which budget an unfinished run has spent; None where it is finished or has something left.

    Raises:
        TableError: an account of the run's spending is damaged.
    """
    limits: dict[str, Any] = record.config.get("engine", {})
    max_tokens, max_hours = limits.get("max_total_tokens"), limits.get("max_gpu_hours")
    if record.finished or (max_tokens is None and max_hours is None):
        return None
    spent = run_spending(store, record.name)
    if max_tokens is not None and spent.total_tokens >= max_tokens:
        return f"{spent.total_tokens:,} of {max_tokens:,} tokens are spent"
    if max_hours is not None and spent.gpu_hours >= max_hours:
        return f"{spent.gpu_hours:.3g} of {max_hours:g} GPU-hours are spent"
    return None


def load_samples(store: Store, record: RunRecord) -> pl.DataFrame:
    """Read the samples that a run selected; none where it has not come that far.

    Raises:
        TableError: the entry that holds them is gone.
    """
    for artifact in record.artifacts.values():
        if artifact.table == SAMPLES.name:
            return store.scan(artifact, SAMPLES).collect()
    return SAMPLES.empty()


def funnel(store: Store, record: RunRecord) -> pl.DataFrame:
    """Count the rows through a run.

    Returns:
        One row per stage, in order: stage, rows_in, rows_kept, rows_dropped, wall_seconds (of the run that did the
        work; a stage that was found finished counts what it once took). Generation turns a problem into several
        chains, so there rows_kept may exceed rows_in.
    """
    return pl.DataFrame(
        [
            (stage, manifest.rows_in, manifest.rows_kept, manifest.rows_dropped, manifest.wall_seconds)
            for stage, manifest in manifests(store, record).items()
        ],
        schema={
            "stage": pl.String,
            "rows_in": pl.Int64,
            "rows_kept": pl.Int64,
            "rows_dropped": pl.Int64,
            "wall_seconds": pl.Float64,
        },
        orient="row",
    )


def drop_reasons(store: Store, record: RunRecord) -> pl.DataFrame:
    """Count the dropped rows of a run: stage, drop_reason, rows; stages in order, the commonest reason first."""
    return pl.DataFrame(
        [
            (stage, reason, rows)
            for stage, manifest in manifests(store, record).items()
            for reason, rows in sorted(manifest.reasons.items(), key=lambda item: (-item[1], item[0]))
        ],
        schema={"stage": pl.String, "drop_reason": pl.String, "rows": pl.Int64},
        orient="row",
    )


def explain_problem(store: Store, record: RunRecord, problem_id: str) -> pl.DataFrame:
    """Tell the whole life of a problem and of its chains.

    Returns:
        One row for each time a stage kept or dropped it: stage, outcome (kept or dropped), chain_id, drop_reason,
        value, threshold, evidence.

    Raises:
        TableError: the run never saw this id.
    """
    lives = [
        half
        for stage, manifest in manifests(store, record).items()
        for half in (kept_life(store, manifest, stage, problem_id), dropped_life(store, manifest, stage, problem_id))
    ]
    life = pl.concat(lives) if lives else pl.DataFrame()
    if life.height == 0:
        raise TableError(f"run {record.name} has no problem {problem_id!r}; an id is 20 hex digits, see `problem_id`")
    return life


def kept_life(store: Store, manifest: Manifest, stage: str, problem_id: str) -> pl.DataFrame:
    """Return one row for each row of the problem that a stage kept."""
    columns = [name for name in ("problem_id", "chain_id") if name in manifest.columns]
    rows = store.scan_parts(manifest, range(len(manifest.parts))).filter(pl.col("problem_id") == problem_id)
    return as_life(rows.select(columns).collect(), stage, "kept")


def dropped_life(store: Store, manifest: Manifest, stage: str, problem_id: str) -> pl.DataFrame:
    """Return one row for each row of the problem that a stage dropped."""
    rows = store.scan_parts(manifest, range(len(manifest.parts)), DROPPED, half="dropped")
    return as_life(rows.filter(pl.col("problem_id") == problem_id).collect(), stage, "dropped")


def as_life(rows: pl.DataFrame, stage: str, outcome: str) -> pl.DataFrame:
    """Return rows of either half with the same columns."""
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in DROPPED.schema.items() if name not in rows.columns]
    # literals are added, never selected alone: that would give a row where there is none
    return rows.with_columns(*missing, outcome=pl.lit(outcome)).with_columns(stage=pl.lit(stage)).select(LIFE_COLUMNS)
