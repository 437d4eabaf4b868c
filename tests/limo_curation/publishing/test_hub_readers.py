"""A published set as its readers get it: load_dataset, streamed or not, from a tag or a pull request, and `hf`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.loopback_hub import LoopbackHub
from tests.publications import CONFIG, PROPOSED, publish
from tests.small_run import HOSTILE_QUESTION

pytestmark = [
    pytest.mark.hub,
    # huggingface_hub 2.4 uploads LFS objects in a way that its own HTTP library deprecates
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
]
CONFIGS = ("default", "provenance", "pool", "ledger")
READ = """
import json, sys, datasets
revision, configs = sys.argv[1], sys.argv[2:]
tables = {}
for config in configs:
    whole = datasets.load_dataset("owner/samples", config, revision=revision, split="train")
    streamed = datasets.load_dataset("owner/samples", config, revision=revision, split="train", streaming=True)
    assert list(streamed) == whole.to_list(), config
    tables[config] = {"columns": whole.column_names, "rows": whole.num_rows, "all": str(whole[:])}
print(json.dumps(tables))
"""


def environment(hub: LoopbackHub, folder: Path) -> dict[str, str]:
    return os.environ | {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }


def read_back(hub: LoopbackHub, folder: Path, *, revision: str) -> dict[str, Any]:
    """Load every config of the set in another process, as a whole and streamed."""
    program = [sys.executable, "-c", READ, revision, *CONFIGS]
    done = subprocess.run(program, env=environment(hub, folder), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert hub.token not in done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_config_reads_back_by_tag(published: Path, hub: LoopbackHub, tmp_path: Path) -> None:
    publish(published, hub)
    assert hub.repos["owner/samples"].commits[-1].files["data/train-00000-of-00001.parquet"].is_lfs
    tables = read_back(hub, tmp_path, revision="v1")
    assert tables["default"]["columns"][:3] == ["question", "solution", "answer"]
    assert HOSTILE_QUESTION in tables["default"]["all"]
    assert tables["provenance"]["rows"] == tables["default"]["rows"] > 0
    assert tables["pool"]["rows"] > 0
    assert "too_short" in tables["ledger"]["all"]


def test_pull_request_reads_back_before_it_is_merged_and_by_tag_after(
    published: Path, hub: LoopbackHub, tmp_path: Path
) -> None:
    proposed = publish(published, hub, PROPOSED)
    before = read_back(hub, tmp_path, revision=proposed.revision)
    hub.repos["owner/samples"].merge(1)
    publish(published, hub, PROPOSED)
    assert read_back(hub, tmp_path, revision="v1") == before


def test_hf_downloads_the_published_bytes(published: Path, hub: LoopbackHub, tmp_path: Path) -> None:
    publish(published, hub, CONFIG)
    hf = Path(sys.executable).with_name("hf")
    arguments = ["download", "owner/samples", "--repo-type", "dataset", "--revision", "v1"]
    done = subprocess.run(
        [hf, *arguments, "--local-dir", tmp_path / "got"],
        env=environment(hub, tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for file in (path for path in published.rglob("*") if path.is_file()):
        assert (tmp_path / "got" / file.relative_to(published)).read_bytes() == file.read_bytes()
