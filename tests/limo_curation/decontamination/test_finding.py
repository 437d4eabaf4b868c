"""Decontamination: what stands in a benchmark, what only sounds like it, and how the real sets fare."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.decontamination import DECONTAMINATION, find_contaminated
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
        (ITEM.replace("lighthouse keeper", "tower guard"), ITEM),
        (ITEM.replace("200", "350"), ITEM),  # a benchmark item with another number is still the item
        (ITEM.split(" After")[0] + " After five days, where is she?", ITEM),  # the same set-up
    ],
)
def test_text_that_holds_most_of_the_item_is_met_by_the_ngram_rule(problem: str, item: str) -> None:
    assert rule_for(problem, item) == "ngram"


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
        ("?!", "..."),  # no letter at all: nothing to compare
        ("", ""),
    ],
)
def test_text_that_shares_little_with_the_item_stays(problem: str, item: str) -> None:
    assert rule_for(problem, item) is None


def test_ngrams_do_not_reach_over_the_end_of_an_item() -> None:
    # the end of one item and the beginning of the next make an n-gram that stands in no item
    halves = items(a="one two three four", b="five six seven eight")
    found = find_contaminated(rows(p="one two three four five six seven eight"), halves)
    assert found.height == 0


def test_score_is_the_share_of_the_items_ngrams() -> None:
    item = " ".join(f"word{chr(97 + place)}" for place in range(17))  # 10 n-grams of 8 words
    problem = " ".join(item.split()[:14]) + " and nothing else"  # 7 of them
    found = find_contaminated(rows(p=problem), items(b=item))
    assert found.rows() == [("p", "b", "ngram", 0.7)]
    assert rule_for(problem, item, min_containment=0.7) == "ngram"
    assert rule_for(problem, item, min_containment=0.71) is None
    assert rule_for(problem, item, ngram_size=15) is None


def test_each_pair_stands_once_with_the_first_rule_that_meets_it() -> None:
    problems = rows(p=ITEM, q=f"{ITEM} Why?")
    found = find_contaminated(problems, items(b=ITEM, c=f"{ITEM}!", d=UNRELATED))
    assert found.select("problem_id", "benchmark_id", "rule").rows() == [
        ("p", "b", "exact"),
        ("p", "c", "exact"),
        ("q", "b", "ngram"),
        ("q", "c", "ngram"),
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


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=40), st.text(max_size=40))
def test_any_text_around_an_item_does_not_hide_it(before: str, after: str, item: str) -> None:
    # what surrounds the item begins and ends with white space, so no word of it is changed
    assert rule_for(f"{before}\n{ITEM}\n{after}", ITEM) in ("exact", "ngram")
    found = rule_for(item, item)
    assert found == "exact" or not any(sign.isalnum() for sign in item)


# -- real sets ---------------------------------------------------------------------------------------------------------


def texts_of(folder: Path, name: str, id_column: str) -> pl.DataFrame:
    frame = pl.read_ndjson(folder / f"{name}.jsonl.zst", schema={"id": pl.String, "problem": pl.String})
    return frame.rename({"id": id_column, "problem": "question"})


@pytest.mark.data
def test_all_known_pairs_are_found_by_the_exact_rule(data_folder: Path) -> None:
    known = pl.read_ndjson(
        data_folder / "contamination_known.jsonl.zst", schema={"problem_id": pl.String, "benchmark_id": pl.String}
    )
    problems = texts_of(data_folder, "problems", "problem_id")
    found = find_contaminated(problems, texts_of(data_folder, "benchmarks", "benchmark_id"))
    exact = found.filter(pl.col("rule") == "exact")
    assert known.height == 1_235
    missed = known.join(exact, on=["problem_id", "benchmark_id"], how="anti")
    assert missed.height == 0, missed.head(3)
    beyond = exact.join(known, on=["problem_id", "benchmark_id"], how="anti")
    print(f"exact {exact.height}, beyond the known ones {beyond.height}, n-gram {found.height - exact.height}")
    assert beyond.height <= 12  # a loose bound: the known pairs are a floor


@pytest.mark.data
def test_pairs_that_fire_are_contaminated_in_the_eyes_of_people(data_folder: Path) -> None:
    texts = dict.fromkeys(("id", "source", "text_a", "text_b"), pl.String())
    pairs = pl.read_ndjson(data_folder / "dup_pairs.jsonl.zst", schema={**texts, "same_problem": pl.Boolean})
    # a perturbed or re-numbered benchmark item is contaminated in the audit's sense (template variant)
    made_from_benchmark = pl.col("source").str.contains("math_perturb|gsm_hard")
    audited = pl.col("source").str.starts_with("contam_audit_human")
    judged = pairs.filter(made_from_benchmark | audited).with_columns(
        is_contaminated=pl.col("same_problem") | pl.col("source").str.contains("math_perturb|gsm_hard")
    )
    found = find_contaminated(
        judged.select(problem_id="id", question="text_b"), judged.select(benchmark_id="id", question="text_a")
    )
    fired = found.filter(pl.col("problem_id") == pl.col("benchmark_id"))["problem_id"].to_list()
    marked = judged.with_columns(fires=pl.col("id").is_in(fired))
    for source, group in marked.group_by("source", maintain_order=True):
        print(source[0], group.group_by("is_contaminated", "fires").len().sort("is_contaminated", "fires").rows())
    hits = marked.filter("fires")
    precision = hits["is_contaminated"].sum() / hits.height
    found_share = f"{hits['is_contaminated'].sum()} of {marked['is_contaminated'].sum()}"
    print(f"precision {precision:.3f} of {hits.height} that fire; recall {found_share}")
    assert precision > 0.9  # mostly by construction: nearly all of these pairs are made from a benchmark item
    # the audit alone is small: 10 pairs fire, 7 rightly; the others share a set-up ("Let a, b, c be positive ...")
    audit = hits.filter(pl.col("source").str.starts_with("contam_audit_human"))
    assert audit["is_contaminated"].sum() / audit.height > 0.6
