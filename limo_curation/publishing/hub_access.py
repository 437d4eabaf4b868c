"""How we reach the Hub: its address, the token, how long we wait, and errors that carry neither token nor request.

The token stands in request headers, which errors of the client carry, so none of its errors leaves this module.
"""

from __future__ import annotations

import ipaddress
import json
import os
import time
from collections.abc import Callable
from typing import Final, TypeVar
from urllib.parse import urlsplit

import httpx2  # the client's own HTTP library, a dependency of huggingface_hub
from huggingface_hub import HfApi, get_session
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.utils import parse_ratelimit_headers
from pydantic import SecretStr

from limo_curation.errors import ConfigError, CurationError, TransientError

DEFAULT_ENDPOINT: Final = "https://huggingface.co"
TOKEN_VARIABLE: Final = "HF_TOKEN"  # noqa: S105  the variable's name, not a token
ENDPOINT_VARIABLE: Final = "HF_ENDPOINT"
CONNECT_SECONDS: Final = 30.0  # ours
ANSWER_SECONDS: Final = 300.0  # ours: without a byte in either direction; a commit of many files takes minutes
STATUS_STALE_PARENT: Final = 412
STATUS_TOO_MANY: Final = 429
STATUS_NO_ROOM: Final = 507
STATUSES_WORTH_RETRYING: Final = (408, 409, 425, STATUS_TOO_MANY)
NUM_WAITS: Final = 3  # ours
WAIT_SECONDS: Final = 60.0  # ours: where the Hub doesn't say
MAX_WAIT_SECONDS: Final = 300.0  # the Hub counts requests in windows of five minutes
MAX_REASON_CHARACTERS: Final = 300  # ours

Result = TypeVar("Result")


def hub_client(endpoint: str | None, token: SecretStr) -> HfApi:
    """Return a client of the Hub whose requests end.

    Raises:
        ConfigError: the token must not be sent to this address.
    """
    api = HfApi(endpoint=checked_endpoint(endpoint), token=token.get_secret_value(), library_name="limo-curation")
    session = get_session()
    if session.timeout == httpx2.Timeout(None):  # the client's own: it would wait for ever
        session.timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    return api


def checked_endpoint(endpoint: str | None = None) -> str:
    """Return the Hub's address, if the token may be sent there. None: `HF_ENDPOINT`, or huggingface.co.

    Raises:
        ConfigError: neither https nor this machine.
    """
    url = (endpoint or os.environ.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname and parts.username is None:
        return url
    if parts.scheme == "http" and is_loopback(parts.hostname or "") and parts.username is None:
        return url
    raise ConfigError(f"{ENDPOINT_VARIABLE}: the token would leave this machine unencrypted; use an https:// address")


def is_loopback(host: str) -> bool:
    """Return whether a host name means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def token_from_environment() -> SecretStr:
    """Return the token.

    Raises:
        ConfigError: the variable is not set.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise ConfigError(
            f"{TOKEN_VARIABLE} is not set; set it to a token with the right to write, name a Secret block in "
            "publishing.token_block, or leave publishing.repo_id out, which ends in a folder"
        )
    return SecretStr(token)


# -- requests that fail ------------------------------------------------------------------------------------------------


def ask_hub(work: Callable[[], Result], *, place: str, token: SecretStr) -> Result:
    """Do requests that may be done again as a whole: after a wait where the Hub asks for one.

    Args:
        work: the requests.
        place: the repository, for the messages.
        token: taken out of what the Hub or the client says.

    Raises:
        ConfigError, TransientError: in the place of the client's errors, without request, headers and token.
    """
    try:
        return after_waits(work)
    except (HfHubHTTPError, RuntimeError, LocalEntryNotFoundError) as error:
        failure = from_client(error, place, token)
    except OfflineModeIsEnabled:
        failure = ConfigError("HF_HUB_OFFLINE is set; unset it to publish")
    except (httpx2.TransportError, ConnectionError, TimeoutError, json.JSONDecodeError) as error:
        failure = unusable(error, place)
    except (LookupError, TypeError, AttributeError) as error:  # the client read JSON of another form
        failure = unusable(error, place)
    except ValueError as error:  # the client's checks: the repository's name, the card's head, an object's size
        failure = ConfigError(f"{place}: {reason(str(error), token)}")
    # raised out here, so that the client's error is neither its context nor a variable of a frame of its traceback
    raise failure


def after_waits(work: Callable[[], Result]) -> Result:
    """Do the work, again after each wait that the Hub asks for; the client itself waits for some requests only."""
    for _ in range(NUM_WAITS):
        try:
            return work()
        except HfHubHTTPError as error:
            seconds = asked_seconds(error)
            if seconds is None or seconds > MAX_WAIT_SECONDS:
                raise
        time.sleep(seconds)
    return work()


def asked_seconds(error: HfHubHTTPError) -> float | None:
    """Return how long the Hub asks us to wait; None: it does not."""
    if error.response.status_code != STATUS_TOO_MANY:
        return None
    headers = error.response.headers
    limit = parse_ratelimit_headers(headers)
    if limit is not None and limit.remaining == 0:
        return limit.reset_in_seconds + 1.0  # the Hub rounds
    asked = headers.get("Retry-After", "").strip()
    return float(asked) if asked.isdecimal() else WAIT_SECONDS


def from_client(error: Exception, place: str, token: SecretStr) -> CurationError:
    """Return our error for the client's; what it raises for uploads and downloads has the Hub's answer as its cause."""
    cause = error if isinstance(error, HfHubHTTPError) else error.__cause__ or error
    return from_status(cause, place, token) if isinstance(cause, HfHubHTTPError) else unusable(cause, place)


def from_status(error: HfHubHTTPError, place: str, token: SecretStr) -> CurationError:
    """Return our error for an answer of the Hub, without the answer itself."""
    status = error.response.status_code
    told = f"{place}: the Hub answered {status}"
    if status == STATUS_STALE_PARENT:
        return TransientError(f"{told}: main moved while we published; nothing was committed, run it again")
    if status in STATUSES_WORTH_RETRYING or (status >= 500 and status != STATUS_NO_ROOM):
        return TransientError(f"{told}; main did not move half-way, run it again")
    told = f"{told} ({reason(error.server_message, token)})"
    if isinstance(error, RepositoryNotFoundError) or status in (401, 403):
        return ConfigError(f"{told}; the token has no right to write there, or the repository is gone")
    return ConfigError(told)


def unusable(error: BaseException, place: str) -> TransientError:
    """Return our error for a Hub that gave no usable answer."""
    return TransientError(f"{place}: no usable answer from the Hub ({type(error).__name__}); run it again")


def reason(text: str | None, token: SecretStr) -> str:
    """Return what the Hub or its client said, in one line, even if it repeats the token."""
    line = " ".join((text or "no reason given").replace(token.get_secret_value(), "***").split())
    return line[:MAX_REASON_CHARACTERS]
