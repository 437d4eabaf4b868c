"""Attempts of which the cache keeps the answer alone: the same verdict, a hundredth of the bytes, and never a chain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from limo_curation.answers import extract_answer
from limo_curation.config import DifficultyConfig
from limo_curation.difficulty import rate_problems
from limo_curation.engine_config import Solver
from limo_curation.errors import TransientError
from limo_curation.ledger import StageResult
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling.chunks import answer_key, answer_text
from limo_curation.sampling.protocol import Requests
from limo_curation.store import Store
from limo_curation.tables import CLASSIFIED
from tests.counting_engine import CountingEngine, request
from tests.counting_store import CountingStore
from tests.rows import rows_of

TEXTS = [request(f"question {index}", seed=index) for index in range(7)]
ANSWERS = [replace(one, keeps="answer") for one in TEXTS]

# -- the short text ----------------------------------------------------------------------------------------------------

pieces = st.sampled_from(
    [
        *(
            r"\boxed{",
            r"\fbox{",
            "{",
            "}",
            r"\{",
            r"\}",
            "\\",
            r"\\",
            "7",
            " ",
            "\n",
            "$",
            ",",
            " and ",
            "x",
            "é",
            "是",
        ),
        *(
            r"\frac{1}{2}",
            r"\boxed{3}",
            r"\boxed 5",
            "#### 9",
            "The final answer is 4.",
            "A: 8\n",
            "所以答案是",
            "**6**",
        ),
        *("<answer>", "</answer>", "<think>", "</think>", "<|im_end|>", "<|im_start|>assistant", "</s>", "<", "\0"),
        *("Therefore, the answer is ", "So x = 2.", "The answer is 1/2.", r"\text{and}", "\ud7ff", "\U0010ffff"),
    ]
)


@given(st.lists(pieces, max_size=14).map("".join) | st.text())
@example(r"The answer is \boxed{\boxed{1} and \boxed{2}")
@example(r"So \boxed{a} and \boxed{b}. The final answer is $\boxed{c}$ or so, the final answer is 5.")
@example("The answer is }{.")
@example(rf"\boxed{{{'9' * 60_000}}}")
@example(rf"\boxed{{{'9' * 49_999}}}")
def test_short_text_has_the_same_answer_and_is_its_own_short_text(text: str) -> None:
    short = answer_text(text)
    assert extract_answer(short) == extract_answer(text)
    assert answer_text(short) == short


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("First, 2 + 2 = 4. " * 500 + r"So the answer is $\boxed{4}$.", r"\boxed{4}"),
        ("Hence the answer is 3/4.", r"\boxed{3/4}"),
        (r"\boxed{1} and \boxed{2}", r"\boxed{1, 2}"),
        ("I do not know.", ""),
        ("", ""),
    ],
)
def test_short_text_holds_nothing_but_the_answer(text: str, short: str) -> None:
    assert answer_text(text) == short


def test_key_of_an_answer_is_another_one_and_its_own_inverse() -> None:
    key = bytes(range(16))
    assert answer_key(key) != key
    assert answer_key(answer_key(key)) == key
    assert answer_key(key)[:8] == key[:8]


# -- what answers what -------------------------------------------------------------------------------------------------


def asked_of_a_new_engine(store: Store, requests: list[SampleRequest]) -> tuple[list[Completion], list[SampleRequest]]:
    engine = CountingEngine()
    return list(CachedSampler(engine, store).sample(requests)), engine.asked


def test_completion_is_the_same_one_whether_it_was_cached_or_not(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    fresh, _ = asked_of_a_new_engine(store, ANSWERS)
    again, asked = asked_of_a_new_engine(store, ANSWERS)
    assert fresh == again
    assert asked == []
    assert {one.text for one in fresh} == {r"\boxed{é}"}


def test_answer_never_stands_for_a_text(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    asked_of_a_new_engine(store, ANSWERS)
    done, asked = asked_of_a_new_engine(store, TEXTS)
    assert asked == TEXTS
    assert [one.text for one in done] == [CountingEngine().text_for(one) for one in TEXTS]
    for requests in (TEXTS, ANSWERS):  # both are there now
        assert asked_of_a_new_engine(store, requests)[1] == []


def test_text_stands_for_its_answer(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    asked_of_a_new_engine(store, TEXTS)
    done, asked = asked_of_a_new_engine(store, ANSWERS)
    assert asked == []
    assert {one.text for one in done} == {r"\boxed{é}"}


@pytest.mark.parametrize("first", ["text", "answer"])
def test_call_that_asks_for_both_samples_once_and_keeps_the_text(tmp_path: Path, first: str) -> None:
    both = TEXTS[:1] + ANSWERS[:1] if first == "text" else ANSWERS[:1] + TEXTS[:1]
    store = Store(str(tmp_path))
    done, asked = asked_of_a_new_engine(store, both)
    assert len(asked) == 1
    assert [one.request for one in done] == both
    assert {one.request.keeps: len(one.text) > 20 for one in done} == {"text": True, "answer": False}
    assert asked_of_a_new_engine(store, both) == (done, [])


def test_text_of_an_attempt_that_is_only_graded_reaches_no_disk(tmp_path: Path) -> None:
    asked_of_a_new_engine(Store(str(tmp_path)), ANSWERS)
    [chunk] = tmp_path.rglob("*.parquet")
    assert set(pl.read_parquet(chunk)["text"]) == {r"\boxed{é}"}


# -- what the stage sees -----------------------------------------------------------------------------------------------

ENDINGS = [
    r"so it is \boxed{7}.",
    r"The answer is \boxed{8}",
    "Therefore, the answer is 7.",
    "#### 9",
    "I give up.",
    r"\boxed{the set of all good numbers}",
    r"\boxed{7",
    r"</think> \boxed{\frac{14}{2}} <|im_end|> \boxed{8}",
]


class WritingEngine:
    """Ends each attempt in one of the ways above, some of them cut off; may fail after some."""

    def __init__(self, *, fails_after: int | None = None) -> None:
        self.fails_after = fails_after
        self.num_sampled = 0

    def revision(self, model: str) -> str:
        return model

    def sample(self, requests: Requests) -> Iterator[Completion]:
        for asked in requests:
            assert asked is not None  # it has handed out all that it was asked
            if self.num_sampled == self.fails_after:
                raise TransientError("the engine is down")
            self.num_sampled += 1
            rng = Random(asked.seed)
            text = "Let us see. " * rng.randrange(50) + rng.choice(ENDINGS)
            logprob = -rng.random() if asked.with_logprobs else None
            ended = "length" if rng.random() < 0.1 else "stop"
            yield Completion(asked, text, ended, 10, rng.randrange(1, 500), logprob)


PROBLEMS = rows_of(
    CLASSIFIED, *[{"problem_id": f"p{index}", "question": f"q{index}", "answer": "7"} for index in range(30)]
)


def rated(store: Store, engine: WritingEngine, **solver: Any) -> StageResult:
    weak = Solver(model="weak", num_attempts=2, max_tokens=50, **solver)
    strong = Solver(model="strong", num_attempts=8, max_tokens=50, **solver)
    config = DifficultyConfig(weak=(weak,), strong=strong)
    return rate_problems(PROBLEMS, config=config, sampler=CachedSampler(engine, store))


def test_rating_is_the_same_from_texts_from_answers_and_after_a_failure(tmp_path: Path) -> None:
    from_texts = rated(Store(str(tmp_path / "texts")), WritingEngine())
    assert from_texts.kept.height
    assert from_texts.dropped.height
    store = Store(str(tmp_path / "answers"))
    with pytest.raises(TransientError):
        rated(store, WritingEngine(fails_after=77), keeps="answer")
    resumed, again = WritingEngine(), WritingEngine()
    counting = CountingStore(store.url)
    for result in (rated(store, resumed, keeps="answer"), rated(counting, again, keeps="answer")):
        assert result.kept.equals(from_texts.kept)
        assert result.dropped.equals(from_texts.dropped)
        assert result.metrics == from_texts.metrics
    assert resumed.num_sampled > 0
    assert again.num_sampled == 0
    assert counting.num_reads < 40  # some 200 attempts in four chunks, which are read in rounds
