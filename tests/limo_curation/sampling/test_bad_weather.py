"""What servers do to the endpoint engine on a bad day, and what must come out of it."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from limo_curation.errors import ConfigError, TransientError
from limo_curation.sampling import SampleRequest
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling.endpoint import WINDOW_PER_SLOT, EndpointSampler
from limo_curation.store import Store
from tests.chat_server import ChatServer, Reply, chat
from tests.climbing import climb
from tests.counting_engine import request

ROOT = Path(__file__).parents[3]


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as one:
        yield one


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    assert not [thread.name for thread in threading.enumerate() if thread.name == "sampling"]


def sampler_of(*urls: str, max_concurrency: int = 4, timeout_seconds: float = 10, **settings: Any) -> EndpointSampler:
    return EndpointSampler(
        {"ada": urls},
        max_concurrency=max_concurrency,
        timeout_seconds=timeout_seconds,
        first_delay_seconds=0.001,
        **settings,
    )


def questions(number: int) -> list[SampleRequest]:
    return [request(f"question {index}", seed=index) for index in range(number)]


def texts(sampler: EndpointSampler, asked: list[SampleRequest]) -> list[str]:
    return [done.text for done in sampler.sample(asked)]


def own_process(port: int = 0) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chat_server", str(port)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    told = int(process.stdout.readline())
    process.stdout.close()
    return process, told


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def num_sockets() -> int:
    """Count this process's open sockets, the server's ends among them."""
    links: list[str] = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            links.append(str(entry.readlink()))
    return sum(link.startswith("socket:") for link in links)


# -- servers that go away ----------------------------------------------------------------------------------------------


def test_replica_that_is_killed_in_the_middle_loses_nothing(server: ChatServer) -> None:
    process, port = own_process()
    done: list[str] = []
    for completion in sampler_of(server.url, f"http://127.0.0.1:{port}/v1", max_concurrency=8).sample(questions(120)):
        done.append(completion.text)
        if len(done) == 20:
            kill(process)
    assert done == [f"QUESTION {index}" for index in range(120)]


def test_only_replica_may_be_killed_and_started_again() -> None:
    process, port = own_process()
    done: list[str] = []
    for completion in sampler_of(f"http://127.0.0.1:{port}/v1", max_concurrency=8).sample(questions(60)):
        done.append(completion.text)
        if len(done) == 20:
            kill(process)
            process, _ = own_process(port)
    kill(process)
    assert done == [f"QUESTION {index}" for index in range(60)]


def test_server_that_worked_and_does_not_come_back_is_given_up_after_the_patience() -> None:
    process, port = own_process()
    sampler = sampler_of(f"http://127.0.0.1:{port}/v1", patience_seconds=0.3)
    assert len(texts(sampler, questions(3))) == 3
    kill(process)
    with pytest.raises(TransientError, match=r"tries in \d+ s failed, the last with ClientConnectorError at http"):
        texts(sampler, questions(3))


def test_connection_that_is_cut_is_tried_again(server: ChatServer) -> None:
    server.replies = [Reply(0), Reply(0)]
    assert texts(sampler_of(server.url), questions(4)) == [f"QUESTION {index}" for index in range(4)]
    assert len(server.bodies) == 6


def test_hanging_replica_costs_its_deadline_and_the_other_one_answers(server: ChatServer) -> None:
    with ChatServer() as other:
        server.hold.clear()
        began = time.monotonic()
        assert len(texts(sampler_of(server.url, other.url, timeout_seconds=0.3), questions(12))) == 12
        assert time.monotonic() - began < 5
        server.hold.set()


def test_server_that_hangs_twice_ends_the_request(server: ChatServer) -> None:
    server.hold.clear()
    with pytest.raises(TransientError, match=r"2 tries .* no whole reply within 0\.1 s"):
        texts(sampler_of(server.url, timeout_seconds=0.1), questions(1))


# -- servers that are busy ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
def test_server_that_asks_to_wait_may_do_so_many_times(server: ChatServer, status: int) -> None:
    server.replies = [Reply(status, headers={"Retry-After": "0"})] * 60
    assert len(texts(sampler_of(server.url), questions(8))) == 8
    assert len(server.bodies) == 68


def test_server_is_left_alone_for_as_long_as_it_asks(server: ChatServer) -> None:
    server.replies = [Reply(429, headers={"Retry-After": "1"})]
    began = time.monotonic()
    assert texts(sampler_of(server.url), questions(1)) == ["QUESTION 0"]
    assert 1 <= time.monotonic() - began < 3


def test_server_that_asks_to_wait_for_ever_is_given_up(server: ChatServer) -> None:
    server.replies = [Reply(429)] * 10_000
    with pytest.raises(TransientError, match="status 429"):
        texts(sampler_of(server.url, patience_seconds=0.2), questions(4))


def test_patience_begins_when_the_server_is_gone_and_not_when_the_request_was_sent(server: ChatServer) -> None:
    server.replies = [Reply(0), Reply(429)]
    server.delay_seconds = 0.4  # a long completion, for which the connection is cut, and then the server is busy
    assert texts(sampler_of(server.url, patience_seconds=0.6), questions(1)) == ["QUESTION 0"]


def test_burst_of_server_errors_passes(server: ChatServer) -> None:
    server.replies = [Reply(500), Reply(502), Reply(504), Reply(500, b"\xff\xfe")]
    assert len(texts(sampler_of(server.url), questions(20))) == 20


def test_failed_request_does_not_waste_those_that_are_under_way(server: ChatServer) -> None:
    with ChatServer(*[Reply(500)] * 5) as bad:
        server.hold.clear()
        sampler = EndpointSampler(
            {"ada": [server.url], "bob": [bad.url]}, max_concurrency=4, timeout_seconds=10, first_delay_seconds=0.001
        )
        asked = [*questions(3), request("fails", model="bob"), *questions(50)]
        threading.Timer(0.3, server.hold.set).start()
        done: list[str] = []
        with pytest.raises(TransientError, match="bob: 5 tries"):
            done.extend(one.text for one in [*sampler.stream(asked)])
        # those three were paid for, and none of the fifty was begun
        assert len(server.bodies) == 3
        list(sampler.stream(asked[:3]))


def test_what_was_under_way_is_handed_out_before_the_failure_is_told(server: ChatServer) -> None:
    with ChatServer(*[Reply(500)] * 5) as bad:
        server.delay_seconds = 0.2
        sampler = EndpointSampler(
            {"ada": [server.url], "bob": [bad.url]}, max_concurrency=4, timeout_seconds=10, first_delay_seconds=0.001
        )
        done: list[str] = []
        completions = sampler.stream([request("fails", model="bob"), *questions(3)])
        with pytest.raises(TransientError):
            done.extend(one.text for one in completions)
        assert sorted(done) == ["QUESTION 0", "QUESTION 1", "QUESTION 2"]


# -- replies that are not what was asked for ---------------------------------------------------------------------------


def test_reply_longer_than_asked_counts_as_cut_off(server: ChatServer) -> None:
    server.replies = [Reply(200, chat("far too long", num_tokens=51))]
    [done] = sampler_of(server.url).sample(questions(1))  # 50 tokens were asked for
    assert (done.text, done.finish_reason, done.num_completion_tokens) == ("far too long", "length", 51)


def test_reply_beyond_all_measure_is_not_read_to_its_end(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limo_curation.sampling.endpoint.MAX_REPLY_BYTES", 2**20)
    server.replies = [Reply(200, chat("x" * 2**21))]
    assert texts(sampler_of(server.url), questions(1)) == ["QUESTION 0"]


def test_replies_with_one_id_and_requests_that_repeat_are_not_mixed_up(server: ChatServer) -> None:
    asked = [*questions(5), *questions(5)]
    assert texts(sampler_of(server.url), asked) == [f"QUESTION {index}" for index in [*range(5), *range(5)]]
    assert len(server.bodies) == 10


def test_wrong_model_name_stops_at_once_and_says_what_to_look_at(server: ChatServer) -> None:
    words = "The model `ada` does not exist."
    server.replies = [Reply(404, {"object": "error", "message": words})]
    with pytest.raises(ConfigError, match=rf"refuses ada: 404 .*{words}.*engine\.urls") as caught:
        texts(sampler_of(server.url), questions(200))
    assert server.url in str(caught.value)
    assert len(server.bodies) < 20


def test_model_without_a_server_is_named(server: ChatServer) -> None:
    with pytest.raises(ConfigError, match=r"engine\.urls names no server of bob"):
        list(sampler_of(server.url).sample([request("q", model="bob")]))


def test_question_that_overflows_the_context_counts_as_cut_off_and_the_others_go_on(
    server: ChatServer, caplog: pytest.LogCaptureFixture
) -> None:
    words = "This model's maximum context length is 512 tokens. However, you requested 600 tokens."
    server.replies = [Reply(400, {"object": "error", "message": words})] * 2
    done = list(sampler_of(server.url, max_concurrency=1).sample(questions(4)))
    assert [one.text for one in done] == ["", "", "QUESTION 2", "QUESTION 3"]
    assert [one.is_overflow for one in done] == [True, True, False, False]
    assert done[0].finish_reason == "length"
    assert len([record for record in caplog.records if "no room" in record.message]) == 1


# -- all of it at once -------------------------------------------------------------------------------------------------


def test_cascade_through_the_cache_gets_every_attempt_on_a_day_when_all_goes_wrong(
    server: ChatServer, tmp_path: Path
) -> None:
    heights = [1 + number % 9 for number in range(60)]
    server.replies = [
        *[Reply(429, headers={"Retry-After": "0"})] * 10,
        *[Reply(500), Reply(200, b'{"choices": ['), Reply(0), Reply(200, {"choices": []}), Reply(503)] * 2,
        *[Reply(200, b"<html>busy</html>"), Reply(502), Reply(200, {"error": "busy"}), Reply(0)] * 2,
    ]
    process, port = own_process()
    engine = sampler_of(server.url, f"http://127.0.0.1:{port}/v1", max_concurrency=16)
    killing = threading.Timer(0.3, kill, [process])
    killing.start()
    done = climb(CachedSampler(engine, Store(str(tmp_path)), chunk_size=10), heights)
    killing.join()
    wanted = {(problem, attempt) for problem, height in enumerate(heights) for attempt in range(height)}
    assert sorted(wanted) == sorted((int(one.text.split()[1]), one.request.attempt) for one in done)
    num_asked = len(server.bodies)
    assert len(climb(CachedSampler(engine, Store(str(tmp_path))), heights)) == len(wanted)
    assert len(server.bodies) == num_asked  # nothing was paid for twice


# -- callers that leave ------------------------------------------------------------------------------------------------


def test_closed_generator_leaves_no_thread_and_no_connection(server: ChatServer) -> None:
    before = num_sockets()
    completions = sampler_of(server.url).stream(questions(100))
    next(completions)
    assert num_sockets() > before
    completions.close()
    deadline = time.monotonic() + 5
    while num_sockets() > before and time.monotonic() < deadline:
        time.sleep(0.01)  # the server's ends close a little later
    assert num_sockets() == before


@pytest.fixture
def interruptible() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # pytest-xdist ignores the signal
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interrupt_from_the_keyboard_leaves_no_thread(server: ChatServer) -> None:
    server.hold.clear()
    threading.Timer(0.3, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        texts(sampler_of(server.url), questions(10))


def test_error_in_the_callers_requests_is_the_callers(server: ChatServer) -> None:
    def asked() -> Iterator[SampleRequest]:
        yield request("one")
        raise ZeroDivisionError("from the caller")

    with pytest.raises(ZeroDivisionError, match="from the caller"):
        list(sampler_of(server.url).sample(asked()))


def test_caller_that_does_not_take_completions_stops_the_engine_instead_of_filling_memory(server: ChatServer) -> None:
    taken: list[int] = []

    def endless() -> Iterator[SampleRequest]:
        while True:
            taken.append(len(taken))
            yield request("again", seed=len(taken))

    completions = sampler_of(server.url, max_concurrency=2).sample(endless())
    for _ in range(5):
        next(completions)
    time.sleep(0.5)
    assert len(taken) <= 5 + 2 * WINDOW_PER_SLOT
    completions.close()


def test_calls_and_samplers_side_by_side_share_slots_only_where_they_share_a_sampler(server: ChatServer) -> None:
    server.delay_seconds = 0.005
    sampler = sampler_of(server.url, max_concurrency=3)
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: texts(sampler, questions(20)), range(4)))
    assert done == [[f"QUESTION {index}" for index in range(20)]] * 4
    assert server.most_under_way <= 3
    server.most_under_way = 0
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda one: texts(one, questions(20)), [sampler, sampler_of(server.url)]))
    assert done == [[f"QUESTION {index}" for index in range(20)]] * 2
    assert server.most_under_way <= 7
