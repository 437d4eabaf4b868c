"""Measure the answer check against Math-Verify: wrongly equal, wrongly different, undecided, and pairs per second.

    LIMO_DATA=... python measurements/answers.py [--quick] [--json] [--show]

Five origins: pairs that libraries' maintainers labelled in their test suites; pairs rewritten here from gold answers,
whose labels follow from how they were made (`answer_rewritings.py`); whole solutions of models with their authors'
labels; solutions and outputs whose boxes were taken off, where what the last one held must be found without it; and
answers that other machines judged, where agreement is not truth. Both graders see the same pairs in the
same run; Math-Verify runs in this process as its authors call it, ours with one worker process. Then the speed of the
first tier alone, cold and for a column. Needs LIMO_DATA, the folder of the shared data sets.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import math_verify
import polars as pl

from limo_curation.answers import Comparison, Reason, Verdict, explain_many, extract_answer
from limo_curation.answers.column import compare_column
from limo_curation.answers.tiers import exact_tier
from measurements.answer_pairs import PairSet, gsm8k_solutions, judged_outputs, near_misses, test_suites, unboxed_texts
from measurements.answer_rewritings import Pair

MAX_BARE_CHARACTERS: Final = 200  # what is longer, or has a line break, is an output and not an answer
REAL: Final = ("GSM8K solutions", "judged answers", "judged outputs")  # sets of real outputs, which the speed is for
OUTPUT_CHARACTERS: Final = 1_200
EXTRACTED_TEXTS: Final = 20_000
COLUMN_ROWS: Final = 1_000_000


class Graded(NamedTuple):
    """What a grader says about each pair, and how long it took."""

    comparisons: list[Comparison]
    wall_seconds: float


def main() -> None:
    """Print a table, and with --json one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer pairs: under a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--show", action="store_true", help="print every pair that ours gets wrong or leaves undecided")
    arguments = parser.parse_args()
    if "LIMO_DATA" not in os.environ:
        sys.exit("LIMO_DATA is not set: export the folder that holds answer_pairs.jsonl.zst")
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # it logs whole outputs
    sets = read_sets(Path(os.environ["LIMO_DATA"]), quick=arguments.quick)
    explain_many(["2\\sqrt{2}"], ["\\sqrt{8}"])  # starts a worker, so that the import of sympy is in neither figure
    report: dict[str, Any] = {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "sets": {}}
    for each in sets:
        report["sets"][each.name] = measure_set(each, show=arguments.show)
    report["totals"] = totals(report["sets"].values())
    report["first_tier"] = measure_first_tier([pair for each in sets if each.name in REAL for pair in each.pairs])
    report["extraction"] = measure_extraction([pair for each in sets for pair in each.pairs])
    for grader, figures in report["totals"].items():
        print_figures("all trusted labels", grader, figures)
    print_figures("real outputs", "first tier", report["first_tier"])
    print_figures("boxed outputs", "extraction", report["extraction"])
    if arguments.json:
        print(json.dumps(report))


def read_sets(folder: Path, *, quick: bool) -> list[PairSet]:
    """Return all sets of pairs."""
    return [
        *test_suites(folder),
        *near_misses(folder, 800 if quick else 12_000),
        gsm8k_solutions(folder, 1_000 if quick else 10_000),
        *judged_outputs(folder, 60 if quick else 1_000),
        *unboxed_texts(folder, 60 if quick else 1_000),
    ]


# -- graders -----------------------------------------------------------------------------------------------------------


def ours(pairs: list[Pair]) -> Graded:
    """Compare as `extract_answer` says how to compare a whole output."""
    started = time.perf_counter()
    predicted = [extract_answer(pair.predicted) or pair.predicted for pair in pairs]
    gold = [extract_answer(pair.gold) or pair.gold for pair in pairs]
    return Graded(explain_many(predicted, gold, num_workers=1), time.perf_counter() - started)


def math_verify_alone(pairs: list[Pair]) -> Graded:
    """Compare with Math-Verify."""
    started = time.perf_counter()
    verdicts = [Verdict.EQUAL if math_verify_equal(pair) else Verdict.DIFFERENT for pair in pairs]
    return Graded([Comparison(verdict, Reason.SYMBOLIC) for verdict in verdicts], time.perf_counter() - started)


def math_verify_equal(pair: Pair) -> bool:
    """Return Math-Verify's verdict on one pair; a bare answer is given in dollars, as it asks for."""
    library: Any = math_verify
    return library.verify(library.parse(in_dollars(pair.gold)), library.parse(in_dollars(pair.predicted)))


def in_dollars(text: str) -> str:
    """Return a bare answer as a formula; an output as it is."""
    is_bare = len(text) <= MAX_BARE_CHARACTERS and not any(mark in text for mark in ("$", "\\boxed", "\n", "nswer"))
    return f"${text}$" if is_bare else text


GRADERS: Final[dict[str, Callable[[list[Pair]], Graded]]] = {"ours": ours, "math_verify": math_verify_alone}


# -- figures -----------------------------------------------------------------------------------------------------------


def measure_set(each: PairSet, *, show: bool) -> dict[str, Any]:
    """Grade one set with both graders, and print a line for each."""
    print(f"{each.name} ({len(each.pairs)} pairs; label: {each.label})")
    found: dict[str, Any] = {"label": each.label}
    for name, grader in GRADERS.items():
        graded = grader(each.pairs)
        found[name] = figures_of(each.pairs, graded)
        print_figures("", name, found[name])
        if name == "ours":
            found["undecided_by_kind"] = undecided_by_kind(each.pairs, graded)
            if show:
                show_pairs(each.pairs, graded)
    return found


def figures_of(pairs: list[Pair], graded: Graded) -> dict[str, float]:
    """Count the kinds of error."""
    counted = Counter((pair.is_equal, found.verdict) for pair, found in zip(pairs, graded.comparisons, strict=True))
    num_equal = sum(pair.is_equal for pair in pairs)
    return {
        "pairs": len(pairs),
        "wrongly_equal": counted[False, Verdict.EQUAL],
        "wrongly_different": counted[True, Verdict.DIFFERENT],
        "undecided": counted[True, Verdict.UNDECIDED] + counted[False, Verdict.UNDECIDED],
        "undecided_though_equal": counted[True, Verdict.UNDECIDED],
        "recall_of_equal": round(counted[True, Verdict.EQUAL] / num_equal, 4) if num_equal else 1.0,
        "pairs_per_second": round(len(pairs) / graded.wall_seconds, 1),
    }


def totals(sets: Any) -> dict[str, dict[str, float]]:
    """Add up the sets whose labels are people's or follow from construction."""
    trusted = [each for each in sets if each["label"] in ("maintainers", "authors", "by construction")]
    keys = ("pairs", "wrongly_equal", "wrongly_different", "undecided", "undecided_though_equal")
    return {grader: {key: sum(each[grader][key] for each in trusted) for key in keys} for grader in GRADERS}


def undecided_by_kind(pairs: list[Pair], graded: Graded) -> dict[str, int]:
    """Count what is left undecided by kind of pair and reason, the most frequent first."""
    counted = Counter(
        f"{pair.kind}: {found.reason.value}, is {'equal' if pair.is_equal else 'different'}"
        for pair, found in zip(pairs, graded.comparisons, strict=True)
        if found.verdict is Verdict.UNDECIDED
    )
    return dict(counted.most_common())


def show_pairs(pairs: list[Pair], graded: Graded) -> None:
    """Print the pairs that are wrong or open."""
    for pair, found in zip(pairs, graded.comparisons, strict=True):
        if (found.verdict is Verdict.EQUAL) != pair.is_equal or found.verdict is Verdict.UNDECIDED:
            texts = f"{pair.predicted[-90:]!r} against {pair.gold[-90:]!r}"
            print(f"    {found.verdict.value} ({found.reason.value}), {pair.is_equal=}, {pair.kind}: {texts}")


def measure_first_tier(pairs: list[Pair]) -> dict[str, float]:
    """Return how many pairs the first tier settles, and its speed, pair by pair on one core and as a column on all."""
    predicted = [extract_answer(pair.predicted) for pair in pairs]
    gold = [extract_answer(pair.gold) or pair.gold for pair in pairs]
    both = [(one, other) for one, other in zip(predicted, gold, strict=True) if one is not None]
    started = time.process_time()
    settled = sum(isinstance(exact_tier(*pair), Comparison) for pair in both)
    seconds = time.process_time() - started
    times = COLUMN_ROWS // len(both) + 1
    columns = [pl.Series([pair[side] for pair in both] * times)[:COLUMN_ROWS] for side in (0, 1)]
    started_column = time.perf_counter()
    by_column = compare_column(*columns)
    wall_column = time.perf_counter() - started_column
    return {
        "pairs": len(both),
        "share_settled": round(settled / len(both), 4),
        "cold_pairs_per_cpu_second": round(len(both) / seconds),
        "column_share_settled": round(1 - by_column.null_count() / len(by_column), 4),
        "column_pairs_per_second": round(len(by_column) / wall_column),
        "polars_threads": pl.thread_pool_size(),
    }


def measure_extraction(pairs: list[Pair]) -> dict[str, float]:
    """Return how many outputs that end in a box are read in a second on one core; each is cut to its last part."""
    texts = [pair.predicted[-OUTPUT_CHARACTERS:] for pair in pairs if r"\boxed" in pair.predicted[-100:]]
    many = texts * (EXTRACTED_TEXTS // len(texts) + 1)
    started = time.process_time()
    found = sum(extract_answer(text) is not None for text in many)
    return {
        "texts": len(texts),
        "share_found": round(found / len(many), 4),
        "per_cpu_second": round(len(many) / (time.process_time() - started)),
    }


def print_figures(name: str, grader: str, figures: dict[str, float]) -> None:
    """Print one line of the table."""
    print(f"  {name:20} {grader:12} " + "  ".join(f"{key} {value:g}" for key, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
