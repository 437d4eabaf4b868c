"""Selection: exactly the target, the same samples for any order of the rows, and a message where that can't be."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limo_curation.errors import ShortfallError
from limo_curation.ledger import StageResult
from limo_curation.selection import SELECTION, select_samples
from limo_curation.selection.candidates import best_chains, competing
from limo_curation.selection.diversity import similarity, sketch_questions
from limo_curation.selection_config import SelectionConfig
from limo_curation.tables import DOMAINS, JUDGED_CHAINS, SAMPLES
from tests.rows import Outcome, rows_of, run_on


def chain(number: int, domain: str | None = "algebra", score: float | None = 0.5, **more: Any) -> dict[str, Any]:
    given = {"chain_id": f"c{number:03d}", "problem_id": f"p{number:03d}", "rule_score": score, "domain": domain}
    return {**given, "source": "pool", "template_id": f"t{number}", "chain": f"text {number}"} | more


def each_domain(count: int) -> list[dict[str, Any]]:
    """Rows with falling scores, `count` in each domain."""
    return [
        chain(100 * place + rank, domain, 0.9 - rank / 100)
        for place, domain in enumerate(DOMAINS)
        for rank in range(count)
    ]


def select(*rows: dict[str, Any], **config: Any) -> StageResult:
    frame = rows_of(JUDGED_CHAINS, *rows)
    result = select_samples(frame, config=SelectionConfig(**config))
    assert result.kept.columns == frame.columns
    ids = [*result.kept["chain_id"], *result.dropped["chain_id"]]
    assert sorted(ids) == sorted(frame["chain_id"])
    assert set(result.dropped["drop_reason"]) <= set(SELECTION.drop_reasons)
    return result


def chosen(result: StageResult | Outcome) -> list[str]:
    return sorted(result.kept["chain_id"].to_list())


def reasons(result: StageResult) -> dict[str, str]:
    return dict(result.dropped.select("chain_id", "drop_reason").iter_rows())


# -- target and quotas -------------------------------------------------------------------------------------------------


def test_even_quotas_by_default_over_six_domains() -> None:
    result = select(*each_domain(5), target_size=12)
    assert dict(result.kept["domain"].value_counts().iter_rows()) == dict.fromkeys(DOMAINS, 2)
    assert chosen(result) == [f"c{100 * place + rank:03d}" for place in range(6) for rank in (0, 1)]


@pytest.mark.parametrize(("target", "counts"), [(13, [3, 2, 2, 2, 2, 2]), (17, [3, 3, 3, 3, 3, 2]), (1, [1] + [0] * 5)])
def test_first_domains_get_what_is_left_over(target: int, counts: list[int]) -> None:
    found = dict(select(*each_domain(5), target_size=target).kept["domain"].value_counts().iter_rows())
    assert [found.get(domain, 0) for domain in DOMAINS] == counts


def test_817_samples_are_137_and_five_times_136() -> None:
    found = dict(select(*each_domain(99), *each_domain_again(60), target_size=817).kept["domain"].value_counts().rows())
    assert [found[domain] for domain in DOMAINS] == [137, 136, 136, 136, 136, 136]


def each_domain_again(count: int) -> list[dict[str, Any]]:
    names = ("chain_id", "problem_id")
    return [row | {name: f"again {row[name]}" for name in names} for row in each_domain(count)]


def test_configured_quotas_leave_out_domains_without_one() -> None:
    result = select(*each_domain(5), target_size=4, quotas={"geometry": 3, "number_theory": 1})
    assert chosen(result) == ["c100", "c101", "c102", "c200"]
    assert set(reasons(result).values()) == {"quota_filled"}


def test_ledger_gives_the_score_and_the_lowest_chosen_score() -> None:
    result = select(*each_domain(2), target_size=6)
    row = result.dropped.filter(pl.col("chain_id") == "c101").row(0, named=True)
    assert (row["drop_reason"], row["value"], row["threshold"]) == ("quota_filled", 0.89, 0.9)
    assert row["evidence"] == "better samples fill the quota of geometry"


# -- one chain for each problem ----------------------------------------------------------------------------------------


def test_best_chain_of_a_problem_competes_alone() -> None:
    rows = [
        chain(1, score=0.5, problem_id="p"),
        chain(2, score=0.9, problem_id="p"),
        chain(3, score=0.8, problem_id="p"),
        chain(4, score=0.1),
    ]
    result = select(*rows, target_size=2, quotas={"algebra": 2})
    assert chosen(result) == ["c002", "c004"]
    assert reasons(result) == {"c001": "not_best_chain", "c003": "not_best_chain"}
    assert set(result.dropped["evidence"]) == {"c002 scores higher"}


@pytest.mark.parametrize("scores", [(0.5, 0.5), (None, 0.0), (None, None)])
def test_tie_goes_to_the_lower_chain_id(scores: tuple[float | None, float | None]) -> None:
    rows = [chain(9, score=scores[0]), chain(3, score=scores[1])]
    for order in (rows, rows[::-1]):
        assert chosen(select(*order, target_size=1, quotas={"algebra": 1})) == ["c003"]
        one_problem = [row | {"problem_id": "p"} for row in order]
        assert chosen(select(*one_problem, target_size=1, quotas={"algebra": 1})) == ["c003"]


def test_quality_goes_before_the_rule_score_and_a_null_leaves_it_to_the_rules() -> None:
    judged, by_rules = chain(1, score=0.2, quality=0.9), chain(2, score=0.6)
    result = select(judged, by_rules, chain(3, score=0.8, quality=0.1), target_size=2, quotas={"algebra": 2})
    assert chosen(result) == ["c001", "c002"]
    assert result.dropped.select("value", "threshold").row(0) == (0.1, 0.6)


def test_a_pool_without_the_column_of_quality_is_selected_by_rules() -> None:
    frame = rows_of(JUDGED_CHAINS, chain(1, score=0.2), chain(2, score=0.6)).drop("quality")
    result = select_samples(frame, config=SelectionConfig(target_size=1, quotas={"algebra": 1}))
    assert result.kept["chain_id"].to_list() == ["c002"]
    assert result.kept.columns == frame.columns


def test_chain_without_a_score_comes_last_but_may_be_chosen() -> None:
    rows = [chain(1, score=None), chain(2, score=0.01), chain(3, score=None)]
    assert chosen(select(*rows, target_size=2, quotas={"algebra": 2})) == ["c001", "c002"]


# -- caps --------------------------------------------------------------------------------------------------------------


def test_template_cap_keeps_the_best_of_each_template() -> None:
    rows = [chain(number, score=number / 10, template_id="same") for number in range(1, 5)] + [chain(9, score=0.0)]
    result = select(*rows, target_size=3, quotas={"algebra": 3}, max_per_template=2)
    assert chosen(result) == ["c003", "c004", "c009"]
    row = result.dropped.filter(pl.col("chain_id") == "c002").row(0, named=True)
    assert (row["drop_reason"], row["value"], row["threshold"], row["evidence"]) == (
        "template_cap",
        0.2,
        2.0,
        "better samples on template same fill the cap",
    )


def test_second_chain_of_a_problem_does_not_fill_a_cap() -> None:
    rows = [
        chain(1, score=0.9, problem_id="p", template_id="same"),
        chain(2, score=0.8, problem_id="p", template_id="same"),
        chain(3, score=0.7, template_id="same"),
    ]
    result = select(*rows, target_size=2, quotas={"algebra": 2}, max_per_template=2)
    assert chosen(result) == ["c001", "c003"]


def test_chains_without_a_template_are_not_one_template() -> None:
    rows = [chain(number, template_id=None) for number in range(3)]
    assert len(chosen(select(*rows, target_size=3, quotas={"algebra": 3}, max_per_template=1))) == 3


def test_source_cap_holds_over_all_domains() -> None:
    rows = [row | {"source": "big"} for row in each_domain(1)] + [chain(7, source="small", score=0.1)]
    result = select(*rows, target_size=3, when_short="redistribute", max_per_source=2)
    assert chosen(result) == ["c000", "c007", "c100"]
    assert set(reasons(result).values()) == {"source_cap"}


def test_a_cap_counts_the_samples_that_were_taken_not_those_that_competed() -> None:
    same = [chain(number, score=1 - number / 100, source="big") for number in range(1, 6)]  # all of algebra
    other = [chain(20, "geometry", 0.1, source="big"), chain(21, "geometry", 0.05, source="small")]
    result = select(*same, *other, target_size=2, quotas={"algebra": 1, "geometry": 1}, max_per_source=2)
    assert chosen(result) == ["c001", "c020"]


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


# -- shortfall ---------------------------------------------------------------------------------------------------------


def test_domain_that_runs_dry_is_refused_with_numbers_and_advice() -> None:
    rows = [row for row in each_domain(3) if row["domain"] != "geometry" or row["chain_id"] == "c100"]
    with pytest.raises(ShortfallError) as caught:
        select(*rows, target_size=12)
    summary, header, *lines = str(caught.value).splitlines()
    assert summary == (
        "16 problems have a chain that may be selected, target_size is 12; short are geometry: 1 of 2; "
        "set selection.when_short = 'redistribute' or other quotas"
    )
    assert header.split("  ")[0] == "domain"
    assert [line.split() for line in lines[:2]] == [["algebra", *"232000"], ["geometry", *"211001"]]
    assert len({len(line) for line in [header, *lines]}) == 1, "the columns are aligned"


def test_shortfall_is_filled_from_the_best_of_the_others_and_put_on_record() -> None:
    rows = [row for row in each_domain(3) if row["domain"] != "geometry" or row["chain_id"] == "c100"]
    rows.append(chain(999, "combinatorics", 0.99))
    result = select(*rows, target_size=12, when_short="redistribute")
    assert result.kept.height == 12
    assert result.metrics == {"num_short_of_geometry": 1.0}
    # 0.99 pushes the second of combinatorics down, and that one is the best of what is left over
    assert {"c999", "c300", "c301"} <= set(chosen(result))


@pytest.mark.parametrize("when_short", ["fail", "redistribute"])
def test_too_few_problems_are_a_shortfall_whatever_the_policy(when_short: str) -> None:
    rows = [chain(1, problem_id="p"), chain(2, problem_id="p"), chain(3, "geometry")]
    with pytest.raises(ShortfallError, match=r"2 problems have a chain .* target_size is 3; .*widen the pool or lower"):
        select(*rows, target_size=3, when_short=when_short)


@pytest.mark.parametrize("when_short", ["fail", "redistribute"])
def test_no_chains_at_all_are_a_shortfall(when_short: str) -> None:
    with pytest.raises(ShortfallError, match="0 problems have a chain"):
        select(target_size=1, when_short=when_short)


# -- domains that are null ---------------------------------------------------------------------------------------------


def test_without_any_domain_the_best_of_all_are_chosen() -> None:
    rows = [chain(number, None, number / 10) for number in range(1, 6)]
    result = select(*rows, target_size=2)
    assert chosen(result) == ["c004", "c005"]
    assert result.dropped["evidence"].str.ends_with("the quota of (no domain)").all()


def test_without_any_domain_a_shortfall_names_all() -> None:
    with pytest.raises(ShortfallError, match="short are all: 2 of 3"):
        select(chain(1, None), chain(2, None), target_size=3)


def test_row_without_domain_among_others_is_taken_only_to_redistribute() -> None:
    rows = [*each_domain(1)[1:], chain(999, None, 1.0)]
    with pytest.raises(ShortfallError, match="algebra: 0 of 1"):
        select(*rows, target_size=6)
    assert "c999" in chosen(select(*rows, target_size=6, when_short="redistribute"))


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


# -- the stage ---------------------------------------------------------------------------------------------------------


def test_stage_publishes_the_chain_as_the_solution_whatever_the_parts(tmp_path: Path) -> None:
    frame = rows_of(JUDGED_CHAINS, *(row | {"num_tokens": 5, "question": APPLES} for row in each_domain(3)))
    config = SelectionConfig(target_size=6, max_total_tokens=100, diversity=0.2)
    outcomes = [run_on(SELECTION, tmp_path / str(size), config, frame, part_rows=size) for size in (1, 4, 1_000)]
    assert len({outcome.artifact.digest for outcome in outcomes}) == 1
    assert len({outcome.manifest.dropped_digest for outcome in outcomes}) == 1
    kept = outcomes[0].kept
    assert kept.schema == SAMPLES.schema
    assert kept["solution"].to_list() == [f"text {100 * place}" for place in range(6)]
    assert outcomes[0].manifest.reasons == {"quota_filled": 12}


def test_stage_without_chains_says_so_instead_of_writing_an_empty_set(tmp_path: Path) -> None:
    with pytest.raises(ShortfallError, match="0 problems"):
        run_on(SELECTION, tmp_path, SelectionConfig(target_size=1), JUDGED_CHAINS.empty())


def test_chain_that_stands_twice_is_selected_once(tmp_path: Path) -> None:
    # deduplication switched off and a source with copies: the same problem, hence the same chain, twice
    frame = rows_of(JUDGED_CHAINS, chain(1), chain(1), chain(2, score=0.1))
    outcome = run_on(SELECTION, tmp_path, SelectionConfig(target_size=2, quotas={"algebra": 2}), frame)
    assert chosen(outcome) == ["c001", "c002"]
    assert outcome.dropped.select("chain_id", "drop_reason").rows() == [("c001", "not_best_chain")]
