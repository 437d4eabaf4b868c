"""The endpoint engine: OpenAI-compatible servers (vLLM among them), one or many replicas of each model.

The first version: bounded concurrency, the replica with the fewest requests under way, retries on transient failures.
An API key is read from LIMO_ENGINE_API_KEY; it stands in a request header and nowhere else.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, cast

import httpx

from limo_curation.errors import ConfigError, TransientError
from limo_curation.sampling.protocol import Completion, SampleRequest

NUM_TRIES: Final = 5
FIRST_DELAY_SECONDS: Final = 0.5  # doubled after each failure: 0.5, 1, 2, 4
TRANSIENT_STATUS: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class EndpointSampler:
    """Samples over HTTP."""

    def __init__(self, urls: Mapping[str, Sequence[str]], *, max_concurrency: int, timeout_seconds: float) -> None:
        key = os.environ.get("LIMO_ENGINE_API_KEY")
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        limits = httpx.Limits(max_connections=max_concurrency, max_keepalive_connections=max_concurrency)
        self.urls = urls
        self.max_concurrency = max_concurrency
        self._client = httpx.Client(headers=headers, timeout=timeout_seconds, limits=limits)
        self._under_way: Counter[str] = Counter()
        self._lock = threading.Lock()

    def revision(self, model: str) -> str:
        """Return the model's name; pin a revision in the name that the servers serve it under."""
        return model

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[Completion]:
        """Yield one completion for each request, in order; see `Sampler.sample`."""
        with ThreadPoolExecutor(self.max_concurrency) as pool:
            yield from pool.map(self._complete, requests)

    def _complete(self, request: SampleRequest) -> Completion:
        reply = self._post(request)
        for retry in range(NUM_TRIES - 1):
            if isinstance(reply, Completion):
                return reply
            time.sleep(FIRST_DELAY_SECONDS * 2**retry)
            reply = self._post(request)
        if isinstance(reply, Completion):
            return reply
        raise TransientError(f"{request.model}: {NUM_TRIES} tries failed, the last with {reply}; is the server up?")

    def _post(self, request: SampleRequest) -> Completion | str:
        """Return the completion, or what failed if trying again may help."""
        url = self._take_replica(request.model)
        body = {
            "model": request.model,
            "messages": request.messages(),
            "temperature": request.temperature,
            "top_p": request.top_p,
            "max_tokens": request.max_tokens,
            "seed": request.seed,
        }
        try:
            response = self._client.post(f"{url.rstrip('/')}/chat/completions", json=body)
        except httpx.TransportError as error:
            return f"{type(error).__name__} at {url}"
        finally:
            with self._lock:
                self._under_way[url] -= 1
        if response.status_code in TRANSIENT_STATUS:
            return f"status {response.status_code} at {url}"
        if not response.is_success:
            raise ConfigError(f"{url} refuses {request.model}: {response.status_code} {response.text[:300]}")
        return completion_from(request, response)

    def _take_replica(self, model: str) -> str:
        with self._lock:
            url = min(self.urls[model], key=lambda one: self._under_way[one])
            self._under_way[url] += 1
        return url


def completion_from(request: SampleRequest, response: httpx.Response) -> Completion | str:
    """Read a chat completion; a reply of another shape is a failure like any other."""
    try:
        reply: Any = response.json()
        choice, usage = reply["choices"][0], reply["usage"]
        text = cast("str", choice["message"]["content"] or "")
        return Completion(
            request=request,
            text=text,
            finish_reason="length" if choice["finish_reason"] == "length" else "stop",
            num_prompt_tokens=int(usage["prompt_tokens"]),
            num_completion_tokens=int(usage["completion_tokens"]),
        )
    except (ValueError, LookupError, TypeError) as error:
        return f"an unreadable reply ({type(error).__name__})"
