"""Tables: the promise that each stage only adds columns, and a check that says what is wrong with a frame."""

import itertools

import polars as pl
import pytest

from limo_curation import tables
from limo_curation.errors import TableError
from limo_curation.tables import PROBLEMS, SAMPLES, SCREENED, Table

ALL_TABLES = [value for value in vars(tables).values() if isinstance(value, Table)]
CHAIN_OF_PROBLEM_TABLES = ["PROBLEMS", "SCREENED", "CLUSTERED", "TEMPLATED", "CLASSIFIED", "RATED", "CHAINS"]


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_table_is_named_identified_and_explained(table: Table) -> None:
    assert getattr(tables, table.name) is table
    assert table.id_column in table.columns
    assert all(column.meaning for column in table.columns.values())
    assert table.empty().schema == table.schema


def test_each_problem_table_begins_with_the_columns_of_the_one_before() -> None:
    chain = [getattr(tables, name) for name in [*CHAIN_OF_PROBLEM_TABLES, "VERIFIED_CHAINS", "JUDGED_CHAINS"]]
    for before, after in itertools.pairwise(chain):
        assert list(after.columns)[: len(before.columns)] == list(before.columns)
        assert len(after.columns) > len(before.columns)


def test_samples_begin_with_limos_columns_and_carry_all_provenance() -> None:
    assert list(SAMPLES.columns)[:3] == ["question", "solution", "answer"]
    assert set(tables.JUDGED_CHAINS.columns) - set(SAMPLES.columns) == {"chain"}


def test_extending_leaves_the_first_table_alone() -> None:
    before = list(PROBLEMS.columns)
    PROBLEMS.extend("MORE", more=tables.Column(pl.Int64, "more"))
    assert list(PROBLEMS.columns) == before


def test_check_puts_columns_in_order_and_leaves_others_out() -> None:
    frame = SCREENED.empty().select(pl.all().reverse(), extra=pl.lit(1)).select(reversed([*SCREENED.columns, "extra"]))
    assert PROBLEMS.check(frame).columns == list(PROBLEMS.columns)


def test_check_names_the_missing_column_and_those_found() -> None:
    with pytest.raises(TableError, match="SCREENED: column 'language' is missing; the frame has problem_id, question"):
        SCREENED.check(PROBLEMS.empty())


def test_check_names_the_wrong_type() -> None:
    frame = PROBLEMS.empty().with_columns(answer=pl.lit(1, pl.Int64))
    with pytest.raises(TableError, match="PROBLEMS: column 'answer' is Int64, declared is String"):
        PROBLEMS.check(frame)
