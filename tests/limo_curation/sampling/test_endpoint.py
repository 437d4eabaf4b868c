"""The endpoint engine against a real server on the loopback: what is sent, what is retried, what is told."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest

from limo_curation.errors import ConfigError, StageError, TransientError
from limo_curation.sampling import SampleRequest
from limo_curation.sampling.endpoint import EndpointSampler
from tests.asking import Asker, held_back_for_nothing
from tests.chat_server import ChatServer, Reply, chat
from tests.counting_engine import request

SECRET = "key-that-nobody-may-read"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as one:
        yield one


def sampler_of(*urls: str, max_concurrency: int = 4) -> EndpointSampler:
    return EndpointSampler(
        {"ada": urls}, max_concurrency=max_concurrency, timeout_seconds=10, first_delay_seconds=0.001
    )


def texts(sampler: EndpointSampler, *questions: str) -> list[str]:
    return [done.text for done in sampler.sample([request(question) for question in questions])]


def test_request_is_sent_with_every_setting(server: ChatServer) -> None:
    asked = SampleRequest("ada", "Why?", 0.6, 0.95, 321, seed=7, attempt=2, system_prompt="Be brief.")
    [done] = sampler_of(server.url + "/").sample([asked])  # a slash too many in the run file
    assert server.paths == ["/v1/chat/completions"]
    assert server.bodies == [
        {
            "model": "ada",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}],
            "temperature": 0.6,
            "top_p": 0.95,
            "max_tokens": 321,
            "seed": 7,
        }
    ]
    assert (done.request, done.text, done.finish_reason) == (asked, "WHY?", "stop")
    assert (done.num_prompt_tokens, done.num_completion_tokens) == (11, 7)


def test_schema_of_the_reply_is_sent_where_a_request_has_one(server: ChatServer) -> None:
    asked = replace(request("1 + 1 = ?"), json_schema='{"type": "object"}')
    list(sampler_of(server.url).sample([asked, request("2 + 2 = ?")]))
    formats = {body["messages"][-1]["content"]: body.get("response_format") for body in server.bodies}
    schema = {"name": "reply", "schema": {"type": "object"}, "strict": True}
    assert formats == {"1 + 1 = ?": {"type": "json_schema", "json_schema": schema}, "2 + 2 = ?": None}


def test_cut_off_and_empty_completions_are_told_apart_from_finished_ones(server: ChatServer) -> None:
    server.replies = [
        Reply(200, chat("half a", finish_reason="length")),
        Reply(200, chat(None, finish_reason="length")),
    ]
    cut, empty, whole = sampler_of(server.url, max_concurrency=1).sample([request("q")] * 3)
    assert (cut.text, cut.finish_reason) == ("half a", "length")
    assert (empty.text, empty.finish_reason) == ("", "length")  # the budget went into reasoning that the server hides
    assert (whole.text, whole.finish_reason) == ("Q", "stop")


def test_order_is_kept_while_requests_run_side_by_side(server: ChatServer) -> None:
    server.barrier = threading.Barrier(4)  # nobody is answered before four are under way
    questions = [f"question {index}" for index in range(20)]
    assert texts(sampler_of(server.url), *questions) == [question.upper() for question in questions]
    assert server.most_under_way == 4


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_failure_for_the_moment_is_tried_again(server: ChatServer, status: int) -> None:
    server.replies = [Reply(status, {"error": "busy"})]
    assert texts(sampler_of(server.url), "q") == ["Q"]
    assert len(server.bodies) == 2
    assert server.bodies[0] == server.bodies[1]  # the seed too: a retry is the same draw


@pytest.mark.parametrize(
    "reply",
    [
        b"<html>gateway</html>",
        b"",
        [],
        {"choices": []},
        {"error": "with status 200"},
        {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]},  # without usage
        {"choices": [{"message": None, "finish_reason": "stop"}], "usage": {}},
    ],
)
def test_unreadable_reply_is_tried_again_and_never_an_empty_completion(server: ChatServer, reply: Any) -> None:
    server.replies = [Reply(200, reply)]
    assert texts(sampler_of(server.url), "q") == ["Q"]
    assert len(server.bodies) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_refusal_is_told_at_once_with_the_servers_words(server: ChatServer, status: int) -> None:
    server.replies = [Reply(status, {"error": "max_tokens is above 4096"})]
    with pytest.raises(ConfigError, match=rf"refuses ada: {status} .*max_tokens is above 4096"):
        texts(sampler_of(server.url), "q")
    assert len(server.bodies) == 1


def test_five_failures_are_an_error_that_the_flow_may_retry(server: ChatServer) -> None:
    server.replies = [Reply(500)] * 4 + [Reply(502)]
    with pytest.raises(TransientError, match=r"ada: 5 tries in 0 s failed, the last with status 502 at http"):
        texts(sampler_of(server.url), "q")
    assert len(server.bodies) == 5


def test_server_that_is_gone_is_an_error_that_the_flow_may_retry() -> None:
    with ChatServer() as gone:
        pass
    with pytest.raises(TransientError, match="ClientConnectorError at"):
        texts(sampler_of(gone.url), "q")


def test_what_came_before_a_failure_is_still_handed_out(server: ChatServer) -> None:
    server.replies = [Reply(200, chat("first")), Reply(400)]
    done = sampler_of(server.url, max_concurrency=1).sample([request("one"), request("two")])
    assert next(done).text == "first"
    with pytest.raises(ConfigError):
        next(done)


def test_replicas_share_the_requests(server: ChatServer) -> None:
    with ChatServer() as other:
        server.barrier, other.barrier = threading.Barrier(2), threading.Barrier(2)
        # four at once: only a split of two and two lets both barriers open
        assert len(texts(sampler_of(server.url, other.url), *["q"] * 4)) == 4
        assert (server.most_under_way, other.most_under_way) == (2, 2)


def test_slow_replica_is_not_given_more_while_the_other_one_is_free(server: ChatServer) -> None:
    with ChatServer() as other:
        server.hold.clear()
        other.last_request = (6, server.hold)  # the first request is answered when the other replica has had six
        assert len(texts(sampler_of(server.url, other.url, max_concurrency=2), *["q"] * 7)) == 7
        assert (len(server.bodies), len(other.bodies)) == (1, 6)


def test_failed_request_moves_on_to_a_replica_that_works(server: ChatServer) -> None:
    with ChatServer() as gone:
        pass
    sampler = sampler_of(gone.url, server.url, max_concurrency=2)
    assert texts(sampler, *["q"] * 6) == ["Q"] * 6
    assert Counter(server.paths).total() == 6


def test_key_stands_in_the_header(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMO_ENGINE_API_KEY", SECRET)
    texts(sampler_of(server.url), "q")
    monkeypatch.delenv("LIMO_ENGINE_API_KEY")
    texts(sampler_of(server.url), "q")
    assert server.keys == [f"Bearer {SECRET}", None]


@pytest.mark.parametrize("status", [401, 500])
def test_key_is_never_told_even_where_the_server_repeats_it(
    server: ChatServer, status: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LIMO_ENGINE_API_KEY", SECRET)
    caplog.set_level(logging.DEBUG)
    server.replies = [Reply(status, {"error": f"Incorrect API key provided: {SECRET}"})] * 5
    sampler = sampler_of(server.url)
    with pytest.raises((ConfigError, TransientError)) as caught:
        texts(sampler, "q")
    told = [str(caught.value), repr(sampler), caplog.text, *(repr(body) for body in server.bodies)]
    assert caplog.records  # asyncio logs at this level
    assert not any(SECRET in text for text in told)


def test_revision_is_the_name_that_the_servers_know(server: ChatServer) -> None:
    assert sampler_of(server.url).revision("owner/name@v1") == "owner/name@v1"


# -- requests that depend on completions -------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["sample", "stream"])
def test_next_attempt_is_asked_for_when_the_one_before_was_seen(server: ChatServer, way: str) -> None:
    asker = Asker(30, num_times=4)
    seen = asker.ask(getattr(sampler_of(server.url, max_concurrency=16), way))
    assert sorted(seen, key=asker.in_order().index) == asker.in_order()  # each once
    for question, of_question in groupby(sorted(seen, key=lambda pair: pair[0]), key=lambda pair: pair[0]):
        assert [attempt for _, attempt in of_question] == [0, 1, 2, 3], question
    assert asker.num_held_back <= len(seen)  # the loop sleeps in between


def test_slots_are_filled_while_attempts_wait_for_each_other(server: ChatServer) -> None:
    server.barrier = threading.Barrier(4)  # nobody is answered before four are under way
    asker = Asker(8, num_times=3)
    assert sorted(asker.ask(sampler_of(server.url).stream)) == asker.in_order()
    assert server.most_under_way == 4


def test_last_attempts_of_one_question_follow_each_other(server: ChatServer) -> None:
    asker = Asker(1, num_times=50)
    assert asker.ask(sampler_of(server.url).stream) == asker.in_order()


@pytest.mark.parametrize("way", ["sample", "stream"])
@pytest.mark.parametrize("first", [[], [request("one"), request("two")]])
def test_request_that_is_held_back_for_nothing_is_an_error_of_the_caller(
    server: ChatServer, way: str, first: list[SampleRequest]
) -> None:
    with pytest.raises(StageError, match="holds its next request back"):
        list(getattr(sampler_of(server.url), way)(held_back_for_nothing(*first)))
    assert not loops()


def test_failure_ends_a_call_that_waits_for_its_caller(server: ChatServer) -> None:
    server.replies = [Reply(500)] * 5
    with pytest.raises(TransientError, match="5 tries"):
        Asker(1, num_times=2).ask(sampler_of(server.url).stream)
    assert not loops()


def test_call_that_waits_for_its_caller_can_be_closed(server: ChatServer) -> None:
    completions = sampler_of(server.url).stream(Asker(2, num_times=2).requests())
    next(completions)  # and nothing is asked for it: the loop waits
    completions.close()
    assert not loops()


def test_error_of_the_caller_ends_the_call(server: ChatServer) -> None:
    def requests() -> Iterator[SampleRequest]:
        yield request("one")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(sampler_of(server.url).stream(requests()))
    assert not loops()


def loops() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "sampling"]
