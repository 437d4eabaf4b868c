"""A run that publishes with a token from a Secret block leaves the token nowhere but in that block."""

from __future__ import annotations

import base64
import secrets
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

curate_module = pytest.importorskip("flows.curate", reason="Prefect is not installed (extra `flows`)")

from limo_curation.errors import ConfigError  # noqa: E402
from limo_curation.publishing_config import PublishingConfig  # noqa: E402
from tests.flows.prefect_runs import wait_until  # noqa: E402
from tests.flows.prefect_server import ROOT, Prefect  # noqa: E402
from tests.flows.small_files import write_run_file  # noqa: E402
from tests.loopback_hub import LoopbackHub  # noqa: E402

SAVE_BLOCK = """
import sys
from prefect.blocks.system import Secret
Secret(value=sys.stdin.read()).save("hub-token")
"""
LOUD = {"HF_DEBUG": "1", "PREFECT_LOGGING_EXTRA_LOGGERS": "limo_curation,huggingface_hub"}
"""The client tells Prefect's log each of its requests, as a command of curl."""


def contents_below(folder: Path) -> dict[str, bytes]:
    """Return what all files below a folder hold, databases and tables as text beside their bytes."""
    found: dict[str, bytes] = {}
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        data = found[str(path)] = path.read_bytes()
        if data.startswith(b"SQLite format 3"):
            with closing(sqlite3.connect(path)) as database:  # its pages may cut a text in two
                found[f"{path} as text"] = "\n".join(database.iterdump()).encode()
        elif data.startswith(b"PAR1"):
            found[f"{path} as text"] = pl.read_parquet(path).write_ipc(None).getvalue()  # not compressed
    return found


def places_of(token: str, folder: Path) -> list[str]:
    """Return the files below a folder that hold a token, as it is or encoded."""
    needles = [token.removeprefix("hf_").encode(), base64.b64encode(token.encode())]
    return [place for place, data in contents_below(folder).items() if any(needle in data for needle in needles)]


def test_token_in_a_database_a_table_or_a_log_is_found(tmp_path: Path) -> None:
    token = f"hf_{secrets.token_hex(16)}"
    with closing(sqlite3.connect(tmp_path / "a.db")) as database:
        database.execute("create table logs (message text)")
        database.execute("insert into logs values (?)", ["x" * 10_000 + token])
        database.commit()
    pl.DataFrame({"text": [token] * 100}).write_parquet(tmp_path / "a.parquet")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.log").write_text(f"Authorization: Bearer {token}")
    (tmp_path / "innocent.log").write_text("Authorization: Bearer ***")
    places = {Path(place).name for place in places_of(token, tmp_path)}
    assert {"a.db as text", "a.parquet as text", "a.log"} <= places
    assert "innocent.log" not in places


@pytest.mark.prefect
@pytest.mark.parametrize(
    ("token_block", "words"), [("absent", "no Secret block 'absent'"), (None, "HF_TOKEN is not set")]
)
def test_missing_token_ends_a_run_before_its_first_stage(
    prefect_server: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token_block: str | None, words: str
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    run_file = write_run_file(tmp_path)
    with pytest.raises(ConfigError, match=words):
        curate_module.curate(
            profile=str(run_file), publishing=PublishingConfig(repo_id="owner/samples", token_block=token_block)
        )
    assert not (tmp_path / "store").exists()


@pytest.mark.slow
@pytest.mark.prefect
@pytest.mark.hub
def test_token_of_a_block_is_left_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    token = f"hf_{secrets.token_hex(16)}"
    run_file = write_run_file(tmp_path)
    published = '[publishing]\nrepo_id = "owner/samples"\ntag = "v1"\ntoken_block = "hub-token"'
    run_file.write_text(run_file.read_text(encoding="utf-8").replace("[publishing]", published), encoding="utf-8")
    with LoopbackHub(token) as hub:
        of_hub = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "hf")}
        prefect = Prefect(tmp_path, of_hub | LOUD)
        with prefect.running("server", "start", "--host", "127.0.0.1", "--port", prefect.port):
            wait_until(prefect.is_healthy, what="the server")
            subprocess.run(
                [sys.executable, "-c", SAVE_BLOCK], input=token, text=True, env=prefect.environment, check=True
            )
            # refused by a Hub that repeats the token, then failing once for the moment
            hub.fail("/commit/", status=403, body=f'{{"error": "no right with {token}"}}'.encode())
            refused = run_flow(run_file, prefect, tmp_path / "refused.log")
            hub.fail("/commit/", status=500)
            done = run_flow(run_file, prefect, tmp_path / "done.log")
    assert (refused, done) == (1, 0), (tmp_path / "done.log").read_text()
    assert "no right with ***" in (tmp_path / "refused.log").read_text()
    (repo,) = hub.repos.values()
    assert repo.tags == {"v1": repo.commits[1].oid}, "the Hub takes this token only, so the block was read"

    places = places_of(token, tmp_path)
    kept = contents_below(tmp_path / "prefect")
    told = b"".join(data for place, data in kept.items() if place.endswith("prefect.db as text"))
    assert b"hub-token" in told, "the block's document is there, encrypted"
    assert b"no right with ***" in told
    assert b"curl -X POST" in told, "the client's log is there"
    assert places == []


def run_flow(run_file: Path, prefect: Prefect, log: Path) -> int:
    """Run the flow as a user does, and return how it ended."""
    with log.open("wb") as file:
        return subprocess.run(
            [sys.executable, "-m", "flows.curate", str(run_file)],
            cwd=ROOT,
            env=prefect.environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
        ).returncode
