"""The ledger counts what engines really did, and stops a run that has spent its budget."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.errors import BudgetError
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.budget import EXCHANGE_SECONDS, MeteredSampler
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling.protocol import Requests
from limo_curation.sampling.spending import Spending, SpendingRecord, run_spending
from limo_curation.store import Store
from tests.counting_engine import CountingEngine, request

REQUESTS = [request("q", seed=index, model=("ada", "ada", "bob")[index % 3]) for index in range(6)]  # 15 tokens each


class StreamingEngine(CountingEngine):
    """Finishes the last request first."""

    was_closed = False

    def stream(self, requests: Iterable[SampleRequest]) -> Iterator[Completion]:
        try:
            yield from self.sample(list(requests)[::-1])
        finally:
            self.was_closed = True


class WindowEngine(CountingEngine):
    """Has up to `window` requests under way; each takes `seconds` of a clock that only this engine moves."""

    def __init__(self, *, window: int = 1, seconds: float = 1.0) -> None:
        super().__init__()
        self.window = window
        self.seconds = seconds
        self.now = 100.0
        self.max_under_way = 0

    def clock(self) -> float:
        return self.now

    def sample(self, requests: Requests) -> Iterator[Completion]:
        waiting, left = deque[SampleRequest](), iter(requests)
        while True:
            for asked in islice(left, self.window - len(waiting)):
                if asked is None:
                    break
                waiting.append(asked)
            self.max_under_way = max(self.max_under_way, len(waiting))
            if not waiting:
                return
            self.now += self.seconds
            yield from CountingEngine.sample(self, [waiting.popleft()])


def take_what_is_affordable(metered: MeteredSampler, requests: Requests) -> list[Completion]:
    done: list[Completion] = []
    with suppress(BudgetError):
        done.extend(metered.sample(requests))
    return done


def test_tokens_are_counted_for_each_model() -> None:
    metered = MeteredSampler(CountingEngine())
    assert [done.request for done in metered.sample(REQUESTS)] == REQUESTS
    assert metered.prompt_tokens == {"ada": 40, "bob": 20}
    assert metered.completion_tokens == {"ada": 20, "bob": 10}
    assert metered.total_tokens == 90


def test_completions_that_were_never_taken_are_not_counted() -> None:
    metered = MeteredSampler(CountingEngine())
    next(iter(metered.sample(REQUESTS)))
    assert metered.total_tokens == 15


def test_cached_completions_are_free(tmp_path: Path) -> None:
    metered = MeteredSampler(CountingEngine())
    sampler = CachedSampler(metered, Store(str(tmp_path)), chunk_size=2)
    assert list(sampler.sample(REQUESTS)) == list(sampler.sample(REQUESTS))
    assert metered.total_tokens == 90


def test_spent_budget_stops_the_next_call_with_both_numbers_in_the_message() -> None:
    engine = CountingEngine()
    metered = MeteredSampler(engine, max_total_tokens=30)
    list(metered.sample(REQUESTS[:2]))  # reaches the budget exactly
    with pytest.raises(BudgetError, match=r"30 tokens are spent of engine\.max_total_tokens = 30") as caught:
        list(metered.sample(REQUESTS[2:]))
    assert "larger budget" in str(caught.value)
    assert len(engine.asked) == 2


def test_budget_stops_between_two_requests_and_hands_out_what_was_paid() -> None:
    engine = CountingEngine()
    done: list[int] = []
    with pytest.raises(BudgetError, match="45 tokens"):
        done.extend(one.request.seed for one in MeteredSampler(engine, max_total_tokens=31).sample(REQUESTS))
    assert len(engine.asked) == 3  # the third began one token below the limit


def test_budget_that_the_last_request_spends_is_no_error() -> None:
    assert len(list(MeteredSampler(CountingEngine(), max_total_tokens=90).sample(REQUESTS))) == 6


def test_engine_that_streams_is_metered_like_one_in_order() -> None:
    metered = MeteredSampler(StreamingEngine())
    assert [done.request for done in metered.stream(REQUESTS)] == REQUESTS[::-1]
    assert metered.total_tokens == 90


def test_engine_is_told_when_its_completions_are_no_longer_wanted() -> None:
    engine = StreamingEngine()
    completions = MeteredSampler(engine).stream(REQUESTS)
    next(completions)
    completions.close()
    assert engine.was_closed


def test_spent_budget_still_hands_out_what_is_cached(tmp_path: Path) -> None:
    sampler = CachedSampler(MeteredSampler(CountingEngine(), max_total_tokens=90), Store(str(tmp_path)), chunk_size=6)
    first = list(sampler.sample(REQUESTS))
    assert list(sampler.sample(REQUESTS)) == first
    with pytest.raises(BudgetError):
        list(sampler.sample([request("new")]))


def test_larger_budget_continues_where_the_smaller_one_stopped(tmp_path: Path) -> None:
    small, large = CountingEngine(), CountingEngine()
    store = Store(str(tmp_path))
    with pytest.raises(BudgetError):
        list(CachedSampler(MeteredSampler(small, max_total_tokens=40), store, chunk_size=2).sample(REQUESTS))
    metered = MeteredSampler(large, max_total_tokens=1_000)
    assert len(list(CachedSampler(metered, store, chunk_size=2).sample(REQUESTS))) == 6
    assert sorted(one.seed for one in [*small.asked, *large.asked]) == [0, 1, 2, 3, 4, 5], "each is paid for once"
    assert metered.total_tokens == 15 * len(large.asked)


def test_ledger_passes_the_engines_revision_on() -> None:
    assert MeteredSampler(CountingEngine(version=3)).revision("ada") == "ada@3"


def test_a_request_to_wait_is_handed_on_to_the_engine() -> None:
    seen: list[SampleRequest | None] = []

    class Listening(CountingEngine):
        def sample(self, requests: Requests) -> Iterator[Completion]:
            for asked in requests:
                seen.append(asked)
                if asked is not None:
                    yield from CountingEngine.sample(self, [asked])

    asked = [REQUESTS[0], None, REQUESTS[1]]
    metered = MeteredSampler(Listening(), max_total_tokens=1_000, max_gpu_hours=1.0, num_gpus=1)
    assert [one.request for one in metered.sample(asked)] == REQUESTS[:2]
    assert seen == asked


@given(window=st.integers(1, 8), limit=st.integers(1, 400), num_requests=st.integers(0, 40))
def test_tokens_pass_the_limit_by_no_more_than_what_was_under_way(window: int, limit: int, num_requests: int) -> None:
    engine = WindowEngine(window=window)
    metered = MeteredSampler(engine, max_total_tokens=limit)
    done = take_what_is_affordable(metered, [request("q", seed=seed) for seed in range(num_requests)])
    assert len(done) == len(engine.asked), "what was under way is finished and handed out"
    assert metered.total_tokens == 15 * len(done) < limit + 15 * window
    assert len(done) == num_requests or metered.total_tokens >= limit


@given(window=st.integers(1, 8), limit=st.floats(0.001, 0.05), num_gpus=st.integers(1, 8))
def test_gpu_hours_pass_the_limit_by_no_more_than_what_was_under_way(window: int, limit: float, num_gpus: int) -> None:
    engine = WindowEngine(window=window, seconds=10.0)
    metered = MeteredSampler(engine, max_gpu_hours=limit, num_gpus=num_gpus, clock=engine.clock)
    done = take_what_is_affordable(metered, (request("q", seed=seed) for seed in range(100)))
    hours = metered.spending().gpu_hours
    assert hours == pytest.approx(10.0 * num_gpus * len(done) / 3_600)
    assert hours < limit + (window * 10.0 * num_gpus + 1e-6) / 3_600
    assert len(done) == 100 or hours >= limit


@given(limits=st.lists(st.integers(1, 200), min_size=1, max_size=5).map(sorted), num_requests=st.integers(1, 12))
def test_resumed_run_counts_on_where_it_stopped(limits: list[int], num_requests: int) -> None:
    store, asked, left = Store(f"memory://{uuid4()}"), [request("q", seed=seed) for seed in range(num_requests)], 0
    for limit in limits:  # a run that is resumed with a larger budget, by a new process each time
        engine = CountingEngine()
        metered = MeteredSampler(engine, max_total_tokens=limit, record=SpendingRecord(store, "run"))
        left += len(take_what_is_affordable(metered, asked[left:]))
        assert run_spending(store, "run").total_tokens == 15 * left < limit + 15
        assert left == num_requests or 15 * left >= limit


def test_process_that_finds_the_budget_spent_says_by_whom(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    SpendingRecord(store, "run").save(
        Spending(prompt_tokens={"bob": 40}, completion_tokens={"bob": 20}, gpu_seconds={"bob": 7_200})
    )
    engine = CountingEngine()
    metered = MeteredSampler(
        engine, max_total_tokens=60, max_gpu_hours=1.5, num_gpus=1, record=SpendingRecord(store, "run")
    )
    with pytest.raises(BudgetError) as caught:
        list(metered.sample(REQUESTS))
    assert str(caught.value) == (
        "60 tokens are spent of engine.max_total_tokens = 60 and 2 GPU-hours are spent of engine.max_gpu_hours = 1.5 "
        "(bob read 40 and wrote 20 in 2 GPU-hours); what is finished is kept, and a run with a larger budget "
        "continues from here"
    )
    assert engine.asked == []


def test_two_workers_at_once_share_one_budget(tmp_path: Path) -> None:
    store, engine = Store(str(tmp_path)), WindowEngine(seconds=EXCHANGE_SECONDS)
    workers = [
        MeteredSampler(engine, max_total_tokens=75, record=SpendingRecord(store, "run"), clock=engine.clock)
        for _ in range(2)
    ]
    taking = deque(worker.sample(request("q", seed=seed) for seed in range(9)) for worker in workers)
    num_done = 0
    while taking:  # in turns, until each was stopped
        try:
            next(taking[0])
        except BudgetError:
            taking.popleft()
        else:
            num_done += 1
            taking.rotate()
    assert run_spending(store, "run").total_tokens == 15 * num_done
    assert 75 <= 15 * num_done <= 75 + 15, "each knows the other's spending but for the last seconds"


def test_account_is_written_every_few_seconds_and_at_the_end(tmp_path: Path) -> None:
    store, engine = Store(str(tmp_path)), WindowEngine(seconds=EXCHANGE_SECONDS / 2)
    metered = MeteredSampler(engine, record=SpendingRecord(store, "run"), clock=engine.clock)
    written = [run_spending(store, "run").total_tokens for _ in metered.sample(REQUESTS[:5])]
    assert written == [0, 30, 30, 60, 60]
    assert run_spending(store, "run").total_tokens == 75


def test_cached_completions_leave_no_account(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    list(CachedSampler(MeteredSampler(CountingEngine()), store, chunk_size=2).sample(REQUESTS))
    resumed = MeteredSampler(CountingEngine(), record=SpendingRecord(store, "run"))
    list(CachedSampler(resumed, store, chunk_size=2).sample(REQUESTS))
    assert store.list("spending") == []


def test_call_that_is_left_holds_its_gpus_no_longer() -> None:
    engine = WindowEngine(window=4)
    metered = MeteredSampler(engine, num_gpus=2, clock=engine.clock)
    completions = metered.sample(REQUESTS)
    next(completions)
    del completions  # closes it
    engine.now += 1_000.0
    assert sum(metered.own_spending().gpu_seconds.values()) == pytest.approx(2.0)
