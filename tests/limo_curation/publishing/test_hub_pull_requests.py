"""A publication as a pull request: opened once, read from its own revision, tagged after it was merged."""

from pathlib import Path

import pytest

from limo_curation.errors import TransientError
from limo_curation.publishing.hub import MAX_PULL_REQUESTS
from tests.loopback_hub import Blob, LoopbackHub
from tests.publications import (
    CONFIG,
    INITIAL_COMMITS,
    PROPOSED,
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


OFTEN = 50  # more than the client tries


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "dataset")


def test_pull_request_leaves_main_and_the_tags_as_they_are(folder: Path, hub: LoopbackHub) -> None:
    commit = publish(folder, hub, PROPOSED)
    repo = hub.repos["owner/samples"]
    assert commit.pull_request == commit.url == f"{hub.endpoint}/datasets/owner/samples/discussions/1"
    assert (commit.revision, commit.is_new, commit.tag) == ("refs/pr/1", True, None)
    assert len(repo.commits) == INITIAL_COMMITS
    assert repo.tags == {}
    assert {path.name for path in folder.rglob("*.*")} <= {
        Path(path).name for path in repo.pull_requests[0].commit.files
    }


def test_open_pull_request_is_found_though_it_was_renamed_and_main_went_on(folder: Path, hub: LoopbackHub) -> None:
    first = publish(folder, hub, PROPOSED)
    repo = hub.repos["owner/samples"]
    repo.pull_requests[0].commit.title = "Looks good, waiting for Ada"
    repo.commit("theirs", repo.commits[-1].files | {"theirs.txt": Blob(b"theirs", False)})
    second = publish(folder, hub, PROPOSED)
    assert (second.is_new, second.pull_request) == (False, first.pull_request)
    assert len(repo.pull_requests) == 1


@pytest.mark.parametrize("status", ["closed", "merged"])
def test_pull_request_that_is_not_open_any_more_is_not_taken_for_the_publication(
    folder: Path, hub: LoopbackHub, status: str
) -> None:
    publish(folder, hub, PROPOSED)
    hub.repos["owner/samples"].pull_requests[0].status = status
    assert publish(folder, hub, PROPOSED).revision == "refs/pr/2"


def test_pull_request_with_another_content_is_not_taken_for_the_publication(
    folder: Path, hub: LoopbackHub, tmp_path: Path
) -> None:
    publish(folder, hub, PROPOSED)
    other = publish(write_set(tmp_path / "other", train=b"other bytes"), hub, PROPOSED)
    assert (other.is_new, other.revision) == (True, "refs/pr/2")


def test_run_after_the_merge_tags_main_and_commits_nothing(folder: Path, hub: LoopbackHub) -> None:
    publish(folder, hub, PROPOSED)
    repo = hub.repos["owner/samples"]
    repo.merge(1)
    merged = publish(folder, hub, PROPOSED)
    assert (merged.is_new, merged.pull_request, merged.tag) == (False, None, "v1")
    assert merged.revision == repo.commits[-1].oid
    assert_published_once(folder, hub)


def test_pull_request_deletes_what_is_published_no_more(folder: Path, hub: LoopbackHub, tmp_path: Path) -> None:
    publish(folder, hub, CONFIG)
    smaller = write_set(tmp_path / "smaller", pool1=None)
    publish(smaller, hub, PROPOSED.model_copy(update={"tag": "v2"}))
    repo = hub.repos["owner/samples"]
    assert "pool/pool1.parquet" in repo.commits[-1].files
    repo.merge(1)
    assert_main_holds(smaller, hub)


@pytest.mark.parametrize("request_cut", ["/discussions", "/preupload/", "/commit/"])
def test_trouble_with_a_pull_request_does_not_open_a_second(folder: Path, hub: LoopbackHub, request_cut: str) -> None:
    hub.cut(request_cut, is_after=True, times=OFTEN)
    with pytest.raises(TransientError):
        publish(folder, hub, PROPOSED)
    hub.recover()
    publish(folder, hub, PROPOSED)
    publish(folder, hub, PROPOSED)
    assert len(hub.repos["owner/samples"].pull_requests) == 1


def test_number_of_pull_requests_that_are_looked_at_has_a_limit(folder: Path, hub: LoopbackHub) -> None:
    publish(folder, hub, PROPOSED)
    repo = hub.repos["owner/samples"]
    for _ in range(MAX_PULL_REQUESTS):
        repo.propose("theirs", {"theirs.txt": Blob(b"theirs", False)}, base=repo.commits[0])
    hub.requests.clear()
    assert publish(folder, hub, PROPOSED).is_new
    assert len([request for request in hub.requests if "/tree/refs/pr/" in request]) == MAX_PULL_REQUESTS
