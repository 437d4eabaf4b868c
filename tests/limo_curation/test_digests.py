"""A digest tells other rows from the same ones, whatever their order, their parts or the version of Polars."""

from __future__ import annotations

import datetime as dt
from random import Random

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.digests import ROWS_AT_A_TIME, add_digests, frame_digest, id_digest, wrapping_sum

VALUES = st.tuples(
    st.none() | st.text(max_size=5),
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.booleans(),
    st.none() | st.lists(st.integers(0, 3), max_size=2),
)
SCHEMA = {"text": pl.String, "whole": pl.Int64, "real": pl.Float64, "yes": pl.Boolean, "list": pl.List(pl.Int64)}
Row = tuple[str | None, int | None, float | None, bool | None, list[int] | None]


def frame_of(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@given(st.lists(VALUES, max_size=12), st.integers(0, 12), st.randoms(use_true_random=False))
def test_a_digest_depends_neither_on_order_nor_on_parts(rows: list[Row], cut: int, rng: Random) -> None:
    shuffled = rng.sample(rows, len(rows))
    parts = [frame_digest(frame_of(shuffled[:cut])), frame_digest(frame_of(shuffled[cut:]))]
    assert add_digests(parts) == frame_digest(frame_of(rows))


@given(st.lists(VALUES, max_size=6), st.lists(VALUES, max_size=6))
def test_other_rows_have_another_digest(one: list[Row], two: list[Row]) -> None:
    same_rows = sorted(one, key=repr) == sorted(two, key=repr)
    assert (frame_digest(frame_of(one)) == frame_digest(frame_of(two))) == same_rows


@given(st.lists(VALUES, min_size=1, max_size=6), st.data())
def test_one_changed_value_changes_the_digest(rows: list[Row], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    changed = data.draw(VALUES.filter(lambda row: repr(row) != repr(rows[place])))
    assert frame_digest(frame_of(rows)) != frame_digest(frame_of([*rows[:place], changed, *rows[place + 1 :]]))


def test_values_that_change_places_change_the_digest() -> None:
    table = pl.DataFrame({"a": ["x", "y"], "b": ["1", "2"]})
    between_rows = pl.DataFrame({"a": ["y", "x"], "b": ["1", "2"]})
    between_columns = pl.DataFrame({"a": ["1", "y"], "b": ["x", "2"]})
    renamed = table.rename({"b": "c"})
    assert len({frame_digest(one) for one in (table, between_rows, between_columns, renamed)}) == 4


@pytest.mark.parametrize("value", ["", 0, 0.0, False, []])
def test_nothing_is_not_null(value: object) -> None:
    null = pl.DataFrame({"a": [value], "b": ["x"]}).with_columns(a=pl.lit(None, pl.Series([value]).dtype))
    assert frame_digest(pl.DataFrame({"a": [value], "b": ["x"]})) != frame_digest(null)


def test_a_row_of_nulls_is_a_row() -> None:
    nulls = pl.DataFrame({"a": [None, None]}, schema={"a": pl.String})
    assert frame_digest(nulls) != frame_digest(nulls.head(1)) != frame_digest(nulls.head(0)) == "0" * 32


def test_the_same_text_in_another_type_is_the_same() -> None:
    texts = pl.DataFrame({"a": ["x", None, "y"]})
    assert (
        frame_digest(texts) == frame_digest(texts.cast(pl.Categorical)) == frame_digest(texts.cast(pl.Enum(["x", "y"])))
    )


def test_a_number_that_is_none_has_one_digest_whatever_its_bits() -> None:
    other_nan = np.array([0xFFF8000000000001], dtype=np.uint64).view(np.float64)
    assert frame_digest(pl.DataFrame({"a": other_nan})) == frame_digest(pl.DataFrame({"a": [float("nan")]}))


def test_more_rows_than_are_hashed_at_a_time_are_all_counted() -> None:
    table = pl.DataFrame({"a": np.arange(ROWS_AT_A_TIME + 5), "b": ["x"] * ROWS_AT_A_TIME + [None] * 5})
    halves = [frame_digest(table.head(7)), frame_digest(table.slice(7))]
    assert frame_digest(table) == add_digests(halves)
    assert frame_digest(table) != frame_digest(table.head(-1))


def test_digests_stay_the_same_between_versions_and_machines() -> None:
    table = pl.DataFrame(
        {
            "text": ["Find $x$.", "", "求和", None],
            "whole": [-1, 0, 2**62, None],
            "real": [0.5, -0.0, float("inf"), None],
            "small": pl.Series([1, 2, 3, None], dtype=pl.UInt8),
            "large": pl.Series([2**64 - 1, 0, 1, None], dtype=pl.UInt64),
            "yes": [True, False, True, None],
            "steps": [["a", None], [], ["b"], None],
            "day": [dt.date(2025, 2, 5), None, None, None],
            "bytes": [b"\xff", b"", None, None],
        }
    )
    assert frame_digest(table) == "28e05e2108afcaff14fe893fdc31440e"
    assert id_digest(pl.Series(["a", "b"])) == id_digest(pl.Series(["b", None, "a"])) == 4476646003426906718


def test_a_sum_of_large_hashes_wraps_around() -> None:
    top = 2**64 - 1
    assert wrapping_sum(np.array([top, top, 3], dtype=np.uint64)) == (2 * top + 3) % 2**64
