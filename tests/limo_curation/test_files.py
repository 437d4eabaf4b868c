"""Files are whole or absent, linked or copied, and read for their SHA-256 only where they may have changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.files import Files, without_credentials

CONTENT = b"some rows"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def is_whole(files: Files, path: str) -> bool:
    return files.is_whole(path, size=len(CONTENT), sha256=SHA256)


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"!", b"other row"])
def test_a_file_with_other_bytes_is_not_whole(tmp_path: Path, content: bytes) -> None:
    files = Files(str(tmp_path))
    files.write_bytes("a/b", CONTENT)
    assert is_whole(files, "a/b")
    files.write_bytes("a/b", content)
    assert not is_whole(files, "a/b")
    assert not is_whole(files, "a/absent")


def test_a_file_that_was_checked_is_not_read_again_until_it_changes(tmp_path: Path) -> None:
    files, path = Files(str(tmp_path)), tmp_path / "a"
    files.write_bytes("a", CONTENT)
    assert is_whole(files, "a")
    before = path.stat()
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as if it had not changed: nobody looks inside
    assert is_whole(files, "a")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert not is_whole(files, "a")


def test_a_file_that_this_process_wrote_need_not_be_read(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    path = tmp_path / "a"
    assert files.write_through("a", lambda file: Path(str(file)).write_bytes(CONTENT)) == (len(CONTENT), SHA256)
    written = path.stat()
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns))  # as if it had not changed: nobody looks inside
    assert is_whole(files, "a")
    files.write_bytes("a", CONTENT[::-1])
    assert not is_whole(files, "a")


def test_a_linked_file_stays_when_the_first_name_is_removed(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    files.write_bytes("one/a", CONTENT)
    files.write_bytes("two/b", b"what was there before")
    files.link("one/a", "two/b", sha256=SHA256)
    assert (tmp_path / "one" / "a").stat().st_ino == (tmp_path / "two" / "b").stat().st_ino
    files.remove("one")
    assert is_whole(files, "two/b")


def test_a_file_linked_to_itself_stays(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    files.write_bytes("a", CONTENT)
    files.link("a", "a", sha256=SHA256)
    assert is_whole(files, "a")


def test_rewriting_one_of_two_names_leaves_the_other(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    files.write_bytes("a", CONTENT)
    files.link("a", "b", sha256=SHA256)
    files.write_bytes("a", b"changed")
    assert is_whole(files, "b")


def test_other_file_systems_copy(tmp_path: Path) -> None:
    files = Files("memory://files/store")
    assert files.write_through("one/a", lambda file: file.write(CONTENT)) == (len(CONTENT), SHA256)  # type: ignore[union-attr]
    files.link("one/a", "two/b", sha256=SHA256)
    files.remove("one")
    assert files.read_bytes("two/b") == CONTENT
    assert is_whole(files, "two/b")
    assert not is_whole(files, "one/a")


def test_no_temporary_file_is_left_behind(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    files.write_bytes("a", CONTENT)
    assert files.list("") == ["a"]
    assert files.list("nothing") == files.list("a/nothing") == []
    assert files.read_bytes("nothing") is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://KEY:SE/CR+ET@bucket/a.parquet", "s3://bucket/a.parquet"),
        ("no file https://me@host/a.csv; mend", "no file https://host/a.csv; mend"),
        ("https://host/a.jsonl?X-Signature=abc/def&n=1", "https://host/a.jsonl"),
        ("http://u:p@h:8000/v1?key=1 and ftp://u:p@h/x", "http://h:8000/v1 and ftp://h/x"),
        ("hf://datasets/owner/name@main/a.parquet", "hf://datasets/owner/name@main/a.parquet"),
        ("http://host:8000/a@b", "http://host:8000/a@b"),
        ("s3://bucket/part-?.parquet", "s3://bucket/part-?.parquet"),
        ("/home/me/what?=yes@home.csv", "/home/me/what?=yes@home.csv"),
    ],
)
def test_urls_are_shown_without_their_credentials(text: str, shown: str) -> None:
    assert without_credentials(text) == shown
    assert without_credentials({"sources": [{"path": text, "n": 1}]}) == {"sources": [{"path": shown, "n": 1}]}


@given(st.text().filter(lambda text: "://" not in text))
def test_a_text_without_urls_stays_as_it_is(text: str) -> None:
    assert without_credentials(text) == text
