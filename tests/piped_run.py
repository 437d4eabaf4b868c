"""A finished run of every real stage on made-up problems, with the record that publishing starts from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from limo_curation.config import RunConfig
from limo_curation.run_record import RunRecord, run_name, save_record
from limo_curation.store import Store
from tests.small_pipeline import ON_DEMAND, run_pipeline


@dataclass(frozen=True)
class PipedRun:
    store: Store
    record: RunRecord
    config: RunConfig


def make_piped_run(folder: Path, *, part_rows: int = 1_000, store: Store | None = None) -> PipedRun:
    """Run all stages on sources in a folder, and put the run on record; the store is there too, or the given one."""
    done = run_pipeline(folder, part_rows=part_rows, store=store)
    used = {name: plan.config for name, (plan, _) in done.items() if name in RunConfig.model_fields}
    config = RunConfig(profile="piped", **used)  # pyright: ignore[reportArgumentType]
    store = done["selection"][0].store
    record = RunRecord(
        name=run_name(config),
        profile=config.profile,
        config=config.model_dump(mode="json"),
        artifacts={name: artifact for name, (_, artifact) in done.items() if name != ON_DEMAND},
        finished=True,
    )
    save_record(store, record)
    return PipedRun(store, record, config)
