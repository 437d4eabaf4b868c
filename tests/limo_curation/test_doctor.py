"""The doctor's look at vLLM's environment and at the Hub; its other checks are in `test_cli.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from limo_curation.doctor import check_engine, check_hub
from tests.loopback_hub import LoopbackHub

TOKEN = "hf_" + "MadeUpForThisTest" * 2


def interpreter_that(folder: Path, does: str) -> str:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
    return str(path)


def test_engine_is_told_by_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMO_ENGINE_PYTHON", interpreter_that(tmp_path, "echo vllm 0.32.0"))
    check = check_engine()
    assert (check.is_ok, check.found) == (True, "vllm 0.32.0")


def test_missing_engine_is_optional_and_names_the_command_that_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMO_ENGINE_PYTHON", str(tmp_path / "absent"))
    check = check_engine()
    assert (check.is_ok, check.is_optional) == (False, True)
    assert check.found == f"no interpreter {tmp_path / 'absent'}"
    assert check.advice.startswith("make engine")


def test_python_without_vllm_is_not_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMO_ENGINE_PYTHON", sys.executable)  # Prefect's environment, which vLLM can't share
    check = check_engine()
    assert not check.is_ok
    assert check.found.endswith("has no vLLM")


def test_interpreter_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMO_ENGINE_PYTHON", interpreter_that(tmp_path, "exit 3"))
    check = check_engine()
    assert not check.is_ok
    assert "failed (CalledProcessError)" in check.found


@pytest.mark.hub
@pytest.mark.parametrize(("role", "is_ok"), [("write", True), ("fineGrained", True), ("read", False)])
def test_hub_is_asked_whose_token_it_is_and_whether_it_may_write(
    monkeypatch: pytest.MonkeyPatch, role: str, is_ok: bool
) -> None:
    with LoopbackHub(TOKEN) as hub:
        hub.role = role
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        check = check_hub()
    assert (check.is_ok, check.is_optional) == (is_ok, True)
    assert check.found == f"{hub.endpoint}: owner, token {role}"


@pytest.mark.hub
@pytest.mark.parametrize(
    ("token", "endpoint", "words"),
    [
        ("hf_wrong", "", "answered 401"),
        ("hf_wrong", "http://hub.example", "unencrypted"),
        ("hf_wrong", "http://127.0.0.1:1", "no usable answer"),
        (" ", "", "no HF_TOKEN"),
    ],
)
def test_missing_or_useless_token_is_optional_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, token: str, endpoint: str, words: str
) -> None:
    with LoopbackHub(TOKEN) as hub:
        monkeypatch.setenv("HF_TOKEN", token)
        monkeypatch.setenv("HF_ENDPOINT", endpoint or hub.endpoint)
        check = check_hub()
    assert (check.is_ok, check.is_optional) == (False, True)
    assert words in check.found
    assert "hf_wrong" not in f"{check}"
    assert "publishing.token_block" in check.advice
