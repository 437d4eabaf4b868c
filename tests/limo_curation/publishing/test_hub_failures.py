"""Whatever goes wrong between us and the Hub, running it again ends in one commit and one tag."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from huggingface_hub import close_session

from limo_curation.errors import ConfigError, CurationError, TransientError
from limo_curation.publishing import hub_access
from tests.loopback_hub import Blob, LoopbackHub, Repo
from tests.publications import CONFIG, INITIAL_COMMITS, assert_main_holds, assert_published_once, publish, write_set

pytestmark = [
    pytest.mark.hub,
    # huggingface_hub 2.4 uploads LFS objects in a way that its own HTTP library deprecates
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
]
REQUESTS = {
    "repository": "POST api/repos/create",
    "head": "/revision/main",
    "tags": "/refs",
    "files": "/tree/",
    "card": "validate-yaml",
    "preupload": "/preupload/",
    "batch": "objects/batch",
    "object": "PUT lfs/",
    "verify": "/verify",
    "commit": "/commit/",
    "tag": "/tag/",
}
OFTEN = 50  # more than the client and we try


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "dataset")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Take the time of waiting out, and return what was waited for."""
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    return waited


@pytest.mark.parametrize(
    ("request_failed", "status"),
    [
        *[(request, 500) for request in REQUESTS.values()],
        *[(REQUESTS["commit"], status) for status in (408, 425, 502, 503, 504)],
    ],
)
def test_failing_hub_is_transient_and_the_next_run_mends_it(
    folder: Path, hub: LoopbackHub, request_failed: str, status: int
) -> None:
    hub.fail(request_failed, status=status, times=OFTEN)
    with pytest.raises(TransientError, match=f"answered {status}"):
        publish(folder, hub)
    hub.recover()
    publish(folder, hub)
    assert_published_once(folder, hub)


@pytest.mark.parametrize("is_after", [False, True], ids=["before it is done", "after it was done"])
@pytest.mark.parametrize("request_cut", REQUESTS.values(), ids=REQUESTS)
def test_cut_connection_is_transient_and_the_next_run_mends_it(
    folder: Path, hub: LoopbackHub, request_cut: str, is_after: bool
) -> None:
    hub.cut(request_cut, is_after=is_after, times=OFTEN)
    with pytest.raises(TransientError, match="no usable answer"):
        publish(folder, hub)
    hub.recover()
    publish(folder, hub)
    assert_published_once(folder, hub)


@pytest.mark.parametrize("request_failed", REQUESTS.values(), ids=REQUESTS)
def test_too_many_requests_are_waited_out_wherever_they_are_told_of(
    folder: Path, hub: LoopbackHub, request_failed: str, waits: list[float]
) -> None:
    hub.fail(request_failed, status=429, times=2, headers={"Retry-After": "7"})
    publish(folder, hub)
    assert len(waits) == 2
    assert all(seconds in (7, 8) for seconds in waits), "the client adds a second"
    assert_published_once(folder, hub)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit": '"api";r=0;t=55', "Retry-After": "7"}, 56),
        ({"RateLimit": '"api";r=3;t=55', "Retry-After": "7"}, 7),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 60),
        ({}, 60),
    ],
)
def test_wait_is_as_long_as_the_hub_says(
    folder: Path, hub: LoopbackHub, waits: list[float], headers: dict[str, str], seconds: float
) -> None:
    hub.fail("/commit/", status=429, headers=headers)
    publish(folder, hub)
    assert waits == [seconds]


@pytest.mark.parametrize(("seconds", "num_waits"), [("300", hub_access.NUM_WAITS), ("3600", 0)])
def test_hub_that_never_has_enough_of_waiting_is_transient(
    folder: Path, hub: LoopbackHub, waits: list[float], seconds: str, num_waits: int
) -> None:
    hub.fail("/commit/", status=429, times=OFTEN, headers={"Retry-After": seconds})
    with pytest.raises(TransientError, match="429"):
        publish(folder, hub)
    assert waits == [300.0] * num_waits


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wait for an answer for a moment only; the client keeps its connections, and their limits, between the tests."""
    monkeypatch.setattr(hub_access, "ANSWER_SECONDS", 0.3)
    close_session()
    yield
    close_session()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("request_held", [REQUESTS[name] for name in ("repository", "object", "commit", "tag")])
def test_hub_that_does_not_answer_is_transient_and_not_waited_for_for_ever(
    folder: Path, hub: LoopbackHub, request_held: str
) -> None:
    held = [hub.hold(request_held) for _ in range(OFTEN)]
    with pytest.raises(TransientError, match="ReadTimeout"):
        publish(folder, hub)
    hub.recover()
    for one in held:
        one.drop()
    publish(folder, hub)
    assert_published_once(folder, hub)


@pytest.mark.parametrize("body", [b"<html>a proxy's page</html>", b"[7]", b'{"a": 7}', b"null"])
@pytest.mark.parametrize("request_answered", [REQUESTS[name] for name in ("head", "tags", "files", "commit")])
def test_answer_that_is_no_hubs_is_transient(
    folder: Path, hub: LoopbackHub, request_answered: str, body: bytes
) -> None:
    hub.fail(request_answered, status=200, body=body)
    with pytest.raises(TransientError):
        publish(folder, hub)
    publish(folder, hub)
    assert_published_once(folder, hub)


@pytest.mark.parametrize("request_refused", [REQUESTS[name] for name in ("preupload", "batch", "object", "commit")])
@pytest.mark.parametrize("status", [402, 413, 507])
def test_hub_without_room_is_not_asked_again(folder: Path, hub: LoopbackHub, request_refused: str, status: int) -> None:
    hub.fail(request_refused, status=status, times=OFTEN)
    with pytest.raises(ConfigError, match=f"answered {status} .*planned {status}"):
        publish(folder, hub)
    assert len([request for request in hub.requests if request_refused in request]) == 1 or "lfs" in request_refused


def test_quota_of_large_files_is_named(folder: Path, hub: LoopbackHub) -> None:
    hub.max_object_bytes = 10
    with pytest.raises(ConfigError, match="over the quota"):
        publish(folder, hub)
    assert len(hub.repos["owner/samples"].commits) == INITIAL_COMMITS


def test_repository_that_is_deleted_meanwhile_is_told_and_made_again_by_the_next_run(
    folder: Path, hub: LoopbackHub
) -> None:
    hub.before_commit.append(lambda repo: hub.repos.clear())
    with pytest.raises(ConfigError, match="the repository is gone"):
        publish(folder, hub)
    publish(folder, hub)
    assert_published_once(folder, hub)


def test_gitignore_of_the_repository_hides_nothing_that_is_published(folder: Path, hub: LoopbackHub) -> None:
    publish(folder, hub, CONFIG.model_copy(update={"tag": None}))
    repo = hub.repos["owner/samples"]
    repo.commit("theirs", {".gitignore": Blob(b"data\n*.csv\n*.parquet\n", False)})
    publish(folder, hub)
    assert repo.commits[-1].files.pop(".gitignore")
    repo.commits[-1].files[".gitattributes"] = Blob(b"", False)
    assert_main_holds(folder, hub)


def test_card_that_the_hub_refuses_is_told_before_anything_is_committed(tmp_path: Path, hub: LoopbackHub) -> None:
    folder = write_set(tmp_path / "dataset", README=b"---\nlicense: [\n---\n")
    with pytest.raises(ConfigError, match=r"README\.md.*no YAML"):
        publish(folder, hub)
    assert len(hub.repos["owner/samples"].commits) == INITIAL_COMMITS


def test_two_publications_at_the_same_time_end_in_one_commit(folder: Path, hub: LoopbackHub) -> None:
    hub.before_commit.append(lambda repo: publish(folder, hub))
    with pytest.raises(TransientError, match="main moved"):
        publish(folder, hub)
    publish(folder, hub)
    assert_published_once(folder, hub)


def test_tag_that_another_run_sets_meanwhile_is_found(folder: Path, hub: LoopbackHub) -> None:
    held = hub.hold("/tag/")
    with ThreadPoolExecutor() as other:
        overtaken = other.submit(publish, folder, hub)
        held.wait()
        publish(folder, hub)
        held.let_go()
        with pytest.raises(TransientError, match="409"):
            overtaken.result()
    publish(folder, hub)
    assert_published_once(folder, hub)


def test_commit_of_somebody_else_meanwhile_is_not_overwritten(folder: Path, hub: LoopbackHub) -> None:
    def move(repo: Repo) -> None:
        repo.commit("theirs", repo.commits[-1].files | {"theirs.txt": Blob(b"theirs", False)})

    hub.before_commit.append(move)
    with pytest.raises(TransientError, match="main moved"):
        publish(folder, hub)
    repo = hub.repos["owner/samples"]
    assert [commit.title for commit in repo.commits] == ["initial commit", "theirs"]
    assert repo.tags == {}
    publish(folder, hub)
    assert repo.commits[-1].files["theirs.txt"].data == b"theirs"
    assert repo.tags == {"v1": repo.commits[-1].oid}


def test_object_that_was_damaged_on_its_way_is_found_and_not_tagged(folder: Path, hub: LoopbackHub) -> None:
    def damage(repo: Repo) -> None:
        hub.objects.update(dict.fromkeys(hub.objects, b"other bytes"))

    hub.before_commit.append(damage)
    with pytest.raises(CurationError, match="differ after the upload"):
        publish(folder, hub)
    assert hub.repos["owner/samples"].tags == {}
