"""The rule score: what raises it, and what must not."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.judging import JUDGING, judge_chains, score_rules
from limo_curation.judging_config import AxisWeights, JudgingConfig
from limo_curation.tables import DROPPED, JUDGED_CHAINS, VERIFIED_CHAINS

AXES = ["elaboration", "self_verification", "exploration", "adaptive_granularity"]
PLAIN = "\n".join(f"Adding term number {n} gives a sum of {n * (n + 1) // 2} for the row." for n in range(100))


def score(*texts: str | None) -> pl.DataFrame:
    ids = [f"c{index}" for index in range(len(texts))]
    return score_rules(pl.DataFrame({"chain_id": ids, "chain": texts}, schema={"chain_id": str, "chain": str}))


@pytest.mark.parametrize(
    ("sentence", "axis"),
    [
        ("Let me check this with the first equation.", "self_verification"),
        ("验证一下这个结果。", "self_verification"),
        ("Perhaps a symmetric choice works better.", "exploration"),
        ("也许可以用另一种方法。", "exploration"),
        ("Therefore the triangle is isosceles.", "adaptive_granularity"),
        ("因为两边相等，角也相等。", "adaptive_granularity"),
    ],
)
def test_each_axis_sees_its_words_in_both_languages(sentence: str, axis: str) -> None:
    counts = score(f"{PLAIN}\n{sentence}").select(f"num_{name}" for name in AXES[1:]).row(0, named=True)
    assert {name for name, count in counts.items() if count} == {f"num_{axis}"}


def test_words_inside_other_words_do_not_count() -> None:
    scored = score("The checkerboard mightily awaits sincere people.")
    assert scored.select(AXES[1:]).row(0) == (0.0, 0.0, 0.0)


def test_length_counts_words_and_each_han_character() -> None:
    assert score("one two three 四五").row(0, named=True)["num_words"] == 5


def test_longer_chain_is_more_elaborate_up_to_the_cap() -> None:
    texts = ["\n".join(f"step {n} of {size}" for n in range(size)) for size in (10, 100, 5_000)]
    short, longer, longest = score(*texts)["elaboration"]
    assert 0 < short < longer < longest == 1.0


@pytest.mark.parametrize(
    "stuffing", ["Wait, let me check. " * 200, "\n".join(f"Wait, let me check {n}!" for n in range(200))]
)
def test_repeating_a_checking_sentence_gains_nothing_over_saying_it_once(stuffing: str) -> None:
    once, stuffed = score(f"{PLAIN}\nWait, let me check.", f"{PLAIN}\n{stuffing}")["rule_score"]
    assert stuffed <= once + 0.05


def test_a_sentence_full_of_checking_words_counts_once() -> None:
    once, full = score(f"{PLAIN}\nI check it.", f"{PLAIN}\nI check, verify, recheck, confirm it.")[
        "num_self_verification"
    ]
    assert once == full == 1


def test_empty_chain_scores_zero() -> None:
    assert score(None, "", " \n ")["rule_score"].to_list() == [0.0, 0.0, 0.0]


def test_order_and_repeated_ids_are_kept() -> None:
    frame = pl.DataFrame({"chain_id": ["b", "a", "b"], "chain": ["check it", "no", "check it"]})
    scored = score_rules(frame)
    assert scored["chain_id"].to_list() == ["b", "a", "b"]
    assert scored["num_self_verification"].to_list() == [1, 0, 1]


def test_weights_decide_what_the_score_is_made_of() -> None:
    weights = AxisWeights(elaboration=0, self_verification=1, exploration=0, adaptive_granularity=0)
    frame = pl.DataFrame({"chain_id": ["a"], "chain": ["I check it"]})
    assert score_rules(frame, config=JudgingConfig(weights=weights))["rule_score"].to_list() == [1.0]


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), max_size=4))
def test_every_axis_and_the_score_lie_between_zero_and_one(texts: list[str]) -> None:
    scored = score(*texts)
    assert scored.height == len(texts)
    for name in [*AXES, "rule_score"]:
        assert scored[name].is_between(0, 1).all()


def test_judging_keeps_every_chain_with_its_columns() -> None:
    row = dict.fromkeys(VERIFIED_CHAINS.columns) | {"chain_id": "c", "problem_id": "p", "chain": PLAIN}
    chains = pl.DataFrame([row, row], schema=VERIFIED_CHAINS.schema)
    result = judge_chains(chains, config=JudgingConfig())
    assert result.kept.schema == JUDGED_CHAINS.schema
    assert result.kept.select(list(VERIFIED_CHAINS.columns)).equals(chains)
    assert (result.dropped.schema, result.dropped.height) == (DROPPED.schema, 0)
    assert JUDGING.drop_reasons == ()
    assert judge_chains(VERIFIED_CHAINS.empty(), config=JudgingConfig()).kept.schema == JUDGED_CHAINS.schema
