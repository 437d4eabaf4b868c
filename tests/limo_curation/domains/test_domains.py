"""Domains: whose word counts, and what the network makes of clear problems and of any text."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.domains import DOMAIN_STAGE, classify_domains, classify_problems, predict
from limo_curation.problem_config import DomainsConfig
from limo_curation.tables import CLASSIFIED, DOMAINS, TEMPLATED
from tests.rows import rows_of, run_on

CONFIG = DomainsConfig(labels={"plane figures": "geometry", "chance": "probability_and_statistics"})
PROBABILITY = "Two dice are thrown; what is the probability that the sum is 9?"


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Ann sells 12 pies at 3 dollars each and spends 7. What is left?", "algebra"),
        ("Find all roots of the polynomial x^3 - 6x + 4.", "algebra"),
        ("The matrix M has eigenvalues 2 and 5; find its trace.", "algebra"),
        ("In triangle ABC the altitude from A is 7; find the area.", "geometry"),
        ("A sphere of radius 3 stands in a cylinder. Find the volume between them.", "geometry"),
        ("Find the remainder when 7^100 is divided by 13.", "number_theory"),
        ("How many divisors of 720 are multiples of 6?", "number_theory"),
        ("How many ways are there to seat 7 people in a row?", "combinatorics"),
        (r"Evaluate $\binom{9}{3} + \binom{9}{4}$.", "combinatorics"),
        (PROBABILITY, "probability_and_statistics"),
        ("Find the standard deviation of 3, 5 and 10.", "probability_and_statistics"),
        (r"Evaluate $\int_0^2 x e^x \, dx$.", "calculus_and_analysis"),
        ("Find the derivative of x^2 sin x at 0.", "calculus_and_analysis"),
        (r"Find the general solution of $y^{\prime\prime} = 4y^{\prime}$.", "calculus_and_analysis"),  # no prime number
        (r"Evaluate $\lim_{x \to 0} x^x$.", "calculus_and_analysis"),  # an index stands right behind the command
        (r"Let $\overline{abc} = 9k$; find the sum of the digits.", "number_theory"),  # no segment
        (r"Let $S = \{x \mid x^2 = 4x\}$ and f the function with f(x) = x; solve for x.", "algebra"),  # a set's bar
        (r"Compute $\dbinom{9}{3}$.", "combinatorics"),
        ("一个长方形的周长是30厘米，长比宽多3厘米，求它的面积。", "geometry"),
        ("求最大的素数p，使得p整除2024。", "number_theory"),
        ("五个人站成一排，一共有多少种不同的排列？", "combinatorics"),
        ("从盒中随机取出两个球，求颜色相同的概率。", "probability_and_statistics"),
        ("求函数的导数，并求它在零点处的极限。", "calculus_and_analysis"),
        ("解方程组，求未知数的值。", "algebra"),
        ("小明买了三支笔，一共花了多少钱？", "algebra"),
        ("", "algebra"),
        ("HOW MANY WAYS ARE THERE TO CHOOSE 3 OF 9 BOOKS?", "combinatorics"),
        (r"Reduce the radical $\sqrt{18}$ in radial order.", "algebra"),  # holds "radi" but no radius
        ("A primer costs 7 dollars and a reprimand 3.", "algebra"),  # holds "prim" but no prime
    ],
)
def test_domain_by_the_words_of_the_problem(text: str, domain: str) -> None:
    assert classify_domains([text]) == [domain]


@pytest.mark.parametrize(
    ("label", "kind", "domain"),
    [
        ("Plane Figures ", "human", "geometry"),  # case and outer spaces don't matter
        ("plane figures", "llm", "probability_and_statistics"),  # not trusted
        ("plane figures", None, "probability_and_statistics"),
        ("unknown topic", "human", "probability_and_statistics"),  # not in the map
        (None, "human", "probability_and_statistics"),
        (None, None, "probability_and_statistics"),
    ],
)
def test_label_wins_only_where_it_is_trusted_and_mapped(label: str | None, kind: str | None, domain: str) -> None:
    row = {"problem_id": "p", "question": PROBABILITY, "domain_label": label, "domain_label_kind": kind}
    assert classify_problems(rows_of(TEMPLATED, row), config=CONFIG).kept["domain"].to_list() == [domain]


def test_which_kinds_are_trusted_is_the_configs_choice() -> None:
    row = {"problem_id": "p", "question": PROBABILITY, "domain_label": "plane figures", "domain_label_kind": "llm"}
    trusting = CONFIG.model_copy(update={"trusted_label_kinds": ("human", "llm")})
    assert classify_problems(rows_of(TEMPLATED, row), config=trusting).kept["domain"].to_list() == ["geometry"]


def test_question_that_is_null_is_still_classified() -> None:
    kept = classify_problems(rows_of(TEMPLATED, {"problem_id": "p"}), config=DomainsConfig()).kept
    assert kept["domain"].to_list() == ["algebra"]


def test_stage_drops_nothing_and_works_without_labels_and_rows(tmp_path: Path) -> None:
    rows = rows_of(TEMPLATED, *({"problem_id": f"p{i}", "question": PROBABILITY} for i in range(5)))
    outcome = run_on(DOMAIN_STAGE, tmp_path, DomainsConfig(), rows, part_rows=2)
    assert outcome.kept.schema == CLASSIFIED.schema
    assert (outcome.kept.height, outcome.dropped.height) == (5, 0)
    assert run_on(DOMAIN_STAGE, tmp_path, DomainsConfig(), TEMPLATED.empty()).kept.height == 0
    assert classify_domains([]) == []


def test_label_of_a_source_has_no_confidence_and_the_networks_answer_has_one() -> None:
    labelled = {"domain_label": "chance", "domain_label_kind": "human"}
    rows = rows_of(
        TEMPLATED,
        {"problem_id": "a", "question": PROBABILITY, **labelled},
        {"problem_id": "b", "question": PROBABILITY},
    )
    kept = classify_problems(rows, config=CONFIG).kept
    assert kept["domain_by"].to_list() == ["source", "network"]
    assert kept["domain_confidence"].is_null().to_list() == [True, False]


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "三" * 400_000,
        "\0" * 10_000,
        r"\frac{\sqrt{\alpha}}" * 2_000,
        "[asy]" + "draw((0,0)--(1,1));" * 1_000,  # a drawing that never ends
        "http" * 5_000,
        "$" * 5_000,
    ],
)
def test_hostile_text_gets_a_domain_too(text: str) -> None:
    assert classify_domains([text])[0] in DOMAINS


def test_what_is_written_differently_by_sources_does_not_count() -> None:
    plain = "Let $x$ be a number with $2x = 8$. Find $x$."
    sources_way = "Let $$x$$ be a  number with\n$${2}{x} = {8}$$.  Find $$x$$."
    assert predict(pl.Series([plain])).equals(predict(pl.Series([sources_way])))


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.text(max_size=80), max_size=6))
def test_any_text_gets_one_of_the_six_whatever_stands_beside_it(texts: list[str]) -> None:
    found = predict(pl.Series(texts, dtype=pl.String))
    assert found.height == len(texts)
    assert set(found["domain"]) <= set(DOMAINS)
    assert all(0 < confidence <= 1 for confidence in found["confidence"])
    alone = [predict(pl.Series([text])).row(0) for text in texts]
    assert found.rows() == alone
    assert predict(pl.Series(texts[::-1], dtype=pl.String)).rows() == alone[::-1]
