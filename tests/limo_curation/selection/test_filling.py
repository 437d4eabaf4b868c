"""Filling the quotas: a token budget, diversity, and the laws that hold for any pool."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limo_curation.errors import ShortfallError
from limo_curation.ledger import StageResult
from limo_curation.selection import select_samples
from limo_curation.selection.candidates import best_chains, competing
from limo_curation.selection.diversity import similarity, sketch_questions
from limo_curation.selection_config import SelectionConfig
from limo_curation.tables import DOMAINS, JUDGED_CHAINS
from tests.judged_rows import chain, chosen, reasons, select
from tests.rows import rows_of

# -- token budget ------------------------------------------------------------------------------------------------------


def long_and_short() -> list[dict[str, Any]]:
    """Three long chains that score high, and three short ones that score less."""
    long = [chain(number, score=0.9 - number / 100, num_student_tokens=10_000) for number in range(3)]
    return long + [chain(10 + number, score=0.5 - number / 100, num_student_tokens=1_000) for number in range(3)]


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (30_000, ["c000", "c001", "c002"]),
        (29_999, ["c000", "c001", "c010"]),
        (12_000, ["c000", "c010", "c011"]),
        (3_000, ["c010", "c011", "c012"]),
    ],
)
def test_budget_is_met_with_the_best_that_fit_and_exactly_the_target(budget: int, expected: list[str]) -> None:
    result = select(*long_and_short(), target_size=3, quotas={"algebra": 3}, max_total_tokens=budget)
    assert chosen(result) == expected
    assert result.metrics["num_selected_tokens"] <= budget


def test_budget_that_no_choice_fits_is_a_shortfall_with_the_least_number_of_tokens() -> None:
    with pytest.raises(ShortfallError, match=r"^3 samples take 3,000 tokens .* max_total_tokens is 2,999") as caught:
        select(*long_and_short(), target_size=3, quotas={"algebra": 3}, max_total_tokens=2_999)
    assert str(caught.value).splitlines()[1].endswith("tokens")


def test_sample_that_gave_way_to_a_shorter_one_says_so_with_its_tokens_and_the_budget() -> None:
    result = select(*long_and_short(), target_size=3, quotas={"algebra": 3}, max_total_tokens=29_999)
    row = result.dropped.filter(pl.col("chain_id") == "c002").row(0, named=True)
    assert (row["drop_reason"], row["value"], row["threshold"]) == ("token_budget", 10_000, 29_999)
    assert "shorter samples take its place" in row["evidence"]
    assert reasons(result)["c012"] == "quota_filled", "it was not chosen without the budget either"


def test_students_count_goes_before_the_engines() -> None:
    rows = [chain(1, score=0.9, num_tokens=1, num_student_tokens=100), chain(2, score=0.1, num_tokens=10)]
    assert chosen(select(*rows, target_size=1, quotas={"algebra": 1}, max_total_tokens=50)) == ["c002"]


def test_chain_without_a_count_is_left_out_only_where_there_is_a_budget() -> None:
    rows = [chain(1, score=0.9), chain(2, score=0.1, num_tokens=10)]
    assert chosen(select(*rows, target_size=1, quotas={"algebra": 1})) == ["c001"]
    result = select(*rows, target_size=1, quotas={"algebra": 1}, max_total_tokens=50)
    assert chosen(result) == ["c002"]
    assert reasons(result) == {"c001": "no_token_count"}


def test_problem_is_not_lost_because_the_best_of_its_chains_was_not_counted() -> None:
    rows = [chain(1, score=0.9, problem_id="p"), chain(2, score=0.1, problem_id="p", num_tokens=10)]
    result = select(*rows, target_size=1, quotas={"algebra": 1}, max_total_tokens=50)
    assert (chosen(result), reasons(result)) == (["c002"], {"c001": "no_token_count"})
    with pytest.raises(ShortfallError, match=r"no token count"):
        select(rows[0], target_size=1, quotas={"algebra": 1}, max_total_tokens=50)


# -- diversity ---------------------------------------------------------------------------------------------------------

APPLES = "A farmer picks {} red apples in the morning and sells some of them on the market of the old town."
CIRCLES = (
    "Two circles touch each other from outside, and a common tangent meets them in two points; find their distance."
)


def alike_and_other() -> list[dict[str, Any]]:
    alike = [chain(number, score=0.9 - number / 100, question=APPLES.format(7 + number)) for number in range(3)]
    return [*alike, chain(10, score=0.6, question=CIRCLES)]


def test_without_diversity_quality_alone_decides() -> None:
    assert chosen(select(*alike_and_other(), target_size=2, quotas={"algebra": 2})) == ["c000", "c001"]


def test_diversity_takes_an_unlike_problem_before_a_better_one_on_the_same_template() -> None:
    result = select(*alike_and_other(), target_size=2, quotas={"algebra": 2}, diversity=0.5)
    assert chosen(result) == ["c000", "c010"]
    assert result.metrics["mean_nearest_similarity_fraction"] < 0.2


def test_likeness_to_samples_of_another_domain_does_not_count() -> None:
    rows = [chain(1, "geometry", 1.0, question=APPLES.format(3)), *alike_and_other()]
    result = select(*rows, target_size=2, quotas={"algebra": 1, "geometry": 1}, diversity=1.0)
    assert "c001" in chosen(result), "the only one of geometry"
    assert len(chosen(result)) == 2


def test_diversity_that_is_too_small_to_outweigh_quality_changes_nothing() -> None:
    result = select(*alike_and_other(), target_size=2, quotas={"algebra": 2}, diversity=0.1)
    assert chosen(result) == ["c000", "c001"]
    assert result.metrics["mean_nearest_similarity_fraction"] == 1.0


# -- laws --------------------------------------------------------------------------------------------------------------

QUESTIONS = [APPLES.format(3), APPLES.format(4), CIRCLES, "What is the sum of all primes below one hundred?"]
CHAINS = st.lists(
    st.fixed_dictionaries(
        {
            "problem_id": st.sampled_from([f"p{number}" for number in range(12)]),
            "rule_score": st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0]),
            "domain": st.none() | st.sampled_from(DOMAINS[:3]),
            "template_id": st.none() | st.sampled_from(["t1", "t2"]),
            "source": st.sampled_from(["s1", "s2", "s3"]),
            "num_tokens": st.none() | st.integers(1, 50),
            "question": st.sampled_from(QUESTIONS),
        }
    ),
    max_size=25,
)
CONFIGS = st.fixed_dictionaries(
    {
        "target_size": st.integers(1, 5),
        "max_per_template": st.none() | st.integers(1, 2),
        "max_per_source": st.none() | st.integers(1, 2),
        "max_total_tokens": st.none() | st.integers(1, 150),
        "diversity": st.sampled_from([0.0, 0.0, 0.3, 1.0]),
        "when_short": st.sampled_from(["fail", "redistribute"]),
    }
)
LAWS = settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"chain_id": f"c{number:02d}"} | row for number, row in enumerate(rows)]


@LAWS
@given(CHAINS, st.randoms(use_true_random=False), CONFIGS)
def test_any_pool_gives_the_target_or_a_shortfall_in_every_order(
    rows: list[dict[str, Any]], shuffler: Any, config: dict[str, Any]
) -> None:
    def outcome(order: list[dict[str, Any]]) -> object:
        try:
            result = select(*order, **config)
        except ShortfallError as error:
            return str(error)
        check_limits(result.kept, config)
        return chosen(result), sorted(map(str, result.dropped.rows())), result.metrics

    rows = numbered(rows)
    shuffled = rows.copy()
    shuffler.shuffle(shuffled)
    assert outcome(shuffled) == outcome(rows)


def check_limits(kept: pl.DataFrame, config: dict[str, Any]) -> None:
    assert kept.height == config["target_size"] == kept["problem_id"].n_unique()
    for column, limit in (("source", "max_per_source"), ("template_id", "max_per_template")):
        counts = kept[column].drop_nulls().value_counts()["count"]
        assert config[limit] is None or all(count <= config[limit] for count in counts)
    if config["max_total_tokens"] is not None:
        assert kept["num_tokens"].null_count() == 0
        assert kept["num_tokens"].sum() <= config["max_total_tokens"]
    if config["when_short"] == "fail" and kept["domain"].null_count() < kept.height:
        most = -(-config["target_size"] // len(DOMAINS))
        assert all(count <= most for count in kept["domain"].value_counts()["count"])


@LAWS
@given(CHAINS, CONFIGS, st.integers(0, 4))
def test_a_chosen_chain_stays_chosen_when_its_quality_rises(
    rows: list[dict[str, Any]], config: dict[str, Any], place: int
) -> None:
    # under a budget the price moves with the qualities, and with it what the caps leave
    rows, config = numbered(rows), config | {"max_total_tokens": None}
    try:
        before = chosen(select(*rows, **config))
    except ShortfallError:
        return
    raised = before[place % len(before)]
    better = [row | ({"quality": 2.0} if row["chain_id"] == raised else {}) for row in rows]
    assert raised in chosen(select(*better, **config))


@LAWS
@given(CHAINS, CONFIGS)
def test_lazy_choice_is_that_of_looking_at_every_candidate(rows: list[dict[str, Any]], config: dict[str, Any]) -> None:
    config |= {"max_per_source": None, "max_per_template": None, "max_total_tokens": None, "when_short": "fail"}
    rows = [row | {"domain": "algebra"} for row in numbered(rows)]
    size = min(config["target_size"], len({row["problem_id"] for row in rows}))
    if not size:
        return
    settled = SelectionConfig.model_validate(config | {"target_size": size, "quotas": {"algebra": size}})
    candidates = best_chains([competing(rows_of(JUDGED_CHAINS, *rows).lazy(), config=settled.model_copy(
        update={"diversity": settled.diversity or 0.3})
    )])  # fmt: skip
    assert chosen(select_with(rows, settled)) == sorted(by_looking_at_all(candidates, settled))


def select_with(rows: list[dict[str, Any]], config: SelectionConfig) -> StageResult:
    return select_samples(rows_of(JUDGED_CHAINS, *rows), config=config)


def by_looking_at_all(candidates: pl.DataFrame, config: SelectionConfig) -> list[str]:
    """Choose as the documentation says it: the most valuable one, again and again."""
    ids, scores = candidates["chain_id"].to_list(), candidates["score"].fill_null(0.0).to_list()
    sketches = sketch_questions(candidates["question"])
    taken: list[int] = []
    while len(taken) < config.target_size:

        def value(row: int) -> float:
            nearest = max((similarity(sketches[row], sketches[sample]) for sample in taken), default=0.0)
            return (1 - config.diversity) * scores[row] - config.diversity * nearest

        left = [row for row in range(len(ids)) if row not in taken]
        taken.append(max(left, key=lambda row: (value(row), -row)))
    return [ids[row] for row in taken]
