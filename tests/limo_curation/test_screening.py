"""Screening: one problem for each reason, and beside it the near-miss that must stay."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.problem_config import ALL_SCREENING_RULES, ScreeningConfig, ScreeningRule
from limo_curation.screening import SCREENING, screen_problems
from limo_curation.tables import PROBLEMS, SCREENED
from tests.rows import rows_of, run_on

GOOD = "A farmer fences a field of 340 metres; how long is it?"
ALL = ScreeningConfig()

# (reason, dropped question, its answer, question that must be kept, its answer)
TRAPS: list[tuple[ScreeningRule, str, str | None, str, str]] = [
    ("empty_question", "", "5", GOOD, "5"),
    ("too_short", "Find 17 times 3 now", "51", "Find 17 times 3 now.", "51"),
    (
        "too_short",
        "求三乘以八的值。",
        "24",
        "求十七乘以三的值是多少？",
        "51",
    ),
    ("too_long", f"{GOOD} " + "y" * 4_000, "5", "z" * 4_000, "5"),
    ("no_gold_answer", GOOD, None, GOOD, "0"),
    ("no_gold_answer", GOOD, "", GOOD, "x"),
    ("unparsable_gold", GOOD, "See solution above", GOOD, r"\text{Sunday}"),
    ("unparsable_gold", GOOD, "N/A", GOOD, r"n \equiv 1 \pmod 4"),
    ("unparsable_gold", GOOD, "?!", GOOD, "-1"),
    ("unparsable_gold", GOOD, "$$", GOOD, r"$\emptyset$"),
    ("unparsable_gold", GOOD, "notfound", GOOD, "+∞"),
    (
        "unparsable_gold",
        "求这个函数在给定的区间上的单调性，并写出过程。",
        "证明略",
        "求这个集合与另一个集合的交集是什么集合。",
        "∅",
    ),
    ("unparsable_gold", GOOD, "7" * 201, GOOD, "7" * 200),
    (
        "unparsable_gold",
        GOOD,
        "It must be odd because every such number that divides the sum has this form and only this",
        GOOD,
        r"\frac{\sqrt{17}}{\sqrt{3}} + \arctan\left(\sqrt{\frac{2}{3}}\right) - \sqrt{5}\sin\alpha\cos\beta",
    ),
    (
        "needs_figure",
        "As shown in the figure, find the angle at the top.",
        "30",
        "Which figure of the number 7,431 is in the tens place?",
        "3",
    ),
    (
        "needs_figure",
        "Find the shaded area. [asy] draw((0,0)--(1,1)); [/asy]",
        "3",
        "How easy is it to draw 3 aces?",
        "3",
    ),
    (
        "needs_figure",
        "Find the total ![](images/7.png) of all bars.",
        "3",
        "Compute $5![3]$ where $[3]$ is 3.",
        "360",
    ),
    (
        "needs_figure",
        "如图，在三角形中，求角A的度数，并写出计算的全部过程。",
        "30",
        "试图求出方程的全部整数解，并写出它们的个数是多少。",
        "3",
    ),
    (
        "needs_figure",
        "In the diagram, the two circles touch; find their distance.",
        "3",
        "Seven friends want to be in the picture; in how many rows?",
        "3",
    ),
    (
        "needs_figure",
        "The graph shows the cost of $n$ pens; what do nine cost?",
        "3",
        "Shift the graph to the left by 2 units; where is its zero?",
        "3",
    ),
    (
        "needs_figure",
        "下图是一个长方体的展开图，求这个长方体的体积是多少。",
        "30",
        "求函数图象与横轴的交点的个数，并求这些交点的坐标之和。",
        "3",
    ),
    (
        "multi_part",
        "(1) Find the period of $f$; (2) Find its largest value.",
        "5",
        "Let f satisfy (1) f(0)=1, (2) f(x+1)=2f(x). Find the value f(9).",
        "512",
    ),
    (
        "multi_part",
        "已知数列的前n项和。(Ⅰ)求首项的值；(Ⅱ)若公差为2，求第九项的值。",
        "17",
        "若数列满足：（1）首项是1；（2）每一项都是前一项的两倍，求第九项的值。",
        "256",
    ),
    (
        "multi_part",
        "a) Count the boys in the hall. b) Work out how many girls are there.",
        "5",
        "The sets are (i) even numbers, (ii) primes. How many lie in both?",
        "1",
    ),
    (
        "multi_part",
        "(a) Find the value of f(2). (b) Hence find the value of f(3).",
        "5",
        "Given (a) a positive integer n, find its largest digit.",
        "9",
    ),
    (
        "multi_part",
        "已知函数有最小值。（1）求它的最小值；（2）求它的零点的个数。",
        "5",
        "已知函数f(1)=3且f(2)=5，求f(3)的值等于多少。",
        "7",
    ),
    (
        "proof",
        "Prove that $n^2 + n$ is even for every n.",
        "true",
        "A proof press prints 40 sheets an hour; how many in 3?",
        "120",
    ),
    (
        "proof",
        "Let $n$ be odd; show that its square is odd as well.",
        "1",
        "In what year will the census show that 40 wrens are left?",
        "2009",
    ),
    (
        "proof",
        "证明：对任意的正整数n，这个数总是一个偶数，并说明理由。",
        "偶数",
        "请直接写出这两个平均数的大小关系是什么。（结论不要求证明）",
        "a>b",
    ),
    (
        "proof",
        "求证：对任意的正整数n，这个数总是一个偶数，并说明理由。",
        "偶数",
        "警方证实有人到场：三人各带五本书，共有多少本书？",
        "15",
    ),
    (
        "multiple_choice",
        "Which is the largest? (A) 3 (B) 5 (C) 7 (D) all are equal",
        "C",
        "Which is the largest? (A) 3 (B) 5 (C) 7 (D) all are equal",
        "7",
    ),
    (
        "multiple_choice",
        "Which of the following is a root of the polynomial?",
        "3",
        "Which of the numbers 3 and 8 is a root of it?",
        "3",
    ),
    (
        "multiple_choice",
        "Which is it? A. 3 B. 5 C. 7 D. 9",
        r"\text{(C)}",
        "Points A and B are 3 apart; name the far one.",
        "C",
    ),
    (
        "multiple_choice",
        "下列各数中，最大的一个数是哪一个，请写出你的答案来。",
        "3",
        "把这些数排列成下面的一列，第三个数等于多少，请写出。",
        "3",
    ),
    (
        "multiple_choice",
        "Which is it?\nA. $\\frac{1}{3}$\nB. $\\frac{1}{2}$\nC. $1$",
        "$B$.",
        "Given $P(A)$ and $P(B)=\\frac{1}{2}$, find the probability of both.",
        r"\frac{1}{4}",
    ),
    (
        "multiple_choice",
        "下列说法中，正确的是（　）Ａ．三是偶数　Ｂ．三是奇数　Ｃ．三是合数",
        "Ｂ",
        "点A、B、C在一条直线上，A、B两点的距离是3，求B、C两点的距离。",
        "5",
    ),
    (
        "multiple_choice",
        "有四个命题：①三是奇数；②四是奇数；③五是奇数。其中真命题的序号是什么？",
        "①③",
        "把三个数①、②、③相加，它们的和是九，求这三个数的平均数是多少。",
        "3",
    ),
    (
        "multiple_choice",
        "Which of the following values of $x$ solves it, 3, 5 or 8?",
        "8",
        "Which of the following is the largest: 3/7, 5/9 or 17/30?",
        "17/30",
    ),
    (
        "multiple_choice",
        "Which of the pairs of sides are equal? (A) AB and BC (B) AB and CD",
        "A, B",
        "In a triangle two sides of length 3 meet; name the side opposite.",
        "AB",
    ),
    (
        "yes_no_answer",
        "Is there such a triangle? Decide it.",
        r"\text{Yes}",
        "How many such triangles exist, if any?",
        "0",
    ),
    (
        "yes_no_answer",
        "试判断这样的三角形是否存在，并且说明你的理由。",
        "不存在",
        "这样的三角形存在几个？请你写出它们的个数。",
        "0",
    ),
    ("yes_no_answer", "Is 91 a prime number? Decide.", "No.", "How many letters has the word no?", "2"),
    (
        "yes_no_answer",
        "判断：这个数能够被七整除，而且商是一个奇数，对还是错？",
        "错",
        "写出这个数除以七所得到的商，并且说出它是多少。",
        "13",
    ),
    (
        "unsupported_language",
        "Сколько целых чисел от 1 до 100 делится на 7?",
        "14",
        "How many times does the letter Ж stand in ЖЖЖ, asked Ann?",
        "3",
    ),
    (
        "unsupported_language",
        "1から100までの整数のうち7の倍数はいくつありますか。",
        "14",
        "Let α, β and γ be the angles; find α + β + γ.",
        "180",
    ),
    (
        "unsupported_language",
        "¿Cuántos números enteros hay entre 1 y 100 que son múltiplos de 7?",
        "14",
        "Les and Una bake 12 cakes and eat 5; how many are left?",
        "7",
    ),
    (
        "markup_debris",
        "Compute $a+b$. Collected [here](https://example.org/c5h27).",
        "3",
        "Compute $[x](y+1)$ where $[x]$ is the floor of $x = 3.5$.",
        "3",
    ),
    (
        "markup_debris",
        "Find the 7th term of {a<sub>n</sub>}, which doubles.",
        "64",
        "How many integers $x$ satisfy $3<p<x$ and $x>2>t$ at most?",
        "64",
    ),
    (
        "markup_debris",
        "[Problem 12] A farmer fences a field; how long is it?",
        "3",
        "[12] and [7] are classes; add them mod 5.",
        "4",
    ),
    (
        "markup_debris",
        "Find $x$ if $x=3$. [hide=Hint]Look again.[/hide]",
        "3",
        "Find $[x/3]+[x/5]$ for the number $x=17$.",
        "8",
    ),
    (
        "markup_debris",
        "20 M&amp;M’s and 50 skittles: how many is that?",
        "70",
        "20 M&M’s and 50 skittles: how many is that?",
        "70",
    ),
    (
        "markup_debris",
        "【例4】五个人一同参加比赛，每两个人比一场，共有多少场比赛？",
        "10",
        "五个人【含教练】一同参加比赛，每两个人比一场，共有多少场？",
        "10",
    ),
]


def reasons_of(question: str, answer: str | None, config: ScreeningConfig = ALL) -> list[str]:
    problem = rows_of(PROBLEMS, {"problem_id": "p", "question": question, "answer": answer})
    result = screen_problems(problem, config=config)
    assert result.kept.height + result.dropped.height == 1
    assert result.kept.schema == SCREENED.schema
    return result.dropped["drop_reason"].to_list()


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: f"{trap[0]}: {trap[1][:24]}")
def test_problem_is_dropped_for_its_reason_and_its_near_miss_stays(
    trap: tuple[ScreeningRule, str, str | None, str, str],
) -> None:
    reason, question, answer, near_miss, its_answer = trap
    assert reasons_of(question, answer) == [reason]
    assert reasons_of(near_miss, its_answer) == []


def test_every_rule_has_a_trap() -> None:
    assert {trap[0] for trap in TRAPS} == set(ALL_SCREENING_RULES) == set(SCREENING.drop_reasons)


@pytest.mark.parametrize("reason", ALL_SCREENING_RULES)
def test_each_rule_can_be_switched_off_alone(reason: ScreeningRule) -> None:
    others = ScreeningConfig(rules=tuple(rule for rule in ALL_SCREENING_RULES if rule != reason))
    only = ScreeningConfig(rules=(reason,))
    for name, question, answer, *_ in TRAPS:
        if name == reason:
            assert reason not in reasons_of(question, answer, others)
            assert reasons_of(question, answer, only) == [reason]


def test_first_rule_in_the_fixed_order_gives_the_reason_not_the_configs_order() -> None:
    backwards = ScreeningConfig(rules=tuple(reversed(ALL_SCREENING_RULES)))
    assert reasons_of("Prove it.", "yes", backwards) == ["too_short"]


@pytest.mark.parametrize(
    ("question", "language"),
    [
        (GOOD, "en"),
        ("求方程 $x^2-5x+6=0$ 的所有实数根的和。", "zh"),
        ("已知 $\\sin\\alpha+\\cos\\beta=\\frac{1}{2}$，求值：$\\tan(\\alpha+\\beta)$", "zh"),  # mostly LaTeX
        ("The sign 山 means mountain; how many strokes has it?", "en"),
        ("$17 \\times 3 + 2 \\times 4 - 1$", "en"),  # no letter at all but LaTeX's
    ],
)
def test_language_is_told_by_the_share_of_han_characters(question: str, language: str) -> None:
    problem = rows_of(PROBLEMS, {"problem_id": "p", "question": question, "answer": "5"})
    assert screen_problems(problem, config=ALL).kept["language"].to_list() == [language]


def test_ledger_gives_the_number_the_limit_and_the_words(tmp_path: Path) -> None:
    problems = rows_of(
        PROBLEMS,
        {"problem_id": "short", "question": "Find 17 times 3.", "answer": "51"},
        {"problem_id": "figure", "question": "The graph below has 7 edges; find its faces.", "answer": "2"},
        {"problem_id": "good", "question": GOOD, "answer": "5"},
    )
    outcome = run_on(SCREENING, tmp_path, ALL, problems, part_rows=2)
    assert outcome.kept["problem_id"].to_list() == ["good"]
    ledger = {row["problem_id"]: row for row in outcome.dropped.iter_rows(named=True)}
    assert (ledger["short"]["value"], ledger["short"]["threshold"]) == (16.0, 20.0)
    assert ledger["figure"]["evidence"] == "graph below"
    assert outcome.manifest.reasons == {"needs_figure": 1, "too_short": 1}


def test_switched_off_stage_keeps_every_row_with_language_null(tmp_path: Path) -> None:
    problems = rows_of(PROBLEMS, {"problem_id": "p", "question": "", "answer": None})
    outcome = run_on(SCREENING, tmp_path, ScreeningConfig(enabled=False), problems)
    assert outcome.kept["language"].to_list() == [None]


@given(st.text(max_size=60), st.none() | st.text(max_size=20))
def test_any_text_is_kept_or_dropped_for_a_declared_reason(question: str, answer: str | None) -> None:
    reasons = reasons_of(question, answer)
    assert set(reasons) <= set(SCREENING.drop_reasons)
