"""Files of a few problems, and an ingestion of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from limo_curation.ingestion import INGESTION, content_of_sources, pin_sources
from limo_curation.problem_config import IngestionConfig
from limo_curation.runner import run_stage
from limo_curation.source_config import Source
from limo_curation.stage import TableStage, plan_stage
from limo_curation.store import Store
from tests.rows import Outcome, outcome_of

COLUMNS = {"question": "problem", "answer": "gold"}
ROWS = [
    {"problem": 'How many sheep are left,\nif "all but 9" run?', "gold": "9"},
    {"problem": "求 $x^2=4$ 的正根。", "gold": "2"},
    {"problem": "  Cafe\u0301 seats: 4 tables of 6?  ", "gold": None},  # outer spaces, decomposed accent
]


def ingest(
    folder: Path, *sources: Source, stage: TableStage = INGESTION, part_rows: int = 100_000, **config: Any
) -> Outcome:
    settings = pin_sources(IngestionConfig(sources=sources, **config))
    store = Store(str(folder / "store"))
    plan = plan_stage(
        stage, {}, config=settings, store=store, part_rows=part_rows, extra_inputs=content_of_sources(settings)
    )
    return outcome_of(run_stage(plan), store)


def pool(path: Path | str, **more: Any) -> Source:
    return Source(**({"path": str(path), "name": "pool", "columns": COLUMNS} | more))
