"""What was sampled once is never paid for again, whoever asks, and however often a run is killed."""

import errno
import subprocess
import sys
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.errors import ConfigError, TransientError
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.cache import CachedSampler, folder_name
from limo_curation.store import Store
from tests.counting_engine import CountingEngine, request

ROOT = Path(__file__).parents[3]
REQUESTS = [request(f"question {index}", seed=index) for index in range(7)]


class LastFirstEngine(CountingEngine):
    """Finishes the last request first."""

    def stream(self, requests: Iterable[SampleRequest]) -> Iterator[Completion]:
        yield from self.sample(list(requests)[::-1])


class OverflowingEngine:
    """Writes nothing for want of room, or one token where it has a log-probability for it."""

    def __init__(self, *, mean_logprob: float | None = None) -> None:
        self.mean_logprob = mean_logprob
        self.num_calls = 0

    def revision(self, model: str) -> str:
        return model

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[Completion]:
        for asked in requests:
            self.num_calls += 1
            mean_logprob = self.mean_logprob if asked.with_logprobs else None
            yield Completion(asked, "", "length", 0, 0 if self.mean_logprob is None else 1, mean_logprob)


class FullStore(Store):
    """Has room for some files, then none for some, and leaves half of a file behind as a full disk does."""

    def __init__(self, url: str, *, num_good: int, num_bad: int) -> None:
        super().__init__(url)
        self.num_good = num_good
        self.num_bad = num_bad

    def write_bytes(self, path: str, data: bytes) -> None:
        self.num_good -= 1
        if self.num_good >= 0 or self.num_good < -self.num_bad:
            return super().write_bytes(path, data)
        half = Path(f"{self.root}/{path}.0123.tmp")
        half.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")


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


def test_failure_leaves_everything_cached_that_was_finished_before(tmp_path: Path) -> None:
    failing = CachedSampler(CountingEngine(poison="question 4"), Store(str(tmp_path)), chunk_size=3)
    with pytest.raises(TransientError, match="down"):
        list(failing.sample(REQUESTS))
    engine = CountingEngine()
    assert len(list(CachedSampler(engine, Store(str(tmp_path)), chunk_size=3).sample(REQUESTS))) == 7
    assert engine.asked == REQUESTS[4:]


def test_caller_that_stops_early_leaves_what_was_finished_cached(tmp_path: Path) -> None:
    completions = CachedSampler(CountingEngine(), Store(str(tmp_path))).sample(REQUESTS)
    assert [next(completions).request for _ in range(2)] == REQUESTS[:2]
    completions.close()
    engine = CountingEngine()
    list(CachedSampler(engine, Store(str(tmp_path))).sample(REQUESTS))
    assert engine.asked == REQUESTS[2:]


def test_completions_do_not_wait_for_a_full_chunk_when_they_come_slowly(tmp_path: Path) -> None:
    completions = CachedSampler(CountingEngine(), Store(str(tmp_path)), record_seconds=0).sample(REQUESTS)
    for num_done in range(1, 4):
        next(completions)
        assert len(chunk_files(tmp_path)) == num_done
    completions.close()


def test_completions_that_finish_in_another_order_are_handed_out_in_order_and_recorded_as_they_come(
    tmp_path: Path,
) -> None:
    engine = LastFirstEngine()
    completions = CachedSampler(engine, Store(str(tmp_path)), record_seconds=0).sample(REQUESTS)
    assert next(completions).request == REQUESTS[0]
    assert len(chunk_files(tmp_path)) == 7  # all others came before it
    assert [done.request for done in completions] == REQUESTS[1:]
    again = CachedSampler(LastFirstEngine(), Store(str(tmp_path)))
    assert [done.text for done in again.sample(REQUESTS)] == [engine.text_for(one) for one in REQUESTS]
    assert again.engine.asked == []


def test_question_that_overflowed_is_asked_again_when_the_server_may_have_more_room(tmp_path: Path) -> None:
    engine = OverflowingEngine()
    for _ in range(2):
        [done] = CachedSampler(engine, Store(str(tmp_path))).sample([request("long")])
        assert done.is_overflow
    assert engine.num_calls == 2


def test_log_probabilities_are_kept_and_only_asked_for_where_they_are_needed(tmp_path: Path) -> None:
    sampler = CachedSampler(OverflowingEngine(mean_logprob=-0.1), Store(str(tmp_path)))
    asked = [request("q"), replace(request("q"), with_logprobs=True)]
    assert list(sampler.sample(asked)) == list(CachedSampler(OverflowingEngine(), Store(str(tmp_path))).sample(asked))
    assert sampler.engine.num_calls == 2


@pytest.mark.parametrize("num_failing_writes", [1, 2])
def test_full_disk_is_told_and_loses_nothing_that_was_recorded(tmp_path: Path, num_failing_writes: int) -> None:
    store = FullStore(str(tmp_path), num_good=1, num_bad=num_failing_writes)
    done: list[Completion] = []
    with pytest.raises(ConfigError, match=r"the store at .* is full: [\d,]+ bytes .* free some space"):
        done.extend(CachedSampler(CountingEngine(), store, chunk_size=3).sample(REQUESTS))
    assert not [path for path in chunk_files(tmp_path) if path.suffix == ".tmp"]
    engine = CountingEngine()
    assert len(list(CachedSampler(engine, Store(str(tmp_path)), chunk_size=3).sample(REQUESTS))) == 7
    # where space was found in time, the chunk that did not fit was written in the end
    assert engine.asked == (REQUESTS[6:] if num_failing_writes == 1 else REQUESTS[3:])


SLOW_WORKER = """
import sys, time
from limo_curation.sampling.cache import CachedSampler
from limo_curation.store import Store
from tests.counting_engine import CountingEngine, request

sampler = CachedSampler(CountingEngine(), Store(sys.argv[1]), record_seconds=0.05)
for number, _ in enumerate(sampler.sample([request(f"question {index}", seed=index) for index in range(2000)])):
    print(number, flush=True)
    time.sleep(0.001)
"""


def test_worker_that_is_killed_loses_the_last_moments_only(tmp_path: Path) -> None:
    worker = subprocess.Popen([sys.executable, "-c", SLOW_WORKER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT)
    assert worker.stdout is not None
    while worker.stdout.readline() != b"400\n":
        pass
    worker.kill()
    worker.communicate()
    engine = CountingEngine()
    list(CachedSampler(engine, Store(str(tmp_path))).sample([request(f"question {n}", seed=n) for n in range(400)]))
    assert len(engine.asked) < 200  # some 50 of them were finished in the last twentieth of a second


def test_two_runs_may_share_a_cache_at_the_same_time(tmp_path: Path) -> None:
    requests = [request(f"question {index}", seed=index) for index in range(300)]

    def run(order: list[SampleRequest]) -> list[str]:
        sampler = CachedSampler(CountingEngine(), Store(str(tmp_path)), chunk_size=4)
        return [done.text for start in range(0, 300, 20) for done in sampler.sample(order[start : start + 20])]

    with ThreadPoolExecutor(3) as pool:
        forwards, backwards, again = pool.map(run, [requests, requests[::-1], requests])
    assert forwards == backwards[::-1] == again
    engine = CountingEngine()
    assert [done.text for done in CachedSampler(engine, Store(str(tmp_path))).sample(requests)] == forwards
    assert engine.asked == []


def test_threads_may_share_a_sampler(tmp_path: Path) -> None:
    engine = CountingEngine()
    sampler = CachedSampler(engine, Store(str(tmp_path)), chunk_size=4)
    parts = [[request(f"{part} {index}", seed=index) for index in range(60)] for part in range(4)]
    with ThreadPoolExecutor(4) as pool:
        first = list(pool.map(lambda part: list(sampler.sample(part)), parts))
        again = list(pool.map(lambda part: list(sampler.sample(part)), parts))
    assert first == again
    assert len(engine.asked) == 240


def test_cache_on_another_file_system_works_alike() -> None:
    url = f"memory://{uuid.uuid4().hex}"
    requests = [request(f"question {index}", seed=index) for index in range(200)]
    first = list(CachedSampler(CountingEngine(), Store(url), chunk_size=3).sample(requests))
    engine = CountingEngine()
    assert list(CachedSampler(engine, Store(url)).sample(requests)) == first
    assert engine.asked == []


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
