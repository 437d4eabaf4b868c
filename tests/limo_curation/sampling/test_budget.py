"""The token ledger counts what engines really did, and stops a run that has spent its budget."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from limo_curation.errors import BudgetError
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.budget import MeteredSampler
from limo_curation.sampling.cache import CachedSampler
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
    assert [one.seed for one in [*small.asked, *large.asked]] == [0, 1, 2, 3, 4, 5]
    assert metered.total_tokens == 15 * len(large.asked)


def test_ledger_passes_the_engines_revision_on() -> None:
    assert MeteredSampler(CountingEngine(version=3)).revision("ada") == "ada@3"
