import hashlib
import json
import os
from pathlib import Path

import polars as pl
import pytest

from limo_curation.errors import TableError
from limo_curation.publishing.folder import PublishedFile, read_dataset_manifest, write_dataset
from limo_curation.publishing_config import PublishingConfig
from limo_curation.run_record import drop_reasons
from limo_curation.tables import SAMPLES
from tests.small_run import SmallRun

CONFIG = PublishingConfig()
FILES = [
    "README.md",
    "data/train-00000-of-00001.parquet",
    "ledger.parquet",
    "provenance/train-00000-of-00001.parquet",
]


def write(
    run: SmallRun, folder: Path, *, samples: pl.DataFrame | None = None, card: str = "# Card"
) -> list[PublishedFile]:
    rows = run.samples if samples is None else samples
    return write_dataset(rows, folder, config=CONFIG, card=card, ledger=drop_reasons(run.store, run.record))


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_order_of_rows_does_not_change_the_bytes(small_run: SmallRun, tmp_path: Path):
    files = write(small_run, tmp_path / "a")
    write(small_run, tmp_path / "b", samples=small_run.samples.reverse())
    assert [file.path for file in files] == FILES
    assert bytes_below(tmp_path / "a") == bytes_below(tmp_path / "b")


def test_manifest_tells_size_and_checksum_of_every_file(small_run: SmallRun, tmp_path: Path):
    write(small_run, tmp_path)
    content = bytes_below(tmp_path)
    for file in json.loads(content.pop("manifest.json"))["files"]:
        data = content.pop(file["path"])
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["size"], file["sha256"])
    assert content == {}


def test_default_config_has_the_three_released_columns_and_provenance_all(small_run: SmallRun, tmp_path: Path):
    write(small_run, tmp_path)
    assert pl.read_parquet(tmp_path / FILES[1]).columns == ["question", "solution", "answer"]
    provenance = pl.read_parquet(tmp_path / FILES[3])
    assert provenance.equals(SAMPLES.check(small_run.samples).sort("chain_id"))


def test_same_content_again_touches_nothing(small_run: SmallRun, tmp_path: Path):
    write(small_run, tmp_path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    write(small_run, tmp_path)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def test_earlier_publication_is_replaced_and_its_stale_file_removed(small_run: SmallRun, tmp_path: Path):
    write(small_run, tmp_path)
    stale = tmp_path / "data/train-00001-of-00002.parquet"
    stale.write_bytes(b"of an earlier publication")
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["files"].append({"path": "data/train-00001-of-00002.parquet", "size": 1, "sha256": "0"})
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    write(small_run, tmp_path, card="# Another card")
    assert not stale.exists()
    assert (tmp_path / "README.md").read_text() == "# Another card"


def test_foreign_file_is_named_and_nothing_is_written(small_run: SmallRun, tmp_path: Path):
    write(small_run, tmp_path)
    (tmp_path / "thesis.tex").write_text("years of work")
    before = bytes_below(tmp_path)
    with pytest.raises(TableError, match=r"thesis\.tex"):
        write(small_run, tmp_path, card="# Another card")
    assert bytes_below(tmp_path) == before


def test_folder_with_a_foreign_readme_and_no_manifest_is_refused(small_run: SmallRun, tmp_path: Path):
    (tmp_path / "README.md").write_text("somebody's project")
    with pytest.raises(TableError, match=r"README\.md"):
        write(small_run, tmp_path)
    assert (tmp_path / "README.md").read_text() == "somebody's project"


def test_interrupted_write_is_no_data_set_and_is_mended_by_the_next(
    small_run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write_bytes = Path.write_bytes

    def die_at_the_ledger(path: Path, data: bytes) -> int:
        if path.name == "ledger.parquet":
            raise OSError("disk full")
        return write_bytes(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", die_at_the_ledger)
        with pytest.raises(OSError, match="disk full"):
            write(small_run, tmp_path)
    with pytest.raises(TableError, match="no complete data set"):
        read_dataset_manifest(tmp_path)
    write(small_run, tmp_path)
    assert [file.path for file in read_dataset_manifest(tmp_path).files] == FILES


def test_manifest_that_points_outside_the_folder_deletes_nothing_there(small_run: SmallRun, tmp_path: Path):
    folder, outside = tmp_path / "set", tmp_path / "outside.txt"
    outside.write_text("not ours")
    write(small_run, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] += [{"path": path, "size": 1, "sha256": "0"} for path in ("../outside.txt", os.fspath(outside))]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(TableError, match="no earlier publication of ours"):
        write(small_run, folder, card="# Another card")
    assert outside.read_text() == "not ours"


def test_chain_selected_twice_is_refused(small_run: SmallRun, tmp_path: Path):
    with pytest.raises(TableError, match="more than once"):
        write(small_run, tmp_path, samples=pl.concat([small_run.samples, small_run.samples.head(1)]))
    assert bytes_below(tmp_path) == {}


def test_local_folder_loads_as_a_data_set(published: Path, tmp_path: Path):
    datasets = pytest.importorskip("datasets")
    cache = str(tmp_path / "cache")
    default = datasets.load_dataset(str(published), split="train", cache_dir=cache)
    assert default.column_names == ["question", "solution", "answer"]
    assert len(datasets.load_dataset(str(published), "provenance", split="train", cache_dir=cache)) == len(default)
