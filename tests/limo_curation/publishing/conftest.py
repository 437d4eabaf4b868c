"""Published folders of the small run and of a real one, and a Hub on this machine that the real client talks to."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from limo_curation.publishing.dataset import write_dataset
from tests.loopback_hub import LoopbackHub
from tests.piped_run import PipedRun, make_piped_run
from tests.small_run import ALLOWING, SmallRun


@pytest.fixture(scope="session")
def piped_run(tmp_path_factory: pytest.TempPathFactory) -> PipedRun:
    """Return a finished run of every real stage; tests only read it."""
    return make_piped_run(tmp_path_factory.mktemp("piped"))


@pytest.fixture
def published(small_run: SmallRun, tmp_path: Path) -> Path:
    write_dataset(small_run.store, small_run.record, tmp_path / "dataset", config=ALLOWING)
    return tmp_path / "dataset"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    token = f"hf_{secrets.token_hex(16)}"
    monkeypatch.setenv("HF_TOKEN", token)
    # Xet has a server of its own, which the loopback Hub is not
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    with LoopbackHub(token) as hub:
        yield hub
