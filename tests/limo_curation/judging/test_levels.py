"""The levels: the rubric's own chains, the same in other words, and what a level must not be bought with."""

import time
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.judging import grade_level, score_rules
from limo_curation.judging.levels import FEATURES, LEVELS, Level, level_features, read_rubric
from measurements.judging_attacks import STUFFING

PARAPHRASES = tomllib.loads((Path(__file__).parent / "level_paraphrases.toml").read_text(encoding="utf-8"))["chains"]
SAME_MEANING = [
    {"Therefore": "Thus", "therefore": "thus", "Hence": "Consequently", "Since": "Because", "since": "because"},
    {"check": "verify", "another way": "a different approach", "Perhaps": "Maybe", "rectangle": "garden"},
    {" x ": " p ", "(x ": "(p ", " y ": " q ", "y)": "q)", " d ": " h ", "xy": "pq"},
]


def levels_of(*texts: str | None) -> list[str]:
    return grade_level(pl.DataFrame({"chain": texts}, schema={"chain": str})).to_list()


def explained(text: str) -> dict[str, Any]:
    chains = pl.DataFrame({"chain_id": ["c"], "chain": [text]})
    return level_features(score_rules(chains), chains["chain"]).row(0, named=True)


def test_the_rubric_has_the_five_levels_in_order_and_asks_for_features_that_exist() -> None:
    rubric = read_rubric()
    assert tuple(level.name for level in rubric) == LEVELS
    assert not rubric[0].minima
    for level in rubric[1:]:
        assert level.minima
        assert set(level.minima) <= set(FEATURES)


def test_each_chain_of_the_rubric_has_its_level() -> None:
    assert levels_of(*(level.example for level in read_rubric())) == list(LEVELS)


@pytest.mark.parametrize("words", SAME_MEANING, ids=["connectives", "checks", "names"])
def test_the_rubrics_chains_keep_their_order_in_other_words(words: dict[str, str]) -> None:
    examples = [level.example for level in read_rubric()]
    for old, new in words.items():
        examples = [example.replace(old, new) for example in examples]
    assert levels_of(*examples) == list(LEVELS)


@pytest.mark.parametrize("chain", PARAPHRASES, ids=[f"{each['level']}-{at % 3}" for at, each in enumerate(PARAPHRASES)])
def test_other_chains_of_a_level_have_it_too(chain: dict[str, str]) -> None:
    assert levels_of(chain["chain"]) == [chain["level"]]


def test_empty_chains_have_the_lowest_level() -> None:
    assert levels_of(None, "", " \n") == ["L1", "L1", "L1"]
    assert levels_of() == []


@pytest.mark.parametrize("level", read_rubric(), ids=LEVELS)
def test_announcements_without_formulas_buy_no_level(level: Level) -> None:
    stuffed = [attack(level.example) for name, attack in STUFFING.items() if "between" not in name]
    assert max(levels_of(*stuffed)) <= level.name


@pytest.mark.parametrize("level", read_rubric()[:3], ids=LEVELS[:3])
def test_announcements_between_a_chains_own_formulas_are_no_checks(level: Level) -> None:
    stuffed = [attack(level.example) for name, attack in STUFFING.items() if "between" in name]
    assert max(levels_of(*stuffed)) <= level.name


def test_a_chain_that_breaks_off_has_the_lowest_level() -> None:
    best = read_rubric()[-1].example
    assert levels_of(best[: best.index("The answer")], best) == ["L1", "L5"]


def test_checks_that_do_not_hold_are_no_reason_for_the_highest_level() -> None:
    best = read_rubric()[-1].example
    wrong = (
        best.replace("8.5 + 3.5 = 12", "8.5 + 3.5 = 13")
        .replace("12^2 = 169", "12^2 = 170")
        .replace("5 * 12 = 60", "5 * 12 = 70")
    )
    assert explained(best)["check_points"] > 3 > explained(wrong)["check_points"]
    assert levels_of(best, wrong) == ["L5", "L4"]


def test_what_a_level_rests_on_is_told() -> None:
    told = explained(read_rubric()[3].example)
    assert list(told) == ["level", *FEATURES]
    assert told["level"] == "L4"
    assert (told["check_points"] >= 1, told["num_turns"]) == (True, 0)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.sampled_from([each["chain"] for each in PARAPHRASES]), max_size=5))
def test_a_level_depends_on_nothing_but_the_chain(texts: list[str]) -> None:
    assert levels_of(*texts) == [levels_of(text)[0] for text in texts]


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_has_a_level(text: str) -> None:
    assert levels_of(text)[0] in LEVELS


@pytest.mark.parametrize(
    "text",
    [
        "=" * 10**6,
        "x\n" * 10**6,
        "\\boxed{" * 10**5,
        "因" * 10**6,
        "\0 = 3. " * 10**5,
        "$" * 10**6,
        "check 1 = 1\n" * 10**5,
    ],
    ids=["relations", "lines", "boxes", "Chinese", "null bytes", "dollars", "checks"],
)
def test_a_hostile_chain_is_graded_in_time(text: str) -> None:
    started = time.process_time()
    assert levels_of(text) == ["L1"]
    assert time.process_time() - started < 20  # some tenths of a second; backtracking would take hours
