"""Keeping the store in order: deleting what no run uses, and looking for what is damaged."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from limo_curation.run_record import RUNS_FOLDER, load_record
from limo_curation.sampling.spending import SPENDING_FOLDER
from limo_curation.store import INDEX_FOLDER, REUSE_FOLDER, Store

ENTRY_KEY: Final = re.compile(r"[0-9a-f]{32}")


def collect_garbage(
    store: Store, keep: Collection[str], *, with_unfinished: bool = False, is_dry_run: bool = False
) -> list[str]:
    """Delete the entries that no named run uses. Not while a run is under way: its record is not complete yet.

    What the other runs have spent is forgotten with them: started again, they have their whole budget.

    Args:
        store: the store.
        keep: names of runs.
        with_unfinished: also delete entries without a manifest, which a later run could have resumed.
        is_dry_run: only tell.

    Returns:
        What was (or would be) deleted, as `stage/key`, and `spending/run` for accounts.

    Raises:
        TableError: a name is unknown or a record is damaged; nothing is deleted then.
    """
    records = [load_record(store, name) for name in keep]
    used = {(artifact.stage, artifact.key) for record in records for artifact in record.artifacts.values()}
    unused = [
        (stage, key)
        for stage, key, is_committed in entries(store)
        if (stage, key) not in used and (is_committed or with_unfinished)
    ]
    accounts = [f"{SPENDING_FOLDER}/{run}" for run in store.list(SPENDING_FOLDER) if run not in keep]
    for account in [] if is_dry_run else accounts:
        store.remove(account)
    for stage, key in [] if is_dry_run else unused:
        if store.read_bytes(f"{stage}/{key}/manifest.json") is not None:
            store.remove(f"{stage}/{key}/manifest.json")  # first: an interrupted deletion leaves no half entry
        store.remove(f"{stage}/{key}")
    if not is_dry_run:
        for stage in store.list(""):
            mend_reuse(store, stage)
            mend_index(store, stage)
    return [f"{stage}/{key}" for stage, key in unused] + accounts


def mend_reuse(store: Store, stage: str) -> None:
    """Let the re-use records of a stage name entries that are there; those whose part no entry holds are deleted."""
    keys = [key for key in store.list(stage) if ENTRY_KEY.fullmatch(key)]
    stale: list[str] = []
    for name in store.list(f"{stage}/{REUSE_FOLDER}"):  # a killed writer may have left other files there
        there = store.offered_part(stage, name.removesuffix(".json"))
        if there is None or there.key not in keys:
            stale.append(name)
    manifests = [manifest for key in keys if stale and (manifest := store.manifest(stage, key)) is not None]
    held = {f"{part.part_key}.json": (manifest.key, part) for manifest in manifests for part in manifest.parts}
    for name in stale:
        if name in held:
            store.offer_part(stage, *held[name])
        else:
            store.remove(f"{stage}/{REUSE_FOLDER}/{name}")


def mend_index(store: Store, stage: str) -> None:
    """Delete the records of indexes whose entry is gone."""
    for name in store.list(f"{stage}/{INDEX_FOLDER}"):
        there = store.stored_index(stage, name.removesuffix(".json"))
        if there is None or not store.list(f"{stage}/{there.key}/{INDEX_FOLDER}"):
            store.remove(f"{stage}/{INDEX_FOLDER}/{name}")


def verify_store(store: Store) -> list[str]:
    """Read every committed entry and compare it with its checksums.

    Returns:
        One line for each damaged entry: `stage/key: what is wrong`. The next run does its work again.
    """
    damaged: list[str] = []
    for stage, key, is_committed in entries(store):
        if not is_committed:
            continue
        manifest = store.manifest(stage, key)
        if manifest is None:
            damaged.append(f"{stage}/{key}: its manifest is unreadable or belongs to another entry")
            continue
        broken = sum(not store.part_is_whole(stage, key, part) for part in manifest.parts)
        if broken:
            damaged.append(f"{stage}/{key}: {broken} of {len(manifest.parts)} parts are gone or changed")
    return damaged


def entries(store: Store) -> Iterator[tuple[str, str, bool]]:
    """Yield stage, key and whether it is committed, of everything in the store that looks like an entry."""
    for stage in store.list(""):
        if stage == RUNS_FOLDER:
            continue
        for key in store.list(stage):
            if not ENTRY_KEY.fullmatch(key):
                continue
            content = store.list(f"{stage}/{key}")
            if not {"manifest.json", "parts", "kept", "work", INDEX_FOLDER}.isdisjoint(content):
                yield stage, key, "manifest.json" in content
