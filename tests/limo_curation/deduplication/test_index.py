"""The index: on a pool that has changed, deduplication decides as it would without one, and reads less."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limo_curation.deduplication import DEDUPLICATION
from limo_curation.deduplication.index import shared_places
from limo_curation.digests import frame_digest
from limo_curation.plan import StagePlan, TableStage, plan_stage
from limo_curation.problem_config import DeduplicationConfig, StageConfig
from limo_curation.progress import Standing, shown_by
from limo_curation.runner import run_stage
from limo_curation.stage import StageWriter
from limo_curation.store import Manifest, Store
from limo_curation.tables import DROPPED, SCREENED
from tests.rows import rows_of

WORDS = ("a farmer has", "the farmer has", "sheep", "sheep and goats", "how many are left", "what is left of them")
Question = tuple[tuple[int, ...], int]
QUESTIONS = st.tuples(st.lists(st.integers(0, len(WORDS) - 1), min_size=2, max_size=4).map(tuple), st.integers(1, 4))


def text_of(question: Question) -> str:
    words, number = question
    return " ".join([*(WORDS[word] for word in words), str(number)])


def file_of(name: str, questions: Sequence[Question]) -> pl.DataFrame:
    rows = [
        {"problem_id": f"{name}{place}", "question": text_of(question), "answer": "5", "origin": f"{name}:{place}"}
        for place, question in enumerate(questions)
    ]
    return rows_of(SCREENED, *rows)


def plan_of(store: Store, files: Sequence[pl.DataFrame], **config: object) -> StagePlan:
    def write(*, config: StageConfig, store: Store, out: StageWriter) -> dict[str, float]:
        for place, file in enumerate(files):
            out.write_part(place, place + 1, file, DROPPED.empty(), rows_in=file.height)
        return {}

    stage = TableStage("given", None, SCREENED, (), write)
    contents = {f"{place:03d}": frame_digest(file) for place, file in enumerate(files)}
    pool = run_stage(plan_stage(stage, {}, config=StageConfig(), store=store, extra_inputs=contents))
    given_config = DeduplicationConfig.model_validate(config)
    return plan_stage(DEDUPLICATION, {"problems": pool}, config=given_config, store=store, part_rows=1)


def run(plan: StagePlan) -> Manifest:
    artifact = run_stage(plan)
    manifest = plan.store.manifest(artifact.stage, artifact.key)
    assert manifest is not None
    return manifest


def content_of(manifest: Manifest) -> tuple[str, str, dict[str, float]]:
    return manifest.digest, manifest.dropped_digest, manifest.metrics


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(QUESTIONS, min_size=1, max_size=5), min_size=1, max_size=5),
    st.lists(st.integers(0, 4), max_size=5),
    st.lists(st.integers(0, 4), max_size=5),
    st.booleans(),
)
def test_a_pool_that_has_changed_is_decided_as_in_a_fresh_store(
    tmp_path_factory: pytest.TempPathFactory,
    contents: list[list[Question]],
    before: list[int],
    now: list[int],
    same_numbers: bool,
) -> None:
    files = [file_of("abcde"[place], questions) for place, questions in enumerate(contents)]
    folder = tmp_path_factory.mktemp("index")
    used, fresh = Store(str(folder / "used")), Store(str(folder / "fresh"))
    pools = [[files[place % len(files)] for place in places] for places in (before, now)]
    run(plan_of(used, pools[0], same_numbers=same_numbers))
    again = run(plan_of(used, pools[1], same_numbers=same_numbers))
    assert content_of(again) == content_of(run(plan_of(fresh, pools[1], same_numbers=same_numbers)))


OLD = [file_of("a", [((0, 2), 1), ((0, 2, 4), 2)]), file_of("b", [((1, 2), 1), ((0, 3), 7)])]
NEW = file_of("c", [((1, 2, 4), 2), ((0, 3, 5), 9)])


def rows_compared(plan: StagePlan) -> list[int]:
    told: list[Standing] = []
    with shown_by(told.append):
        run(plan)
    return [standing.total for standing in told if standing.step == "comparing"][-1:]


def test_only_rows_that_share_their_numbers_with_new_or_lost_rows_are_compared(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert rows_compared(plan_of(store, OLD)) == [4]
    assert rows_compared(plan_of(store, [*OLD, NEW])) == [3]  # both new ones, and the one with a 2
    assert rows_compared(plan_of(store, [OLD[0], NEW])) == [1]  # the lost ones had a 1 and a 7


def test_another_order_of_the_parts_is_decided_anew(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    run(plan_of(store, OLD))
    assert rows_compared(plan_of(store, [*reversed(OLD), NEW])) == [6]


def test_other_settings_have_another_index(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    run(plan_of(store, OLD))
    assert rows_compared(plan_of(store, [*OLD, NEW], threshold=0.8)) == [6]
    assert rows_compared(plan_of(store, [*OLD, NEW])) == [3]


@pytest.mark.parametrize("content", [None, b"", b"PAR1"])
def test_a_damaged_index_is_done_without(tmp_path: Path, content: bytes | None) -> None:
    store = Store(str(tmp_path))
    run(plan_of(store, OLD))
    (file,) = tmp_path.glob("deduplication/*/index/numbers.parquet")
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    assert rows_compared(plan_of(store, [*OLD, NEW])) == [6]


def test_a_part_that_occurs_twice_is_shared_as_often_as_in_both() -> None:
    assert shared_places("aab", "abaa") == [(0, 0), (1, 2), (2, 1)]
    assert shared_places("ab", "") == []
    assert shared_places("xa", "aya") == [(1, 0)]
