"""Published completions stand in for sampling: attempt k gets the k-th recorded one, and a hole is an error."""

import json
from pathlib import Path
from typing import Any

import pytest

from limo_curation.errors import ConfigError, StageError, TableError
from limo_curation.sampling.recorded import RecordedSampler
from limo_curation.source_config import Source
from tests.asking import Asker, held_back_for_nothing
from tests.counting_engine import request

COLUMNS = {"model": "by", "question": "problem", "completion": "text"}
ROWS: list[dict[str, Any]] = [
    {"by": "ada", "problem": "q1", "text": "ada first"},
    {"by": "bob", "problem": "q1", "text": "bob first"},  # the same question between two attempts of ada
    {"by": "ada", "problem": "q1", "text": "ada second"},
    {"by": "ada", "problem": "q2", "text": ""},  # an empty completion is an attempt that failed
    {"by": "ada", "problem": "q2", "text": "on q2"},
]


def source(folder: Path, rows: list[dict[str, Any]], *, name: str = "told", **columns: str) -> Source:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return Source(path=str(path), name=name, columns=columns or COLUMNS)


def test_attempt_gets_the_completion_of_its_number(tmp_path: Path) -> None:
    sampler = RecordedSampler([source(tmp_path, ROWS)])
    asked = [
        request("q1", attempt=1),
        request("q1", attempt=0),
        request("q1", attempt=0, model="bob"),
        request("q2", attempt=0),
        request("q2", attempt=1),
    ]
    done = list(sampler.sample(asked))
    assert [one.text for one in done] == ["ada second", "ada first", "bob first", "", "on q2"]
    assert [one.request for one in done] == asked
    assert {(one.finish_reason, one.num_prompt_tokens, one.num_completion_tokens) for one in done} == {("stop", 0, 0)}


def test_recordings_of_two_sources_follow_each_other(tmp_path: Path) -> None:
    later = source(tmp_path, [{"by": "ada", "problem": "q1", "text": "ada third"}], name="later")
    sampler = RecordedSampler([source(tmp_path, ROWS), later])
    assert [one.text for one in sampler.sample([request("q1", attempt=2)])] == ["ada third"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (request("q1", attempt=2), "attempt 3 of ada on 'q1' is asked for, 2 are recorded"),
        (request("q3"), "attempt 1 of ada on 'q3' is asked for, 0 are recorded"),
        (request("q1", model="carol"), "attempt 1 of carol on 'q1' is asked for, 0 are recorded"),
    ],
)
def test_attempt_that_is_not_recorded_is_an_error_with_the_fix(tmp_path: Path, asked: Any, message: str) -> None:
    sampler = RecordedSampler([source(tmp_path, ROWS)])
    with pytest.raises(TableError, match=message) as caught:
        list(sampler.sample([asked]))
    assert "lower num_attempts or record more" in str(caught.value)


def test_question_is_found_as_ingestion_writes_it(tmp_path: Path) -> None:
    rows = [{"by": "ada", "problem": " cafe\u0301 + 1 = ?\n", "text": "decomposed, with white space around"}]
    sampler = RecordedSampler([source(tmp_path, rows)])
    assert [one.text for one in sampler.sample([request("café + 1 = ?")])] == ["decomposed, with white space around"]


def test_column_map_without_one_of_the_three_is_refused(tmp_path: Path) -> None:
    told = source(tmp_path, ROWS, model="by", question="problem")
    with pytest.raises(ConfigError, match=r"source 'told': columns\.completion is missing"):
        RecordedSampler([told])


def test_broken_row_is_refused_since_later_attempts_would_move_up(tmp_path: Path) -> None:
    told = source(tmp_path, ROWS)
    Path(told.path).write_text('{"by": "ada"\n' + Path(told.path).read_text(), encoding="utf-8")
    with pytest.raises(TableError, match="told"):
        RecordedSampler([told])


@pytest.mark.parametrize("column", ["by", "problem", "text"])
def test_row_without_a_value_is_refused_since_later_attempts_would_move_up(tmp_path: Path, column: str) -> None:
    with pytest.raises(TableError, match=r"source 'told': row 1 .*null"):
        RecordedSampler([source(tmp_path, [ROWS[0] | {column: None}, *ROWS])])


def test_empty_recording_has_no_attempts(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"told\.jsonl: it is empty"):
        list(RecordedSampler([source(tmp_path, [])]).sample([request("q1")]))


def test_revision_follows_the_recordings_content(tmp_path: Path) -> None:
    one = RecordedSampler([source(tmp_path, ROWS)]).revision("ada")
    assert one.startswith("ada@recorded-")
    assert RecordedSampler([source(tmp_path, ROWS)]).revision("ada") == one
    assert RecordedSampler([source(tmp_path, [*ROWS, ROWS[0]])]).revision("ada") != one


def test_attempt_may_depend_on_the_one_before(tmp_path: Path) -> None:
    sampler = RecordedSampler([source(tmp_path, ROWS)])
    asker = Asker(2, num_times=2, request_for=lambda number, attempt: request(f"q{number + 1}", attempt=attempt))
    assert sorted(asker.ask(sampler.sample)) == asker.in_order()


def test_request_that_is_held_back_for_nothing_is_an_error_of_the_caller(tmp_path: Path) -> None:
    sampler = RecordedSampler([source(tmp_path, ROWS)])
    completions = sampler.sample(held_back_for_nothing(request("q1")))
    assert next(completions).text == "ada first"
    with pytest.raises(StageError, match="holds its next request back"):
        next(completions)
