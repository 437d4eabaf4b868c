"""Publishing through the real client to a Hub on this machine: what is sent, kept, deleted and tagged."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from limo_curation.errors import ConfigError, TableError
from limo_curation.publishing.folder import MANIFEST
from limo_curation.publishing_config import PublishingConfig
from tests.loopback_hub import Blob, LoopbackHub
from tests.publications import (
    CONFIG,
    INITIAL_COMMITS,
    assert_main_holds,
    assert_published_once,
    publish,
    write_set,
)

pytestmark = [
    pytest.mark.hub,
    # huggingface_hub 2.4 uploads LFS objects in a way that its own HTTP library deprecates
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
]
ROOT = Path(__file__).parents[3]
# Linux counts the memory of the process that started another one to getrusage's, but not to this
PUBLISH_AND_TELL = """
import re, runpy
from pathlib import Path
runpy.run_module("tests.publications", run_name="__main__")
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
UNTAGGED = CONFIG.model_copy(update={"tag": None})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "dataset")


def test_set_is_published_in_one_private_commit_that_is_tagged(folder: Path, hub: LoopbackHub) -> None:
    commit = publish(folder, hub)
    repo = hub.repos["owner/samples"]
    assert repo.private
    assert (commit.is_new, commit.revision, commit.tag) == (True, repo.commits[-1].oid, "v1")
    assert commit.url == f"{hub.endpoint}/datasets/owner/samples/tree/v1"
    assert_published_once(folder, hub)


@pytest.mark.parametrize("config", [CONFIG, UNTAGGED], ids=["tagged", "untagged"])
def test_unchanged_folder_makes_no_second_commit(folder: Path, hub: LoopbackHub, config: PublishingConfig) -> None:
    first, second = publish(folder, hub, config), publish(folder, hub, config)
    assert (first.is_new, second.is_new) == (True, False)
    assert first.revision == second.revision
    assert len([request for request in hub.requests if "/commit/" in request]) == 1


def test_tag_that_holds_the_set_stays_though_main_went_on(folder: Path, hub: LoopbackHub, tmp_path: Path) -> None:
    first = publish(folder, hub)
    publish(write_set(tmp_path / "next", train=b"the next version"), hub, CONFIG.model_copy(update={"tag": "v2"}))
    again = publish(folder, hub)
    assert (again.is_new, again.revision) == (False, first.revision)
    assert_main_holds(tmp_path / "next", hub)


def test_tag_of_another_content_is_refused_before_anything_moves(
    folder: Path, hub: LoopbackHub, tmp_path: Path
) -> None:
    publish(folder, hub)
    other = write_set(tmp_path / "other", train=b"other bytes")
    with pytest.raises(ConfigError, match="tags are never moved"):
        publish(other, hub)
    assert_published_once(folder, hub)


def test_only_what_changed_is_sent(folder: Path, hub: LoopbackHub, tmp_path: Path) -> None:
    publish(folder, hub)
    hub.requests.clear()
    changed = write_set(tmp_path / "changed", pool1=b"another second part")
    publish(changed, hub, UNTAGGED)
    assert [request for request in hub.requests if request.startswith("PUT")] == [
        f"PUT lfs/{hashlib.sha256(b'another second part').hexdigest()}"
    ]
    assert hub.repos["owner/samples"].commits[-1].title == "Publish 2 of 6 files"
    assert_main_holds(changed, hub)


# -- files that are published no more ----------------------------------------------------------------------------------


def test_file_that_is_published_no_more_goes_in_the_same_commit_and_others_stay(
    folder: Path, hub: LoopbackHub, tmp_path: Path
) -> None:
    publish(folder, hub)
    repo = hub.repos["owner/samples"]
    repo.commit("theirs", repo.commits[-1].files | {"pool/theirs.parquet": Blob(b"theirs", True)})
    smaller = write_set(tmp_path / "smaller", pool1=None, ledger=None)
    publish(smaller, hub, UNTAGGED)
    assert repo.commits[-1].title == "Publish 1 of 4 files, delete 2"
    assert repo.commits[-1].files.pop("pool/theirs.parquet")
    assert_main_holds(smaller, hub)


def test_file_that_somebody_deleted_already_is_not_deleted_again(
    folder: Path, hub: LoopbackHub, tmp_path: Path
) -> None:
    publish(folder, hub)
    repo = hub.repos["owner/samples"]
    kept = {path: blob for path, blob in repo.commits[-1].files.items() if path != "pool/pool1.parquet"}
    repo.commit("theirs", kept)
    smaller = write_set(tmp_path / "smaller", pool1=None)
    publish(smaller, hub, UNTAGGED)
    assert_main_holds(smaller, hub)


@pytest.mark.parametrize(
    "manifest", [b"", b"[]", b'{"files": "all"}', b'{"files": [{"path": "../x", "size": 1, "sha256": ""}]}']
)
def test_manifest_that_is_none_of_ours_lets_nothing_be_deleted(
    folder: Path, hub: LoopbackHub, caplog: pytest.LogCaptureFixture, manifest: bytes
) -> None:
    publish(folder, hub, UNTAGGED)
    repo = hub.repos["owner/samples"]
    theirs = {MANIFEST: Blob(manifest, False), "theirs.txt": Blob(b"theirs", False)}
    repo.commit("theirs", repo.commits[-1].files | theirs)
    publish(folder, hub, UNTAGGED)
    assert "none of ours" in caplog.text
    assert repo.commits[-1].files.pop("theirs.txt")
    assert_main_holds(folder, hub)


def test_manifest_that_is_too_large_for_one_of_ours_is_not_fetched(
    folder: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    publish(folder, hub)
    monkeypatch.setattr("limo_curation.publishing.hub.MAX_MANIFEST_BYTES", 100)
    hub.requests.clear()
    publish(write_set(tmp_path / "smaller", pool1=None), hub, UNTAGGED)
    assert not [request for request in hub.requests if "/resolve/" in request]
    assert "pool/pool1.parquet" in hub.repos["owner/samples"].commits[-1].files


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_changed_file_is_refused_and_nothing_is_sent(folder: Path, hub: LoopbackHub) -> None:
    (folder / "README.md").write_text("edited by hand")
    with pytest.raises(TableError, match=r"README\.md differs"):
        publish(folder, hub)
    assert hub.requests == []


@pytest.mark.parametrize("private", [True, False])
def test_repository_of_the_other_visibility_gets_nothing(folder: Path, hub: LoopbackHub, private: bool) -> None:
    publish(folder, hub, CONFIG.model_copy(update={"private": not private}))
    with pytest.raises(ConfigError, match="is public" if private else "is private"):
        publish(folder, hub, CONFIG.model_copy(update={"private": private}))
    assert_published_once(folder, hub)


def test_name_without_an_owner_is_the_users_own(folder: Path, hub: LoopbackHub) -> None:
    assert publish(folder, hub, PublishingConfig(repo_id="samples")).repo_id == "owner/samples"


@pytest.mark.parametrize("repo_id", ["owner/two/parts", "owner/-name", "own er/name", ""])
def test_impossible_repository_name_is_the_configs_fault(folder: Path, hub: LoopbackHub, repo_id: str) -> None:
    with pytest.raises(ConfigError):
        publish(folder, hub, PublishingConfig(repo_id=repo_id))
    assert hub.repos == {}


def test_folder_without_a_repository_is_not_published(folder: Path, hub: LoopbackHub) -> None:
    with pytest.raises(ConfigError, match="repo_id is not set"):
        publish(folder, hub, PublishingConfig())
    assert hub.requests == []


@pytest.mark.slow
def test_memory_does_not_grow_with_the_files(hub: LoopbackHub, tmp_path: Path) -> None:
    peaks = [peak_of_publication(tmp_path / str(size), hub, size=size) for size in (1 << 10, 256 << 20)]
    assert peaks[1] - peaks[0] < 16 << 20, peaks


def peak_of_publication(folder: Path, hub: LoopbackHub, *, size: int) -> int:
    """Publish a set with one file of a size in a process of its own, and return its largest memory in bytes."""
    write_set(folder, train=bytes(size))
    section = PublishingConfig(repo_id=f"owner/samples-{size}").model_dump_json()
    environment = os.environ | {"HF_ENDPOINT": hub.endpoint, "HF_HUB_DISABLE_XET": "1"}
    program = [sys.executable, "-c", PUBLISH_AND_TELL, str(folder), section]
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert len(hub.repos[f"owner/samples-{size}"].commits) == INITIAL_COMMITS + 1
    return int(done.stdout.splitlines()[-1]) * 1024
