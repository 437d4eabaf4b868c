"""Domains as a task: parts without an engine, chunks with a language model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prefect", reason="Prefect is not installed (extra `flows`)")

from prefect import flow

from limo_curation.config import ExecutionConfig
from limo_curation.problem_config import DomainClassifier, DomainsConfig
from limo_curation.store import Artifact, Store
from limo_curation.tables import CLASSIFIED, TEMPLATED
from tasks.domains import domains
from tests.one_reply_engine import OneReplyEngine
from tests.rows import put_in_store, rows_of


@flow(name="classify-alone", retries=0)
def alone(problems: Artifact, config: DomainsConfig, engine: Any, store: str) -> Artifact:
    execution = ExecutionConfig(store=store, chunk_rows=2, parallel_chunks=1)
    return domains(problems, config=config, sampler=engine, execution=execution)


def deciders(store: Store, result: Artifact) -> list[str]:
    return store.scan(result, CLASSIFIED).collect()["domain_by"].to_list()


@pytest.mark.prefect
def test_model_is_asked_chunk_by_chunk_and_only_where_one_is_named(tmp_path: Path, prefect_server: None) -> None:
    store, engine = Store(str(tmp_path)), OneReplyEngine('{"domain": "geometry"}')
    rows = [{"problem_id": name, "question": f"Find the number of {name}."} for name in ("pens", "cups", "hens")]
    problems = put_in_store(rows_of(TEMPLATED, *rows), TEMPLATED, store)

    plain = alone(problems, DomainsConfig(), engine, str(tmp_path))
    assert deciders(store, plain) == ["network"] * 3
    assert engine.num_calls == 0

    asking = DomainsConfig(classifier=DomainClassifier(model="geometer", min_confidence=1.0))
    asked = alone(problems, asking, engine, str(tmp_path))
    assert deciders(store, asked) == ["geometer"] * 3
    assert engine.num_calls == 2  # one for each chunk of two rows

    assert alone(problems, asking, engine, str(tmp_path)) == asked
    assert engine.num_calls == 2  # found in the store
