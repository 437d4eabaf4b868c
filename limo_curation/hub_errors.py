"""Errors of the Hub's client as ours, where something is read from the Hub."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import httpx2  # the client's own HTTP library, a dependency of huggingface_hub
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
)

from limo_curation.errors import ConfigError, TransientError
from limo_curation.sources import RETRIED_STATUS


@contextmanager
def hub_errors(place: str, *, wanted: str) -> Generator[None]:
    """Turn the client's errors into ours, without the requests that they carry: a token stands in those.

    Args:
        place: what is read, as it stands in the run file; the error's message begins with it.
        wanted: the file or files that should be there.

    Raises:
        ConfigError: no such repository, file or revision, or no right to read it. Retrying does not help.
        TransientError: the Hub can't be reached or is overloaded. Retrying may help.
    """
    try:
        yield
    except HFValidationError:
        raise ConfigError(f"{place} is neither a folder with {wanted} nor a Hub id owner/name; mend it") from None
    except RemoteEntryNotFoundError:
        raise ConfigError(f"{place}: the Hub holds no {wanted} there; name one that has it") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in RETRIED_STATUS:
            raise TransientError(f"{place}: the Hub answered {status}; run it again") from None
        raise ConfigError(f"{place}: the Hub answered {status}; mend the name or the access token") from None
    except (LocalEntryNotFoundError, httpx2.TransportError, OfflineModeIsEnabled, TimeoutError) as error:
        raise TransientError(
            f"{place}: the Hub can't be reached ({type(error).__name__}); run it again, or name a local folder"
        ) from None
