"""The demo's problem source keeps its promises: exact answers, planted traps that are what they say, the same bytes."""

import json
import re
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.demo.generator import MAX_PER_WORDING, Problem, draw_problem, draw_problems
from limo_curation.demo.kinds import COMMON_KIND, DOMAINS, KINDS, LEVELS
from limo_curation.demo.planted import SHARES, character_jaccard, num_planted, plant_rows
from limo_curation.demo.problems import DemoFiles, write_demo
from limo_curation.demo.rows import as_row
from limo_curation.demo.steps import write_difference, write_product, write_sum

ALL_KINDS = (*KINDS, COMMON_KIND)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Parse every line that is JSON."""
    rows = []
    for line in path.read_text("utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> DemoFiles:
    return write_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def rows(files: DemoFiles) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in read_lines(files.problems)}


@pytest.fixture(scope="module")
def benchmarks(files: DemoFiles) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in read_lines(files.benchmarks)}


@pytest.fixture(scope="module")
def planted(files: DemoFiles) -> list[dict[str, Any]]:
    return read_lines(files.planted)


def of_kind(planted: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [truth for truth in planted if truth["planted"] == name]


def normalised(text: str) -> str:
    return " ".join(text.lower().split())


def word_ngrams(text: str, size: int = 8) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[start : start + size]) for start in range(len(words) - size + 1)}


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    kind = draw(st.sampled_from(ALL_KINDS))
    level = draw(st.sampled_from(sorted(kind.shape.levels)))
    return draw_problem(kind, level, draw(st.integers(0, 3)), Random(draw(st.integers(0, 10**9))))


@settings(max_examples=150, deadline=None)
@given(problems())
def test_answer_agrees_with_an_independent_sympy_evaluation(problem: Problem) -> None:
    value = sympy.sympify(problem.expression, locals={"range": range})
    fraction = re.fullmatch(r"\\frac\{(\d+)\}\{(\d+)\}", problem.answer)
    assert value == (sympy.Rational(*map(int, fraction.groups())) if fraction else sympy.Integer(problem.answer))


@settings(max_examples=150, deadline=None)
@given(problems(), st.integers(0, 10**9))
def test_reference_chain_states_only_true_equations_and_ends_in_the_answer(problem: Problem, seed: int) -> None:
    chain = problem.chain(Random(seed))
    assert chain.endswith(rf"\boxed{{{problem.answer}}}.")
    for left, right in re.findall(r"(\d+(?: [-+*] \d+)+) = (\d+)", chain):
        assert sympy.sympify(left) == int(right), chain


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_written_sums_differences_and_products_end_in_the_exact_result(a: int, b: int) -> None:
    low, high = sorted((a, b))
    assert write_sum(a, b).endswith(f"{a} + {b} = {a + b}.")
    assert write_difference(high, low).endswith(f"{high} - {low} = {high - low}.")
    assert write_product(a, b).endswith(f"{a} * {b} = {a * b}.")


def test_every_wording_is_long_enough_to_compare_by_5_grams() -> None:
    lengths = [len(draw_problem(kind, min(kind.shape.levels), w, Random(0)).text) for kind in KINDS for w in range(4)]
    assert min(lengths) >= 60


@given(st.integers(0, 10**9), st.sampled_from((2, 3, 4)))
def test_remainder_is_smaller_than_its_divisor(seed: int, level: int) -> None:
    kind = next(kind for kind in KINDS if kind.name == "division_identity")
    divisor, _, remainder = draw_problem(kind, level, 0, Random(seed)).numbers
    assert remainder < divisor


def test_every_domain_has_every_level() -> None:
    for domain in DOMAINS:
        found = {level for kind in KINDS if kind.domain == domain for level in kind.shape.levels}
        assert found == set(LEVELS)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000), num_problems=st.integers(150, 300))
def test_same_seed_gives_same_bytes(tmp_path_factory: pytest.TempPathFactory, seed: int, num_problems: int) -> None:
    first, second = (
        write_demo(tmp_path_factory.mktemp("demo"), num_problems=num_problems, seed=seed) for _ in range(2)
    )
    for name in DemoFiles.__slots__:
        assert getattr(first, name).read_bytes() == getattr(second, name).read_bytes()


def test_another_seed_gives_other_problems(tmp_path: Path, files: DemoFiles) -> None:
    other = write_demo(tmp_path, seed=1)
    assert other.problems.read_bytes() != files.problems.read_bytes()


def test_every_planted_kind_is_present_in_its_share(planted: list[dict[str, Any]]) -> None:
    assert Counter(truth["planted"] for truth in planted) == {name: num_planted(name, 1200) for name in SHARES}


def test_ordinary_rows_never_nearly_repeat_one_another(
    rows: dict[str, dict[str, Any]], planted: list[dict[str, Any]]
) -> None:
    marked = {truth["id"] for truth in planted}
    by_numbers: dict[tuple[str, ...], list[str]] = {}
    for row in rows.values():
        if row["id"] not in marked:
            by_numbers.setdefault(tuple(sorted(re.findall(r"\d+", row["problem"]))), []).append(row["problem"])
    for texts in by_numbers.values():
        for index, text in enumerate(texts):
            assert all(character_jaccard(text, other) < 0.7 for other in texts[:index]), text


def test_exact_duplicates_differ_in_case_and_whitespace_only(
    rows: dict[str, dict[str, Any]], planted: list[dict[str, Any]]
) -> None:
    for truth in of_kind(planted, "exact_duplicate"):
        copy, original = rows[truth["id"]], rows[truth["of"]]
        assert normalised(copy["problem"]) == normalised(original["problem"])
        assert copy["solution_answer"] == original["solution_answer"]


def test_near_duplicates_share_numbers_and_most_5_grams(
    rows: dict[str, dict[str, Any]], planted: list[dict[str, Any]]
) -> None:
    for truth in of_kind(planted, "near_duplicate"):
        copy, original = rows[truth["id"]]["problem"], rows[truth["of"]]["problem"]
        assert 0.8 <= character_jaccard(copy, original) < 1
        assert re.findall(r"\d+", copy) == re.findall(r"\d+", original)


def test_variants_share_every_word_but_neither_numbers_nor_answer(
    rows: dict[str, dict[str, Any]], planted: list[dict[str, Any]]
) -> None:
    for truth in of_kind(planted, "variant"):
        variant, original = rows[truth["id"]], rows[truth["of"]]
        assert variant["problem"] != original["problem"]
        assert re.sub(r"\d+", "#", variant["problem"]) == re.sub(r"\d+", "#", original["problem"])
        assert variant["solution_answer"] != original["solution_answer"]


def test_leaks_contain_the_whole_benchmark_text(
    rows: dict[str, dict[str, Any]], benchmarks: dict[str, dict[str, Any]], planted: list[dict[str, Any]]
) -> None:
    for truth in of_kind(planted, "leak_exact"):
        assert rows[truth["id"]]["problem"] == benchmarks[truth["of"]]["problem"]
    for truth in of_kind(planted, "leak_edited"):
        leak, item = rows[truth["id"]]["problem"], benchmarks[truth["of"]]["problem"]
        assert leak != item
        assert word_ngrams(item) <= word_ngrams(leak)


def test_no_other_row_shares_an_8_gram_with_a_benchmark(
    rows: dict[str, dict[str, Any]], benchmarks: dict[str, dict[str, Any]], planted: list[dict[str, Any]]
) -> None:
    leaks = {truth["id"] for truth in planted if truth["planted"].startswith("leak")}
    leaked = set[tuple[str, ...]]().union(*(word_ngrams(item["problem"]) for item in benchmarks.values()))
    for row in rows.values():
        if row["id"] not in leaks:
            assert not word_ngrams(row.get("problem", "")) & leaked, row


def test_wrong_golds_stand_at_easy_problems_and_contradict_the_exact_answer() -> None:
    drawn = draw_problems(300, level_weights={1: 1.0, 3: 1.0}, wordings=(0, 1, 2), rng=Random(0))
    pool = [as_row(problem) for problem in drawn]
    wrong = [row for row in plant_rows(pool, pool[:30], Random(1)) if row.planted == "wrong_gold"]
    assert len(wrong) == num_planted("wrong_gold", 300)
    for row in wrong:
        assert row.problem.level <= 2
        assert row.text == row.problem.text
        assert row.answer != row.problem.answer


def test_one_template_is_far_more_common_than_any_other(
    rows: dict[str, dict[str, Any]], planted: list[dict[str, Any]]
) -> None:
    common = {truth["id"] for truth in of_kind(planted, "common_template")}
    dropped_earlier = {t["id"] for t in planted if t["planted"] not in ("common_template", "variant", "wrong_gold")}
    templates = Counter(
        re.sub(r"\d+", "#", row["problem"]) for row in rows.values() if row["id"] not in dropped_earlier
    )
    (_, most), (_, next_most) = templates.most_common(2)
    assert most == len(common) >= 70
    assert next_most <= MAX_PER_WORDING + 3


BROKEN_FORMS = {
    "empty_question": lambda row: not row["problem"].strip(),
    "too_short": lambda row: len(row["problem"]) < 20,
    "too_long": lambda row: len(row["problem"]) > 8000,
    "no_gold": lambda row: not (row["solution_answer"] or "").strip(),
    "unparsable_gold": lambda row: not re.search(r"\d", row["solution_answer"]),
    "needs_figure": lambda row: re.search(r"figure|\[asy\]|!\[\]\(http|diagram", row["problem"]),
    "multi_part": lambda row: re.search(r"\(a\) .+ \(b\) ", row["problem"]),
    "proof": lambda row: re.match(r"Prove that|Show that", row["problem"]),
    "multiple_choice": lambda row: row["problem"].startswith("Which") and row["solution_answer"] in "ABCD",
    "yes_no": lambda row: row["solution_answer"].lower() == "no",
    "unsupported_language": lambda row: re.search("[а-я]{4}", row["problem"]),
    "missing_field": lambda row: not {"problem", "solution_answer"} <= set(row),
}


@pytest.mark.parametrize("name", BROKEN_FORMS)
def test_broken_rows_are_broken_as_they_say(
    name: str, rows: dict[str, dict[str, Any]], planted: list[dict[str, Any]]
) -> None:
    broken = of_kind(planted, name)
    assert broken
    assert all(BROKEN_FORMS[name](rows[truth["id"]]) for truth in broken)


def test_invalid_json_lines_do_not_parse(
    files: DemoFiles, rows: dict[str, dict[str, Any]], planted: list[dict[str, Any]]
) -> None:
    invalid = of_kind(planted, "invalid_json")
    num_lines = len(files.problems.read_text("utf-8").splitlines())
    assert invalid
    assert all(truth["id"] not in rows for truth in invalid)
    assert num_lines == len(rows) + len(invalid)
