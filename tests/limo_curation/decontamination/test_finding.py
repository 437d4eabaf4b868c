"""Decontamination: what stands in a benchmark, what only sounds like it, and how the real sets fare."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.decontamination import DECONTAMINATION, find_contaminated, require_items
from limo_curation.errors import TableError
from limo_curation.problem_config import DecontaminationConfig
from limo_curation.source_config import Source
from limo_curation.tables import BENCHMARKS, CLUSTERED
from tests.rows import rows_of, run_on

EXAM = Source(path="exam.jsonl", name="exam", columns={"question": "q"})
ITEM = (
    "A lighthouse keeper climbs 14 steps every morning and 9 steps every evening, but slides back 2 steps each night. "
    "After how many days does she first stand on step 200?"
)
ITEM_ZH = (
    "灯塔管理员每天早晨爬14级台阶，傍晚再爬9级台阶，但是每天夜里又滑下2级。请问她在第几天第一次站到第200级台阶上？"
)
UNRELATED = "A baker fills 30 trays with 12 rolls each and sells 5 rolls out of every 6. How many rolls are left over?"


def rows(**texts: str) -> pl.DataFrame:
    columns = {"problem_id": list(texts), "question": list(texts.values())}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def items(**texts: str) -> pl.DataFrame:
    return rows(**texts).rename({"problem_id": "benchmark_id"})


def rule_for(problem: str, item: str, **config: Any) -> str | None:
    settings = DecontaminationConfig(enabled=False, **config)
    found = find_contaminated(rows(p=problem), items(b=item), config=settings)
    assert found.height <= 1
    return found["rule"].to_list()[0] if found.height else None


@pytest.mark.parametrize(
    ("problem", "item"),
    [
        (ITEM.upper().replace(",", ""), ITEM),
        (ITEM.replace(" ", "\n\n"), ITEM),
        (r"Find $\left( x+\dfrac{1}{2} \right)^2$ for $x=3$.", r"find \((x + \frac 12)^2\) for \(x = 3\)"),
        ("Find x² + 1 at x = ３.", "Find $x^2+1$ at $x=3$"),  # superscript and full-width digit
        (ITEM_ZH.replace("，", ",").replace("。", " . "), ITEM_ZH),
        ("What is 2+2?", "What is $2 + 2$?"),  # shorter than an n-gram
    ],
)
def test_text_that_differs_in_signs_only_is_the_item_itself(problem: str, item: str) -> None:
    assert rule_for(problem, item) == "exact"
    assert rule_for(item, problem) == "exact"


@pytest.mark.parametrize(
    ("problem", "item"),
    [
        (f"{UNRELATED} {ITEM} Give the answer as an integer.", ITEM),  # embedded in a longer one
        (f"请解答下面的题目：{ITEM_ZH}要求写出全部的过程。", ITEM_ZH),
        (ITEM.replace("how many days does she", "what number of days will she then"), ITEM),  # glue words only
        (r"Problem 7. Compute $3x^2-5$ for all $x\geq 2$ that lie on the ellipse of Ann. [i]Source: an exam[/i]",
         "Evaluate 3x²−5 for all $x≥2$ that lie on the ellipse of Ann."),
        (f"{ITEM} Express your answer as a common fraction.", ITEM),
    ],
)  # fmt: skip
def test_text_that_holds_all_of_the_items_content_is_met_by_the_ngram_rule(problem: str, item: str) -> None:
    assert rule_for(problem, item) == "ngram"


@pytest.mark.parametrize(
    ("problem", "item"),
    [
        (ITEM.replace("200", "350"), ITEM),
        (ITEM.replace("14", "fourteen").replace("9", "nineteen"), ITEM),  # a number word
        (ITEM.replace("14 steps", "9 steps").replace("and 9", "and 14"), ITEM),  # the same numbers in another order
        (ITEM.replace("first", "last"), ITEM),
        (ITEM.replace("each night", "each night but never on Sundays"), ITEM),
        (ITEM.replace("lighthouse keeper", "tower guard"), ITEM),
        (ITEM.replace("200?", "200, and what is twice that number of days?"), ITEM),  # asks for something else
        (ITEM_ZH.replace("200", "350"), ITEM_ZH),
        (ITEM_ZH.replace("下2级", "下三级"), ITEM_ZH),
        (ITEM_ZH.replace("早晨", "晚上"), ITEM_ZH),
        (r"Find the largest root of the polynomial $x^3-7x+6$ that Ann wrote.",
         r"Find the largest root of the polynomial $x^3+7x+6$ that Ann wrote."),
        (r"Compute $\sin 30^\circ + \tan 45^\circ + \cot 60^\circ$.",
         r"Compute $\cos 30^\circ + \tan 45^\circ + \cot 60^\circ$."),
    ],
)  # fmt: skip
def test_item_with_something_changed_is_a_variant(problem: str, item: str) -> None:
    assert rule_for(problem, item, min_variant_containment=0.5) == "variant"


def test_translation_that_is_mostly_formulas_is_the_item_if_they_are_the_same() -> None:
    formulas = r"$P(x) = x^8 + 3x^7 + 6x^6 + 10x^5 + 15x^4 + 21x^3$, $z = \cos \frac{2\pi}{11} + i\sin \frac{2\pi}{11}$"
    item = f"Given {formulas}. Find the value of $P(z)P(z^2)$."
    assert rule_for(f"已知 {formulas}. 求 $P(z)P(z^2)$ 的值.", item) == "ngram"
    assert rule_for(f"已知 {formulas.replace('10x', '12x')}. 求 $P(z)P(z^2)$ 的值.", item) == "variant"


def test_same_drawing_with_other_measures_is_a_variant() -> None:
    question = "In the figure below, what is the area of the shaded triangle with its two right angles marked?"
    item = f"{question} [asy] draw((0,0)--(3,4)); [/asy]"
    assert rule_for(item.replace("(3,4)", "(6,8)"), item) == "variant"
    assert rule_for(f"Look closely. {item}", item) == "ngram"
    assert rule_for(question, item) == "ngram"  # the drawing was lost on the way


@pytest.mark.parametrize(
    ("problem", "item"),
    [
        (UNRELATED, ITEM),
        (
            f"{UNRELATED} Express your answer as a common fraction in lowest terms with integers.",
            f"{ITEM} Express your answer as a common fraction in lowest terms with integers.",
        ),  # boilerplate
        (ITEM[:60], ITEM),  # a small part of the item
        ("请问这个面包师一共还剩下多少个面包？写出计算的全部过程。", ITEM_ZH),
        ("What is 2+2, and what is 3+4?", "What is 2+2?"),  # an item without any 8-gram meets its equal only
        ("What is 2+3?", "What is 2+2?"),
        ("What is 2-2?", "What is 2+2?"),
        ("How many positive integers less than 70 are multiples of 3, and why do they matter to a baker?",
         "How many positive integers less than 50 are there?"),  # shares nothing but what all problems say
        ("?!", "..."),  # no letter at all: nothing to compare
        ("", ""),
    ],
)  # fmt: skip
def test_text_that_shares_little_with_the_item_stays(problem: str, item: str) -> None:
    assert rule_for(problem, item) is None


def test_ngrams_do_not_reach_over_the_end_of_an_item() -> None:
    # the end of one item and the beginning of the next make n-grams that stand in no item
    halves = items(a=" ".join(f"left{chr(97 + place)}" for place in range(9)), b=" ".join(["right"] * 3 + ["wing"] * 6))
    problem = " ".join(f"left{chr(97 + place)}" for place in range(4, 9)) + " right right right wing wing"
    assert find_contaminated(rows(p=problem), halves, config=DecontaminationConfig(enabled=False)).height == 0


def test_score_is_the_share_of_the_items_ngrams_by_weight() -> None:
    item = " ".join(f"word{chr(97 + place)}" for place in range(14))  # 10 n-grams of 5 words
    problem = " ".join(item.split()[:11]) + " and nothing else"  # 7 of them
    found = find_contaminated(rows(p=problem), items(b=item))
    assert found.drop("score").rows() == [("p", "b", "variant")]
    assert found["score"].to_list() == pytest.approx([0.7])
    assert rule_for(problem, item, min_variant_containment=0.71) is None
    assert rule_for(problem, item, ngram_size=10) is None  # 2 of 5


def test_phrase_that_many_items_hold_is_boilerplate() -> None:
    phrase = "Reply with the smallest whole share that the judge of our contest would accept as right"
    own = [" ".join(f"{start}{end}x" for end in ("arc", "bow", "cup")) for start in "bcdfghjklmnpqrst"]
    many = items(**{f"b{place}": f"{text}. {phrase}." for place, text in enumerate(own)})
    borrowed = rows(p=f"A pianist plays every third key. {phrase}.")
    alone, among = (find_contaminated(borrowed, frame) for frame in (many.head(1), many))
    assert alone["rule"].to_list() == ["variant"]
    assert among.height == 0


def test_each_pair_stands_once_with_the_first_rule_that_meets_it() -> None:
    problems = rows(p=ITEM, q=f"{ITEM} Why?", r=ITEM.replace("200", "201"))
    found = find_contaminated(problems, items(b=ITEM, c=f"{ITEM}!", d=UNRELATED))
    assert found.select("problem_id", "benchmark_id", "rule").rows() == [
        ("p", "b", "exact"),
        ("p", "c", "exact"),
        ("q", "b", "ngram"),
        ("q", "c", "ngram"),
        ("r", "b", "variant"),
        ("r", "c", "variant"),
    ]


def test_rows_with_one_problem_id_give_one_pair() -> None:
    twice = pl.concat([rows(p=ITEM), rows(p=ITEM)])
    assert find_contaminated(twice, items(b=ITEM)).height == 1


def test_no_problems_and_no_benchmarks_give_an_empty_frame() -> None:
    for problems, benchmarks in (({}, {"b": ITEM}), ({"p": ITEM}, {})):
        found = find_contaminated(rows(**problems), items(**benchmarks))
        assert found.columns == ["problem_id", "benchmark_id", "rule", "score"]
        assert found.height == 0


def test_ledger_names_the_item_that_is_held_most(tmp_path: Path) -> None:
    problems = rows_of(
        CLUSTERED,
        {"problem_id": "held", "question": f"{ITEM} Explain."},
        {"problem_id": "fine", "question": UNRELATED},
        {"problem_id": "same", "question": ITEM_ZH},
        {"problem_id": "same", "question": ITEM_ZH},  # deduplication was off
    )
    benchmarks = rows_of(
        BENCHMARKS,
        {"benchmark_id": "exam/9", "benchmark": "exam", "question": ITEM},
        {"benchmark_id": "exam/1", "benchmark": "exam", "question": f"{ITEM} State each step in a table of its own."},
        {"benchmark_id": "exam/4", "benchmark": "exam", "question": ITEM_ZH},
    )
    config = DecontaminationConfig(benchmarks=(EXAM,))
    outcome = run_on(DECONTAMINATION, tmp_path, config, problems, part_rows=3, benchmarks=(BENCHMARKS, benchmarks))
    assert outcome.kept["problem_id"].to_list() == ["fine"]
    assert outcome.kept.schema == CLUSTERED.schema
    columns = ("problem_id", "drop_reason", "value", "threshold", "evidence")
    assert outcome.dropped.select(columns).sort("problem_id").rows() == [
        ("held", "benchmark_ngram", 1.0, 0.5, "exam/9"),
        ("same", "benchmark_exact", 1.0, 1.0, "exam/4"),
        ("same", "benchmark_exact", 1.0, 1.0, "exam/4"),
    ]


def test_benchmark_without_any_item_is_an_error_and_not_a_clean_bill() -> None:
    read = rows_of(BENCHMARKS, {"benchmark_id": "exam/1", "benchmark": "exam", "question": ITEM}).lazy()
    mixed = Source(path="all.jsonl", name="all", columns={"question": "q", "benchmark": "set"})  # names its own sets
    require_items(read, [EXAM, mixed])
    with pytest.raises(TableError, match=r"benchmark quiz: mend its columns\.question"):
        require_items(read, [EXAM, EXAM.model_copy(update={"name": "quiz"})])


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=40), st.text(max_size=40))
def test_any_text_around_an_item_does_not_hide_it(before: str, after: str, item: str) -> None:
    # what surrounds the item begins and ends with white space, so no word of it is changed
    assert rule_for(f"{before}\n{ITEM}\n{after}", ITEM) in ("exact", "ngram")
    found = rule_for(item, item)
    assert found == "exact" or not any(sign.isalnum() for sign in item)


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_neither_order_nor_parts_of_the_problems_change_what_is_found(random: Random, num_parts: int) -> None:
    texts = [
        ITEM,
        ITEM_ZH,
        UNRELATED,
        f"{UNRELATED} {ITEM}",
        ITEM.replace("14", "15"),
        ITEM_ZH[:20],
        "",
        "What is 2+2?",
    ]
    problems = rows(**{f"p{place}": text for place, text in enumerate(texts)})
    benchmarks = items(a=ITEM, b=ITEM_ZH, c="what is 2 + 2")
    shuffled = problems[random.sample(range(len(texts)), len(texts))]
    cuts = sorted(random.sample(range(len(texts) + 1), num_parts - 1))
    parts = [shuffled[start:stop] for start, stop in pairwise([0, *cuts, len(texts)])]
    with ThreadPoolExecutor(2) as pool:
        found = pl.concat(pool.map(lambda part: find_contaminated(part, benchmarks), parts))
    assert found.sort("problem_id", "benchmark_id").equals(find_contaminated(problems, benchmarks))
    assert found.height == 5


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_read_without_harm(problem: str, item: str) -> None:
    found = find_contaminated(rows(p=problem), items(b=item))
    assert found["score"].is_between(0, 1).all()


# -- real sets ---------------------------------------------------------------------------------------------------------


def texts_of(folder: Path, name: str, id_column: str) -> pl.DataFrame:
    frame = pl.read_ndjson(folder / f"{name}.jsonl.zst", schema={"id": pl.String, "problem": pl.String})
    return frame.rename({"id": id_column, "problem": "question"})


@pytest.mark.data
def test_all_known_pairs_are_found(data_folder: Path) -> None:
    known = pl.read_ndjson(
        data_folder / "contamination_known.jsonl.zst", schema={"problem_id": pl.String, "benchmark_id": pl.String}
    )
    problems = texts_of(data_folder, "problems", "problem_id")
    found = find_contaminated(problems, texts_of(data_folder, "benchmarks", "benchmark_id"))
    assert known.height == 1_235
    missed = known.join(found, on=["problem_id", "benchmark_id"], how="anti")
    assert missed.height == 0, missed.head(3)
    # one known pair differs in a sign: the pairs were computed without punctuation
    exact = found.filter(pl.col("rule") == "exact")
    assert known.join(exact, on=["problem_id", "benchmark_id"], how="semi").height == 1_234
    beyond = exact.join(known, on=["problem_id", "benchmark_id"], how="anti")
    assert beyond.height <= 40  # a loose bound: the known pairs are a floor, LaTeX being spelled as it is in them


@pytest.mark.data
def test_exact_and_ngram_rules_fire_only_where_people_see_the_same_problem(data_folder: Path) -> None:
    found = human_pairs_with_rules(data_folder)
    fired = found.filter(pl.col("rule").is_in(["exact", "ngram"]))
    assert fired.height >= 5
    assert fired["same_problem"].mean() >= 0.98  # pyright: ignore[reportOperatorIssue]


@pytest.mark.data
def test_perturbed_problems_are_variants(data_folder: Path) -> None:
    perturbed = human_pairs_with_rules(data_folder).filter(pl.col("source").str.starts_with("math_perturb"))
    counts = dict(perturbed.group_by("rule").len().iter_rows())
    assert counts.get("exact", 0) + counts.get("ngram", 0) == 0
    assert counts["variant"] >= 0.75 * perturbed.height


def human_pairs_with_rules(folder: Path) -> pl.DataFrame:
    """Return the audited and the perturbed pairs with the rule that fires on each, or null."""
    texts = dict.fromkeys(("id", "source", "text_a", "text_b"), pl.String())
    pairs = pl.read_ndjson(folder / "dup_pairs.jsonl.zst", schema={**texts, "same_problem": pl.Boolean})
    pairs = pairs.filter(pl.col("source").str.contains("contam_audit_human|math_perturb"))
    items = pairs.select(benchmark_id="text_a", question="text_a").unique(maintain_order=True)
    found = find_contaminated(pairs.select(problem_id="id", question="text_b"), items)
    return pairs.join(
        found.select(id="problem_id", text_a="benchmark_id", rule="rule"), on=["id", "text_a"], how="left"
    )
