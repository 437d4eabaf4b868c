r"""Chat completions as OpenAI-compatible servers speak them: what is sent, and what each kind of reply means.

    200 {"choices": [{"message": {"content": "... \boxed{4}"}, "finish_reason": "stop"}],
         "usage": {"prompt_tokens": 11, "completion_tokens": 7}}                               a completion
    200 anything else                                                                          a failure: tried again
    400 "This model's maximum context length is 512 tokens. However, ..."                      an overflow

An overflow concerns one request, whose prompt leaves too little room: it becomes a completion of no tokens that was
cut off, so one long question does not end a run. Some servers refuse what might overflow, prompt and `max_tokens`
together (vLLM 0.32 lowers `max_tokens` instead); where `max_tokens` alone fills the context of such a one, every
request would be refused: that is an error of the run file.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final, cast

from limo_curation.errors import ConfigError
from limo_curation.sampling.protocol import Completion, FinishReason, SampleRequest

ASKS_TO_WAIT: Final = frozenset({429, 503})
TRANSIENT_STATUS: Final = ASKS_TO_WAIT | {408, 409, 425, 500, 502, 504}
CUT_OFF: Final = frozenset({"length", "content_filter", "repetition"})
BROKEN_OFF: Final = frozenset({"abort", "error"})  # vLLM's words for a request that it gave up
# vLLM, SGLang, llama.cpp and OpenAI each word it in their own way
OVERFLOW: Final = re.compile(
    r"(?:context[ _](?:length|size|window)|maximum model length)(?: is| of)?(?: only)? ?\(?(\d{1,9})?", re.IGNORECASE
)
COUNTS_MAX_TOKENS: Final = re.compile(r"requested (?:\d|a total)|too large", re.IGNORECASE)
MAX_WORDS: Final = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong with one try, in words without secrets."""

    reason: str
    cost: int = 1
    """Tries that it uses up: 0 where the server asks to wait."""
    retry_after_seconds: float | None = None
    """How long the server asks to be left alone."""


def chat_body(request: SampleRequest) -> bytes:
    """Return the body of the HTTP request."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": request.messages(),
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": request.max_tokens,
        "seed": request.seed,
    }
    if request.json_schema is not None:
        schema: dict[str, Any] = {"name": "reply", "schema": json.loads(request.json_schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if request.with_logprobs:
        body["logprobs"] = True
    return json.dumps(body).encode()


def completion_from(request: SampleRequest, data: bytes) -> Completion | Failure:
    """Read a reply with status 200; one of another shape is a failure like any other.

    A reply that is longer than asked counts as cut off: what stands behind the limit was not to be written. Further
    choices and the reply's id (which some servers repeat) are not looked at.
    """
    try:
        reply: Any = json.loads(data)
        choice, usage = reply["choices"][0], reply["usage"]
        text, finish_reason = text_of(choice["message"]), choice["finish_reason"]
        num_prompt_tokens, num_tokens = count_of(usage["prompt_tokens"]), count_of(usage["completion_tokens"])
        mean_logprob = mean_logprob_of(choice) if request.with_logprobs else None
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:  # the last: too deep a nesting
        return Failure(f"an unreadable reply ({type(error).__name__})")
    if not isinstance(text, str | None) or not isinstance(finish_reason, str) or finish_reason in BROKEN_OFF:
        return Failure("a reply that was broken off")
    is_cut = finish_reason in CUT_OFF or num_tokens > request.max_tokens
    ended: FinishReason = "length" if is_cut else "stop"
    return Completion(request, writable(text or ""), ended, num_prompt_tokens, num_tokens, mean_logprob)


def text_of(message: Any) -> Any:
    """Return the text of a message as the model wrote it.

    A server with a reasoning parser takes the thoughts out of it, into a field of their own: they go back in front.

    Raises:
        LookupError, TypeError: it is no message.
    """
    content = message["content"]
    thoughts = message.get("reasoning") or message.get("reasoning_content")  # vLLM's name, and the one before it
    if not thoughts or not isinstance(content, str | None):
        return content
    if not isinstance(thoughts, str):
        raise TypeError("thoughts that are no text")
    # without content it was cut off while it thought
    return f"<think>\n{thoughts}\n</think>\n{content}" if content else f"<think>\n{thoughts}"


def failure_from(status: int, retry_after: str | None, *, now: float) -> Failure:
    """Return a reply with a transient status as a failure.

    Args:
        status: the HTTP status.
        retry_after: the header of that name: seconds, or a date.
        now: seconds since 1970, to which a date is compared.
    """
    cost = 0 if status in ASKS_TO_WAIT else 1
    return Failure(f"status {status}", cost, seconds_of(retry_after, now=now) if retry_after else None)


def refused(request: SampleRequest, status: int, words: str, *, url: str) -> Completion:
    """Return the completion of a request that overflows the server's context.

    Args:
        request: what was asked.
        status: the HTTP status, none of those that are worth another try.
        words: what the server said, without secrets.
        url: the server, without credentials.

    Raises:
        ConfigError: any other refusal. Retrying does not help.
    """
    overflow = OVERFLOW.search(words) if status in {400, 413, 422} else None
    if overflow is None:
        raise ConfigError(f"{url} refuses {request.model}: {status} {words[:MAX_WORDS]}{advice(status)}")
    if overflow[1] and request.max_tokens >= int(overflow[1]) and COUNTS_MAX_TOKENS.search(words):
        raise ConfigError(
            f"{url} refuses {request.model}: max_tokens = {request.max_tokens} leaves no room for a prompt in its "
            f"context of {overflow[1]} tokens; lower max_tokens, or start the server with a longer context"
        )
    return Completion(request, "", "length", 0, 0)


def advice(status: int) -> str:
    """Return what to mend after a refusal, to be appended to the message."""
    if status == 404:
        return "; does the server serve the model under this very name, and does its URL in engine.urls end in /v1?"
    if status in {401, 403}:
        return "; set LIMO_ENGINE_API_KEY to a key that the server accepts"
    if 300 <= status < 400:
        return "; name the address that it redirects to in engine.urls"
    return ""


def count_of(value: Any) -> int:
    """Return a number of tokens.

    Raises:
        TypeError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise TypeError("not a number of tokens")
    return value


def mean_logprob_of(choice: Any) -> float | None:
    """Return the mean log-probability of a choice's tokens; None where the server tells none that is a number."""
    logprobs = choice.get("logprobs")
    listed = cast("list[Any]", logprobs["content"] or []) if logprobs else []
    values = [float(token["logprob"]) for token in listed]
    mean = sum(values) / len(values) if values else math.nan
    return mean if math.isfinite(mean) else None


def seconds_of(retry_after: str, *, now: float) -> float | None:
    """Return the seconds that a Retry-After header names; None where it is unreadable."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def writable(text: str) -> str:
    """Return a text without lone surrogates, which JSON can spell and no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
