"""Which chains verification drops, and what it puts on record."""

from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest

from limo_curation.answers import AnswerPolicy
from limo_curation.config import VerificationConfig
from limo_curation.tables import CHAINS, DROPPED, VERIFIED_CHAINS
from limo_curation.verification import VERIFICATION, verify_chains

# made up after the published trap: a walk whose time is "verified" in many words and is wrong
PERSUASIVE_BUT_WRONG = (
    "Suppose the pace is 2.5 miles an hour. Let me check: plug back, verified. Perhaps I should double-check; indeed, "
    r"therefore the pause is 192 minutes. Verified again, so the total is \boxed{372}."
)


REASONS = "First I add both distances, then I divide their sum by the pace: "


def chains(*rows: Mapping[str, Any]) -> pl.DataFrame:
    complete = [
        {"chain_id": f"c{index}", "problem_id": f"p{index}", "answer": "204", "finish_reason": "stop", **row}
        for index, row in enumerate(rows)
    ]
    given = pl.DataFrame(complete, infer_schema_length=None)
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in CHAINS.schema.items() if name not in given.columns]
    return given.with_columns(missing).select(list(CHAINS.columns)).cast(dict(CHAINS.schema))


def test_right_chain_is_kept_with_its_answer() -> None:
    result = verify_chains(chains({"chain": REASONS + r"\boxed{204.0}"}), config=VerificationConfig())
    assert result.kept.schema == VERIFIED_CHAINS.schema
    assert result.kept.select("predicted_answer", "verdict").row(0) == ("204.0", "equal")
    assert result.dropped.height == 0


@pytest.mark.parametrize(
    ("row", "reason", "evidence"),
    [
        ({"chain": PERSUASIVE_BUT_WRONG}, "wrong_answer", "found 372, gold 204 (other_number)"),
        ({"chain": "I ran out of ideas."}, "no_final_answer", "gold 204"),
        ({"chain": None}, "no_final_answer", "gold 204"),
        ({"chain": r"\boxed{204}", "answer": None}, "no_gold_answer", None),
        ({"chain": r"\boxed{204}", "answer": " "}, "no_gold_answer", None),
        ({"chain": r"\boxed{\ne 204}"}, "answer_undecided", r"found \ne 204, gold 204 (not_understood)"),
        ({"chain": r"\boxed{204\%}"}, "answer_undecided", r"found 204\%, gold 204 (percent)"),
    ],
)
def test_every_other_chain_is_dropped_with_its_reason(row: dict[str, Any], reason: str, evidence: str | None) -> None:
    result = verify_chains(chains(row), config=VerificationConfig())
    assert result.kept.height == 0
    assert result.dropped.select("chain_id", "drop_reason", "evidence").row(0) == ("c0", reason, evidence)
    assert reason in VERIFICATION.drop_reasons


def test_undecided_chain_stays_where_asked_for_but_a_missing_answer_does_not() -> None:
    frame = chains({"chain": REASONS + r"\boxed{204\%}"}, {"chain": "no answer"}, {"chain": r"\boxed{5}"})
    result = verify_chains(frame, config=VerificationConfig(keep_undecided=True))
    assert result.kept["verdict"].to_list() == ["undecided"]
    assert result.dropped["drop_reason"].to_list() == ["no_final_answer", "wrong_answer"]


def test_evidence_of_an_endless_answer_stays_short() -> None:
    result = verify_chains(chains({"chain": "\\boxed{" + "x" * 9_000 + "}"}), config=VerificationConfig())
    assert len(result.dropped["evidence"][0]) < 300


def test_no_row_is_lost_and_the_input_is_untouched() -> None:
    frame = chains(*({"chain": REASONS + rf"\boxed{{{n}}}"} for n in (203, 204, 205)), {"chain": ""})
    before = frame.clone()
    result = verify_chains(frame, config=VerificationConfig())
    assert frame.equals(before)
    assert sorted([*result.kept["chain_id"], *result.dropped["chain_id"]]) == ["c0", "c1", "c2", "c3"]
    assert result.dropped.schema == DROPPED.schema
    assert result.metrics == {"equal_chains": 1.0, "different_chains": 2.0, "undecided_chains": 1.0}


def test_empty_part_gives_empty_tables() -> None:
    result = verify_chains(CHAINS.empty(), config=VerificationConfig())
    assert (result.kept.schema, result.dropped.schema) == (VERIFIED_CHAINS.schema, DROPPED.schema)


# -- steps and text ----------------------------------------------------------------------------------------------------

ENGLISH = "First we add both numbers, then we divide their sum by the number of children and compare the two results. "
CHINESE = "首先我们把两个数相加，然后用总和除以孩子的人数，最后把得到的结果与另外一个结果进行比较和检查。"


@pytest.mark.parametrize(
    ("body", "reason", "value", "threshold", "evidence"),
    [
        ("The total is 200 + 4 = 206. Well.", "step_contradiction", 1, 0.05, "200 + 4 = 206: 204 is not 206"),
        ("So x = 3. " * 900, "degenerate_repetition", None, 8, r"ends in "),
        (ENGLISH * 3 + CHINESE * 3, "language_mixed", None, 0.15, "of the words are in the rarer script"),
        ("", "no_reasoning", 0, 5, r"\boxed{204}"),
    ],
)
def test_right_answer_is_dropped_for_its_text_with_value_and_threshold(
    body: str, reason: str, value: float | None, threshold: float, evidence: str
) -> None:
    result = verify_chains(chains({"chain": body + r"\boxed{204}"}), config=VerificationConfig())
    row = result.dropped.row(0, named=True)
    assert (row["drop_reason"], row["threshold"]) == (reason, threshold)
    assert value is None or row["value"] == value
    assert row["value"] > threshold or reason == "no_reasoning"
    assert evidence in row["evidence"]
    assert reason in VERIFICATION.drop_reasons


@pytest.mark.parametrize(
    ("body", "switched_off"),
    [
        ("The total is 200 + 4 = 206. Well.", {"max_failed_share": None}),
        ("The total is 200 + 4 = 206. Well.", {"max_failed_share": 1}),
        ("So x = 3. " * 900, {"max_repetition": None}),
        (ENGLISH * 3 + CHINESE * 3, {"max_language_share": None, "max_repetition": None}),
        ("", {"min_reasoning_characters": 0}),
    ],
)
def test_every_check_of_the_text_can_be_switched_off(body: str, switched_off: dict[str, Any]) -> None:
    result = verify_chains(chains({"chain": body + r"\boxed{204}"}), config=VerificationConfig(**switched_off))
    assert result.kept.height == 1


@pytest.mark.parametrize(("num_held", "is_kept"), [(18, False), (19, True)])
def test_one_slip_among_many_equations_that_hold_is_no_reason(num_held: int, is_kept: bool) -> None:
    chain = "".join(f"Now {n} + 1 = {n + 1}. " for n in range(num_held)) + "But 200 + 4 = 206. So "
    result = verify_chains(chains({"chain": chain + r"\boxed{204}"}), config=VerificationConfig())
    assert result.kept["num_claims_failed"].to_list() == ([1] if is_kept else [])


def test_claims_are_counted_and_an_open_correction_is_kept() -> None:
    chain = REASONS + r"200 + 4 = 206. Wait, that's wrong: 200 + 4 = 204. And 3 * 68 = 204. \boxed{204}"
    kept = verify_chains(chains({"chain": chain}), config=VerificationConfig()).kept
    assert kept.select("num_claims_held", "num_claims_failed", "num_claims_corrected").row(0) == (2, 0, 1)


def test_policy_decides_a_pair_that_can_be_read_in_two_ways() -> None:
    frame = chains({"chain": REASONS + r"\boxed{204\%}"})
    config = VerificationConfig(policy=AnswerPolicy(percent="sign"))
    assert verify_chains(frame, config=config).kept["verdict"].to_list() == ["equal"]


def test_contradiction_does_not_rescue_a_wrong_answer_from_its_own_reason() -> None:
    result = verify_chains(chains({"chain": r"3 + 4 = 8, so \boxed{5}"}), config=VerificationConfig())
    assert result.dropped["drop_reason"].to_list() == ["wrong_answer"]
