"""Which commit a branch of a data set repository on the Hugging Face Hub points to: asked once, then read at that."""

from __future__ import annotations

import re
from typing import Any, Final, cast

import fsspec.core
import httpx2  # the client's own HTTP library, a dependency of huggingface_hub
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from limo_curation.errors import TableError, TransientError
from limo_curation.source_config import Source
from limo_curation.sources import RETRIED_STATUS

HUB_PATH: Final = re.compile(
    r"hf://datasets/(?P<repo>[^/@]+/[^/@]+)(?:@(?P<revision>refs/(?:convert|pr)/[^/]+|[^/]+))?/(?P<file>.+)"
)
COMMIT: Final = re.compile(r"[0-9a-f]{40}")


def pin_revision(source: Source) -> Source:
    """Return a source whose `hf://` path names a commit instead of a branch or tag; other sources as they are.

    Raises:
        TransientError: the Hub can't be reached or is overloaded. Retrying may help.
        TableError: the Hub knows no such repository or revision, or refuses. Mend the path or the access token.
    """
    parts = HUB_PATH.fullmatch(source.location())
    if parts is None or COMMIT.fullmatch(parts["revision"] or ""):
        return source
    commit = commit_of(parts["repo"], parts["revision"] or "main", source.name)
    return source.model_copy(update={"path": f"hf://datasets/{parts['repo']}@{commit}/{parts['file']}"})


def pinned_revision(source: Source) -> str | None:
    """Return `OWNER/NAME@COMMIT` for a source that is pinned to a commit."""
    parts = HUB_PATH.fullmatch(source.location())
    is_pinned = parts is not None and COMMIT.fullmatch(parts["revision"] or "")
    return f"{parts['repo']}@{parts['revision']}" if parts is not None and is_pinned else None


def commit_of(repo: str, revision: str, source_name: str) -> str:
    """Return the commit that a revision of a data set repository points to now.

    Raises:
        TransientError, TableError: as `pin_revision`.
    """
    fs = cast("Any", fsspec.core.url_to_fs("hf://"))[0]  # pyright: ignore[reportUnknownMemberType]
    place = f"source {source_name!r}: {repo} at {revision}"
    try:
        info = HfApi(endpoint=fs.endpoint, token=fs.token).dataset_info(repo, revision=revision)
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in RETRIED_STATUS:
            raise TransientError(f"{place}: the Hub answered {status}; run it again") from None
        raise TableError(f"{place}: the Hub answered {status}; mend the path or the access token") from None
    except (httpx2.TransportError, OfflineModeIsEnabled, ConnectionError, TimeoutError) as error:
        raise TransientError(f"{place}: the Hub can't be reached ({type(error).__name__}); run it again") from None
    if info.sha is None:
        raise TransientError(f"{place}: the Hub names no commit; run it again")
    return info.sha
