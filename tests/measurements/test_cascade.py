"""What the measurement of the cascade simulates, and that both of its ways rate alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from limo_curation.difficulty.cascade import try_strong, try_weak
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.protocol import request_for
from measurements.cascade import (
    CONFIG,
    MEAN_SECONDS,
    MEAN_TOKENS,
    STRONG,
    WEAK,
    Fate,
    fate_of,
    in_rounds,
    problems,
)
from tests.any_order_engine import AnyOrderEngine


def fates(model: str, number: int) -> list[Fate]:
    solver = WEAK if model == "weak" else STRONG
    return [
        fate_of(request_for(solver, problem_id=f"p{place}", question=f"p{place}", attempt=attempt))
        for place in range(number)
        for attempt in range(4)
    ]


def complete(request: SampleRequest) -> Completion:
    fate = fate_of(request)
    return Completion(request, fate.text, "length" if fate.is_truncated else "stop", 11, 7)


@pytest.mark.parametrize("model", ["weak", "strong"])
def test_replies_take_as_long_as_stated_and_are_cut_off_at_the_limit(model: str) -> None:
    solver = WEAK if model == "weak" else STRONG
    longest = MEAN_SECONDS * solver.max_tokens / MEAN_TOKENS[model]
    drawn = fates(model, 3_000)
    assert drawn == fates(model, 3_000)
    assert sum(fate.seconds for fate in drawn) / len(drawn) == pytest.approx(MEAN_SECONDS, rel=0.1)
    assert max(fate.seconds for fate in drawn) == longest
    assert all((fate.seconds == longest) == fate.is_truncated for fate in drawn)


class InOrder:
    def revision(self, model: str) -> str:
        return model

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[Completion]:
        return map(complete, requests)


def test_rounds_and_interleaved_attempts_rate_alike() -> None:
    engine = AnyOrderEngine(complete, num_slots=16)
    weak, strong = problems(30), problems(30)
    try_weak(weak, WEAK, config=CONFIG, sampler=engine)
    try_strong(strong, STRONG, config=CONFIG, sampler=engine)
    for solver, rated in (
        (WEAK, [(len(one.weak_attempts), int(one.is_solved_by_weak)) for one in weak]),
        (STRONG, [(len(one.strong_attempts), one.strong_num_solved) for one in strong]),
    ):
        assert in_rounds(problems(30), solver, InOrder()) == rated
        assert len(set(rated)) > 2
