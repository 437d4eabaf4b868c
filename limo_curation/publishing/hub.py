"""Push a released folder to the Hub: one commit with everything, checked afterwards, the tag last.

Whatever fails in between, `main` moves once or not at all, and running it again ends in the same state: what is there
is compared with what should be there, by checksums, before anything is sent. A tag is never moved; one that holds
exactly these files ends the work. With `create_pr` the commit is a pull request, and the tag is set by a run after it
was merged.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.hf_api import RepoFile
from pydantic import SecretStr, ValidationError

from limo_curation.errors import ConfigError, TableError, TransientError
from limo_curation.publishing.folder import MANIFEST, FolderManifest, PublishedFile, read_dataset_manifest
from limo_curation.publishing.hub_access import ask_hub, hub_client, token_from_environment
from limo_curation.publishing_config import PublishingConfig
from limo_curation.store import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

NO_GITIGNORE: Final = "# what is published is named file by file\n"
"""Takes the place of a .gitignore in the repository, which would make the client leave files out without a word."""
MAX_PULL_REQUESTS: Final = 100  # ours: open ones that are compared, the newest first
MAX_MANIFEST_BYTES: Final = 16 << 20  # ours: some 100,000 files


class HubCommit(Record):
    """The state of the repository after a publication."""

    repo_id: str
    revision: str
    url: str
    is_new: bool
    """False where the repository held exactly these files already."""
    tag: str | None
    """None also where the tag waits for a pull request to be merged."""
    pull_request: str | None = None
    """Address of the open pull request that holds the set; None: `main` or the tag holds it."""


class Main(NamedTuple):
    """Where the branch `main` of a repository stands."""

    commit: str
    files: Mapping[str, RepoFile]


def publish_to_hub(
    folder: Path, *, config: PublishingConfig, token: SecretStr | None = None, endpoint: str | None = None
) -> HubCommit:
    """Publish a folder that `write_dataset` made.

    Files that an earlier publication put there and this one lacks are deleted in the same commit; files of others stay.

    Args:
        folder: the released set; it must be complete and unchanged.
        config: names the repository, whether it is private, the tag, and whether a pull request is opened.
        token: with the right to write; None: `HF_TOKEN`.
        endpoint: the Hub; None: `HF_ENDPOINT`, or huggingface.co.

    Returns:
        The commit that holds the set, new or found.

    Raises:
        ConfigError: no repository or token, an unsafe endpoint, no right to write or no room, a repository that is
            public where a private one was asked for or the reverse, or a tag that names another content.
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
    token = token or token_from_environment()
    api = hub_client(endpoint, token)
    repo_id, files = config.repo_id, (*manifest.files, own_record)
    return ask_hub(lambda: publish_files(api, repo_id, folder, files, config=config), place=repo_id, token=token)


def publish_files(
    api: HfApi, repo_id: str, folder: Path, files: tuple[PublishedFile, ...], *, config: PublishingConfig
) -> HubCommit:
    """Do the requests of a publication; errors of the client pass through."""
    repo_id = api.create_repo(repo_id, repo_type="dataset", private=config.private, exist_ok=True).repo_id
    main, tag = main_of(api, repo_id, private=config.private), config.tag
    page = f"{api.endpoint}/datasets/{repo_id}/tree"
    tagged = None if tag is None else tag_target(api, repo_id, tag)
    if tagged is not None:
        if differing(folder, files, remote_files(api, repo_id, revision=tagged)):
            raise ConfigError(
                f"publishing.tag: {tag!r} of {repo_id} already names commit {tagged}, which is not what would be "
                "published; tags are never moved, choose another one"
            )
        return HubCommit(repo_id=repo_id, revision=tagged, url=f"{page}/{tag}", is_new=False, tag=tag)
    is_changed = bool(differing(folder, files, main.files))
    if is_changed and config.create_pr:
        return propose_files(api, repo_id, folder, files, main=main)
    revision = commit_files(api, repo_id, folder, files, main=main).oid if is_changed else main.commit
    if tag is not None:
        api.create_tag(repo_id, tag=tag, revision=revision, repo_type="dataset")
    return HubCommit(repo_id=repo_id, revision=revision, url=f"{page}/{tag or revision}", is_new=is_changed, tag=tag)


def propose_files(api: HfApi, repo_id: str, folder: Path, files: tuple[PublishedFile, ...], *, main: Main) -> HubCommit:
    """Return the open pull request that holds the set, which is opened where there is none."""
    opened = api.get_repo_discussions(
        repo_id, repo_type="dataset", discussion_type="pull_request", discussion_status="open"
    )
    for found in islice(opened, MAX_PULL_REQUESTS):
        revision = f"refs/pr/{found.num}"
        if not differing(folder, files, remote_files(api, repo_id, revision=revision)):
            return HubCommit(
                repo_id=repo_id, revision=revision, url=found.url, is_new=False, tag=None, pull_request=found.url
            )
    made = commit_files(api, repo_id, folder, files, main=main, create_pr=True)
    revision, url = str(made.pr_revision), str(made.pr_url)
    return HubCommit(repo_id=repo_id, revision=revision, url=url, is_new=True, tag=None, pull_request=url)


def commit_files(
    api: HfApi, repo_id: str, folder: Path, files: tuple[PublishedFile, ...], *, main: Main, create_pr: bool = False
) -> CommitInfo:
    """Make one commit on top of `main` that leaves exactly these files of ours, and check what came of it."""
    changed = differing(folder, files, main.files)
    additions = [CommitOperationAdd(file.path, folder / file.path) for file in changed]
    deletions = [CommitOperationDelete(path) for path in stale_paths(api, repo_id, files, main=main)]
    api.preupload_lfs_files(
        repo_id, additions, repo_type="dataset", create_pr=create_pr, gitignore_content=NO_GITIGNORE
    )
    made = api.create_commit(
        repo_id,
        [*additions, *deletions],
        commit_message=f"Publish {len(changed)} of {len(files)} files"
        + (f", delete {len(deletions)}" if deletions else ""),
        commit_description=f"SHA-256 of {MANIFEST}: {files[-1].sha256}",
        repo_type="dataset",
        parent_commit=main.commit,
        create_pr=create_pr,
    )
    broken = differing(folder, files, remote_files(api, repo_id, revision=made.oid))
    if broken:
        raise TableError(
            f"{repo_id}: {len(broken)} of {len(files)} files differ after the upload, such as {broken[0].path}; look "
            f"at commit {made.oid}, then publish again"
        )
    return made


# -- what the repository holds -----------------------------------------------------------------------------------------


def main_of(api: HfApi, repo_id: str, *, private: bool) -> Main:
    """Return the commit that `main` points to, and its files.

    Raises:
        ConfigError: the repository is public and should be private, or the reverse.
        TransientError: the Hub names no commit, without which another's could be overwritten.
    """
    info = api.repo_info(repo_id, repo_type="dataset", revision="main")
    if bool(info.private) != private:
        found = "private" if info.private else "public"
        raise ConfigError(
            f"publishing.private is {str(private).lower()}, but {repo_id} exists and is {found}; nothing was uploaded, "
            "change the one or the other"
        )
    if info.sha is None:
        raise TransientError(f"{repo_id}: the Hub names no commit of main; run it again")
    return Main(info.sha, remote_files(api, repo_id, revision=info.sha))


def tag_target(api: HfApi, repo_id: str, tag: str) -> str | None:
    """Return the commit that a tag names; None where there is no such tag."""
    refs = api.list_repo_refs(repo_id, repo_type="dataset")
    return next((found.target_commit for found in refs.tags if found.name == tag), None)


def remote_files(api: HfApi, repo_id: str, *, revision: str) -> Mapping[str, RepoFile]:
    """Return what a revision of the repository holds, by path."""
    tree = api.list_repo_tree(repo_id, repo_type="dataset", revision=revision, recursive=True)
    return {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}


def differing(folder: Path, files: tuple[PublishedFile, ...], remote: Mapping[str, RepoFile]) -> list[PublishedFile]:
    """Return the files that the repository lacks or holds with other bytes."""
    return [file for file in files if not is_same(folder / file.path, file, remote.get(file.path))]


def is_same(local: Path, file: PublishedFile, remote: RepoFile | None) -> bool:
    """Return whether the repository holds a file with these bytes, by its LFS or its git checksum."""
    if remote is None or remote.size != file.size:
        return False
    if remote.lfs is not None:
        return remote.lfs.sha256 == file.sha256
    with local.open("rb") as opened:
        git_oid = hashlib.file_digest(opened, lambda: hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False))
    return remote.blob_id == git_oid.hexdigest()


def stale_paths(api: HfApi, repo_id: str, files: tuple[PublishedFile, ...], *, main: Main) -> list[str]:
    """Return the files that the repository's own manifest names as ours and that are published no more."""
    if MANIFEST not in main.files:
        return []
    current = {file.path for file in files}
    return sorted(
        file.path
        for file in earlier_files(api, repo_id, main=main)
        if file.path not in current and file.path in main.files
    )


def earlier_files(api: HfApi, repo_id: str, *, main: Main) -> tuple[PublishedFile, ...]:
    """Return the files that the manifest in the repository names; none where it is not one of ours."""
    text = b""
    if main.files[MANIFEST].size <= MAX_MANIFEST_BYTES:
        with tempfile.TemporaryDirectory() as folder:
            path = api.hf_hub_download(  # pyright: ignore[reportUnknownMemberType]
                repo_id, MANIFEST, repo_type="dataset", revision=main.commit, local_dir=folder
            )
            text = Path(path).read_bytes()
    try:
        return FolderManifest.model_validate_json(text).files
    except ValidationError:
        logger.warning("%s: its %s is none of ours and is replaced; no file is deleted", repo_id, MANIFEST)
        return ()
