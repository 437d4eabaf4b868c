"""Which replica is asked next, and how long one that fails is left alone."""

import base64

import pytest

from limo_curation.errors import ConfigError
from limo_curation.sampling.chat import Failure
from limo_curation.sampling.replicas import (
    JITTER,
    MAX_ASKED_REST_SECONDS,
    MAX_REST_SECONDS,
    Replica,
    next_replica,
    replicas_of,
)


def replica(name: str = "a", *, owed_tokens: int = 0, rests_until: float = 0.0) -> Replica:
    return Replica(f"http://{name}/v1", {}, None, 0.5, owed_tokens=owed_tokens, rests_until=rests_until)


def fail(one: Replica, *, at: float, began: float | None = None, retry_after: float | None = None) -> float:
    """Let a try fail, and return how long the replica rests."""
    failure = Failure("status 500", retry_after_seconds=retry_after)
    one.note_failure(failure, began=at if began is None else began, now=at)
    return max(0.0, one.rests_until - at)


def test_tokens_owed_decide_and_not_the_number_of_requests() -> None:
    few_long, many_short = replica("a", owed_tokens=2 * 32_768), replica("b", owed_tokens=20 * 512)
    assert next_replica([few_long, many_short], {}, now=9.0) is many_short


def test_request_that_failed_at_a_replica_goes_elsewhere_even_to_a_busier_one() -> None:
    free, busy = replica("a"), replica("b", owed_tokens=999)
    assert next_replica([free, busy], {free.url: 1}, now=9.0) is busy


def test_replica_that_rests_is_asked_only_where_all_rest_and_then_the_first_to_wake() -> None:
    late, early, awake = replica("a", rests_until=19.0), replica("b", rests_until=11.0), replica("c", owed_tokens=10**9)
    assert next_replica([late, early, awake], {awake.url: 4}, now=9.0) is awake
    assert next_replica([late, early], {early.url: 4}, now=9.0) is early
    assert next_replica([late, early], {}, now=20.0) is late  # all awake again: the first of equals


def test_rests_double_up_to_a_limit_and_begin_anew_after_an_answer() -> None:
    one, now = replica(), 100.0
    for expected in (0.5, 1, 2, 4, 8, 16, *[MAX_REST_SECONDS] * 20):
        rest = fail(one, at=now)
        assert expected <= rest <= expected * (1 + JITTER)
        now += rest
    one.note_answer()
    assert fail(one, at=now) < 0.5 * (1 + JITTER) + 1e-9


def test_requests_that_fail_together_count_as_one_failure() -> None:
    one = replica()
    first = fail(one, at=10.0)
    for _ in range(63):
        fail(one, at=10.1, began=9.0)  # sent before the first failure was known
    assert one.rests_until == 10.0 + first
    assert fail(one, at=11.0) >= 1


def test_server_may_ask_for_a_longer_rest_but_not_for_an_endless_one() -> None:
    assert 7 <= fail(replica(), at=0.0, retry_after=7.0) <= 7 * (1 + JITTER)
    assert fail(replica(), at=0.0, retry_after=1e9) <= MAX_ASKED_REST_SECONDS * (1 + JITTER)


def test_credentials_of_a_url_become_a_header_and_are_not_shown() -> None:
    [one] = replicas_of(["https://ada:s3%40cret@host/v1/"], api_key="key", first_rest_seconds=0.5)
    assert one.url == "https://host/v1"
    assert one.headers == {"Authorization": f"Basic {base64.b64encode(b'ada:s3@cret').decode()}"}
    assert "s3" not in repr(one)
    assert one.without_secrets(f"{one.headers} is refused") == "{'Authorization': 'Basic ***'} is refused"


def test_proxy_of_the_environment_is_used_but_not_where_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "gpu-1")
    urls = ["https://api.example/v1", "https://gpu-1/v1"]
    assert [one.proxy for one in replicas_of(urls, api_key="", first_rest_seconds=0.5)] == ["http://proxy:3128", None]


@pytest.mark.parametrize("url", ["gpu-1:8000/v1", "ftp://gpu-1/v1", "http://", "http://[::1/v1", ""])
def test_url_that_is_none_is_told_before_anything_is_sent(url: str) -> None:
    with pytest.raises(ConfigError, match=r"engine\.urls names .*write a base URL such as http://gpu-1:8000/v1"):
        replicas_of([url], api_key="", first_rest_seconds=0.5)
