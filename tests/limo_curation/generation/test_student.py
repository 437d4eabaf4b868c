"""The student's tokenizer: counts what the student will read, and says what to mend where it is not there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from limo_curation.errors import ConfigError
from limo_curation.generation.student import TEXTS_AT_A_TIME, count_tokens, student_revision, tokenizer_file

TINY = "limo_curation/demo/models/tiny-strong"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A student of one's own, with nothing but its tokenizer."""
    shutil.copy(tokenizer_file(TINY), tmp_path / "tokenizer.json")
    return tmp_path


def test_every_text_is_counted_in_order_however_many_there_are() -> None:
    texts = ["7" * (1 + index % 5) for index in range(2 * TEXTS_AT_A_TIME + 3)]
    assert count_tokens(texts, student=TINY) == [len(text) for text in texts]  # it keeps every digit alone
    assert count_tokens(["", "答"], student=TINY) == [0, 3]  # unknown text becomes bytes
    assert count_tokens([], student=TINY) == []


def test_cut_off_in_the_tokenizers_own_file_hides_no_token(folder: Path) -> None:
    file = folder / "tokenizer.json"
    settings = json.loads(file.read_text(encoding="utf-8"))
    settings["truncation"] = {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    settings["padding"] = {
        "strategy": {"Fixed": 8},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "<|pad|>",
    }
    file.write_text(json.dumps(settings), encoding="utf-8")
    assert count_tokens(["123456789", "1"], student=str(folder)) == [9, 1]


def test_revision_follows_the_file_wherever_it_stands(folder: Path) -> None:
    before = student_revision(str(folder))
    assert before == student_revision(TINY)
    file = folder / "tokenizer.json"
    file.write_bytes(file.read_bytes() + b"\n")
    assert student_revision(str(folder)) != before


@pytest.mark.parametrize("content", ["{}", "no JSON", ""])
def test_file_that_is_no_tokenizer_is_named(folder: Path, content: str) -> None:
    (folder / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"generation\.student: .*tokenizer\.json is no tokenizer"):
        count_tokens(["so"], student=str(folder))


def test_student_that_is_neither_a_folder_nor_a_hub_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"neither a folder with a tokenizer\.json nor a Hub id"):
        count_tokens(["so"], student=str(tmp_path / "none"))
