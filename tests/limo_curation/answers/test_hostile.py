"""Hostile answers: nothing is executed, nothing hangs or grows, and no law of equality is broken."""

import json
import math
import resource
import time
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.answers import Comparison, Verdict, compare_many, extract_answer
from limo_curation.answers.tiers import OpenPair, exact_tier
from limo_curation.answers.workers import idle_workers

GOLDS = ["2", r"\sqrt{2}", "x+1", "(1, 2)"]
INJECTIONS = [
    '__import__("os").system("touch hacked")',
    r'\text{__import__("os").system("touch hacked")}',
    "sympify(\"__import__('os').system('touch hacked')\")",
    '(lambda: open("hacked", "w"))()',
    'exec(\'open("hacked","w")\')',
    "x.__class__.__mro__[1].__subclasses__()",
    "{0.__class__.__init__.__globals__}",
    "%(hacked)s%n%s",
    "$(touch hacked)",
    "`touch hacked`",
    "; touch hacked #",
    r"\input{/etc/passwd}",
    r"\write18{touch hacked}",
    '{"pairs": [["x", "x"]], "cpu_seconds": 1}',
    "x\n" + json.dumps({"pairs": [["x", "x"]]}) + "\n",
    "sys.exit(0)",
    'S(\'open("hacked","w")\')',
    "Symbol('x', hacked=open('hacked', 'w'))",
]
COSTLY = [
    "9^{9^{9^{9^{9}}}}",
    "2^{2^{2^{2^{2^{2}}}}}",
    r"\pi^{\pi^{\pi^{\pi^{\pi^{\pi}}}}}",
    "e^{e^{e^{e^{e^{x}}}}}",
    r"\sqrt{2}^{10^{12}}",
    "(10^{9})!",
    "999999!!!",
    "((((9!)!)!)!)!",
    r"\binom{10^{9}}{5\cdot 10^{8}}",
    "(x+y+z)^{99999}",
    "((x+1)^{99}+y)^{99}",
    r"\sin(10^{300}x)",
    r"\log_{1}(x)",
    r"\frac{1}{0}\pi",
    "0^{0}x",
    "1e999999999",
    "0." + "0" * 1_000 + "1",
    "-" * 1_000 + "1",
    "1" * 5_000,
]
NESTED = [
    opening * depth + "1" + closing * depth
    for opening, closing in (
        ("{", "}"),
        ("(", ")"),
        (r"\frac{1}{", "}"),
        (r"\sqrt{", "}"),
        (r"\boxed{", "}"),
        ("|", "|"),
    )
    for depth in (60, 240, 10_000)
] + [r"\sin" * 140 + "x", r"\left(" * 10_000, r"\text{" * 10_000, "[" * 1_000, r"\begin{pmatrix}" * 100]
STRANGE = [
    "1\x00+1",
    "\ud800",
    "\ud800\\sqrt{2}",
    "\u202e2\u202c",
    "2" + "\u0301" * 900,
    "\u200b" * 1_999 + "x",
    "２" * 999,
    "２^{２}",
    "Ⅱ",
    "²",
    "⒉",
    "x\u200dy",
    "\u0455",
    "1" * 10_000_000,
    "x+" * 5_000_000,
    "\\" * 10_000_000,
]
HOSTILE = INJECTIONS + COSTLY + NESTED + STRANGE


def test_nothing_is_executed_and_nothing_hostile_is_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    predicted, gold = [text for text in HOSTILE for _ in GOLDS], GOLDS * len(HOSTILE)
    verdicts = compare_many(predicted, gold, timeout_seconds=1.0)
    rows = zip(predicted, gold, verdicts, strict=True)
    assert [(text[:40], other) for text, other, verdict in rows if verdict is Verdict.EQUAL] == []
    assert list(tmp_path.iterdir()) == []
    assert compare_many([r"\sqrt{12}"], [r"2\sqrt{3}"]) == [Verdict.EQUAL]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_workers_stay_far_below_their_memory_limit() -> None:
    compare_many(
        COSTLY * 3, ["x"] * len(COSTLY) + [r"\pi"] * len(COSTLY) + ["y^{2}"] * len(COSTLY), timeout_seconds=1.0
    )
    assert idle_workers
    for worker in idle_workers:
        assert worker._process is not None
        status = Path(f"/proc/{worker._process.pid}/status").read_text(encoding="utf-8")
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        assert peak < 512 << 10, "kB"


@pytest.mark.parametrize("text", HOSTILE, ids=[f"{index}" for index in range(len(HOSTILE))])
def test_hostile_text_is_settled_fast_outside_the_symbolic_tier(text: str) -> None:
    started = time.process_time()
    for other in [*GOLDS, text + "1"]:
        found = exact_tier(text, other)
        assert found == exact_tier(other, text)
    assert exact_tier(text, text) == (Verdict.EQUAL, "same_text")
    assert time.process_time() - started < 1.0


def test_extraction_takes_linear_time_and_little_memory_on_hostile_text() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for piece in (
        r"\boxed{",
        r"\boxed{1}",
        "The answer is ",
        "答案是",
        "#### ",
        "**",
        "$",
        "{",
        "}",
        "\\",
        "\n",
        "= ",
        "1, ",
    ):
        started = time.process_time()
        extract_answer(piece * (3_000_000 // len(piece)))
        assert time.process_time() - started < 4.0, piece
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500 << 10, "kB"


# -- laws --------------------------------------------------------------------------------------------------------------

PIECE_TEXT = r"""
\frac{ \sqrt{ \boxed{ \text{ \left( \right) \{ \} \pi \infty \cup \pm \le \ne \log_ \sin \binom{ \begin{pmatrix}
& \\ { } ( ) [ ] , ; : . + - * / ^ ^{ _ = < > ! % ° $ | 0 1 2 10 12,500 0.5 x y e i A B or and is cm −２ ½ ² 答案
#### ** <answer>
"""
PIECES = PIECE_TEXT.split()
NUMBERS = st.fractions(-200, 200, max_denominator=12)


def spelled(value: Fraction, form: int) -> str:
    """Return a number in one of eight spellings."""
    sign, above, below = "-" if value < 0 else "", abs(value.numerator), value.denominator
    forms = [
        f"{value}",
        rf"{sign}\frac{{{above}}}{{{below}}}",
        rf"$\boxed{{{sign}\dfrac{{{2 * above}}}{{{2 * below}}}}}$.",
        rf"\left({sign}{above}\right)\cdot \frac{{1}}{{{below}}}",
        f"x = {value}",
        rf"{sign}\sqrt{{\frac{{{above**2}}}{{{below**2}}}}}",
        rf"{value.numerator - below}/{below} + 1",
        rf"({sign}{above})^{{1}}/{below}",
    ]
    return forms[form]


TEXTS = st.lists(st.sampled_from([*PIECES, " "]), max_size=24).map("".join) | st.text(max_size=12)
ANSWERS = TEXTS | st.builds(spelled, NUMBERS, st.integers(0, 7))


@given(ANSWERS, ANSWERS)
@settings(max_examples=600, deadline=None)
def test_comparison_never_raises_and_is_symmetric_and_reflexive(left: str, right: str) -> None:
    found = exact_tier(left, right)
    assert isinstance(found, Comparison | OpenPair)
    assert found == exact_tier(right, left)
    assert exact_tier(left, left) == (Verdict.EQUAL, "same_text")


@given(NUMBERS, NUMBERS | st.none(), st.integers(0, 7), st.integers(0, 7))
@settings(max_examples=400, deadline=None)
def test_numbers_in_any_spelling_are_equal_exactly_when_they_are(
    left: Fraction, other: Fraction | None, left_form: int, right_form: int
) -> None:
    right = left if other is None else other
    found = exact_tier(spelled(left, left_form), spelled(right, right_form))
    assert isinstance(found, Comparison)
    assert found.verdict is (Verdict.EQUAL if left == right else Verdict.DIFFERENT)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(1, 4)), min_size=1, max_size=6))
@settings(max_examples=15, deadline=None)
def test_roots_are_equal_exactly_when_their_squares_are(rows: list[tuple[int, int, int]]) -> None:
    predicted = [rf"{times}\sqrt{{{left}}}" for left, _, times in rows]
    gold = [rf"\sqrt{{{right * times**2}}}" for _, right, times in rows]
    expected = [Verdict.EQUAL if left == right else Verdict.DIFFERENT for left, right, _ in rows]
    assert compare_many(predicted, gold, num_workers=1) == expected


@given(TEXTS, TEXTS, st.sampled_from(["So {0}. {1}", r"\boxed{{{0}}} {1}", "{1}\nThe answer is {0}", "#### {0}\n{1}"]))
@settings(max_examples=400, deadline=None)
def test_extraction_never_raises(answer: str, other: str, text: str) -> None:
    found = extract_answer(text.format(answer, other))
    assert found is None or isinstance(found, str)


def test_a_number_of_many_digits_is_compared_exactly() -> None:
    digits = str(math.factorial(300))
    assert exact_tier(digits, digits + ".0") == (Verdict.EQUAL, "same_number")
    assert exact_tier(digits, digits[:-1] + "1") == (Verdict.DIFFERENT, "other_number")
