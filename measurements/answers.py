"""Measure the answer check against Math-Verify: wrongly equal, wrongly different, undecided, and pairs per second.

Two sets: the pairs that libraries' maintainers labelled in their test suites, and pairs rewritten here from gold
answers, whose labels follow from how they were made. Both graders see the same pairs in the same run; Math-Verify
runs in this process as its authors call it. Needs LIMO_DATA, the folder of the shared data sets.

    python measurements/answers.py [--quick] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import math_verify
import zstandard

from limo_curation.answers import Verdict, compare_many, extract_answer

Graded = list[Verdict]


class Pair(NamedTuple):
    """Two answers and whether they are equal."""

    predicted: str
    gold: str
    is_equal: bool
    kind: str


def read_rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Read a shared data set row by row."""
    with (folder / f"{name}.jsonl.zst").open("rb") as file:
        text = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(file).read().decode()
    return (json.loads(line) for line in text.split("\n") if line)


def labelled_pairs(folder: Path) -> list[Pair]:
    """Return the pairs that maintainers labelled; whole outputs stay whole."""
    rows = read_rows(folder, "answer_pairs")
    return [
        Pair(row["pred"], row["gold"], bool(row["equal"]), row["source"])
        for row in rows
        if row["label_kind"].startswith("test-suite (written by maintainers")
    ]


NUMBER = re.compile(r"(?<![0-9.,_^{])[0-9]+(?![0-9.,])")


def near_misses(folder: Path, limit: int) -> list[Pair]:
    """Rewrite gold answers into equal and into different ones."""
    golds = sorted({str(row["answer"]) for row in read_rows(folder, "problems") if 0 < len(str(row["answer"])) <= 60})
    random.Random(0).shuffle(golds)  # noqa: S311 (a sample, not a secret)
    pairs = [pair for gold in golds[: limit // 3] for pair in rewritten(gold.strip().strip("$"))]
    return [pair for pair in pairs if pair.predicted != pair.gold][:limit]


def rewritten(gold: str) -> Iterator[Pair]:
    """Yield pairs whose labels follow from the rewriting."""
    yield Pair(f"$\\boxed{{{gold}}}$.", gold, True, "boxed")
    if r"\frac" in gold:
        yield Pair(gold.replace(r"\frac", r"\dfrac"), gold, True, "dfrac")
    match = NUMBER.search(gold)
    if match and r"\text" not in gold:
        other = f"{gold[: match.start()]}{int(match.group()[:15]) + 1}{gold[match.end() :]}"
        yield Pair(other, gold, False, "next number")
    if re.fullmatch(r"-?[0-9]{1,9}", gold):
        value = int(gold)
        yield Pair(f"{value:,}.0" if value >= 0 else f"{value}.00", gold, True, "decimal")
        yield Pair(f"\\frac{{{value * 6}}}{{6}}", gold, True, "unreduced")
        yield Pair(f"{value} 1/2", f"{2 * value + 1}/2" if value >= 0 else f"{2 * value - 1}/2", True, "mixed")
        yield Pair(f"{value} 1/2", f"{value}1/2", False, "mixed glued")
        yield Pair(f"-{value}" if value > 0 else str(-value + 1), gold, False, "sign")
        yield Pair(f"\\sqrt{{{value * value + 1}}}", gold, False, "near root")
        yield Pair(f"101_{{{abs(value) % 7 + 3}}}", f"101_{{{abs(value) % 7 + 2}}}", False, "base")
        yield Pair(f"{value}\\text{{ million}}", gold, value == 0, "million")
        yield Pair(f"x \\ne {value}", gold, False, "unequal sign")
        yield Pair(f"{value}\\text{{ cm}}", f"{value}\\text{{ m}}", value == 0, "unit")
        yield Pair(f"({value}, {value + 1})", f"[{value}, {value + 1})", False, "interval end")
        yield Pair(f"{value}, {value}, {value + 1}", f"{value}, {value + 1}", False, "multiplicity")
        yield Pair(f"\\{{{value}, {value + 1}\\}}", f"({value + 1}, {value})", False, "set or pair")
        yield Pair(f"x \\le {value}", f"x < {value}", False, "relation")


def ours(pairs: list[Pair]) -> Graded:
    """Compare as verification does: what a box or a marker holds, else the whole text."""
    predicted = [extract_answer(pair.predicted) or pair.predicted for pair in pairs]
    return compare_many(predicted, [extract_answer(pair.gold) or pair.gold for pair in pairs], num_workers=1)


def math_verify_alone(pairs: list[Pair]) -> Graded:
    """Compare with Math-Verify as its README does."""
    return [Verdict.EQUAL if math_verify_equal(pair) else Verdict.DIFFERENT for pair in pairs]


def math_verify_equal(pair: Pair) -> bool:
    """Return Math-Verify's verdict on one pair; a bare gold answer is given in dollars, as it asks for."""
    gold = pair.gold if "$" in pair.gold or r"\boxed" in pair.gold else f"${pair.gold}$"
    predicted = pair.predicted if "$" in pair.predicted or r"\boxed" in pair.predicted else f"${pair.predicted}$"
    library: Any = math_verify
    return library.verify(library.parse(gold), library.parse(predicted))


def measure(pairs: list[Pair], grader: Callable[[list[Pair]], Graded], show: bool) -> dict[str, float]:
    """Grade all pairs and count the kinds of error."""
    started = time.perf_counter()
    verdicts = grader(pairs)
    seconds = time.perf_counter() - started
    wrong = [(pair, verdict) for pair, verdict in zip(pairs, verdicts, strict=True) if is_wrong(pair, verdict)]
    for pair, verdict in wrong if show else []:
        print(f"  {pair.kind}: {pair.predicted[-70:]!r} against {pair.gold[-70:]!r} is called {verdict}")
    return {
        "pairs": len(pairs),
        "wrongly_equal": sum(verdict is Verdict.EQUAL for _, verdict in wrong),
        "wrongly_different": sum(verdict is Verdict.DIFFERENT for _, verdict in wrong),
        "undecided": verdicts.count(Verdict.UNDECIDED),
        "undecided_though_equal": sum(
            pair.is_equal and verdict is Verdict.UNDECIDED for pair, verdict in zip(pairs, verdicts, strict=True)
        ),
        "pairs_per_second": round(len(pairs) / seconds, 1),
    }


def is_wrong(pair: Pair, verdict: Verdict) -> bool:
    """Return whether a decided verdict contradicts the label."""
    return verdict is not Verdict.UNDECIDED and (verdict is Verdict.EQUAL) != pair.is_equal


def main() -> None:
    """Print a table, and with --json one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer pairs: under a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--show", action="store_true", help="print every pair that ours gets wrong")
    arguments = parser.parse_args()
    if "LIMO_DATA" not in os.environ:
        sys.exit("LIMO_DATA is not set: export the folder that holds answer_pairs.jsonl.zst")
    folder = Path(os.environ["LIMO_DATA"])
    sets = {
        "test suites": labelled_pairs(folder),
        "near misses": near_misses(folder, 1_500 if arguments.quick else 9_000),
    }
    report: dict[str, Any] = {"machine": f"{platform.machine()}, {os.cpu_count()} cores"}
    compare_many(["2\\sqrt{2}"], ["\\sqrt{8}"])  # starts a worker, so that the import of sympy is in neither figure
    for name, pairs in sets.items():
        graders = {
            "ours": measure(pairs, ours, arguments.show),
            "math_verify": measure(pairs, math_verify_alone, False),
        }
        report[name.replace(" ", "_")] = graders
        for grader, figures in graders.items():
            print(f"{name:12} {grader:12} " + "  ".join(f"{key} {value:g}" for key, value in figures.items()))
    if arguments.json:
        print(json.dumps(report))


if __name__ == "__main__":
    main()
