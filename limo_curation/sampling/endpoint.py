"""The endpoint engine: OpenAI-compatible servers (vLLM among them), one or many replicas of each model.

The first version: bounded concurrency, the replica with the fewest requests under way, retries on transient failures
(on another replica where there is one).
An API key is read from LIMO_ENGINE_API_KEY; it stands in a request header and nowhere else, also where a server's
refusal repeats it.
"""

from __future__ import annotations

import functools
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, cast

import httpx

from limo_curation.errors import ConfigError, TransientError
from limo_curation.files import without_credentials
from limo_curation.sampling.protocol import Completion, SampleRequest

NUM_TRIES: Final = 5
FIRST_DELAY_SECONDS: Final = 0.5  # doubled after each failure: 0.5, 1, 2, 4
TRANSIENT_STATUS: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class EndpointSampler:
    """Samples over HTTP."""

    def __init__(
        self,
        urls: Mapping[str, Sequence[str]],
        *,
        max_concurrency: int,
        timeout_seconds: float,
        first_delay_seconds: float = FIRST_DELAY_SECONDS,
    ) -> None:
        self._key = os.environ.get("LIMO_ENGINE_API_KEY", "")
        self.urls = urls
        self.max_concurrency = max_concurrency
        self.timeout_seconds = timeout_seconds
        self.first_delay_seconds = first_delay_seconds
        self._under_way: Counter[str] = Counter()
        self._lock = threading.Lock()

    def revision(self, model: str) -> str:
        """Return the model's name; pin a revision in the name that the servers serve it under."""
        return model

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[Completion]:
        """Yield one completion for each request, in order; see `Sampler.sample`."""
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        limits = httpx.Limits(max_connections=self.max_concurrency, max_keepalive_connections=self.max_concurrency)
        with (
            httpx.Client(headers=headers, timeout=self.timeout_seconds, limits=limits) as client,
            ThreadPoolExecutor(self.max_concurrency) as pool,
        ):
            yield from pool.map(functools.partial(self._complete, client), requests)

    def _complete(self, client: httpx.Client, request: SampleRequest) -> Completion:
        failures: Counter[str] = Counter()  # by replica, of this request
        while True:
            url = self._take_replica(request.model, failures)
            reply = self._post(client, url, request)
            if isinstance(reply, Completion):
                return reply
            failures[url] += 1
            if failures.total() == NUM_TRIES:
                break
            time.sleep(self.first_delay_seconds * 2 ** (failures.total() - 1))
        raise TransientError(f"{request.model}: {NUM_TRIES} tries failed, the last with {reply}; is the server up?")

    def _post(self, client: httpx.Client, url: str, request: SampleRequest) -> Completion | str:
        """Return the completion, or what failed if trying again may help."""
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
        try:
            response = client.post(f"{url.rstrip('/')}/chat/completions", json=body)
        except httpx.RequestError as error:
            return f"{type(error).__name__} at {without_credentials(url)}"
        finally:
            with self._lock:
                self._under_way[url] -= 1
        if response.status_code in TRANSIENT_STATUS:
            return f"status {response.status_code} at {without_credentials(url)}"
        if not response.is_success:
            words = response.text.replace(self._key, "***") if self._key else response.text
            refusal = f"{request.model}: {response.status_code} {words[:300]}"
            raise ConfigError(f"{without_credentials(url)} refuses {refusal}")
        return completion_from(request, response)

    def _take_replica(self, model: str, failures: Mapping[str, int]) -> str:
        with self._lock:
            url = min(self.urls[model], key=lambda one: (failures.get(one, 0), self._under_way[one]))
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
    except (ValueError, LookupError, TypeError, RecursionError) as error:  # the last: too deep a nesting
        return f"an unreadable reply ({type(error).__name__})"
