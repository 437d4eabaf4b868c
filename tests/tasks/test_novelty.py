"""Novelty as a task: public sets are read once, as a table of their own, and problems compared with them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("prefect", reason="Prefect is not installed (extra `flows`)")

from prefect import flow

from limo_curation.config import ExecutionConfig
from limo_curation.problem_config import NoveltyConfig
from limo_curation.source_config import Source
from limo_curation.store import Artifact, Store
from limo_curation.tables import CLUSTERED, DROPPED
from tasks.ingestion import public_sets
from tasks.novelty import novelty
from tests.rows import put_in_store, rows_of

KNOWN = "Mira owns 37 hens. Every hen lays 5 eggs a week. How many eggs does Mira collect in 8 weeks?"
OTHER = "A train leaves at noon and travels north along the coast until the last light of the evening."


@flow(name="novelty-alone", retries=0)
def alone(problems: Artifact, config: NoveltyConfig, store: str) -> Artifact:
    execution = ExecutionConfig(store=store)
    public = public_sets(sources=config.reference, execution=execution) if config.reference else None
    return novelty(problems, public, config=config, execution=execution)


@pytest.mark.prefect
def test_problems_near_a_public_set_are_dropped_where_a_limit_is_set(tmp_path: Path, prefect_server: None) -> None:
    pl.DataFrame({"q": [KNOWN]}).write_ndjson(tmp_path / "public.jsonl")
    store = Store(str(tmp_path / "store"))
    rows = [("renumbered", KNOWN.replace("37", "401")), ("fine", OTHER)]
    table = rows_of(CLUSTERED, *[{"problem_id": name, "question": text} for name, text in rows])
    problems = put_in_store(table, CLUSTERED, store)
    public = Source(path=str(tmp_path / "public.jsonl"), name="public", columns={"question": "q"})

    without = alone(problems, NoveltyConfig(), store.url)
    compared = alone(problems, NoveltyConfig(reference=(public,)), store.url)
    limited = alone(problems, NoveltyConfig(reference=(public,), max_reference_similarity=0.9), store.url)

    def similarities(result: Artifact) -> list[float | None]:
        return store.scan(result).collect()["reference_similarity"].to_list()

    assert (similarities(without), similarities(compared), similarities(limited)) == ([None, None], [1.0, 0.0], [0.0])
    dropped = store.scan(limited, DROPPED, half="dropped").collect()
    assert dropped.select("problem_id", "drop_reason").rows() == [("renumbered", "near_public_set")]
    assert dropped["evidence"][0].endswith("(public)")
    assert len(store.list("public_sets")) == 2, "one entry and the record of its parts"
