"""The ledger's writing side: the first rule that fires counts, and no row is lost or written twice."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.ledger import MAX_EVIDENCE_CHARACTERS, DropRule, apply_rules, dropped_rows
from limo_curation.tables import DROPPED

LENGTH = pl.col("length")
RULES = [
    DropRule("short", LENGTH < 10, LENGTH, 10.0, pl.format("has {}", LENGTH)),
    DropRule("even", LENGTH % 2 == 0, LENGTH),
    DropRule("named", pl.col("problem_id") == "x"),
]


def frame_of(lengths: list[int | None]) -> pl.DataFrame:
    ids = [f"p{index}" for index in range(len(lengths))]
    return pl.DataFrame({"problem_id": ids, "length": lengths}, schema={"problem_id": pl.String, "length": pl.Int64})


def test_first_rule_that_fires_gives_the_reason() -> None:
    kept, dropped = apply_rules(frame_of([4, 12, 13]), stage="s", rules=RULES)
    assert kept["length"].to_list() == [13]
    assert dropped.select("problem_id", "drop_reason", "value", "threshold", "evidence").rows() == [
        ("p0", "short", 4.0, 10.0, "has 4"),
        ("p1", "even", 12.0, None, None),
    ]


def test_condition_that_is_null_does_not_fire() -> None:
    kept, dropped = apply_rules(frame_of([None]), stage="s", rules=RULES)
    assert (kept.height, dropped.height) == (1, 0)


def test_row_with_a_null_value_is_dropped_with_value_null() -> None:
    rule = DropRule("absent", LENGTH.is_null(), LENGTH)
    _, dropped = apply_rules(frame_of([None]), stage="s", rules=[rule])
    assert dropped["value"].to_list() == [None]


def test_no_rules_and_no_rows_give_a_ledger_with_the_declared_columns() -> None:
    for frame, rules in ((frame_of([1]), []), (frame_of([]), RULES), (frame_of([13]), RULES)):
        _, dropped = apply_rules(frame, stage="s", rules=rules)
        assert dropped.schema == DROPPED.schema
        assert dropped.height == 0


def test_chain_id_stands_in_the_ledger_only_where_chains_are_dropped() -> None:
    chains = frame_of([1]).with_columns(chain_id=pl.lit("c0"))
    assert dropped_rows(chains, stage="s", rule=RULES[0])["chain_id"].to_list() == ["c0"]
    assert dropped_rows(frame_of([1]), stage="s", rule=RULES[0])["chain_id"].to_list() == [None]


def test_long_evidence_is_cut_by_characters_not_bytes() -> None:
    rule = DropRule("long", pl.lit(True), evidence=pl.lit("证" * (MAX_EVIDENCE_CHARACTERS + 1)))
    assert dropped_rows(frame_of([1]), stage="s", rule=rule)["evidence"].to_list() == ["证" * MAX_EVIDENCE_CHARACTERS]


def test_rows_of_which_a_chunk_is_kept_whole_are_written_to_the_ledger() -> None:
    names = pl.concat([pl.Series("name", ["kept"]), pl.Series("name", ["dropped", "dropped"])], rechunk=False)
    frame = frame_of([1, 2, 3]).with_columns(names)
    assert frame.n_chunks("all") == [1, 1, 2]
    rule = DropRule("named", pl.col("name") == "dropped", evidence=pl.format("{}: {}", "problem_id", "name"))
    assert apply_rules(frame, stage="s", rules=[rule])[1]["evidence"].to_list() == ["p1: dropped", "p2: dropped"]


@given(st.lists(st.none() | st.integers(0, 40), max_size=30))
def test_kept_and_dropped_are_the_input_in_two_halves(lengths: list[int | None]) -> None:
    frame = frame_of(lengths)
    kept, dropped = apply_rules(frame, stage="s", rules=RULES)
    assert sorted([*kept["problem_id"], *dropped["problem_id"]]) == sorted(frame["problem_id"])
    assert kept.columns == frame.columns
    assert kept["problem_id"].to_list() == [name for name in frame["problem_id"] if name in set(kept["problem_id"])]
    assert dropped.schema == DROPPED.schema
