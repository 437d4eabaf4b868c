"""A published folder of the small run, and a Hub on this machine that the real client talks to."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from limo_curation.publishing.card import render_card
from limo_curation.publishing.folder import write_dataset
from limo_curation.publishing_config import PublishingConfig
from limo_curation.run_record import drop_reasons
from tests.loopback_hub import LoopbackHub
from tests.small_run import SmallRun


@pytest.fixture
def published(small_run: SmallRun, tmp_path: Path) -> Path:
    config = PublishingConfig()
    card = render_card(small_run.store, small_run.record, small_run.samples, config=config)
    ledger = drop_reasons(small_run.store, small_run.record)
    write_dataset(small_run.samples, tmp_path / "dataset", config=config, card=card, ledger=ledger)
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
