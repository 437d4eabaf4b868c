"""Selection: exactly the target, the same samples for any order of the rows, and a message where that can't be."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from limo_curation.errors import ShortfallError
from limo_curation.selection import SELECTION, select_samples
from limo_curation.selection_config import SelectionConfig
from limo_curation.tables import DOMAINS, JUDGED_CHAINS, SAMPLES
from tests.judged_rows import chain, chosen, each_domain, reasons, select
from tests.rows import rows_of, run_on

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


# -- the stage ---------------------------------------------------------------------------------------------------------


def test_stage_publishes_the_chain_as_the_solution_whatever_the_parts(tmp_path: Path) -> None:
    frame = rows_of(
        JUDGED_CHAINS, *(row | {"num_tokens": 5, "question": "How many primes are there?"} for row in each_domain(3))
    )
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


@pytest.mark.parametrize("part_rows", [1, 1_000])
def test_chain_that_stands_twice_is_selected_once(tmp_path: Path, part_rows: int) -> None:
    # deduplication switched off and a source with copies: the same problem, hence the same chain, twice
    frame = rows_of(JUDGED_CHAINS, chain(1), chain(1), chain(2, score=0.1))
    config = SelectionConfig(target_size=2, quotas={"algebra": 2})
    outcome = run_on(SELECTION, tmp_path, config, frame, part_rows=part_rows)
    assert chosen(outcome) == ["c001", "c002"]
    assert outcome.dropped.select("chain_id", "drop_reason").rows() == [("c001", "not_best_chain")]
