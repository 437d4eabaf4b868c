"""The measurement of client and cache: its cascade asks as one does, and its attempts are kept as they are told."""

from __future__ import annotations

from random import Random

import pytest

from limo_curation.answers import extract_answer
from measurements.endpoint import climb, echo_server, endpoint
from measurements.request_cache import (
    Cascade,
    WritingEngine,
    answer_in_words,
    cached,
    index_of,
    request_number,
)


@pytest.mark.parametrize("num_requests", [1, 3, 50, 400])
def test_cascade_makes_each_attempt_after_the_one_before_and_none_twice(num_requests: int) -> None:
    cascade, engine = Cascade(num_requests, num_open=8), WritingEngine()
    seen: list[int] = []
    under_way: list[int] = []
    rng = Random(num_requests)
    for request in cascade:
        if request is not None:
            assert request.attempt == 0 or request.seed - 1 in seen
            under_way.append(request.seed)
            continue
        number = under_way.pop(rng.randrange(len(under_way)))
        seen.append(number)
        [completion] = engine.sample([request_number(number)])
        cascade.see(completion)
    assert sorted(seen) == list(range(num_requests))
    assert under_way == []


def test_cascade_through_the_client_is_asked_to_its_end() -> None:
    with echo_server() as url:
        climb(endpoint(url), 1_000)


def test_attempts_end_in_answers_of_all_kinds_or_in_none() -> None:
    rng = Random(0)
    answers = [extract_answer(answer_in_words(rng)) for _ in range(1_000)]
    assert 0.1 < sum(answer is None for answer in answers) / 1_000 < 0.2
    assert 0.4 < sum(answer is not None and answer.isdigit() for answer in answers) / 1_000 < 0.6


@pytest.mark.parametrize(("with_logprobs", "most"), [(False, 30), (True, 40)])
def test_attempt_of_which_the_answer_is_kept_takes_some_tens_of_bytes(with_logprobs: bool, most: float) -> None:
    figures = cached(8_192, keeps="answer", with_logprobs=with_logprobs)
    assert 16 < figures["bytes_per_attempt"] < most  # the key alone takes 16


def test_index_takes_twelve_bytes_a_key() -> None:
    figures = index_of(200_000)
    assert figures["bytes_per_key"] == pytest.approx(12, abs=0.01)
