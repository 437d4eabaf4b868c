"""The replicas of a model: which one is asked next, and how long one that fails is left alone.

The next request goes to the replica that owes the fewest tokens, of those that do not rest. One that fails rests for
half a second, twice as long after each further failure in a row, or as long as it asks for; then it is tried again.
Nothing here waits or sends: `endpoint.py` does.
"""

from __future__ import annotations

import base64
import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from limo_curation.errors import ConfigError
from limo_curation.files import without_credentials
from limo_curation.sampling.chat import Failure

FIRST_REST_SECONDS: Final = 0.5  # ours, as the two below
MAX_REST_SECONDS: Final = 30.0
MAX_ASKED_REST_SECONDS: Final = 120.0
"""A longer Retry-After is not obeyed: the run would stand still on the word of one server."""
JITTER: Final = 0.25
"""A rest is up to this share longer, so that many clients don't come back at the same moment."""


@dataclass(slots=True, eq=False)
class Replica:
    """One server of a model."""

    url: str
    """Without credentials."""
    headers: Mapping[str, str] = field(repr=False)
    proxy: str | None = field(repr=False)
    first_rest_seconds: float
    owed_tokens: int = 0
    """The sum of `max_tokens` of the requests under way."""
    has_answered: bool = False
    num_failures: int = 0
    """In a row; those of requests that were under way together count as one."""
    rests_until: float = 0.0

    def note_answer(self) -> None:
        """Remember that the server works."""
        self.has_answered = True
        self.num_failures = 0

    def without_secrets(self, words: str) -> str:
        """Return what the server said without the credentials that it may repeat."""
        for value in self.headers.values():
            words = words.replace(value.partition(" ")[2], "***")
        return words

    def note_failure(self, failure: Failure, *, began: float, now: float) -> None:
        """Let the replica rest.

        Args:
            failure: what went wrong.
            began: when the failed try began, in seconds of the clock that `now` is read from.
            now: the time.
        """
        if failure.retry_after_seconds is not None:
            rest = min(failure.retry_after_seconds, MAX_ASKED_REST_SECONDS)
        elif began < self.rests_until:
            return  # it was sent before the failure that made the replica rest: nothing new is known
        else:
            rest = min(self.first_rest_seconds * 2 ** min(self.num_failures, 10), MAX_REST_SECONDS)
        self.num_failures += 1
        self.rests_until = max(self.rests_until, now + rest * (1 + JITTER * random.random()))  # noqa: S311


def replicas_of(urls: Sequence[str], *, api_key: str, first_rest_seconds: float) -> list[Replica]:
    """Return the replicas at base URLs, each with its way to authenticate and its proxy.

    Credentials in a URL win over the API key, since they are the more special ones.

    Raises:
        ConfigError: a URL is none, or not one of HTTP.
    """
    found: list[Replica] = []
    for url in urls:
        shown = without_credentials(url).rstrip("/")
        try:
            parts = urlsplit(url)
            host, user_info = parts.hostname, parts.netloc.rpartition("@")[0]
        except ValueError:
            host, user_info, parts = None, "", urlsplit("")
        if parts.scheme not in {"http", "https"} or not host:
            raise ConfigError(f"engine.urls names {shown}; write a base URL such as http://gpu-1:8000/v1")
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        if user_info:
            headers = {"Authorization": f"Basic {base64.b64encode(unquote(user_info).encode()).decode()}"}
        proxy = None if proxy_bypass(host) else getproxies().get(parts.scheme)
        found.append(Replica(shown, headers, proxy, first_rest_seconds))
    return found


def next_replica(replicas: Sequence[Replica], failures: Mapping[str, int], *, now: float) -> Replica:
    """Return the replica that a request goes to; one that rests only where all do, and then the first that wakes.

    Args:
        replicas: all that serve the model.
        failures: how often this request failed at each URL.
        now: the time.
    """

    def order(one: Replica) -> tuple[float, int, int]:
        return max(0.0, one.rests_until - now), failures.get(one.url, 0), one.owed_tokens

    return min(replicas, key=order)


def api_key() -> str:
    """Return the key of the engine's servers; it goes into a request header and nowhere else."""
    return os.environ.get("LIMO_ENGINE_API_KEY", "")
