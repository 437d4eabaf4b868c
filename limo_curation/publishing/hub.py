"""Push a released folder to the Hub: one commit with everything, checked afterwards, the tag last.

Whatever fails in between, `main` moves once or not at all, and running it again ends in the same state. The token
comes from the environment only; it stands in request headers, which errors of the client carry, so none of its errors
leaves this module.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

import httpx2  # the client's own HTTP library, a dependency of huggingface_hub
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile

from limo_curation.errors import ConfigError, CurationError, TableError, TransientError
from limo_curation.publishing.folder import MANIFEST, PublishedFile, read_dataset_manifest
from limo_curation.publishing_config import PublishingConfig
from limo_curation.store import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_ENDPOINT: Final = "https://huggingface.co"
TOKEN_VARIABLE: Final = "HF_TOKEN"  # noqa: S105  the variable's name, not a token
ENDPOINT_VARIABLE: Final = "HF_ENDPOINT"
STATUS_STALE_PARENT: Final = 412
STATUSES_WORTH_RETRYING: Final = (408, 409, 425, 429, STATUS_STALE_PARENT)

Result = TypeVar("Result")


class HubCommit(Record):
    """The state of the repository after a publication."""

    repo_id: str
    revision: str
    url: str
    is_new: bool
    """False where the repository held exactly these files already."""
    tag: str | None


def publish_to_hub(folder: Path, *, config: PublishingConfig, endpoint: str | None = None) -> HubCommit:
    """Publish a folder that `write_dataset` made.

    Args:
        folder: the released set; it must be complete and unchanged.
        config: names the repository, whether it is private, and the tag.
        endpoint: the Hub; None: `HF_ENDPOINT`, or huggingface.co.

    Returns:
        The commit that holds the set, new or found.

    Raises:
        ConfigError: no repository or token, an unsafe endpoint, no right to write, a public repository where a private
            one was asked for, or a tag that names another commit.
        TableError: the folder is incomplete, or what the Hub holds differs from it after the upload.
        TransientError: the Hub or the network failed, or `main` moved meanwhile; run it again.
    """
    if config.repo_id is None:
        raise ConfigError("publishing.repo_id is not set: there is no repository to publish to")
    manifest = read_dataset_manifest(folder)
    manifest_bytes = (folder / MANIFEST).read_bytes()
    own_record = PublishedFile(
        path=MANIFEST, size=len(manifest_bytes), sha256=hashlib.sha256(manifest_bytes).hexdigest()
    )
    api = HfApi(endpoint=checked_endpoint(endpoint), token=token_from_environment(), library_name="limo-curation")
    repo_id, files = config.repo_id, (*manifest.files, own_record)
    return without_client_errors(lambda: publish_files(api, repo_id, folder, files, config=config), repo_id=repo_id)


def publish_files(
    api: HfApi, repo_id: str, folder: Path, files: tuple[PublishedFile, ...], *, config: PublishingConfig
) -> HubCommit:
    """Do the requests of a publication; errors of the client pass through."""
    repo_id = api.create_repo(repo_id, repo_type="dataset", private=config.private, exist_ok=True).repo_id
    info = api.repo_info(repo_id, repo_type="dataset", revision="main")
    if config.private and not info.private:
        raise ConfigError(f"publishing.private is true, but {repo_id} exists and is public; nothing was uploaded")
    head = info.sha
    tagged = None if config.tag is None else tag_target(api, repo_id, config.tag)
    remote = remote_files(api, repo_id, revision=head)
    changed = [file for file in files if not is_same(folder / file.path, file, remote.get(file.path))]
    if tagged is not None and (changed or tagged != head):
        raise ConfigError(
            f"publishing.tag: {config.tag!r} of {repo_id} already names commit {tagged}, which is not what would be "
            "published; tags are never moved, choose another one"
        )
    revision = head
    if changed:
        additions = [CommitOperationAdd(file.path, folder / file.path) for file in changed]
        api.preupload_lfs_files(repo_id, additions, repo_type="dataset")
        message = f"Publish {len(changed)} of {len(files)} files"
        revision = api.create_commit(
            repo_id, additions, commit_message=message, repo_type="dataset", parent_commit=head
        ).oid
        check_upload(folder, files, remote_files(api, repo_id, revision=revision), repo_id=repo_id)
    if config.tag is not None and tagged is None:
        api.create_tag(repo_id, tag=config.tag, revision=revision, repo_type="dataset")
    return HubCommit(
        repo_id=repo_id,
        revision=str(revision),
        url=f"{api.endpoint}/datasets/{repo_id}/tree/{config.tag or revision}",
        is_new=bool(changed),
        tag=config.tag,
    )


def tag_target(api: HfApi, repo_id: str, tag: str) -> str | None:
    """Return the commit that a tag names; None where there is no such tag."""
    refs = api.list_repo_refs(repo_id, repo_type="dataset")
    return next((found.target_commit for found in refs.tags if found.name == tag), None)


def remote_files(api: HfApi, repo_id: str, *, revision: str | None) -> Mapping[str, RepoFile]:
    """Return what a revision of the repository holds, by path."""
    tree = api.list_repo_tree(repo_id, repo_type="dataset", revision=revision, recursive=True)
    return {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}


def is_same(local: Path, file: PublishedFile, remote: RepoFile | None) -> bool:
    """Return whether the repository holds a file with these bytes, by its LFS or its git checksum."""
    if remote is None:
        return False
    if remote.lfs is not None:
        return remote.lfs.sha256 == file.sha256
    data = local.read_bytes()
    git_oid = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    return remote.blob_id == git_oid


def check_upload(
    folder: Path, files: tuple[PublishedFile, ...], remote: Mapping[str, RepoFile], *, repo_id: str
) -> None:
    """Compare what the Hub holds with the folder.

    Raises:
        TableError: a file is absent or has another checksum.
    """
    broken = [file.path for file in files if not is_same(folder / file.path, file, remote.get(file.path))]
    if broken:
        raise TableError(
            f"{repo_id}: {len(broken)} of {len(files)} files differ after the upload, such as {broken[0]}; "
            "look at the repository (a .gitignore there hides files), then publish again"
        )


def checked_endpoint(endpoint: str | None) -> str:
    """Return the Hub's address, if the token may be sent there.

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


def token_from_environment() -> str:
    """Return the token.

    Raises:
        ConfigError: the variable is not set.
    """
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        raise ConfigError(f"{TOKEN_VARIABLE} is not set; publishing needs a token with the right to write")
    return token


def without_client_errors(work: Callable[[], Result], *, repo_id: str) -> Result:
    """Do some requests; an error of the client becomes one of ours, which carries neither request nor headers."""
    try:
        return work()
    except HfHubHTTPError as error:
        failure = from_status(error, repo_id)
    except OfflineModeIsEnabled:
        failure = ConfigError("HF_HUB_OFFLINE is set; unset it to publish")
    except RuntimeError as error:  # the client's name for an upload that failed
        cause = error.__cause__ or error
        failure = from_status(cause, repo_id) if isinstance(cause, HfHubHTTPError) else unreached(repo_id, cause)
    except (httpx2.TransportError, ConnectionError, TimeoutError, json.JSONDecodeError) as error:
        failure = unreached(repo_id, error)
    except ValueError as error:  # the client's checks: the repository's name, the card's head
        failure = ConfigError(f"{repo_id}: {error}")
    # raised out here, so that the client's error isn't its context either
    raise failure


def unreached(repo_id: str, error: BaseException) -> TransientError:
    """Return our error for a Hub that gave no usable answer."""
    return TransientError(f"{repo_id}: no usable answer from the Hub ({type(error).__name__}); run it again")


def from_status(error: HfHubHTTPError, repo_id: str) -> CurationError:
    """Return our error for an answer of the Hub, without the answer itself."""
    status = error.response.status_code
    if status == STATUS_STALE_PARENT:
        return TransientError(f"{repo_id}: main moved while we published (412); nothing was committed, run it again")
    if status >= 500 or status in STATUSES_WORTH_RETRYING:
        return TransientError(f"{repo_id}: the Hub answered {status}; main did not move half-way, run it again")
    if status in (401, 403) or isinstance(error, RepositoryNotFoundError):
        return ConfigError(f"{repo_id}: the Hub answered {status}; {TOKEN_VARIABLE} has no right to write there")
    return ConfigError(f"{repo_id}: the Hub answered {status}: {error.server_message or 'no reason given'}")
