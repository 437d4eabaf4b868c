"""Publishing through the real client to a Hub on this machine that fails on demand."""

import json
import logging
import os
import pickle
import socket
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from limo_curation.errors import ConfigError, TableError, TransientError
from limo_curation.publishing.hub import HubCommit, publish_to_hub
from limo_curation.publishing_config import PublishingConfig
from tests.loopback_hub import Blob, LoopbackHub, Repo
from tests.small_run import HOSTILE_QUESTION

pytestmark = [
    pytest.mark.hub,
    # huggingface_hub 2.4 uploads LFS objects in a way that its own HTTP library deprecates
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
]
CONFIG = PublishingConfig(repo_id="owner/samples", tag="v1")
INITIAL_COMMITS = 1


def publish(folder: Path, hub: LoopbackHub, config: PublishingConfig = CONFIG) -> HubCommit:
    return publish_to_hub(folder, config=config, endpoint=hub.endpoint)


def requests_to_commit(hub: LoopbackHub) -> list[str]:
    return [request for request in hub.requests if "/commit/" in request]


def test_published_set_reads_back_with_load_dataset_by_tag(published: Path, hub: LoopbackHub, tmp_path: Path):
    commit = publish(published, hub)
    repo = hub.repos["owner/samples"]
    assert repo.private
    assert len(repo.commits) == INITIAL_COMMITS + 1
    assert repo.tags == {"v1": commit.revision}
    assert repo.commits[-1].files["data/train-00000-of-00001.parquet"].is_lfs
    program = (
        "import json, datasets\n"
        "default = datasets.load_dataset('owner/samples', revision='v1', split='train')\n"
        "rows = datasets.load_dataset('owner/samples', 'provenance', split='train')\n"
        "ledger = datasets.load_dataset('owner/samples', 'ledger', split='train')\n"
        "texts = default['question'][:], rows['license'][:], ledger['drop_reason'][:]\n"
        "print(json.dumps([default.column_names, *texts]))"
    )
    environment = os.environ | {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    columns, questions, licenses, reasons = json.loads(done.stdout.splitlines()[-1])
    assert columns == ["question", "solution", "answer"]
    assert HOSTILE_QUESTION in questions
    assert None in licenses
    assert reasons == ["unreadable", "too_short", "not_best"]
    assert hub.token not in done.stdout + done.stderr


def test_unchanged_folder_makes_no_second_commit(published: Path, hub: LoopbackHub):
    first, second = publish(published, hub), publish(published, hub)
    assert (first.is_new, second.is_new) == (True, False)
    assert first.revision == second.revision
    assert len(requests_to_commit(hub)) == 1


def test_commit_of_somebody_else_meanwhile_is_not_overwritten(published: Path, hub: LoopbackHub):
    def move(repo: Repo) -> None:
        repo.commit("theirs", repo.commits[-1].files | {"theirs.txt": Blob(b"theirs", False)})

    hub.before_commit.append(move)
    with pytest.raises(TransientError, match="main moved"):
        publish(published, hub)
    repo = hub.repos["owner/samples"]
    assert [commit.title for commit in repo.commits] == ["initial commit", "theirs"]
    assert repo.tags == {}
    publish(published, hub)
    assert "theirs.txt" in repo.commits[-1].files


def test_failed_commit_then_rerun_ends_in_one_commit_and_one_tag(published: Path, hub: LoopbackHub):
    hub.fail("/commit/", status=500)
    with pytest.raises(TransientError, match="500"):
        publish(published, hub)
    repo = hub.repos["owner/samples"]
    assert len(repo.commits) == INITIAL_COMMITS
    assert repo.tags == {}
    commit = publish(published, hub)
    assert len(repo.commits) == INITIAL_COMMITS + 1
    assert repo.tags == {"v1": commit.revision}


def test_failed_tag_is_set_by_the_next_run_without_another_commit(published: Path, hub: LoopbackHub):
    hub.fail("/tag/", status=503)
    with pytest.raises(TransientError):
        publish(published, hub)
    commit = publish(published, hub)
    assert not commit.is_new
    assert hub.repos["owner/samples"].tags == {"v1": commit.revision}


def test_too_many_requests_are_waited_out(published: Path, hub: LoopbackHub):
    hub.fail("/preupload/", status=429, times=2)
    assert publish(published, hub).is_new


def test_failing_upload_of_a_blob_is_transient(published: Path, hub: LoopbackHub):
    hub.fail("lfs/", status=500, times=100)
    with pytest.raises(TransientError, match="500"):
        publish(published, hub)
    assert len(hub.repos["owner/samples"].commits) == INITIAL_COMMITS


def test_tag_of_another_commit_is_refused_before_anything_moves(published: Path, hub: LoopbackHub):
    publish(published, hub, PublishingConfig(repo_id="owner/samples"))
    repo = hub.repos["owner/samples"]
    repo.tags["v1"] = repo.commits[0].oid
    with pytest.raises(ConfigError, match="never moved"):
        publish(published, hub)
    assert len(repo.commits) == INITIAL_COMMITS + 1


def test_changed_file_is_refused_and_nothing_is_sent(published: Path, hub: LoopbackHub):
    (published / "README.md").write_text("edited by hand")
    with pytest.raises(TableError, match=r"README\.md differs"):
        publish(published, hub)
    assert hub.requests == []


def test_corrupted_upload_is_found_and_not_tagged(published: Path, hub: LoopbackHub):
    def corrupt(repo: Repo) -> None:
        hub.objects.update(dict.fromkeys(hub.objects, b"other bytes"))

    hub.before_commit.append(corrupt)
    with pytest.raises(TableError, match="differ after the upload"):
        publish(published, hub)
    assert hub.repos["owner/samples"].tags == {}


def test_public_repository_gets_nothing_that_was_meant_to_be_private(published: Path, hub: LoopbackHub):
    publish(published, hub, PublishingConfig(repo_id="owner/samples", private=False))
    (repo,) = hub.repos.values()
    assert not repo.private
    with pytest.raises(ConfigError, match="is public"):
        publish(published, hub)
    assert len(requests_to_commit(hub)) == 1


def test_name_without_an_owner_is_the_users_own(published: Path, hub: LoopbackHub):
    assert publish(published, hub, PublishingConfig(repo_id="samples")).repo_id == "owner/samples"


@pytest.mark.parametrize(
    ("path_part", "status"),
    [("repos/create", 403), ("/commit/", 500), ("/preupload/", 401), ("validate-yaml", 400), ("lfs/", 403)],
)
def test_token_is_in_no_error_log_or_output(
    published: Path,
    hub: LoopbackHub,
    path_part: str,
    status: int,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
):
    caplog.set_level(logging.DEBUG)
    hub.fail(path_part, status=status, times=20)
    with pytest.raises((ConfigError, TransientError)) as caught:
        publish(published, hub)
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + caplog.text + "".join(capfd.readouterr())
    assert hub.token not in shown
    assert hub.token.encode() not in pickle.dumps(error)
    assert error.__cause__ is None
    assert error.__context__ is None, "the client's error carries the request's headers"


def test_missing_or_refused_token_is_the_configs_fault(
    published: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(ConfigError, match="the token has no right"):
        publish(published, hub)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(ConfigError, match="HF_TOKEN is not set"):
        publish(published, hub)


@pytest.mark.parametrize(
    "endpoint",
    ["http://hub.example", "http://127.0.0.1.hub.example", "ftp://127.0.0.1", "https://user@hub.example", "hub"],
)
def test_token_is_never_sent_to_an_unsafe_endpoint(published: Path, hub: LoopbackHub, endpoint: str):
    with pytest.raises(ConfigError, match="https"):
        publish_to_hub(published, config=CONFIG, endpoint=endpoint)


def test_unreachable_hub_is_transient(published: Path, hub: LoopbackHub):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://localhost:{free.getsockname()[1]}"
    with pytest.raises(TransientError, match="no usable answer"):
        publish_to_hub(published, config=CONFIG, endpoint=endpoint)


def test_impossible_repository_name_is_the_configs_fault(published: Path, hub: LoopbackHub):
    with pytest.raises(ConfigError):
        publish(published, hub, PublishingConfig(repo_id="owner/two/parts"))
