"""The folder of a set: ours or untouched, whole or told apart, and the same bytes write nothing."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from limo_curation.errors import TableError
from limo_curation.publishing.folder import PublishedFile, read_dataset_manifest, replace_folder, staging

FILES = {"README.md": "# Card", "data/train-00000-of-00001.parquet": "rows", "ledger.parquet": "counts"}


def write(folder: Path, **changed: str | None) -> list[PublishedFile]:
    """Publish FILES, of which the card and whole files may be changed or left out."""
    with staging(folder) as staged:
        for path, text in (FILES | changed).items():
            if text is not None:
                (staged / path).parent.mkdir(exist_ok=True)
                (staged / path).write_text(text)
        return replace_folder(staged, folder, title="Sums", license_name="mit")


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_manifest_tells_size_and_checksum_of_every_file(tmp_path: Path):
    assert [file.path for file in write(tmp_path / "set")] == sorted(FILES)
    content = bytes_below(tmp_path / "set")
    manifest = json.loads(content.pop("manifest.json"))
    assert (manifest["title"], manifest["license"], manifest["is_complete"]) == ("Sums", "mit", True)
    for file in manifest["files"]:
        data = content.pop(file["path"])
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["size"], file["sha256"])
    assert content == {}


def test_same_content_again_touches_nothing_and_leaves_nothing_beside_it(tmp_path: Path):
    write(tmp_path / "set")
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "set").rglob("*")}
    write(tmp_path / "set")
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "set").rglob("*")} == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["set"]


def test_earlier_publication_is_replaced_and_its_stale_file_removed(tmp_path: Path):
    folder = tmp_path / "set"
    write(folder, **{"data/train-00001-of-00002.parquet": "of an earlier publication"})
    write(folder, **{"README.md": "# Another card"})
    assert sorted(bytes_below(folder)) == sorted([*FILES, "manifest.json"])
    assert (folder / "README.md").read_text() == "# Another card"


def test_file_that_was_changed_by_hand_is_mended(tmp_path: Path):
    folder = tmp_path / "set"
    write(folder)
    (folder / "ledger.parquet").write_text("embellished")
    with pytest.raises(TableError, match=r"ledger\.parquet differs"):
        read_dataset_manifest(folder)
    write(folder)
    assert (folder / "ledger.parquet").read_text() == "counts"


def test_foreign_file_is_named_and_nothing_is_written(tmp_path: Path):
    folder = tmp_path / "set"
    write(folder)
    (folder / "thesis.tex").write_text("years of work")
    before = bytes_below(folder)
    with pytest.raises(TableError, match=r"thesis\.tex"):
        write(folder, **{"README.md": "# Another card"})
    assert bytes_below(folder) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["set"]


def test_file_that_somebody_puts_there_meanwhile_is_not_swept_away(tmp_path: Path):
    folder = tmp_path / "set"
    with staging(folder) as staged:
        (staged / "README.md").write_text("# Card")
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")
        with pytest.raises(TableError, match=r"notes\.txt"):
            replace_folder(staged, folder, title="Sums", license_name="mit")
    assert bytes_below(folder) == {"notes.txt": b"mine"}


def test_folder_with_a_foreign_readme_and_no_manifest_is_refused(tmp_path: Path):
    (tmp_path / "README.md").write_text("somebody's project")
    with pytest.raises(TableError, match=r"README\.md"):
        write(tmp_path)
    assert bytes_below(tmp_path) == {"README.md": b"somebody's project"}


def test_interrupted_write_is_no_data_set_and_is_mended_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    move = Path.replace

    def die_at_the_ledger(path: Path, target: Path) -> Path:
        if path.name == "ledger.parquet":
            raise OSError("disk full")
        return move(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die_at_the_ledger)
        with pytest.raises(OSError, match="disk full"):
            write(tmp_path / "set")
    with pytest.raises(TableError, match="no complete data set"):
        read_dataset_manifest(tmp_path / "set")
    write(tmp_path / "set")
    assert [file.path for file in read_dataset_manifest(tmp_path / "set").files] == sorted(FILES)


def test_manifest_that_points_outside_the_folder_deletes_nothing_there(tmp_path: Path):
    folder, outside = tmp_path / "set", tmp_path / "outside.txt"
    outside.write_text("not ours")
    write(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] += [{"path": path, "size": 1, "sha256": "0"} for path in ("../outside.txt", os.fspath(outside))]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(TableError, match="no earlier publication of ours"):
        write(folder, **{"README.md": "# Another card"})
    assert outside.read_text() == "not ours"
