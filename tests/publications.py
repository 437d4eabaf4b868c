"""Publications to a loopback Hub: a made-up set, what should come of it, and one in a process that may be killed.

python -m tests.publications FOLDER PUBLISHING_SECTION_AS_JSON     the Hub and the token stand in the environment
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from limo_curation.publishing.folder import FolderManifest, PublishedFile, write_manifest
from limo_curation.publishing.hub import HubCommit, publish_to_hub
from limo_curation.publishing_config import PublishingConfig
from tests.loopback_hub import LoopbackHub

CONFIG = PublishingConfig(repo_id="owner/samples", tag="v1")
PROPOSED = CONFIG.model_copy(update={"create_pr": True})
INITIAL_COMMITS = 1


def write_set(folder: Path, **changed: bytes | None) -> Path:
    """Write a small set; its files may be given other bytes by their stems, or left out."""
    contents = {
        "README.md": b"---\nlicense: other\n---\n# Made up\n",
        "data/train.parquet": b"not really parquet",
        "pool/pool0.parquet": b"the pool's first part",
        "pool/pool1.parquet": b"the pool's second part",
        "ledger.csv": b"stage,rows\n",
    }
    contents = {path: changed.get(Path(path).stem, data) for path, data in contents.items()}
    files: list[PublishedFile] = []
    for path, data in contents.items():
        (folder / path).unlink(missing_ok=True)
        if data is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
            files.append(PublishedFile(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest()))
    write_manifest(folder, FolderManifest(title="Made up", license="other", is_complete=True, files=tuple(files)))
    return folder


def publish(folder: Path, hub: LoopbackHub, config: PublishingConfig = CONFIG) -> HubCommit:
    return publish_to_hub(folder, config=config, endpoint=hub.endpoint)


def assert_main_holds(folder: Path, hub: LoopbackHub) -> None:
    (repo,) = hub.repos.values()
    held = {path: blob.data for path, blob in repo.commits[-1].files.items() if path != ".gitattributes"}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert held == {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def assert_published_once(folder: Path, hub: LoopbackHub) -> None:
    (repo,) = hub.repos.values()
    assert len(repo.commits) == INITIAL_COMMITS + 1
    assert repo.tags == {"v1": repo.commits[-1].oid}
    assert_main_holds(folder, hub)


if __name__ == "__main__":
    given, section = sys.argv[1:]
    print(publish_to_hub(Path(given), config=PublishingConfig.model_validate_json(section)).model_dump_json())
