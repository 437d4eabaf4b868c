"""The Hub's address and the token: where it may go, and that it is in no log, output or error."""

import logging
import pickle
import socket
import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.console import Console
from rich.traceback import Traceback

from limo_curation.errors import ConfigError, TransientError
from limo_curation.publishing.hub import publish_to_hub
from limo_curation.publishing.hub_access import checked_endpoint
from tests.loopback_hub import LoopbackHub
from tests.publications import CONFIG, publish, write_set

pytestmark = [
    pytest.mark.hub,
    # huggingface_hub 2.4 uploads LFS objects in a way that its own HTTP library deprecates
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_set(tmp_path / "dataset")


def shown_with_locals(error: BaseException) -> str:
    """Return a traceback as those show it who print every variable of every frame."""
    console = Console(record=True, width=500)
    console.print(Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True))
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    return console.export_text() + "".join(told.format())


@pytest.mark.parametrize(
    ("request_refused", "status"),
    [
        ("repos/create", 403),
        ("/revision/", 401),
        ("/refs", 403),
        ("/tree/", 500),
        ("validate-yaml", 400),
        ("/preupload/", 401),
        ("objects/batch", 403),
        ("lfs/", 403),
        ("/commit/", 500),
        ("/commit/", 200),
        ("/tag/", 403),
    ],
)
def test_token_is_in_no_error_log_or_output(
    folder: Path,
    hub: LoopbackHub,
    request_refused: str,
    status: int,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    hub.fail(request_refused, status=status, times=50, body=f'{{"error": "not for {hub.token}"}}'.encode())
    with pytest.raises((ConfigError, TransientError)) as caught:
        publish(folder, hub)
    error = caught.value
    shown = shown_with_locals(error) + caplog.text + "".join(capfd.readouterr())
    assert "publish_to_hub" in shown
    assert hub.token not in shown
    assert hub.token.encode() not in pickle.dumps(error)
    assert error.__cause__ is None
    assert error.__context__ is None, "the client's error carries the request's headers"


def test_given_token_is_used_and_the_environments_is_not_needed(
    folder: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert publish_to_hub(folder, config=CONFIG, token=SecretStr(hub.token), endpoint=hub.endpoint).is_new


def test_missing_or_refused_token_is_the_configs_fault(
    folder: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(ConfigError, match="the token has no right"):
        publish(folder, hub)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(ConfigError, match=r"HF_TOKEN is not set; .* leave publishing\.repo_id out"):
        publish(folder, hub)


@pytest.mark.parametrize(
    "endpoint",
    ["http://hub.example", "http://127.0.0.1.hub.example", "ftp://127.0.0.1", "https://user@hub.example", "hub"],
)
def test_token_is_never_sent_to_an_unsafe_endpoint(folder: Path, hub: LoopbackHub, endpoint: str) -> None:
    with pytest.raises(ConfigError, match="https"):
        publish_to_hub(folder, config=CONFIG, endpoint=endpoint)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        (None, "https://huggingface.co"),
        ("https://hub.example/", "https://hub.example"),
        ("http://127.0.0.1:80", "http://127.0.0.1:80"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://localhost:80", "http://localhost:80"),
    ],
)
def test_safe_endpoint_is_taken(monkeypatch: pytest.MonkeyPatch, given: str | None, address: str) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert checked_endpoint(given) == address


def test_unreachable_hub_is_transient(folder: Path, hub: LoopbackHub) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://localhost:{free.getsockname()[1]}"
    with pytest.raises(TransientError, match="no usable answer"):
        publish_to_hub(folder, config=CONFIG, endpoint=endpoint)


def test_offline_mode_is_named(folder: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE is set"):
        publish(folder, hub)
