"""What the store already knows of a run: the stages that some run did under the very same settings."""

from __future__ import annotations

from limo_curation.config import RunConfig
from limo_curation.files import without_credentials
from limo_curation.run_record import STAGES, RunRecord, list_records
from limo_curation.store import Manifest, Store


def counted_stages(config: RunConfig, store: Store, *, but: str | None = None) -> dict[str, Manifest]:
    """Return the manifests of the stages that a run of this store did under the same settings, from the first one on.

    Args:
        config: the run.
        store: where other runs are on record.
        but: a run that is not looked at: a pilot that had other rows.

    Whether the sources or our code have changed since is not looked at: a plan may be wrong, it need not be right.
    """
    longest: dict[str, Manifest] = {}
    for record in list_records(store):
        found = {} if record.name == but else agreeing_stages(config, record, store)
        if len(found) > len(longest):
            longest = found
    return longest


def agreeing_stages(config: RunConfig, record: RunRecord, store: Store) -> dict[str, Manifest]:
    """Return the manifests of a run's stages up to the first one with other settings, or that is not done."""
    found: dict[str, Manifest] = {}
    wanted = without_credentials(config.model_dump(mode="json"))
    if wanted["demo"] != record.config.get("demo"):
        return found
    for stage in STAGES:
        artifact = record.artifacts.get(stage)
        if artifact is None or wanted[stage] != record.config.get(stage):
            break
        manifest = store.manifest(artifact.stage, artifact.key)
        if manifest is None:
            break
        found[stage] = manifest
    return found
