"""Interleaved attempts: the same ones as one by one, whatever finishes first, and nothing waits without need."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.answers import Verdict
from limo_curation.config import DemandConfig, DifficultyConfig
from limo_curation.difficulty.cascade import try_strong, try_weak
from limo_curation.difficulty.interleaving import MAX_UNGRADED, Interleaving
from limo_curation.difficulty.tallies import GradedAttempt, Tally
from limo_curation.engine_config import Solver
from limo_curation.errors import StageError, TransientError
from limo_curation.sampling import Completion, Sampler, SampleRequest
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling.protocol import Requests
from limo_curation.store import Store
from tests.any_order_engine import AnyOrderEngine

SOLVER = Solver(model="ada", num_attempts=8, max_tokens=50)
CONFIG = DifficultyConfig(strong=SOLVER)
LONGER = 4
WRITTEN = {
    "+": "\\boxed{7}",
    "-": "\\boxed{8}",
    "?": "\\boxed{the set of all good numbers}",
    "c": "\\boxed{7} or",
    "r": "",
}
VERDICTS = {"+": Verdict.EQUAL, "?": Verdict.UNDECIDED}


def complete(request: SampleRequest) -> Completion:
    """Do what the question says: a sign of WRITTEN for each attempt; `r` is cut off, but solved at a larger limit."""
    sign = request.question[request.attempt]
    if sign == "r" and request.max_tokens > SOLVER.max_tokens:
        return Completion(request, WRITTEN["+"], "stop", 10, 100)
    return Completion(request, WRITTEN[sign], "length" if sign in "cr" else "stop", 10, 1 + request.attempt)


def one_by_one(script: str, *, num_needed: int, retries: bool) -> list[tuple[int, Verdict, int]]:
    """The rule as plainly as it can be said: number, verdict and completion tokens of each attempt that is drawn."""
    drawn: list[tuple[int, Verdict, int]] = []
    for number, sign in enumerate(script):
        if sum(verdict is Verdict.EQUAL for _, verdict, _ in drawn) == num_needed:
            break
        num_tokens = number + 1
        if retries and sign in "cr":
            num_tokens += 100 if sign == "r" else number + 1
            sign = "+" if sign == "r" else sign
        drawn.append((number, VERDICTS.get(sign, Verdict.DIFFERENT), num_tokens))
    return drawn


class OldestFirst(AnyOrderEngine):
    """Finishes what has been under way for longest."""

    def choose(self, under_way: list[SampleRequest]) -> int:
        return 0


def tallies_of(scripts: Sequence[str]) -> list[Tally]:
    """Problems whose questions say how each attempt ends, and differ behind that."""
    return [Tally(f"p{place}", f"{script} {place}", "7") for place, script in enumerate(scripts)]


def draw(
    scripts: Sequence[str], engine: Sampler, *, num_needed: int = 4, max_at_once: int = 4, **settings: Any
) -> list[list[GradedAttempt]]:
    """Draw the attempts of problems, one for each sign of their scripts at most."""
    solver = SOLVER.model_copy(update={"num_attempts": len(scripts[0])})
    config = CONFIG.model_copy(update=settings)
    drawn = Interleaving(
        tallies_of(scripts), solver, num_needed=num_needed, max_at_once=max_at_once, config=config
    ).run(engine)
    return [attempts for _, attempts in drawn]


@settings(max_examples=150, deadline=None)
@given(
    scripts=st.lists(st.text("+-?cr" + "-+", min_size=8, max_size=8), min_size=1, max_size=40),
    num_needed=st.integers(1, 8),
    max_at_once=st.integers(1, 9),
    retries=st.booleans(),
    num_slots=st.integers(1, 64),
    seed=st.integers(0, 2**32),
)
def test_attempts_that_count_are_those_of_a_trial_one_by_one_in_whatever_order_they_finish(
    scripts: list[str], num_needed: int, max_at_once: int, retries: bool, num_slots: int, seed: int
) -> None:
    engine = AnyOrderEngine(complete, num_slots=num_slots, seed=seed)
    retry = {"truncated_retry_factor": LONGER if retries else None}
    drawn = draw(scripts, engine, num_needed=num_needed, max_at_once=max_at_once, **retry)
    expected = [one_by_one(script, num_needed=num_needed, retries=retries) for script in scripts]
    assert [
        [(one.number, one.verdict, one.num_completion_tokens) for one in attempts] for attempts in drawn
    ] == expected
    assert engine.most_of_one_question <= max_at_once
    # the same requests in any other order, and few in vain
    other = AnyOrderEngine(complete, num_slots=1_000, seed=seed + 1)
    draw(scripts, other, num_needed=num_needed, max_at_once=max_at_once, **retry)
    assert sorted(engine.asked, key=repr) == sorted(set(other.asked), key=repr)
    drawn_of = Counter(one.question for one in engine.asked if one.max_tokens == SOLVER.max_tokens)
    for place, (script, of_problem) in enumerate(zip(scripts, expected, strict=True)):
        assert 0 <= drawn_of[f"{script} {place}"] - len(of_problem) < max_at_once


def test_first_attempts_of_all_problems_are_under_way_before_any_is_finished() -> None:
    engine = AnyOrderEngine(complete, num_slots=1_000)
    draw(["-" * 8] * 100, engine, num_needed=3)
    assert engine.num_busy[0] == 300
    assert Counter(one.attempt for one in engine.asked[:300]) == {0: 100, 1: 100, 2: 100}


def test_no_problem_waits_for_a_slow_completion_of_another_one() -> None:
    class WithSlowOne(AnyOrderEngine):
        def choose(self, under_way: list[SampleRequest]) -> int:
            return min(range(len(under_way)), key=lambda place: under_way[place].question.endswith(" 0"))

    engine = WithSlowOne(complete, num_slots=4, seed=1)
    draw(["-" * 8] * 30, engine, num_needed=1, max_at_once=1)
    slow = [one.attempt for one in engine.asked if one.question.endswith(" 0")]
    assert slow == list(range(8))
    assert {one.question[-2:] for one in engine.asked[-7:]} == {" 0"}  # the others were done before its second one


def test_slots_stay_filled_while_attempts_wait_to_be_graded() -> None:
    engine = OldestFirst(complete, num_slots=64)
    draw(["-" * 8] * 64, engine, num_needed=1, max_at_once=1)
    before_the_end = engine.num_busy[: 64 * 7]
    assert sum(before_the_end) / len(before_the_end) >= 0.95 * 64


def test_no_more_attempts_wait_to_be_graded_than_stated_however_many_are_under_way() -> None:
    engine = OldestFirst(complete, num_slots=10_000)
    draw(["-" * 2] * 10_000, engine, num_needed=1, max_at_once=1)
    first_of_second = next(place for place, one in enumerate(engine.asked) if one.attempt == 1)
    assert MAX_UNGRADED <= engine.asked_after[first_of_second] <= MAX_UNGRADED + 20  # it may ask a little later


def test_problem_that_needs_one_more_success_is_tried_the_more_at_once_the_rarer_it_is_solved() -> None:
    script = "+++" + "-" * 29
    engine = OldestFirst(complete, num_slots=64)
    [attempts] = draw([script], engine, num_needed=4, max_at_once=4)
    assert len(attempts) == 32
    assert (min(engine.num_busy[3:10]), max(engine.num_busy[3:10])) == (1, 1)
    assert max(engine.num_busy[22:26]) == 3


def test_cut_off_attempt_is_drawn_once_more_and_both_are_paid_for() -> None:
    engine = AnyOrderEngine(complete, num_slots=8)
    [[retried, given_up, *_]] = draw(["rc------"], engine, num_needed=2, truncated_retry_factor=LONGER)
    assert (retried.verdict, retried.is_truncated, retried.answer) == (Verdict.EQUAL, False, "7")
    assert (retried.num_prompt_tokens, retried.num_completion_tokens) == (20, 1 + 100)
    assert (given_up.verdict, given_up.is_truncated, given_up.answer) == (Verdict.DIFFERENT, True, None)
    assert (given_up.num_prompt_tokens, given_up.num_completion_tokens) == (20, 2 + 2)
    limits = [one.max_tokens for one in engine.asked if one.attempt < 2]
    assert sorted(limits) == [50, 50, 200, 200]


def test_logprobs_are_asked_of_weak_attempts_where_demand_is_predicted_from_them() -> None:
    def with_logprob(request: SampleRequest) -> Completion:
        return replace(complete(request), mean_logprob=-0.5 if request.with_logprobs else None)

    for demand, expected in ((None, None), (DemandConfig(problems_per_domain=1), -0.5)):
        config = CONFIG.model_copy(update={"demand": demand})
        [tally] = tallies_of(["-" * 8])
        for way in (try_weak, try_strong):
            way([tally], SOLVER, config=config, sampler=AnyOrderEngine(with_logprob, num_slots=8))
        assert {one.mean_logprob for one in tally.weak_attempts} == {expected}
        assert {one.mean_logprob for one in tally.strong_attempts} == {None}  # a teacher may ask the very same


def test_error_of_the_engine_leaves_the_tallies_as_they_were() -> None:
    def fail(request: SampleRequest) -> Completion:
        if request.attempt == 3:
            raise TransientError("the engine is down")
        return complete(request)

    tallies = tallies_of(["-" * 8] * 3)
    with pytest.raises(TransientError):
        try_strong(tallies, SOLVER, config=CONFIG, sampler=AnyOrderEngine(fail, num_slots=4))
    assert tallies == tallies_of(["-" * 8] * 3)


def test_engine_that_loses_a_request_is_told_from_a_solver_that_fails() -> None:
    class Forgetful(AnyOrderEngine):
        def stream(self, requests: Requests) -> Iterator[Completion]:
            yield from islice(super().stream(requests), 5)

    with pytest.raises(StageError, match="left 3 attempts of ada without a completion"):
        draw(["-" * 8], Forgetful(complete, num_slots=4), num_needed=1)


def test_engine_that_asks_while_attempts_are_graded_is_not_told_that_none_are_left() -> None:
    class Eager(AnyOrderEngine):
        """Asks all the time, in another thread."""

        def stream(self, requests: Requests) -> Iterator[Completion]:
            taken = queue.SimpleQueue[SampleRequest | None]()

            def take() -> None:
                for request in requests:
                    if request is None:
                        time.sleep(0.0005)
                    else:
                        taken.put(request)
                taken.put(None)

            thread = threading.Thread(target=take)
            thread.start()
            while (request := taken.get()) is not None:
                yield self.complete(request)
            thread.join()

    def solve(request: SampleRequest) -> Completion:
        factor = request.attempt + 2
        text = rf"\boxed{{\frac{{{5 * factor}}}{{{factor}\sqrt{{2}}+{factor}}}}}"
        return Completion(request, text, "stop", 10, 5)

    tally = Tally("p", "p", r"5(\sqrt{2}-1)")  # equal, but only a worker sees it: the other thread asks meanwhile
    [(_, attempts)] = Interleaving([tally], SOLVER, num_needed=8, max_at_once=1, config=CONFIG).run(
        Eager(solve, num_slots=1)
    )
    assert len(attempts) == 8


def test_second_weak_solver_goes_on_where_the_first_one_failed() -> None:
    tallies = tallies_of(["--------", "-+------"])
    bob = Solver(model="bob", num_attempts=3, max_tokens=50)
    for solver in (SOLVER, bob):
        try_weak(tallies, solver, config=CONFIG, sampler=AnyOrderEngine(complete, num_slots=4))
    hard, easy = tallies
    assert [(one.solver, one.number) for one in hard.weak_attempts] == [
        *(("ada", number) for number in range(8)),
        *(("bob", number) for number in range(3)),
    ]
    assert (easy.weak_solved_at, len(easy.weak_attempts)) == ("attempt 2 of ada", 2)


def test_repeated_run_finds_every_attempt_in_the_cache(tmp_path: Path) -> None:
    def fail(request: SampleRequest) -> Completion:
        raise AssertionError(f"attempt {request.attempt} of {request.question} is asked for again")

    scripts = ["-" * 7 + "+", "+" * 8, "++-r--+-", "+-+-+-+-", "-?c+----", *["---+--+-"] * 60]
    store = Store(str(tmp_path))
    ways = [
        AnyOrderEngine(complete, num_slots=16, seed=1),
        CachedSampler(AnyOrderEngine(complete, num_slots=16, seed=2), store),
        CachedSampler(AnyOrderEngine(fail, num_slots=16), store),
    ]
    one, other, again = [draw(scripts, way, truncated_retry_factor=LONGER) for way in ways]
    assert one == other == again
