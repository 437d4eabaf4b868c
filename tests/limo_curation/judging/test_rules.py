"""The rule score: what raises it, and what must not."""

import itertools
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.judging import JUDGING, judge_chains, score_rules
from limo_curation.judging.features import count_features
from limo_curation.judging.rules import AXES, MIN_RATED_WORDS
from limo_curation.judging_config import AxisWeights, JudgingConfig
from limo_curation.tables import DROPPED, JUDGED_CHAINS, VERIFIED_CHAINS
from measurements.judging_attacks import CHINESE, ENGLISH, NUMBERED, SPREAD, STUFFING, UNCONNECTED, interleaved

STEPS = [
    f"Adding the term {word} n to the sum gives s = {n * (n + 1) // 2} so far."
    for n, word in enumerate(("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"), 1)
]
PLAIN = "\n".join([*STEPS, r"The answer is \boxed{45}."])
CAREFUL = PLAIN.replace(
    r"The answer is",
    "Let me check the sum: 9 * 10 = 90, and half of it is 45.\n"
    "I also verify the last step: since 36 + 9 = 45, no term is left out.\nThe answer is",
)


def score(*texts: str | None, config: JudgingConfig = JudgingConfig()) -> pl.DataFrame:  # noqa: B008 (frozen)
    ids = [f"c{index}" for index in range(len(texts))]
    frame = pl.DataFrame({"chain_id": ids, "chain": texts}, schema={"chain_id": str, "chain": str})
    return score_rules(frame, config=config)


def counted(up_to: int) -> str:
    """A sentence that names numbers, so that what follows can take them up."""
    return f"The values are {', '.join(map(str, range(up_to)))}."


def rule_score(*texts: str | None) -> list[float]:
    return score(*texts)["rule_score"].to_list()


@pytest.mark.parametrize(
    ("sentence", "axis"),
    [
        ("Let me check this: 3 + 3 = 6.", "self_verification"),
        ("验证一下：3+3=6。", "self_verification"),
        ("Perhaps k = 3 works better.", "exploration"),
        ("也许可以设k=3。", "exploration"),
        ("Therefore AB = AC.", "adaptive_granularity"),
        ("因为a=b，角也相等。", "adaptive_granularity"),
    ],
)
def test_each_axis_sees_its_words_in_both_languages(sentence: str, axis: str) -> None:
    plain, told = score(PLAIN, f"{PLAIN}\n{sentence}").select(f"num_{name}" for name in AXES[1:]).iter_rows(named=True)
    assert {name for name in told if told[name] > plain[name]} == {f"num_{axis}"}


@pytest.mark.parametrize(
    "sentence", ["Let me check this.", "Wait, let me check 17!", "验证一下这个结果。", "Therefore, perhaps."]
)
def test_a_word_without_a_formula_counts_for_nothing(sentence: str) -> None:
    counts = score(sentence).select(f"num_{name}" for name in AXES[1:])
    assert counts.row(0) == (0, 0, 0)


def test_words_inside_other_words_do_not_count() -> None:
    scored = score("The checkerboard mightily awaits sincere people with n = 3.")
    assert scored.select(AXES[1:]).row(0) == (0.0, 0.0, 0.0)


def test_a_word_counts_only_where_a_clause_begins_and_a_phrase_anywhere() -> None:
    texts = [
        "Let us check n = m.",
        "So n = 3, since it is odd.",
        "The n perhaps is check 3.",
        "It is n = 3 due to parity.",
    ]
    counts = score(*texts).select(f"num_{name}" for name in AXES[1:])
    assert counts.rows() == [(1, 0, 0), (0, 0, 1), (0, 0, 0), (0, 0, 1)]


def test_an_apostrophe_makes_no_formula() -> None:
    assert score("Let's verify, it doesn't hurt, e.g. like so.")["num_self_verification"].to_list() == [0]


def test_length_counts_words_and_each_han_character() -> None:
    assert score("one two three 四五").row(0, named=True)["num_words"] == 5


def test_longer_chain_is_more_elaborate_up_to_the_cap() -> None:
    words = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu")
    steps = [f"{' '.join(picked)} give x = {at}" for at, picked in enumerate(itertools.permutations(words, 4))]
    texts = ["\n".join([*steps[:size], "The answer is 3."]) for size in (10, 100, 5_000)]
    short, longer, longest = score(*texts)["elaboration"] / score(*texts)["soundness"]
    assert 0 < short < longer < longest == 1.0


def test_two_checks_that_calculate_beat_two_hundred_that_are_only_announced() -> None:
    stuffed = PLAIN.replace("The answer", f"{'Wait, let me check. ' * 200}\nThe answer")
    careful, announced, plain = rule_score(CAREFUL, stuffed, PLAIN)
    assert careful > plain >= announced


@pytest.mark.parametrize("attack", [*STUFFING.values(), *UNCONNECTED.values()], ids=[*STUFFING, *UNCONNECTED])
@pytest.mark.parametrize("text", [PLAIN, CAREFUL, CAREFUL * 3], ids=["plain", "careful", "long"])
def test_stuffing_gains_nothing(text: str, attack: Callable[[str], str]) -> None:
    before, after = rule_score(text, attack(text))
    assert after <= before + 1e-12


def test_phrases_around_one_formula_count_once() -> None:
    many = "\n".join(f"{phrase.rstrip('.')}: 3 + 4 = 7." for phrase in (*ENGLISH, *CHINESE, *SPREAD))
    assert score(f"There are 3 of 7.\n{many}").select(f"num_{name}" for name in AXES[1:]).row(0) == (1, 0, 0)


def test_formulas_in_one_phrase_count_once() -> None:
    many = "\n".join(f"Let me check: {n} + {n} = {2 * n}." for n in range(200))
    assert score(f"{counted(400)}\n{many}")["num_self_verification"].to_list() == [1]


def test_a_formula_that_stood_before_counts_for_no_word() -> None:
    assert score("So k = 3.\nTherefore k = 3.\nHence 2k = 6.")["num_adaptive_granularity"].to_list() == [1]


def test_a_sentence_counts_for_one_axis() -> None:
    texts = ["Perhaps k = 3, since it is odd.", "Let me check k > m, because it might fail."]
    assert score(*texts).select(f"num_{name}" for name in AXES[1:]).rows() == [(0, 1, 0), (1, 0, 0)]


def test_the_first_sentence_of_an_axis_may_be_chance() -> None:
    once, twice = score(f"Hence 2k = 6.\n{PLAIN}", f"Hence 2k = 6.\nThus it is m = 4.\n{PLAIN}")["adaptive_granularity"]
    assert 0 == once < twice


@pytest.mark.parametrize(
    ("check", "count"),
    [
        ("Let me check: 36 + 9 = 45.", 1),
        ("Let me check: 123 + 456 = 579.", 0),
        ("Let me check: 45 + 123 = 168.", 0),
        ("I verify that it is n = 45.", 1),
        ("I verify that n > m.", 1),
    ],
)
def test_a_check_takes_up_numbers_from_before_it(check: str, count: int) -> None:
    assert score(f"{PLAIN}\n{check}")["num_self_verification"].to_list() == [count]


def test_a_check_gives_no_numbers_to_another() -> None:
    checks = "Let me check: 123 + 456 = 579.\nI verify the same backwards: 579 - 456 = 123."
    assert score(f"{PLAIN}\n{checks}")["num_self_verification"].to_list() == [0]


def test_a_check_adds_no_length() -> None:
    before, after = score(PLAIN, f"{PLAIN}\nLet me check the last sum: 36 + 9 = 45.")["num_substance_words"]
    assert before == after


@pytest.mark.parametrize(
    "sentence",
    [
        "The sum perhaps is check n = 3.",
        "The sum wait comes to n = 3.",
        "Perhaps The sum is n = 3.",
        "I verify that So n = 3.",
    ],
)
def test_words_that_are_strewn_or_put_before_a_sentence_cost_its_words_and_soundness(sentence: str) -> None:
    plain, stuffed = score(PLAIN, f"{sentence}\n{PLAIN}").iter_rows(named=True)
    assert (plain["num_stuffed"], stuffed["num_stuffed"]) == (0, 1)
    assert stuffed["num_substance_words"] == plain["num_substance_words"]
    assert stuffed["soundness"] < plain["soundness"]


@pytest.mark.parametrize(
    "sentence",
    [
        "Therefore, we get n = 3.",
        "As a last check, the sum is n = 3.",
        "We must check that n = 3.",
        "The number is therefore n = 3.",
        "This might be n = 3, because it holds.",
        "Hmm, wait, maybe it is n = 3.",
        r"\\[ n = 3 \\] Therefore 2n = 6.",
        "Since Alice has three, In total n = 3.",
    ],
)
def test_words_where_they_belong_are_not_stuffed(sentence: str) -> None:
    assert score(sentence)["num_stuffed"].to_list() == [0]


def test_a_rate_far_above_good_chains_falls_back() -> None:
    names = ("sum", "product", "difference", "square", "cube", "half", "double", "root", "ratio", "mean", "mode")
    lines = [
        f"I check the {a} of the {b}: {n}x = {n * n}." for n, (a, b) in enumerate(itertools.permutations(names, 2))
    ]
    few, many = ("\n".join([counted(1_000), *some, "The answer is 5."]) for some in (lines[:10], lines))
    some, all_of_them = score(few, many)["self_verification"]
    assert 0 == all_of_them < some


def test_empty_chain_scores_zero() -> None:
    assert rule_score(None, "", " \n ") == [0.0, 0.0, 0.0]


def test_no_rows_give_no_rows_with_the_same_columns() -> None:
    none, one = score(), score(PLAIN)
    assert (none.height, none.schema) == (0, one.schema)


def test_order_and_repeated_ids_are_kept() -> None:
    frame = pl.DataFrame({"chain_id": ["b", "a", "b"], "chain": [CAREFUL, "no", CAREFUL]})
    scored = score_rules(frame)
    assert scored["chain_id"].to_list() == ["b", "a", "b"]
    assert scored["num_self_verification"].to_list() == [2, 0, 2]


def test_weights_decide_what_the_score_is_made_of() -> None:
    weights = AxisWeights(elaboration=0, self_verification=1, exploration=0, adaptive_granularity=0)
    scored = score(CAREFUL, config=JudgingConfig(weights=weights))
    assert scored["rule_score"].to_list() == scored["self_verification"].to_list() != [0.0]


def test_the_score_is_the_weighted_sum_of_the_axes() -> None:
    scored = score(PLAIN, CAREFUL, "n = 3")
    weights = JudgingConfig().weights.model_dump()
    sums = scored.select(pl.sum_horizontal(pl.col(axis) * weight for axis, weight in weights.items())).to_series()
    assert (scored["rule_score"] - sums).abs().max() == pytest.approx(0, abs=1e-12)


def test_a_full_value_of_the_config_replaces_that_of_the_reference_set() -> None:
    full = 1_000 / MIN_RATED_WORDS
    scored = score(CAREFUL, config=JudgingConfig(full_self_verification=full, full_elaboration_words=1))
    row = scored.row(0, named=True)
    assert (row["self_verification"], row["elaboration"]) == pytest.approx((row["soundness"], row["soundness"]))


TEXTS = st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), max_size=4)
SUBSTANCE = st.sampled_from([*STEPS, "Let me check: 3 + 4 = 7.", "Perhaps k = 3.", "Hence 2k = 6.", r"So \boxed{45}."])
EMPTY = st.sampled_from([*ENGLISH, *CHINESE, *SPREAD[:20], *NUMBERED[:5], "Nothing of note happens here."])


@settings(deadline=None)
@given(TEXTS)
def test_every_axis_and_the_score_lie_between_zero_and_one(texts: list[str]) -> None:
    scored = score(*texts)
    assert scored.height == len(texts)
    for name in [*AXES, "rule_score", "soundness"]:
        assert scored[name].is_between(0, 1).all()


@settings(deadline=None)
@given(
    st.lists(SUBSTANCE, min_size=1, max_size=12), st.lists(st.tuples(st.integers(0, 12), EMPTY), min_size=1, max_size=8)
)
def test_sentences_without_substance_never_raise_a_score(steps: list[str], put_in: list[tuple[int, str]]) -> None:
    stuffed = list(steps)
    for at, sentence in put_in:
        stuffed.insert(at, sentence)
    before, after = rule_score("\n".join(steps), "\n".join(stuffed))
    assert after <= before + 1e-12


@settings(deadline=None)
@given(st.lists(SUBSTANCE, min_size=1, max_size=12), st.integers(1, 4))
def test_saying_everything_again_never_raises_a_score(steps: list[str], times: int) -> None:
    before, after = rule_score("\n".join(steps), "\n".join(steps * (times + 1)))
    assert after <= before + 1e-12


@settings(deadline=None)
@given(st.lists(st.lists(SUBSTANCE | EMPTY, max_size=8).map("\n".join), min_size=1, max_size=6), st.integers(0, 5))
def test_a_score_depends_on_nothing_but_the_chain(texts: list[str], turn: int) -> None:
    alone = [rule_score(text)[0] for text in texts]
    assert rule_score(*texts) == alone
    assert rule_score(*texts[turn:], *texts[:turn]) == alone[turn:] + alone[:turn]


def test_batches_give_what_one_batch_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pl.Series("chain", [PLAIN, CAREFUL, None, interleaved(CAREFUL, ENGLISH), "n = 3"])
    whole = count_features(texts)
    monkeypatch.setattr("limo_curation.judging.features.BATCH_ROWS", 2)
    assert count_features(texts).equals(whole)


def test_judging_keeps_every_chain_with_its_columns() -> None:
    row = dict.fromkeys(VERIFIED_CHAINS.columns) | {"chain_id": "c", "problem_id": "p", "chain": CAREFUL}
    chains = pl.DataFrame([row, row], schema=VERIFIED_CHAINS.schema)
    result = judge_chains(chains, config=JudgingConfig())
    assert result.kept.schema == JUDGED_CHAINS.schema
    assert result.kept.select(list(VERIFIED_CHAINS.columns)).equals(chains)
    assert result.kept.select("rule_score", "rule_level", "judge_level").row(0) == (rule_score(CAREFUL)[0], "L4", None)
    assert (result.dropped.schema, result.dropped.height) == (DROPPED.schema, 0)
    assert JUDGING.drop_reasons == ()
    assert judge_chains(VERIFIED_CHAINS.empty(), config=JudgingConfig()).kept.schema == JUDGED_CHAINS.schema
