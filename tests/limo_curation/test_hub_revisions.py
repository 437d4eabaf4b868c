"""Data sets on the Hub: read at one commit, fetched once, and a Hub that does not answer is never a dropped file."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec.config
import polars as pl
import pytest

from limo_curation.errors import TableError, TransientError
from limo_curation.ingestion import INGESTION, content_of_sources, pin_sources
from limo_curation.problem_config import IngestionConfig
from limo_curation.runner import run_stage
from limo_curation.stage import plan_stage
from limo_curation.store import Store
from tests.ingested import ROWS, ingest, pool
from tests.loopback_hub import Blob, LoopbackHub, Repo
from tests.rows import outcome_of

HUB_PATH = "hf://datasets/owner/name/data/*.parquet"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A Hub on this machine with one private file, where `hf://` leads to."""
    pl.DataFrame(ROWS).write_parquet(tmp_path / "a.parquet")
    with LoopbackHub(token="hf_reader") as hub:
        repo = hub.repos["owner/name"] = Repo(private=True)
        repo.commit("data", {"data/a.parquet": Blob((tmp_path / "a.parquet").read_bytes(), False)})
        options = {"endpoint": hub.endpoint, "token": hub.token, "skip_instance_cache": True}
        monkeypatch.setitem(fsspec.config.conf, "hf", options)
        yield hub


@pytest.mark.hub
def test_hub_path_is_read_through_huggingface_hubs_file_system(tmp_path: Path, hub: LoopbackHub) -> None:
    outcome = ingest(tmp_path, pool(HUB_PATH))
    assert outcome.kept["origin"].to_list() == ["a.parquet:1", "a.parquet:2", "a.parquet:3"]
    with pytest.raises(TableError, match=r"no file hf://datasets/owner/name@\w+/data/absent\.parquet"):
        ingest(tmp_path, pool("hf://datasets/owner/name/data/absent.parquet"))


@pytest.mark.hub
def test_new_commit_on_the_hub_makes_a_new_key(tmp_path: Path, hub: LoopbackHub) -> None:
    first = ingest(tmp_path, pool(HUB_PATH))
    pl.DataFrame(ROWS[:1]).write_parquet(tmp_path / "b.parquet")
    hub.repos["owner/name"].commit("less", {"data/a.parquet": Blob((tmp_path / "b.parquet").read_bytes(), False)})
    second = ingest(tmp_path, pool(HUB_PATH))
    assert (first.kept.height, second.kept.height) == (3, 1)
    assert first.artifact.key != second.artifact.key


@pytest.mark.hub
@pytest.mark.parametrize(("status", "error"), [(503, TransientError), (403, TableError)])
def test_refusal_of_the_hub_is_an_error_and_never_a_dropped_file(
    tmp_path: Path, hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, status: int, error: type[Exception]
) -> None:
    # a committed table without the file would look finished for ever
    monkeypatch.setattr(time, "sleep", lambda _: None)  # the client waits longer after each attempt
    hub.fail("resolve", status=status, times=100)
    with pytest.raises(error, match=rf"source 'pool': a\.parquet.*{status}"):
        ingest(tmp_path, pool(HUB_PATH))
    assert not list(tmp_path.glob("store/ingestion/*/manifest.json"))


def commit_file(hub: LoopbackHub, folder: Path, *names: str, rows: list[dict[str, Any]] = ROWS) -> str:
    """Commit the rows under each name, and return the commit."""
    pl.DataFrame(rows).write_parquet(folder / "committed.parquet")
    data = (folder / "committed.parquet").read_bytes()
    return hub.repos["owner/name"].commit("more", {f"data/{name}": Blob(data, True) for name in names}).oid


@pytest.mark.hub
def test_branch_is_looked_up_once_and_read_at_that_commit(tmp_path: Path, hub: LoopbackHub) -> None:
    commit = hub.repos["owner/name"].commits[-1].oid
    config = pin_sources(IngestionConfig(sources=(pool(HUB_PATH),)))
    commit_file(hub, tmp_path, "a.parquet", "b.parquet", rows=ROWS[:1])  # main moves on meanwhile
    extra, store = content_of_sources(config), Store(str(tmp_path / "store"))
    outcome = outcome_of(run_stage(plan_stage(INGESTION, {}, config=config, store=store, extra_inputs=extra)), store)
    assert outcome.kept.height == 3
    assert outcome.manifest.extra_inputs["0/revision"] == f"owner/name@{commit}"
    assert commit in outcome.manifest.config["sources"][0]["path"]


@pytest.mark.hub
@pytest.mark.parametrize("revision", ["@v1", "@main", ""])
def test_tag_branch_or_nothing_is_pinned(hub: LoopbackHub, revision: str) -> None:
    repo = hub.repos["owner/name"]
    repo.tags["v1"] = repo.commits[-1].oid
    (source,) = pin_sources(IngestionConfig(sources=(pool(f"hf://datasets/owner/name{revision}/data/*"),))).sources
    assert source.path == f"hf://datasets/owner/name@{repo.commits[-1].oid}/data/*"


@pytest.mark.hub
def test_commit_and_local_path_are_left_as_they_are_without_asking(tmp_path: Path, hub: LoopbackHub) -> None:
    config = IngestionConfig(sources=(pool(f"hf://datasets/owner/name@{'a' * 40}/x.csv"), pool(tmp_path / "a.csv")))
    assert pin_sources(config) == config
    assert hub.requests == []


@pytest.mark.hub
@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (503, TransientError, r"source 'pool': owner/name at main: the Hub answered 503; run it again"),
        (403, TableError, r"the Hub answered 403; mend the path or the access token"),
    ],
)
def test_hub_that_does_not_tell_a_revision_is_an_error(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, status: int, error: type[Exception], message: str
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    hub.fail("revision", status=status, times=100)
    with pytest.raises(error, match=message):
        pin_sources(IngestionConfig(sources=(pool(HUB_PATH),)))


@pytest.mark.hub
def test_unknown_revision_is_told(hub: LoopbackHub) -> None:
    with pytest.raises(TableError, match=r"owner/name at v9: the Hub answered 404; mend the path"):
        pin_sources(IngestionConfig(sources=(pool("hf://datasets/owner/name@v9/data/a.parquet"),)))


@pytest.mark.hub
def test_remote_file_is_fetched_once_and_not_again_by_a_delta(tmp_path: Path, hub: LoopbackHub) -> None:
    many = [{"problem": f"How many is {n}, {n * 7919 % 9973} times?", "gold": str(n)} for n in range(20_000)]
    commit_file(hub, tmp_path, "a.parquet", rows=many)
    size = len(hub.repos["owner/name"].commits[-1].files["data/a.parquet"].data)
    assert ingest(tmp_path, pool(HUB_PATH), batch_rows=3_000).kept.height == 20_000
    fetched = hub.bytes_sent["data/a.parquet"]
    assert size <= fetched <= 2.1 * size  # the footer comes with a block of the file system's own size
    repo = hub.repos["owner/name"]
    repo.commit(
        "more", {**repo.commits[-1].files, "data/b.parquet": Blob(repo.commits[0].files["data/a.parquet"].data, True)}
    )
    assert ingest(tmp_path, pool(HUB_PATH), batch_rows=3_000).kept.height == 20_003
    assert hub.bytes_sent["data/a.parquet"] - fetched <= size  # no more than its footer's block


@pytest.mark.hub
@pytest.mark.parametrize(("status", "error"), [(503, TransientError), (403, TableError)])
def test_hub_that_does_not_list_its_files_is_an_error(
    hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, status: int, error: type[Exception]
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    config = pin_sources(IngestionConfig(sources=(pool(HUB_PATH),)))
    hub.fail("tree", status=status, times=100)
    hub.fail("paths-info", status=status, times=100)
    with pytest.raises(error, match=rf"source 'pool': hf://datasets/owner/name@\w+/data/.*{status}"):
        content_of_sources(config)


@pytest.mark.hub
def test_hub_that_is_gone_is_transient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    options = {"endpoint": "http://127.0.0.1:9", "token": "t", "skip_instance_cache": True}  # nobody listens at port 9
    monkeypatch.setitem(fsspec.config.conf, "hf", options)
    with pytest.raises(TransientError, match=r"owner/name at main: the Hub can't be reached \(ConnectError\)"):
        pin_sources(IngestionConfig(sources=(pool(HUB_PATH),)))
    with pytest.raises(TransientError, match=r"source 'pool': hf://"):
        content_of_sources(IngestionConfig(sources=(pool(HUB_PATH),)))
