"""Publications that are killed, as `kill -9` does, at every step, and then run again."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from limo_curation.publishing_config import PublishingConfig
from tests.hub_troubles import Held
from tests.loopback_hub import LoopbackHub
from tests.processes import wait_until
from tests.publications import CONFIG, INITIAL_COMMITS, PROPOSED, assert_published_once, publish, write_set

pytestmark = [
    pytest.mark.hub,
    # huggingface_hub 2.4 uploads LFS objects in a way that its own HTTP library deprecates
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
]
ROOT = Path(__file__).parents[3]


@contextmanager
def killed_at(held: Held, folder: Path, hub: LoopbackHub, config: PublishingConfig = CONFIG) -> Iterator[None]:
    """Publish in another process, and kill it while the Hub holds one of its requests."""
    program = [sys.executable, "-m", "tests.publications", str(folder), config.model_dump_json()]
    environment = os.environ | {"HF_ENDPOINT": hub.endpoint, "HF_HUB_DISABLE_XET": "1"}
    with subprocess.Popen(program, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as child:
        try:
            held.wait()
            assert child.poll() is None
        finally:
            child.kill()
    yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "dataset")


@pytest.mark.parametrize(
    ("request_held", "is_after", "num_commits"),
    [
        pytest.param("POST api/repos/create", True, 0, id="the repository is made"),
        pytest.param("/preupload/", False, 0, id="before the upload"),
        pytest.param("objects/batch", True, 0, id="places for the objects are given"),
        pytest.param("PUT lfs/", False, 0, id="an object is under way"),
        pytest.param("PUT lfs/", True, 0, id="an object is there"),
        pytest.param("/commit/", False, 0, id="between preupload and commit"),
        pytest.param("/commit/", True, 1, id="the commit is made and not heard of"),
        pytest.param("/tag/", False, 1, id="between commit and tag"),
        pytest.param("/tag/", True, 1, id="the tag is set and not heard of"),
    ],
)
def test_publication_killed_at_any_step_ends_in_one_commit_and_one_tag(
    folder: Path, hub: LoopbackHub, request_held: str, is_after: bool, num_commits: int
) -> None:
    held = hub.hold(request_held, is_after=is_after)
    with killed_at(held, folder, hub):
        held.drop()
    assert len(hub.repos["owner/samples"].commits) == INITIAL_COMMITS + num_commits
    publish(folder, hub)
    assert_published_once(folder, hub)


def test_commit_that_arrives_after_its_sender_was_killed_is_found(folder: Path, hub: LoopbackHub) -> None:
    held = hub.hold("/commit/")
    with killed_at(held, folder, hub):
        held.let_go()
    wait_until(lambda: len(hub.repos["owner/samples"].commits) == INITIAL_COMMITS + 1)
    publish(folder, hub)
    assert_published_once(folder, hub)


def test_commit_that_arrives_after_the_next_run_is_refused(folder: Path, hub: LoopbackHub) -> None:
    held = hub.hold("/commit/")
    with killed_at(held, folder, hub):
        publish(folder, hub)
    held.let_go()
    wait_until(lambda: "412 POST api/datasets/owner/samples/commit/main" in hub.answers)
    assert_published_once(folder, hub)


def test_pull_request_of_a_killed_run_is_found_by_the_next(folder: Path, hub: LoopbackHub) -> None:
    held = hub.hold("/commit/", is_after=True)
    with killed_at(held, folder, hub, PROPOSED):
        held.drop()
    publish(folder, hub, PROPOSED)
    (repo,) = hub.repos.values()
    assert [proposed.status for proposed in repo.pull_requests] == ["open"]
    repo.merge(1)
    publish(folder, hub, PROPOSED)
    assert_published_once(folder, hub)
