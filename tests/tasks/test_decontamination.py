"""Decontamination as a task: parts without an engine, chunks with a judge, and no benchmark that was read as empty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prefect", reason="Prefect is not installed (extra `flows`)")

from prefect import flow

from limo_curation.config import ExecutionConfig
from limo_curation.errors import TableError
from limo_curation.problem_config import DecontaminationConfig, ParaphraseJudge
from limo_curation.source_config import Source
from limo_curation.store import Artifact, Store
from limo_curation.tables import BENCHMARKS, CLUSTERED, DROPPED
from tasks.decontamination import decontamination
from tests.one_reply_engine import OneReplyEngine
from tests.rows import put_in_store, rows_of

EXAM = Source(path="exam.jsonl", name="exam", columns={"question": "q"})
ITEM = "Mira owns 37 hens. Every hen lays 5 eggs a week. How many eggs does Mira collect in 8 weeks?"
REWORDED = "In a week each of the hens of Mira, who has 37, gives 5 eggs. What is her collection of eggs after 8 weeks?"
UNRELATED = "A train leaves at noon and travels north along the coast until the last light of the evening."


@flow(name="decontaminate-alone", retries=0)
def alone(problems: Artifact, benchmarks: Artifact, config: DecontaminationConfig, judge: Any, store: str) -> Artifact:
    execution = ExecutionConfig(store=store, chunk_rows=2, parallel_chunks=1)
    return decontamination(problems, benchmarks, config=config, sampler=judge, execution=execution)


def reasons(store: Store, result: Artifact) -> dict[str, str]:
    dropped = store.scan(result, DROPPED, half="dropped").collect()
    return dict(dropped.select("problem_id", "drop_reason").iter_rows())


def tables(store: Store) -> tuple[Artifact, Artifact]:
    problems = [("held", f"{ITEM} Explain."), ("reworded", REWORDED), ("fine", UNRELATED)]
    rows = [{"problem_id": name, "question": text} for name, text in problems]
    item = {"benchmark_id": "exam/1", "benchmark": "exam", "question": ITEM}
    return (
        put_in_store(rows_of(CLUSTERED, *rows), CLUSTERED, store),
        put_in_store(rows_of(BENCHMARKS, item), BENCHMARKS, store),
    )


@pytest.mark.prefect
def test_judge_is_asked_chunk_by_chunk_and_only_where_one_is_named(tmp_path: Path, prefect_server: None) -> None:
    store = Store(str(tmp_path))
    problems, benchmarks = tables(store)
    plain = DecontaminationConfig(benchmarks=(EXAM,))
    judged = DecontaminationConfig(benchmarks=(EXAM,), paraphrase=ParaphraseJudge(model="judge"))
    judge = OneReplyEngine('{"relation": "same"}')

    without = alone(problems, benchmarks, plain, judge, str(tmp_path))
    assert reasons(store, without) == {"held": "benchmark_ngram"}
    assert judge.num_calls == 0

    with_judge = alone(problems, benchmarks, judged, judge, str(tmp_path))
    assert reasons(store, with_judge) == {"held": "benchmark_ngram", "reworded": "benchmark_paraphrase"}
    assert judge.num_calls == 2  # one for each chunk of two rows

    assert alone(problems, benchmarks, judged, judge, str(tmp_path)) == with_judge
    assert judge.num_calls == 2  # found in the store


def test_benchmark_without_items_stops_the_run(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    problems, benchmarks = tables(store)
    quiz = EXAM.model_copy(update={"name": "quiz"})
    with pytest.raises(TableError, match="benchmark quiz"):
        decontamination(
            problems,
            benchmarks,
            config=DecontaminationConfig(benchmarks=(EXAM, quiz)),
            sampler=None,
            execution=ExecutionConfig(store=str(tmp_path)),
        )
