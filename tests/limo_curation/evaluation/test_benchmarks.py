"""Nine of the paper's ten benchmarks, whole: read as a user reads a table, and gradable to the last item."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from limo_curation.engine_config import Solver
from limo_curation.evaluation.attempts import EVALUATION
from limo_curation.evaluation.config import AttemptsConfig
from limo_curation.evaluation.items import ITEM_INGESTION, check_items, plain_answer
from limo_curation.evaluation.results import results
from limo_curation.evaluation.tables import ITEMS
from limo_curation.problem_config import IngestionConfig
from limo_curation.runner import run_stage
from limo_curation.sampling import Completion
from limo_curation.sampling.protocol import Requests
from limo_curation.source_config import RowFilter, Source
from limo_curation.stage import plan_stage
from limo_curation.store import Artifact, Store

pytestmark = pytest.mark.data

NUM_ITEMS = {
    "aime": 30,
    "amc": 40,
    "cn_math_2024": 30,
    "gaokao": 79,
    "grade_school_math": 210,
    "kaoyan": 199,
    "math": 500,
    "minerva": 272,
    "olympiadbench": 675,
}


class Oracle:
    """Puts the gold answer of each question into a box."""

    def __init__(self, items: pl.DataFrame) -> None:
        self.answers = {question: plain_answer(gold) for question, gold in items["question", "answer"].iter_rows()}

    def revision(self, model: str) -> str:
        return model

    def sample(self, requests: Requests) -> Iterator[Completion]:
        for request in requests:
            assert request is not None
            text = f"It follows. The answer is $\\boxed{{{self.answers[request.question]}}}$."
            yield Completion(request, text, "stop", 10, 10)


def items_of(folder: Path, data_folder: Path, benchmark: str) -> tuple[Store, Artifact]:
    store = Store(str(folder))
    source = Source(
        name=benchmark,
        path=f"{data_folder}/benchmarks.jsonl.zst",
        columns={"benchmark_id": "id", "question": "problem", "answer": "answer"},
        keep_where=(RowFilter(column="benchmark", one_of=(benchmark,)),),
    )
    return store, run_stage(plan_stage(ITEM_INGESTION, {}, config=IngestionConfig(sources=(source,)), store=store))


@pytest.mark.parametrize("benchmark", NUM_ITEMS)
def test_whoever_gives_the_gold_answers_solves_every_item(data_folder: Path, tmp_path: Path, benchmark: str) -> None:
    store, items = items_of(tmp_path, data_folder, benchmark)
    check_items(store, items, benchmark=benchmark)  # some have the same question twice: kaoyan/151 and kaoyan/165
    config = AttemptsConfig(benchmark=benchmark, name="oracle", solver=Solver(model="o", num_attempts=1, max_tokens=9))
    oracle = Oracle(store.scan(items, ITEMS).collect())

    attempts = run_stage(plan_stage(EVALUATION, {"items": items}, config=config, store=store), sampler=oracle)

    found = store.scan(attempts).collect()
    same_question_other_answer = 1 if benchmark == "grade_school_math" else 0  # its items 120 and 121
    assert found.filter(pl.col("verdict") != "equal").height == same_question_other_answer
    assert results(found)["num_items"].item() == NUM_ITEMS[benchmark]
