"""What is sent to a server, and what each kind of its replies means."""

from __future__ import annotations

import json
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.errors import ConfigError
from limo_curation.sampling import Completion
from limo_curation.sampling.chat import Failure, chat_body, completion_from, failure_from, refused
from tests.chat_server import chat
from tests.counting_engine import request

ASKED = request("2 + 2 = ?")  # 50 tokens at most


def read(reply: Any) -> Completion | Failure:
    return completion_from(ASKED, reply if isinstance(reply, bytes) else json.dumps(reply).encode())


def test_finish_reasons_are_finished_cut_off_or_no_reply_at_all() -> None:
    said = {reason: read(chat("4", finish_reason=reason)) for reason in ("stop", "tool_calls", "length")}
    assert [one.finish_reason for one in said.values() if isinstance(one, Completion)] == ["stop", "stop", "length"]
    filtered = read(chat("4", finish_reason="content_filter"))
    assert isinstance(filtered, Completion)
    assert filtered.finish_reason == "length"  # it may have gone on
    assert isinstance(read(chat("4", finish_reason="abort")), Failure)
    assert isinstance(read(chat("4", finish_reason=None)), Failure)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -1, "completion_tokens": 5},
        {"prompt_tokens": 1, "completion_tokens": True},
        {"prompt_tokens": 1, "completion_tokens": 5.5},
        {"prompt_tokens": "1", "completion_tokens": 5},
        {"prompt_tokens": 1, "completion_tokens": 10**30},
        {},
    ],
)
def test_token_counts_that_are_none_would_spoil_the_ledger(usage: dict[str, Any]) -> None:
    assert isinstance(read({**chat("4"), "usage": usage}), Failure)


@pytest.mark.parametrize("content", [[{"type": "text", "text": "4"}], 4, {"text": "4"}, True])
def test_content_that_is_no_text_is_a_failure(content: Any) -> None:
    assert isinstance(read(chat(content)), Failure)


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_thoughts_that_a_reasoning_parser_took_out_stand_in_front_again(field: str) -> None:
    def read_message(**message: Any) -> Completion | Failure:
        return read(chat(None, message={"role": "assistant", **message}))

    whole, cut_off, without = (
        read_message(**{field: thoughts, "content": content})
        for thoughts, content in (("Two and two.", "4"), ("Two and", None), ("", "4"))
    )
    assert isinstance(whole, Completion)
    assert whole.text == "<think>\nTwo and two.\n</think>\n4"
    assert isinstance(cut_off, Completion)
    assert cut_off.text == "<think>\nTwo and"
    assert isinstance(without, Completion)
    assert without.text == "4"
    assert isinstance(read_message(**{field: ["Two"], "content": "4"}), Failure)


def test_deep_nesting_and_broken_bytes_are_failures() -> None:
    assert isinstance(read(b"[" * 100_000), Failure)
    assert isinstance(read(b"\xff\xfe{}"), Failure)


def test_half_a_surrogate_pair_does_not_reach_a_file() -> None:
    done = read(json.dumps(chat("x")).replace('"x"', '"a \\ud83d b \\ud83d\\ude00"').encode())
    assert isinstance(done, Completion)
    assert done.text == "a \ufffd b \U0001f600"


def test_log_probabilities_are_sent_for_and_averaged_only_where_they_are_asked_for() -> None:
    asked = replace(ASKED, with_logprobs=True)
    assert json.loads(chat_body(asked))["logprobs"] is True
    assert "logprobs" not in json.loads(chat_body(ASKED))
    listed = {"content": [{"token": "4", "logprob": -0.5}, {"token": ".", "logprob": -1.5}]}
    data = json.dumps(chat("4.", logprobs=listed)).encode()
    with_them, without = completion_from(asked, data), completion_from(ASKED, data)
    assert isinstance(with_them, Completion)
    assert isinstance(without, Completion)
    assert (with_them.mean_logprob, without.mean_logprob) == (-1.0, None)
    untold = completion_from(asked, json.dumps(chat("4.", logprobs=None)).encode())
    assert isinstance(untold, Completion)
    assert untold.mean_logprob is None


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (formatdate(1_000_030, usegmt=True), 30.0),
        (formatdate(999_000, usegmt=True), 0.0),  # a date that has passed
        ("soon", None),
        ("-5", None),
        ("²", None),
        ("9" * 400, 999_999_999.0),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_of_its_forms(retry_after: str | None, seconds: float | None) -> None:
    assert failure_from(429, retry_after, now=1_000_000).retry_after_seconds == seconds


def test_server_that_asks_to_wait_uses_up_no_try() -> None:
    assert [failure_from(status, None, now=0).cost for status in (429, 503, 500, 502)] == [0, 0, 1, 1]


PROMPT_TOO_LONG = [
    # vLLM 0.32
    "This model's maximum context length is 512 tokens. However, your prompt contains at least 513 input tokens, ...",
    "Input length (600) exceeds model's maximum context length (512).",
    "The decoder prompt (length 600) is longer than the maximum model length of 512. Make sure that ...",
    "The ... plus the number of requested output tokens (at least 1) is longer than the maximum model length of 512.",
    # SGLang, llama.cpp
    "The input (600 tokens) is longer than the model's context length (512 tokens).",
    "the request exceeds the available context size (512 tokens), try increasing it",
]
PROMPT_AND_MAX_TOKENS_TOO_LONG = [
    # OpenAI and older vLLM, SGLang
    "This model's maximum context length is 512 tokens. However, you requested 600 tokens (88 in the messages, ...).",
    "'max_tokens' or ... is too large: 512. This model's maximum context length is 512 tokens and your request has ...",
    "You passed 500 input tokens and requested 50 output tokens. However, the model's context length is only 512.",
    "Requested token count exceeds the model's maximum context length of 512 tokens. You requested a total of 600 ...",
]


@pytest.mark.parametrize("words", [*PROMPT_TOO_LONG, *PROMPT_AND_MAX_TOKENS_TOO_LONG, "context_length_exceeded"])
def test_overflow_is_known_in_the_words_of_each_server(words: str) -> None:
    done = refused(ASKED, 400, words, url="http://host/v1")
    assert (done.text, done.finish_reason, done.num_completion_tokens, done.is_overflow) == ("", "length", 0, True)


@pytest.mark.parametrize("words", PROMPT_AND_MAX_TOKENS_TOO_LONG)
def test_limit_that_leaves_no_room_for_any_prompt_is_an_error_of_the_run_file(words: str) -> None:
    with pytest.raises(ConfigError, match=r"max_tokens = 512 leaves no room .* context of 512 tokens"):
        refused(replace(ASKED, max_tokens=512), 400, words, url="http://host/v1")


@pytest.mark.parametrize("words", PROMPT_TOO_LONG)
def test_prompt_that_is_too_long_by_itself_says_nothing_about_the_limit(words: str) -> None:
    assert refused(replace(ASKED, max_tokens=512), 400, words, url="http://host/v1").is_overflow


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "LIMO_ENGINE_API_KEY"), (404, "end in /v1"), (307, "redirects"), (400, "no such field")],
)
def test_other_refusals_say_what_to_mend(status: int, advice: str) -> None:
    with pytest.raises(ConfigError, match=rf"^http://host/v1 refuses ada: {status} no such field.*{advice}|{advice}"):
        refused(ASKED, status, "no such field", url="http://host/v1")


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "-1e400"])
def test_log_probability_that_is_no_number_is_none(value: str) -> None:
    data = json.dumps(chat("4", logprobs={"content": [{"logprob": "VALUE"}]})).replace('"VALUE"', value).encode()
    done = completion_from(replace(ASKED, with_logprobs=True), data)
    assert isinstance(done, Completion)
    assert done.mean_logprob is None


@pytest.mark.parametrize(
    "logprobs",
    [[1], {"content": [1]}, {"content": [{"logprob": "x"}]}, {"content": [{"logprob": 10**400}]}, {"x": 1}, "x", 1],
)
def test_log_probabilities_in_another_shape_are_a_failure(logprobs: Any) -> None:
    data = json.dumps(chat("4", logprobs=logprobs)).encode()
    assert isinstance(completion_from(replace(ASKED, with_logprobs=True), data), Failure)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(choice=json_values, usage=json_values, message=json_values)
def test_no_reply_raises(choice: Any, usage: Any, message: Any) -> None:
    for reply in (choice, {"choices": choice, "usage": usage}, {"choices": [{"message": message}], "usage": usage}):
        assert isinstance(completion_from(replace(ASKED, with_logprobs=True), json.dumps(reply).encode()), Failure)


@given(data=st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    assert isinstance(completion_from(ASKED, data), Failure)
