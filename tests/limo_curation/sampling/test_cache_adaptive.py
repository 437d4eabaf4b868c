"""A caller whose next request depends on completions: answered at once where it can be, and never asked in vain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.errors import StageError, TransientError
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling.endpoint import EndpointSampler
from limo_curation.sampling.protocol import Requests
from limo_curation.store import Store
from tests.chat_server import ChatServer
from tests.climbing import attempt_on, climb
from tests.counting_engine import CountingEngine
from tests.counting_store import CountingStore


class SlotEngine(CountingEngine):
    """Has some requests under way at a time, and finishes any of them; whoever asks it to wait has one under way."""

    def __init__(self, num_slots: int = 8, *, poison: str | None = None) -> None:
        super().__init__(poison=poison)
        self.num_slots = num_slots
        self.num_streams = 0
        self.is_closed = False

    def stream(self, requests: Requests) -> Iterator[Completion]:
        self.num_streams += 1
        self.is_closed = False
        under_way: list[SampleRequest] = []
        rng = Random(self.num_slots)
        given = iter(requests)
        try:
            while True:
                while len(under_way) < self.num_slots and (asked := next(given, None)) is not None:
                    under_way.append(asked)
                if not under_way:
                    return
                yield from super().sample([under_way.pop(rng.randrange(len(under_way)))])
        finally:
            self.is_closed = True


@pytest.mark.parametrize("in_order", [True, False])
def test_servers_may_run_dry_and_are_asked_again(tmp_path: Path, in_order: bool) -> None:
    heights = [1 + number % 7 for number in range(30)]
    store = Store(str(tmp_path))
    known = [attempt_on(problem, attempt) for problem in range(30) for attempt in (0, 2, 3, 5)]
    with ChatServer() as server:
        engine = EndpointSampler({"ada": [server.url]}, max_concurrency=16, timeout_seconds=10)
        list(CachedSampler(engine, store).sample(known))
        num_asked = len(server.bodies)
        done = climb(CachedSampler(engine, store), heights, in_order=in_order)
        assert {one.text for one in done} == {f"PROBLEM {problem}" for problem in range(30)}
        assert len(done) == sum(heights)
        missing = {
            (problem, attempt) for problem, height in enumerate(heights) for attempt in {1, 4, 6} if attempt < height
        }
        assert len(server.bodies) - num_asked == len(missing)


@settings(max_examples=60, deadline=None)
@given(
    heights=st.lists(st.integers(0, 6), max_size=12),
    cached=st.sets(st.tuples(st.integers(0, 11), st.integers(0, 5))),
    num_slots=st.integers(1, 9),
    in_order=st.booleans(),
)
def test_every_attempt_is_answered_and_paid_for_once_whatever_is_cached(
    heights: list[int],
    cached: set[tuple[int, int]],
    num_slots: int,
    in_order: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    store = Store(str(tmp_path_factory.mktemp("store")))
    known = [attempt_on(*one) for one in sorted(cached)]
    list(CachedSampler(CountingEngine(), store).sample(known))
    wanted = {attempt_on(problem, attempt) for problem, height in enumerate(heights) for attempt in range(height)}
    engine = SlotEngine(num_slots)
    done = climb(CachedSampler(engine, store, chunk_size=5), heights, in_order=in_order)
    assert {one.request for one in done} == wanted
    assert len(done) == len(wanted)
    assert all(one.text == engine.text_for(one.request) for one in done)
    assert set(engine.asked) == wanted - set(known)
    assert len(engine.asked) == len(set(engine.asked))
    again = SlotEngine(num_slots)
    assert len(climb(CachedSampler(again, store), heights, in_order=in_order)) == len(wanted)
    assert again.num_streams == 0


def test_cached_completions_come_before_those_that_are_sampled(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    known = [attempt_on(problem, 0) for problem in range(5, 9)]
    list(CachedSampler(CountingEngine(), store).sample(known))
    stream = CachedSampler(SlotEngine(), store).stream([attempt_on(problem, 0) for problem in range(9)])
    assert [next(stream).request for _ in range(4)] == known
    assert {one.request for one in stream} == {attempt_on(problem, 0) for problem in range(5)}


def test_resumed_cascade_reads_chunks_in_rounds_and_not_attempt_by_attempt(tmp_path: Path) -> None:
    heights = [1 + number % 40 for number in range(400)]
    first = climb(CachedSampler(SlotEngine(64), Store(str(tmp_path)), chunk_size=512), heights)
    assert len(first) == 8_200
    store = CountingStore(str(tmp_path))
    engine = SlotEngine(64)
    again = climb(CachedSampler(engine, store), heights)
    assert {one.request: one for one in again} == {one.request: one for one in first}
    assert engine.asked == []
    assert store.num_reads < 200  # 17 chunks, 40 rounds
    assert store.num_listings == 2  # of the chunks and of the index, once


def test_cascade_does_not_list_the_folder_for_each_request_that_is_missing(tmp_path: Path) -> None:
    store = CountingStore(str(tmp_path))
    climb(CachedSampler(SlotEngine(4), store), [20] * 20)
    assert store.num_listings <= 4  # one listing more, of two folders, on a machine that needs five seconds for this


def test_attempts_that_are_missing_between_cached_ones_are_sampled(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    list(CachedSampler(CountingEngine(), store).sample([attempt_on(0, attempt) for attempt in (1, 2, 4)]))
    engine = SlotEngine()
    assert len(climb(CachedSampler(engine, store), [6])) == 6
    assert [one.attempt for one in engine.asked] == [0, 3, 5]


def test_request_that_is_repeated_is_sampled_once_also_after_it_was_answered(tmp_path: Path) -> None:
    engine = SlotEngine(1)
    held = iter([attempt_on(0, 0), attempt_on(0, 0), None, attempt_on(0, 0), attempt_on(1, 0), attempt_on(0, 0)])
    done = list(CachedSampler(engine, Store(str(tmp_path))).sample(held))
    assert [one.request.question for one in done] == [f"problem {number}" for number in (0, 0, 0, 1, 0)]
    assert engine.asked == [attempt_on(0, 0), attempt_on(1, 0)]


@pytest.mark.parametrize("in_order", [True, False])
def test_caller_that_leaves_closes_the_engine_and_what_came_in_is_recorded(tmp_path: Path, in_order: bool) -> None:
    engine = SlotEngine(1)
    sampler = CachedSampler(engine, Store(str(tmp_path)))
    asked = [attempt_on(problem, 0) for problem in range(9)]
    completions = sampler.sample(asked) if in_order else sampler.stream(asked)
    seen = [next(completions) for _ in range(3)]
    completions.close()
    assert engine.is_closed
    again = CountingEngine()
    assert list(CachedSampler(again, Store(str(tmp_path))).sample([one.request for one in seen])) == seen
    assert again.asked == []


def test_failure_in_the_middle_of_a_cascade_keeps_what_was_paid_for(tmp_path: Path) -> None:
    engine = SlotEngine(4, poison="problem 3")
    with pytest.raises(TransientError):
        climb(CachedSampler(engine, Store(str(tmp_path))), [5] * 8)
    again = SlotEngine(4)
    climb(CachedSampler(again, Store(str(tmp_path))), [5] * 8)
    assert not set(engine.asked) & set(again.asked)


def test_stage_that_waits_for_nothing_is_told_so(tmp_path: Path) -> None:
    sampler = CachedSampler(SlotEngine(), Store(str(tmp_path)))
    with pytest.raises(StageError, match="were handed out"):
        list(sampler.stream([None, attempt_on(0, 0)]))


class ForgetfulEngine(CountingEngine):
    """Loses every second request."""

    def sample(self, requests: Requests) -> Iterator[Completion]:
        yield from super().sample([one for one in requests if one is not None][::2])


def test_engine_that_loses_requests_is_told_and_not_waited_for(tmp_path: Path) -> None:
    sampler = CachedSampler(ForgetfulEngine(), Store(str(tmp_path)))
    with pytest.raises(StageError, match="left 4 requests"):
        list(sampler.sample([attempt_on(problem, 0) for problem in range(9)]))
