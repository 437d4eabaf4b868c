"""Folding: case, white space and full-width forms, on texts of any script."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.folding import Room, fold, texts_of


def folded(*texts: str | None, keep_case: bool = False) -> list[str]:
    return fold(texts_of(pl.Series(texts, dtype=pl.String)), keep_case=keep_case).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ann has 3 APPLES.", "ann has 3 apples."),
        ("  Ann\thas \r\n\n 3  ", "ann has 3"),
        ("Ａｎｎ　ｈａｓ　３。", "ann has 3。"),
        ("ÉTÉ ΣΑΣ Жар", "été σασ жар"),
        ("求 ＡＢ 的长", "求 ab 的长"),
        ("😀 𝑥²", "😀 𝑥²"),
        ("İ", "İ"),  # its small form is longer, so it stays
        ("", ""),
        (" ", ""),
    ],
)
def test_text_is_folded(text: str, expected: str) -> None:
    assert folded(text) == [expected]


def test_case_can_be_kept() -> None:
    assert folded("Ann  HAS　３", keep_case=True) == ["Ann HAS 3"]


def test_null_is_an_empty_text() -> None:
    assert folded("a", None, "b") == ["a", "", "b"]


def test_slice_of_a_column_is_read_from_its_own_start() -> None:
    column = pl.Series(["one", "two", "three", "four"])
    assert texts_of(column[1:3]).tolist() == ["two", "three"]
    assert texts_of(column[4:]).tolist() == []


def test_room_is_used_again() -> None:
    room = Room()
    first = fold(texts_of(pl.Series(["A longer  text"])), room=room)
    assert first.tolist() == ["a longer text"]
    assert fold(texts_of(pl.Series(["Short"])), room=room).tolist() == ["short"]
    assert first.tolist() != ["a longer text"]


@settings(deadline=None)  # the first example compiles the kernels
@given(st.lists(st.text(), max_size=5))
def test_folding_twice_changes_nothing_more(texts: list[str]) -> None:
    once = folded(*texts)
    assert folded(*once) == once


@settings(deadline=None)  # the first example compiles the kernels
@given(st.text())
def test_folded_text_has_single_blanks_inside_only(text: str) -> None:
    (once,) = folded(text)
    assert once.split() == once.split(" ") or once == ""
    assert len(once.encode()) <= len(text.encode())
