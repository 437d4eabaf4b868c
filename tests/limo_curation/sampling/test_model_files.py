"""A local model's revision: from its files alone, and from all that can change a text."""

from pathlib import Path

import pytest

from limo_curation.sampling import model_files
from limo_curation.sampling.model_files import folder_revision


def model_at(folder: Path, **content: str) -> Path:
    folder.mkdir(parents=True)
    files = {"config.json": "{}", "model.safetensors": "weights", "tokenizer.json": "{}"} | content
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_revision_is_the_folders_name_and_a_digest_wherever_it_stands(tmp_path: Path) -> None:
    one, two = model_at(tmp_path / "here" / "tiny"), model_at(tmp_path / "there" / "tiny")
    assert folder_revision(one) == folder_revision(two)
    assert folder_revision(one).startswith("tiny@")


@pytest.mark.parametrize("name", ["model.safetensors", "chat_template.jinja", "tokenizer.json", "vocab.txt"])
def test_revision_follows_what_can_change_a_text(tmp_path: Path, name: str) -> None:
    before, after = model_at(tmp_path / "a" / "tiny"), model_at(tmp_path / "b" / "tiny", **{name: "changed"})
    assert folder_revision(before) != folder_revision(after)


@pytest.mark.parametrize("name", ["README.md", "training_report.json"])
def test_revision_ignores_what_can_not(tmp_path: Path, name: str) -> None:
    before, after = model_at(tmp_path / "a" / "tiny"), model_at(tmp_path / "b" / "tiny", **{name: "changed"})
    assert folder_revision(before) == folder_revision(after)


def test_large_files_are_read_in_blocks_to_the_same_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = model_at(tmp_path / "tiny")
    whole = folder_revision(folder)
    monkeypatch.setattr(model_files, "BLOCK_BYTES", 3)
    assert folder_revision(folder) == whole
