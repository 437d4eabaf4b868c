"""The small pipeline in a process of its own that is killed, as `kill -9` does, while one stage is at work.

python -m tests.killed_run FOLDER PART_ROWS STAGE MOMENT
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import polars as pl

from limo_curation.store import Artifact as StoredTable
from limo_curation.store import FileRecord, Manifest, PartRecord, Store
from tests.small_pipeline import run_pipeline

MOMENTS = ("half of a part", "first part", "second part", "interim result", "manifest")


class FatalStore(Store):
    """Kills the process at a certain moment of one stage."""

    def __init__(self, url: str, *, stage: str, moment: str) -> None:
        super().__init__(url)
        self.stage, self.moment = stage, moment
        self.num_parts = 0

    def write_table(self, stage: str, key: str, half: str, name: str, frame: pl.DataFrame) -> FileRecord:
        """Write it, and die before the other half is written."""
        record = super().write_table(stage, key, half, name, frame)
        self.die_at(stage, "interim result" if half in ("work", "index") else "half of a part")
        return record

    def commit_part(self, stage: str, key: str, part: PartRecord) -> None:
        """Commit it and die."""
        super().commit_part(stage, key, part)
        self.num_parts += stage == self.stage
        self.die_at(stage, {1: "first part", 2: "second part"}.get(self.num_parts, ""))

    def commit(self, manifest: Manifest) -> StoredTable:
        """Die when all is done but the manifest."""
        self.die_at(manifest.stage, "manifest")
        return super().commit(manifest)

    def die_at(self, stage: str, moment: str) -> None:
        if (stage, moment) == (self.stage, self.moment):
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    folder, part_rows, stage, moment = sys.argv[1:]
    store = FatalStore(f"{folder}/store", stage=stage, moment=moment)
    run_pipeline(Path(folder), part_rows=int(part_rows), store=store)
