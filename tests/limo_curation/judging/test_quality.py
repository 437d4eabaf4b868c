"""Final quality, the contested list, and what people decide of it."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.judging.hand_written import DECISIONS, read_decisions
from limo_curation.judging.quality import add_quality, contested_rows, human_drop, write_contested
from limo_curation.ledger import apply_rules

SCHEMA = {
    "chain_id": pl.String,
    "problem_id": pl.String,
    "teacher": pl.String,
    "question": pl.String,
    "chain": pl.String,
    "rule_score": pl.Float64,
    "rule_level": pl.String,
    "judge_level": pl.String,
    "judge_score": pl.Float64,
    "judge_reasons": pl.String,
}
ROW = {
    "problem_id": "p",
    "teacher": "R1",
    "question": "3 times 7?",
    "chain": "21.",
    "rule_score": 0.4,
    "rule_level": "L3",
    "judge_level": "L4",
    "judge_score": 0.7,
    "judge_reasons": "one, L4: explained",
}
NOTHING = DECISIONS.to_frame()


def chains(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([ROW | {"chain_id": f"c{place}"} | row for place, row in enumerate(rows)], schema=SCHEMA)


def decisions(**by_chain: str) -> pl.DataFrame:
    rows = [(chain_id, decision, "Ada", "read twice") for chain_id, decision in by_chain.items()]
    return pl.DataFrame(rows, schema=DECISIONS, orient="row")


# -- quality -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("weight", "quality"), [(0.0, 0.4), (0.5, 0.55), (1.0, 0.7)])
def test_rules_and_judges_each_have_their_share_and_can_be_switched_off(weight: float, quality: float) -> None:
    assert add_quality(chains({}), NOTHING, weight=weight)["quality"].to_list() == pytest.approx([quality])


def test_an_unscored_chain_is_ranked_by_rules_alone_and_not_contested() -> None:
    found = add_quality(chains({"judge_level": None, "judge_score": None}), NOTHING, weight=1.0)
    assert found.select("quality", "is_contested").row(0) == (0.4, False)


@pytest.mark.parametrize(
    ("rules", "judges", "is_contested"),
    [("L3", "L4", False), ("L2", "L4", True), ("L5", "L1", True), (None, "L1", False)],
)
def test_a_chain_is_contested_from_two_levels_between(rules: str | None, judges: str, is_contested: bool) -> None:
    found = add_quality(chains({"rule_level": rules, "judge_level": judges}), NOTHING, weight=0.5)
    assert found["is_contested"].to_list() == [is_contested]


def test_a_person_s_level_takes_the_place_of_judges_and_rules_order_within_it() -> None:
    found = add_quality(chains({}, {"rule_score": 0.9}), decisions(c0="L5", c1="L5"), weight=0.5)
    assert found["quality"].to_list() == pytest.approx([(4 + 0.4) / 5, (4 + 0.9) / 5])
    assert found["human_note"].to_list() == ["Ada: read twice"] * 2


def test_what_a_person_has_decided_is_contested_no_more() -> None:
    disputed = {"rule_level": "L1", "judge_level": "L5"}
    found = add_quality(chains(disputed, disputed, disputed), decisions(c0="keep", c2="L3"), weight=0.5)
    assert found["is_contested"].to_list() == [False, True, False]
    assert found["quality"][0] == pytest.approx(0.55)


def test_a_chain_that_a_person_drops_leaves_with_who_and_why() -> None:
    found = add_quality(chains({}, {}), decisions(c1="drop"), weight=0.5)
    kept, dropped = apply_rules(found, stage="judging", rules=[human_drop()])
    assert kept["chain_id"].to_list() == ["c0"]
    assert dropped.select("chain_id", "drop_reason", "evidence").row(0) == ("c1", "dropped_by_human", "Ada: read twice")


def test_a_decision_on_a_chain_that_is_not_there_says_nothing() -> None:
    assert add_quality(chains({}), decisions(other="drop"), weight=0.5)["human_decision"].to_list() == [None]


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.sampled_from([None, "keep", "L1", "L5"]))
def test_quality_lies_between_zero_and_one(rule: float, judge: float, weight: float, decision: str | None) -> None:
    decided = NOTHING if decision is None else decisions(c0=decision)
    found = add_quality(chains({"rule_score": rule, "judge_score": judge}), decided, weight=weight)
    assert 0 <= found["quality"].item() <= 1


# -- the contested list ------------------------------------------------------------------------------------------------

DISPUTED = {"rule_level": "L1", "judge_level": "L5"}
HOSTILE = {
    "chain": "<script>alert(1)</script>\x00\u202e=1+1",
    "question": '=HYPERLINK("http://x")',
    "judge_reasons": "-2+3, <img src=x onerror=alert(1)>",
    "teacher": "@SUM(A1)",
}


def listed(*rows: dict[str, Any]) -> pl.DataFrame:
    return add_quality(chains(*rows), NOTHING, weight=0.5)


def test_the_list_shows_both_sides_the_farthest_apart_first() -> None:
    rows = contested_rows(listed({}, {"rule_level": "L2", "judge_level": "L4"}, DISPUTED))
    assert [row["chain_id"] for row in rows] == ["c2", "c1"]
    assert (rows[0]["rule_score"], rows[0]["judge_reasons"]) == ("0.400", "one, L4: explained")


@pytest.mark.parametrize("written", ["drop,,", ",Ada,", ",,to be discussed", "remove,,"])
def test_a_list_that_somebody_has_written_into_is_not_written_over(tmp_path: Path, written: str) -> None:
    table, page = write_contested(listed(DISPUTED), tmp_path)
    text = table.read_text(encoding="utf-8").replace("21.,,,", f"21.,{written}")
    table.write_text(text, encoding="utf-8", newline="")
    page.unlink()
    write_contested(listed(DISPUTED, DISPUTED), tmp_path)
    assert table.read_text(encoding="utf-8") == text
    assert "2 contested chains" in page.read_text(encoding="utf-8")


def test_a_list_without_decisions_is_written_anew(tmp_path: Path) -> None:
    write_contested(listed(DISPUTED), tmp_path)
    table, _ = write_contested(listed(DISPUTED, DISPUTED), tmp_path)
    assert len(table.read_text(encoding="utf-8").splitlines()) == 3


def test_the_filled_in_list_is_the_file_of_decisions_of_the_next_run(tmp_path: Path) -> None:
    table, _ = write_contested(listed(DISPUTED, {}, DISPUTED), tmp_path)
    assert read_decisions(str(table)).height == 0
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    rows[1] |= {"decision": "L2", "reviewer": "Ada", "note": "checks nothing"}
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    again = add_quality(chains(DISPUTED, {}, DISPUTED), read_decisions(str(table)), weight=0.5)
    assert again["is_contested"].to_list() == [True, False, False]
    assert again["human_note"][2] == "Ada: checks nothing"


def test_hostile_text_is_neither_a_formula_nor_markup(tmp_path: Path) -> None:
    table, page = write_contested(listed(DISPUTED | HOSTILE), tmp_path)
    [row] = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    assert not [cell for cell in row.values() if re.match(r"[=+\-@]", cell)]
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<img" not in text
    assert not re.search("[\x00\u202e]", text + table.read_text(encoding="utf-8"))


def test_a_long_chain_is_listed_by_its_beginning_and_end(tmp_path: Path) -> None:
    [row] = contested_rows(listed(DISPUTED | {"chain": "a" * 5_000 + "b" * 5_000}))
    assert row["chain"] == "a" * 1_500 + "\n[7000 characters left out]\n" + "b" * 1_500


def test_the_same_chains_give_the_same_files(tmp_path: Path) -> None:
    one = [path.read_bytes() for path in write_contested(listed(DISPUTED, DISPUTED), tmp_path / "one")]
    other = [path.read_bytes() for path in write_contested(listed(DISPUTED, DISPUTED).reverse(), tmp_path / "other")]
    assert one == other


def test_without_contested_chains_the_list_is_its_header(tmp_path: Path) -> None:
    table, page = write_contested(listed({}), tmp_path)
    assert table.read_text(encoding="utf-8").count("\n") == 1
    assert "0 contested chains" in page.read_text(encoding="utf-8")
