"""What was sampled once is never paid for again, whoever asks, and however often a run is killed."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.errors import TransientError
from limo_curation.sampling.cache import CachedSampler, folder_name
from limo_curation.store import Store
from tests.counting_engine import CountingEngine, request

REQUESTS = [request(f"question {index}", seed=index) for index in range(7)]


def chunk_files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "requests").rglob("*") if path.is_file())


def test_each_request_is_sampled_once_and_answered_in_order(tmp_path: Path) -> None:
    engine = CountingEngine()
    sampler = CachedSampler(engine, Store(str(tmp_path)), chunk_size=3)
    first, again = list(sampler.sample(REQUESTS)), list(sampler.sample(REQUESTS[::-1]))
    assert [done.request for done in first] == REQUESTS
    assert [done.text for done in first] == [engine.text_for(one) for one in REQUESTS]
    assert again == first[::-1]  # finish reasons and token counts included
    assert engine.asked == REQUESTS


def test_new_sampler_on_the_same_store_finds_what_another_recorded(tmp_path: Path) -> None:
    first = list(CachedSampler(CountingEngine(), Store(str(tmp_path)), chunk_size=3).sample(REQUESTS))
    engine = CountingEngine()
    other = CachedSampler(engine, Store(str(tmp_path)), chunk_size=100)
    assert list(other.sample(REQUESTS)) == first
    assert engine.asked == []
    assert len(list(other.sample([*REQUESTS, request("new")]))) == 8
    assert engine.asked == [request("new")]


def test_cached_completion_answers_the_request_that_was_made_now(tmp_path: Path) -> None:
    sampler = CachedSampler(CountingEngine(), Store(str(tmp_path)), chunk_size=3)
    list(sampler.sample([request("q", seed=4, attempt=0)]))
    asked = request("q", seed=4, attempt=9)  # the same draw under another number
    assert [done.request for done in sampler.sample([asked])] == [asked]
    assert len(sampler.engine.asked) == 1


def test_one_call_may_repeat_a_request(tmp_path: Path) -> None:
    engine = CountingEngine()
    sampler = CachedSampler(engine, Store(str(tmp_path)), chunk_size=2)
    asked = [REQUESTS[0], REQUESTS[0], REQUESTS[1], REQUESTS[0]]  # within a chunk, and in a later one
    assert [done.request for done in sampler.sample(asked)] == asked
    assert engine.asked == REQUESTS[:2]


def test_one_call_may_ask_two_models_in_turn(tmp_path: Path) -> None:
    engine = CountingEngine()
    sampler = CachedSampler(engine, Store(str(tmp_path)), chunk_size=4)
    asked = [request(f"q{index}", model=("ada", "owner/bob")[index % 2]) for index in range(6)]
    assert [done.text for done in sampler.sample(asked)] == [engine.text_for(one) for one in asked]
    assert {path.parent.name for path in chunk_files(tmp_path)} == {"ada@1", "owner_bob@1"}
    assert list(sampler.sample(asked)) == list(sampler.sample(asked))
    assert len(engine.asked) == 6


def test_other_weights_under_the_same_name_are_sampled_anew(tmp_path: Path) -> None:
    old, new = CountingEngine(version=1), CountingEngine(version=2)
    list(CachedSampler(old, Store(str(tmp_path)), chunk_size=3).sample(REQUESTS))
    texts = [done.text for done in CachedSampler(new, Store(str(tmp_path)), chunk_size=3).sample(REQUESTS)]
    assert texts == [new.text_for(one) for one in REQUESTS]
    old_again = CachedSampler(CountingEngine(version=1), Store(str(tmp_path)), chunk_size=3)
    assert [done.text for done in old_again.sample(REQUESTS)] == [old.text_for(one) for one in REQUESTS]


def test_revisions_that_share_a_folder_are_kept_apart_by_their_keys(tmp_path: Path) -> None:
    engine = CountingEngine()
    sampler = CachedSampler(engine, Store(str(tmp_path)), chunk_size=3)
    asked = [request("q", model="a/b"), request("q", model="a_b")]
    assert folder_name("a/b@1") == folder_name("a_b@1")
    assert [done.text for done in sampler.sample(asked)] == [engine.text_for(one) for one in asked]
    again = CachedSampler(CountingEngine(), Store(str(tmp_path)), chunk_size=3)
    assert [done.text for done in again.sample(asked)] == [engine.text_for(one) for one in asked]


def test_failure_in_the_second_chunk_leaves_the_first_one_cached(tmp_path: Path) -> None:
    failing = CachedSampler(CountingEngine(poison="question 4"), Store(str(tmp_path)), chunk_size=3)
    with pytest.raises(TransientError, match="down"):
        list(failing.sample(REQUESTS))
    assert len(chunk_files(tmp_path)) == 1
    engine = CountingEngine()
    assert len(list(CachedSampler(engine, Store(str(tmp_path)), chunk_size=3).sample(REQUESTS))) == 7
    assert engine.asked == REQUESTS[3:]  # also the one that was sampled in the chunk that failed: a chunk is the unit


def test_finished_chunk_is_on_disk_before_its_first_completion_is_handed_out(tmp_path: Path) -> None:
    sampler = CachedSampler(CountingEngine(), Store(str(tmp_path)), chunk_size=3)
    next(iter(sampler.sample(REQUESTS)))
    assert [path.suffix for path in chunk_files(tmp_path)] == [".parquet"]


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "one letter", "another chunk"])
def test_damaged_chunk_counts_as_not_sampled_and_is_written_anew(tmp_path: Path, damage: str) -> None:
    first = list(CachedSampler(CountingEngine(), Store(str(tmp_path)), chunk_size=4).sample(REQUESTS))
    damaged, whole = chunk_files(tmp_path)
    data = damaged.read_bytes()
    at = data.index(b"question") + 1  # in a completion's text: Parquet would not notice
    bad = {
        "cut": data[: len(data) // 2],
        "empty": b"",
        "noise": b"noise" * 100,
        "one letter": data[:at] + b"Q" + data[at + 1 :],
        "another chunk": whole.read_bytes(),
    }
    damaged.write_bytes(bad[damage])
    engine = CountingEngine()
    again = list(CachedSampler(engine, Store(str(tmp_path)), chunk_size=4).sample(REQUESTS))
    assert again == first
    assert engine.asked in (REQUESTS[:4], REQUESTS[4:])
    assert chunk_files(tmp_path) == [damaged, whole]
    assert damaged.read_bytes() == data


def test_file_that_was_still_being_written_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "requests" / "ada@1"
    folder.mkdir(parents=True)
    (folder / "0123.parquet.89ab.tmp").write_bytes(b"PAR1")
    engine = CountingEngine()
    assert len(list(CachedSampler(engine, Store(str(tmp_path)), chunk_size=3).sample(REQUESTS))) == 7
    assert len(engine.asked) == 7


def test_nothing_asked_writes_nothing(tmp_path: Path) -> None:
    assert list(CachedSampler(CountingEngine(), Store(str(tmp_path)), chunk_size=3).sample([])) == []
    assert not (tmp_path / "requests").exists()


numbers = st.lists(st.integers(0, 9), max_size=12)


@settings(max_examples=25, deadline=None)
@given(calls=st.lists(numbers, max_size=4), chunk_size=st.integers(1, 5))
def test_any_calls_cost_each_distinct_request_once(
    calls: list[list[int]], chunk_size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    engine = CountingEngine()
    store = Store(str(tmp_path_factory.mktemp("store")))
    for call in calls:
        asked = [request("q", seed=number, model=("ada", "bob")[number % 2]) for number in call]
        done = list(CachedSampler(engine, store, chunk_size=chunk_size).sample(asked))
        assert [one.text for one in done] == [engine.text_for(one) for one in asked]
    assert sorted(one.seed for one in engine.asked) == sorted({number for call in calls for number in call})
