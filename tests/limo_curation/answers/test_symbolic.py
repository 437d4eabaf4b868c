"""The symbolic tier: right about algebra, unharmed by hostile text, the same from any thread."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from limo_curation.answers import Verdict, compare_answers, compare_many
from limo_curation.answers.workers import idle_workers

EQUAL = [
    (r"\sqrt{8}", r"2\sqrt{2}"),
    (r"\frac{1}{\sqrt{3}}", r"\frac{\sqrt{3}}{3}"),
    ("(x+1)^2", "x^2+2x+1"),
    (r"\sin^2 x+\cos^2 x", "1"),
    (r"\frac{9}{4}\pi", r"2.25\pi"),
    ("n(n+1)", "n^2+n"),
    ("6(7)", "42"),
    (r"\binom{6}{3}", "20"),
    ("10!", "3628800"),
    ("0.5x", r"\frac{x}{2}"),
    (r"(\sqrt{4}, 3)", "(2, 3)"),
    ("3-4i", "3-4 i"),
    (r"\frac{\sqrt2}2", r"\frac1{\sqrt2}"),
    (r"e^{i\pi}", "-1"),
    ("(1+i)^2", "2i"),
    ("2x+4y-3=0", r"y=-\frac{1}{2}x+\frac{3}{4}"),
    ("x^2/16+y^2/12=1/4", "x^2/4+y^2/3=1"),
    ("-34x-45y+20z-100=0", "34x+45y-20z+100=0"),
    ("-x>-1", "x<1"),
    ("90°", r"\frac{\pi}{2}"),
    (r"\frac{1}{a}\sinh(at)", r"\frac{1}{2a}(\exp{a*t}-\exp{-a*t})"),
    (r"\frac{1}{3\sqrt[3]{x}^2}", r"\frac{1}{3x^{2/3}}"),
    ("f(x)=x+1", "f(n)=1+n"),
    (r"\log_2 8", "3"),
    (r"\frac{\log 8}{\log 2}", "3"),
    (r"\sqrt{-4}", "2i"),
    ("2x-y+1>0", "y<2x+1"),
]
DIFFERENT = [
    (r"\sqrt{8}", r"2\sqrt{3}"),
    ("2x", "x^2"),
    ("2x+4y=3", "2x+4y=5"),
    ("x<2y", "x>2y"),
    ("1+i", "1-i"),
    (r"\lfloor x\rfloor", r"\lfloor x+1\rfloor"),
    ("6(1)", "7"),
    ("3-4i", "3+4i"),
    ("2^{2024}+1", "2^{2024}-1"),
    (r"\frac{1}{2010!}", r"-\frac{1}{2010!}"),
    (r"3\pi", "9.5"),
    (r"\frac{\sqrt{2}}{2}", r"\frac{\sqrt{2}+10^{-9}}{2}"),
]
UNDECIDED = [
    (r"\sqrt{2}", "1.414"),
    ("2a", "2b"),
    (r"2^{2024}\pi+1", r"2^{2024}\pi"),
    (r"10^{-200}\pi", r"-10^{-200}\pi"),
    ("f(x)", "f(y)"),
    ("1/2x", r"\frac{1}{2x}"),
    (r"2\frac{1}{3}\pi", r"\frac{2}{3}\pi"),
    ("even", "neve"),
    (r"\sqrt{x^2}", "x"),
    (r"\log 100", "2"),  # 2 to the base 10 only
    ("x^2-2x+1=0", "x=1"),  # the same solution, another equation
    ("x^2+x=0", "x^2-x=0"),
    ("2e", "5.5"),  # Euler's number, or a letter
    (r"\lfloor x\rfloor", r"\lfloor x+10^{-9}\rfloor"),
]
HOSTILE = [
    "9^{9^{9^{9^{9}}}}",
    "999999!!!",
    "(10^{9})!",
    "(x+y+z)^{99999}",
    "{" * 900 + "1" + "}" * 900,
    "(" * 500 + "1" + ")" * 500,
    r"\frac{" * 200 + "1" + "}{2}" * 200,
    r"\sqrt{" * 300 + "2" + "}" * 300,
    "1\x00+1",
    '__import__("os").system("touch hacked")',
    r'\text{__import__("os")._exit(1)}',
    "x" * 1_000_000,
    "1" * 5_000,
    "\ud800",
]


@pytest.mark.parametrize(
    ("pairs", "verdict"), [(EQUAL, Verdict.EQUAL), (DIFFERENT, Verdict.DIFFERENT), (UNDECIDED, Verdict.UNDECIDED)]
)
def test_algebra_is_judged_rightly_in_both_orders(pairs: list[tuple[str, str]], verdict: Verdict) -> None:
    left, right = zip(*pairs, strict=True)
    assert dict(zip(pairs, compare_many(left, right), strict=True)) == dict.fromkeys(pairs, verdict)
    assert compare_many(right, left) == [verdict] * len(pairs)


def test_hostile_text_neither_harms_nor_counts_as_equal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    started = time.perf_counter()
    golds = ["2", r"\sqrt{2}", "x+1"]
    verdicts = compare_many([text for text in HOSTILE for _ in golds], golds * len(HOSTILE), timeout_seconds=1.0)
    assert Verdict.EQUAL not in verdicts
    assert time.perf_counter() - started < 40
    assert list(tmp_path.iterdir()) == []
    assert compare_answers(r"\sqrt{12}", r"2\sqrt{3}") is Verdict.EQUAL


def test_deadline_is_kept() -> None:
    compare_answers(r"\sqrt{12}", r"2\sqrt{3}")
    started = time.perf_counter()
    verdict = compare_many(["9^{9^{9^{9}}}"], ["9^{9^{9^{8}}}"], timeout_seconds=0.5)
    assert verdict == [Verdict.UNDECIDED]
    assert time.perf_counter() - started < 30  # the tower alone takes hours


def test_verdict_is_the_same_from_a_thread_pool() -> None:
    pairs = EQUAL + DIFFERENT
    with ThreadPoolExecutor(2) as threads:
        verdicts = list(threads.map(lambda pair: compare_answers(*pair), pairs))
    assert verdicts == [Verdict.EQUAL] * len(EQUAL) + [Verdict.DIFFERENT] * len(DIFFERENT)


def test_workers_are_kept_for_the_next_call_and_bounded_by_the_largest() -> None:
    num_before = len(idle_workers)
    for _ in range(3):
        compare_many([r"\sqrt{8}"] * 10, [f"{n}\\sqrt{{2}}" for n in range(10)], num_workers=2)
    assert 1 <= len(idle_workers) <= max(2, num_before)


def test_script_without_a_main_guard_works(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from limo_curation.answers import compare_answers\nprint(compare_answers(r'\\sqrt{8}', r'2\\sqrt{2}'))\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, check=True)
    assert (done.stdout, done.stderr) == ("equal\n", "")


def test_importing_answers_loads_no_sympy() -> None:
    code = "import sys, limo_curation.answers; print(sorted({'sympy', 'math_verify', 'polars'} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "[]\n"
