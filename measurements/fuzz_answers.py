r"""Fuzz the answer check: does anything raise, hang, contradict itself or contradict exact fractions?

Answers are written by a grammar that knows their exact values, then mutated. The laws: no call raises or takes long; an
answer equals itself; the order of two answers does not matter; EQUAL and DIFFERENT never contradict the exact values;
columns, pairs and the symbolic tier agree; extraction returns a text or nothing. Blind to coverage, but seeded: a
finding is printed with what reproduces it, and the same seed makes the same texts.

    python measurements/fuzz_answers.py [--seconds 60] [--seed 0] [--quick] [--json]
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, TypeVar

import polars as pl

from limo_curation.answers import Comparison, Reason, Verdict, explain_many, extract_answer
from limo_curation.answers.column import explain_column
from limo_curation.answers.tiers import OpenPair, exact_tier

BATCH: Final = 256
MAX_SYMBOLIC: Final = 6  # pairs of a batch that also go to the symbolic tier
SLOW_SECONDS: Final = 0.5
TIMEOUT_SECONDS: Final = 2.0
RESTART_SECONDS: Final = 8.0  # what a worker may take to start on a busy machine, after each kill

T = TypeVar("T")
Answer = tuple[str, Fraction | None]  # a text, and the square of its value with the value's sign
Pair = tuple[Answer, Answer]


# -- answers with their values -----------------------------------------------------------------------------------------


class Grammar:
    """Writes answers whose exact values are known."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def answer(self) -> Answer:
        """Return a number, a root or an expression in some wrapping."""
        kind = self._rng.random()
        if kind < 0.4:
            text, value = self.expression(2)
            square = signed_square(value)
        else:
            square = signed_square(self.value()) if kind < 0.85 else Fraction(self._rng.randint(-50, 50))
            text = self.spelled(square)
        wrapping = self._rng.choice(WRAPPINGS[: NUM_BARE if "," in text else None])  # `(12,500)` may be a pair
        return wrapping.replace("@", text), square

    def value(self) -> Fraction:
        """Return a small number more often than a large one."""
        size = self._rng.choice((3, 12, 100, 10**6, 10**20))
        below = self._rng.choice((1, 1, 1, 2, 3, 4, 8, 10, 100, 7 * 11 * 13))
        return Fraction(self._rng.randint(-size, size), below)

    def spelled(self, square: Fraction) -> str:
        """Return one spelling of the number that has this signed square."""
        sign, above, below = "-" if square < 0 else "", abs(square.numerator), square.denominator
        roots = math.isqrt(above), math.isqrt(below)
        if roots[0] ** 2 == above and roots[1] ** 2 == below:
            return self.spelled_rational(sign, *roots)
        times = self._rng.randint(1, 6)
        return sign + self._rng.choice(
            (
                rf"\sqrt{{\frac{{{above}}}{{{below}}}}}",
                rf"\frac{{\sqrt{{{above * times**2}}}}}{{{times}\sqrt{{{below}}}}}",
                rf"\frac{{\sqrt{{{above * below}}}}}{{{below}}}",
                rf"\frac{{{above}}}{{\sqrt{{{above * below}}}}}",
            )
        )

    def near(self, square: Fraction) -> Answer:
        """Return a fraction that is the number with this signed square, cut after a few places."""
        scale = 10 ** self._rng.choice((2, 8, 15, 30))
        above = math.isqrt(abs(square.numerator) * square.denominator * scale**2)
        value = Fraction(above if square >= 0 else -above, square.denominator * scale)
        return self.spelled_rational("-" if value < 0 else "", abs(value.numerator), value.denominator), signed_square(
            value
        )

    def spelled_rational(self, sign: str, above: int, below: int) -> str:
        """Return one spelling of a fraction."""
        factor = self._rng.randint(1, 4)
        forms = [rf"{sign}\frac{{{above * factor}}}{{{below * factor}}}", f"{sign}{above * factor}/{below * factor}"]
        if below == 1:
            forms += [f"{sign}{above}", f"{sign}{above:,}", f"{sign}{above}.{'0' * factor}"] * 2
            forms += [sign + "".join(chr(ord(digit) + 0xFEE0) for digit in str(above))]
        elif 10**4 % below == 0:
            forms += [f"{sign}{above // below}.{above * 10**4 // below % 10**4:04d}"] * 2
        if above > below > 1:
            forms += [f"{sign}{above // below} {above % below}/{below}"]
            forms += [rf"{sign}{above // below}\frac{{{above % below}}}{{{below}}}"]
        return self._rng.choice(forms)

    def expression(self, depth: int) -> tuple[str, Fraction]:
        """Return an expression of whole numbers with its value."""
        if depth == 0:
            number = self._rng.randint(0, 12)
            return str(number), Fraction(number)
        (left, left_value), (right, right_value) = self.expression(depth - 1), self.expression(depth - 1)
        small = self._rng.randint(0, 4)
        chosen = (small + 1) * (small + 2) * (small + 3) // 6
        forms = [
            (f"({left})+({right})", left_value + right_value),
            (f"{left} - ({right})", left_value - right_value),
            (rf"({left})\cdot ({right})", left_value * right_value),
            (rf"\left({left}\right)\left({right}\right)", left_value * right_value),
            (rf"\sqrt{{({left})^2}}", abs(left_value)),
            (rf"\binom{{{small + 3}}}{{{small}}}+({left})", left_value + chosen),
        ]
        if right_value:
            forms.append((rf"\dfrac{{{left}}}{{{right}}}", left_value / right_value))
        if left_value:
            forms.append((f"({left})^{{{small}}}", left_value**small))
        return self._rng.choice(forms)


def signed_square(value: Fraction) -> Fraction:
    """Return a number's square with its sign, which tells numbers and roots of numbers apart as exactly."""
    return value * abs(value)


NUM_BARE: Final = 8
WRAPPINGS: Final = (
    "@",
    "@",
    "$@$",
    "$@$.",
    r"\boxed{@}",
    " @ ",
    "x = @",
    "@ cm",
    r"\(@\)",
    r"\left(@\right)",
    "{@}",
    "−(-(@))",
)
PIECES: Final = r"""
\frac \dfrac \sqrt \binom \log_ \sin \pi \infty \pm \cup \in \le \ge \ne \times \boxed{ \text{ \left( \right)
\overline{3} \begin{pmatrix} \end{pmatrix} \\ \{ \} { } ( ) [ ] , ; : . .. - + * / ^ _ = < > ! % ° $ $$ & | **
10^{ _{2} 0 1 2 9 007 999999999 1/2 x y e i n a A B C or and is the answer cm m #### <answer> </answer> Final
答案是 １ ٣ ² ½ − × √ 𝟙
"""
TOKENS: Final = (*PIECES.split(), " ", "\n", "\x00", "\u200b", "\u202e", "\u0301", "\ud800")


def mutated(text: str, others: list[Answer], rng: random.Random) -> str:
    """Return a text after a few random edits."""
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        at, end = sorted(rng.randint(0, len(text)) for _ in range(2))
        match rng.randint(0, 5):
            case 0:
                text = text[:at] + text[min(end, at + 4) :]
            case 1:
                text = text[:at] + rng.choice(TOKENS) + text[at:]
            case 2:
                text = text[:end] + text[at : at + 12] + text[end:]
            case 3:
                text = text[:at] + rng.choice(others)[0] + text[end:]
            case 4:
                text = text[:at] + text[at:end][::-1] + text[end:]
            case _:
                text = text[:at] + rng.choice(TOKENS) * rng.choice((2, 3, 40)) + text[at:]
    return text[:4_000]


def pairs_of(rng: random.Random) -> Iterator[Pair]:
    """Yield one batch of pairs: some as written, some equal in value, some mutated."""
    grammar = Grammar(rng)
    answers = [grammar.answer() for _ in range(BATCH)]
    for left in answers:
        right = rng.choice(answers)
        if left[1] is not None and rng.random() < 0.3:
            right = grammar.near(left[1]) if rng.random() < 0.3 else (grammar.spelled(left[1]), left[1])
        if rng.random() < 0.5:
            left = mutated(left[0], answers, rng), None
        if rng.random() < 0.3:
            right = (left[0] if rng.random() < 0.2 else mutated(right[0], answers, rng)), None
        yield left, right


# -- laws --------------------------------------------------------------------------------------------------------------

PLAIN: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,20})?")


@dataclass
class Report:
    """What was done and what was found."""

    executions: int = 0
    symbolic: int = 0
    deadlines: int = 0
    slowest_seconds: float = 0.0
    findings: list[str] = field(default_factory=list[str])

    def call(self, function: Callable[..., T], *arguments: object, limit: float = SLOW_SECONDS) -> T | None:
        """Return what a function returns; note if it raises or takes long."""
        started = time.process_time()
        try:
            found = function(*arguments)
        except Exception as error:  # any error of any kind is a finding
            self.note(f"raises {type(error).__name__}", function.__name__, *arguments)
            found = None
        seconds = time.process_time() - started
        self.executions += 1
        self.slowest_seconds = max(self.slowest_seconds, seconds)
        if seconds > limit:
            self.note(f"takes {seconds:.2f} s", function.__name__, *arguments)
        return found

    def note(self, what: str, *details: object) -> None:
        """Keep a finding with what reproduces it, and print it at once."""
        self.findings.append(f"{what}: " + ", ".join(ascii(detail)[:400] for detail in details))
        print(f"  finding: {self.findings[-1]}", flush=True)


def check_batch(pairs: list[Pair], report: Report, rng: random.Random) -> None:
    """Hold one batch against every law."""
    verdicts = {pair: check_pair(pair, report) for pair in pairs}
    check_column(list(verdicts), report)
    is_open = [pair for pair, found in verdicts.items() if isinstance(found, OpenPair)]
    check_symbolic(rng.sample(is_open, min(len(is_open), MAX_SYMBOLIC)), report)
    for left, right in pairs:
        for text in (left[0], rf"So {left[0]}. The answer is \boxed{{{right[0]}}}", f"{left[0]}\n{right[0]}"):
            report.call(extract_answer, text)


def check_pair(pair: Pair, report: Report) -> Comparison | OpenPair | None:
    """Compare two answers in the exact tier, both ways, and each with itself."""
    left, right = pair[0][0], pair[1][0]
    found, reverse = report.call(exact_tier, left, right), report.call(exact_tier, right, left)
    if found != reverse:
        report.note("depends on the order", left, right, found, reverse)
    itself = report.call(exact_tier, left, left)
    if not isinstance(itself, Comparison) or itself.verdict is not Verdict.EQUAL:
        report.note("does not equal itself", left)
    if isinstance(found, Comparison):
        check_values(pair, found, report)
    return found


def check_values(pair: Pair, found: Comparison, report: Report) -> None:
    """Hold a verdict against the exact values, where both are known."""
    values = [plain_value(text) if value is None else value for text, value in pair]
    if None in values or found.verdict is Verdict.UNDECIDED:
        return
    if (found.verdict is Verdict.EQUAL) != (values[0] == values[1]):
        report.note("contradicts the values", pair[0][0], pair[1][0], *values, found.reason)


def plain_value(text: str) -> Fraction | None:
    """Return the signed square of a text that is one plain number and nothing else."""
    return signed_square(Fraction(text)) if PLAIN.fullmatch(text) else None


def check_column(pairs: list[Pair], report: Report) -> None:
    """Hold the tier for columns against the one for pairs."""
    if any("\ud800" in text for pair in pairs for text, _ in pair):  # no UTF-8, so not in any column
        pairs = [pair for pair in pairs if not any("\ud800" in text for text, _ in pair)]
    columns = [pl.Series([pair[side][0] for pair in pairs], dtype=pl.String) for side in (0, 1)]
    reasons = report.call(explain_column, *columns, limit=10.0)
    for (left, right), reason in zip(pairs, reasons if reasons is not None else [], strict=False):
        found = exact_tier(left[0], right[0]) if reason is not None else None
        if reason is not None and (not isinstance(found, Comparison) or found.reason != reason):
            report.note("column and pair disagree", left[0], right[0], reason, found)


def check_symbolic(pairs: list[Pair], report: Report) -> None:
    """Ask the symbolic tier, both ways; an error, a late reply or a contradiction is a finding."""
    left, right = [pair[0][0] for pair in pairs], [pair[1][0] for pair in pairs]
    started = time.perf_counter()
    ways = [
        explain_many(*sides, num_workers=1, timeout_seconds=TIMEOUT_SECONDS) for sides in ((left, right), (right, left))
    ]
    if time.perf_counter() - started > 2 * (len(pairs) + 1) * (TIMEOUT_SECONDS + RESTART_SECONDS):
        report.note("symbolic tier is late", left, right)
    report.symbolic += len(pairs)
    for pair, found, reverse in zip(pairs, *ways, strict=True):
        if Reason.DEADLINE in (found.reason, reverse.reason):  # slow, or a crash: worth a look, but not against a law
            report.deadlines += 1
            print(f"  worker was stopped: {ascii(pair[0][0])[:400]}, {ascii(pair[1][0])[:400]}", flush=True)
        if found != reverse and Reason.DEADLINE not in (found.reason, reverse.reason):
            report.note("symbolic tier depends on the order", pair[0][0], pair[1][0], found, reverse)
        check_values(pair, found, report)


def main() -> None:
    """Fuzz for a while; exit with 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="wall time to fuzz for")
    parser.add_argument("--seed", type=int, default=0, help="of the first batch; each later batch has the next one")
    parser.add_argument("--quick", action="store_true", help="ten seconds")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    arguments = parser.parse_args()
    report, seed, started = Report(), arguments.seed, time.monotonic()
    seconds = 10.0 if arguments.quick else arguments.seconds
    while time.monotonic() - started < seconds:
        rng = random.Random(seed)  # noqa: S311 (texts, no secrets)
        check_batch(list(pairs_of(rng)), report, rng)
        seed += 1
    figures = {
        "seconds": round(time.monotonic() - started, 1),
        "executions": report.executions,
        "symbolic_pairs": report.symbolic,
        "deadlines": report.deadlines,
        "slowest_seconds": round(report.slowest_seconds, 3),
        "seeds": [arguments.seed, seed - 1],
        "findings": len(report.findings),
    }
    print("  ".join(f"{name} {figure}" for name, figure in figures.items()))
    if arguments.json:
        print(json.dumps(figures))
    sys.exit(1 if report.findings else 0)


if __name__ == "__main__":
    main()
