"""Measure the check of steps on chains that people labelled: false alarms, errors found, and equations per second.

    python measurements/steps.py [--quick] [--show] [--json]

- Chains with a first wrong step, or none, as people marked it (ProcessBench, MR-GSM8K, BIG-Bench-Mistake), and chains
  with errors put in (PRMBench): "false alarms" are chains without an error in which an equation fails that the chain
  does not correct itself; "recall" is the share of the others in which one fails; "at the first error" counts only
  equations in the step that is marked first; "too early" is the share with a failing equation before it.
- Single steps behind their earlier steps (PRM800K, rated by people).
- Solutions that people wrote (GSM8K with its calculator's annotations, MATH): every failing equation is a false alarm
  or an error of the set.
- One changed digit in the result of an equation that holds, on those two sets: the share that fails.

What share of errors is arithmetic at all? MR-GSM8K states a reason for each wrong solution; "named arithmetic" is the
share of reasons that name a calculation, a rough lower bound, and recall is given for those alone as well. For the
other sets the share of first wrong steps that hold any equation that can be decided is an upper bound of what a check
of equations could find there. Needs LIMO_DATA, the folder of the shared data sets. Times are of one process, in CPU
seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from limo_curation.verification import Status, StepCheck, check_steps
from measurements.answer_pairs import read_rows
from measurements.deduplication import processor

BETWEEN_STEPS: Final = "\n\n"
QUICK_SHARE: Final = 8  # with --quick, one row of so many
MAX_MUTATED: Final = 20_000
CALCULATION: Final = re.compile(r"calculat|arithmetic|comput|miscount|计算|算错", re.IGNORECASE)
ANNOTATION: Final = re.compile(r"<<[^<>\n]*>>")
RESULT: Final = re.compile(r"[0-9]+$")


@dataclass
class ChainFigures:
    """What was found in the chains of one source."""

    num_right: int = 0
    num_false_alarms: int = 0
    num_wrong: int = 0
    num_found: int = 0
    num_at_first_error: int = 0
    num_too_early: int = 0
    num_decidable_first_errors: int = 0
    num_named_arithmetic: int = 0
    num_named_arithmetic_found: int = 0
    num_claims: int = 0
    num_decided: int = 0
    seconds: float = 0.0

    def line(self) -> str:
        """Return the figures as a line of the table."""
        wrong = max(self.num_wrong, 1)
        return (
            f"{self.num_right:6} {self.num_false_alarms:5} {share(self.num_false_alarms, self.num_right):7.2%}"
            f" {self.num_wrong:6} {self.num_found / wrong:7.1%} {self.num_at_first_error / wrong:7.1%}"
            f" {self.num_too_early / wrong:7.1%} {self.num_decidable_first_errors / wrong:7.1%}"
            f" {self.num_claims:7} {share(self.num_decided, self.num_claims):6.1%}"
            f" {share(self.num_claims, self.seconds):8.0f}"
        )


HEADER: Final = "right alarms   rate  wrong  recall at first  early possible  claims decided  claims/s"


def share(part: float, whole: float) -> float:
    """Return a quotient, 0 of nothing."""
    return part / whole if whole else 0.0


def failing(checks: Iterable[StepCheck]) -> list[StepCheck]:
    """Return the claims that fail and that the chain does not correct."""
    return [check for check in checks if check.status is Status.FAILS and not check.corrected]


# -- chains and steps that people labelled -----------------------------------------------------------------------------


def measure_chains(rows: Iterable[dict[str, Any]], *, show: bool) -> dict[str, ChainFigures]:
    """Check every chain that has a first wrong step, or none, on record."""
    found = defaultdict[str, ChainFigures](ChainFigures)
    for row in rows:
        if not row.get("steps") or row["first_error_step"] is None:
            continue
        figures = found[row["source"]]
        started = time.process_time()
        checks = check_steps(BETWEEN_STEPS.join(row["steps"]))
        figures.seconds += time.process_time() - started
        count_chain(figures, row, checks)
        if show and row["first_error_step"] < 0:
            show_claims(row["id"], failing(checks))
    return dict(found)


def count_chain(figures: ChainFigures, row: dict[str, Any], checks: list[StepCheck]) -> None:
    """Add one chain to its source's figures."""
    starts = list(accumulate((len(step) + len(BETWEEN_STEPS) for step in row["steps"]), initial=0))
    first_error = row["first_error_step"]
    wrong_steps = [bisect_right(starts, check.start) - 1 for check in failing(checks)]
    decided = [check for check in checks if check.status is not Status.UNCHECKED]
    figures.num_claims += len(checks)
    figures.num_decided += len(decided)
    if first_error < 0:
        figures.num_right += 1
        figures.num_false_alarms += bool(wrong_steps)
        return
    figures.num_wrong += 1
    figures.num_found += bool(wrong_steps)
    figures.num_at_first_error += first_error in wrong_steps
    figures.num_too_early += any(step < first_error for step in wrong_steps)
    figures.num_decidable_first_errors += any(bisect_right(starts, check.start) - 1 == first_error for check in decided)
    if row["source"].startswith("mr_gsm8k") and CALCULATION.search(row["extra"]["reason"] or ""):
        figures.num_named_arithmetic += 1
        figures.num_named_arithmetic_found += bool(wrong_steps)


def measure_rated_steps(rows: Iterable[dict[str, Any]], *, show: bool) -> dict[str, dict[str, int]]:
    """Check single steps, each behind the steps before it, by the rating that people gave it."""
    found = {rating: {"steps": 0, "with_equations": 0, "flagged": 0} for rating in ("good", "neutral", "bad")}
    for row in rows:
        rating = {1: "good", 0: "neutral", -1: "bad"}[row["rating"]]
        prefix = BETWEEN_STEPS.join(row["prefix"]) + BETWEEN_STEPS
        own = [check for check in check_steps(prefix + row["step"]) if check.start >= len(prefix)]
        found[rating]["steps"] += 1
        found[rating]["with_equations"] += bool(own)
        found[rating]["flagged"] += bool(failing(own))
        if show and rating == "good":
            show_claims(row["id"], failing(own))
    return found


def show_claims(row_id: str, checks: list[StepCheck]) -> None:
    """Print the claims that fail in a text that people call right."""
    for check in checks:
        print(f"    {row_id}: {check.claim} | {check.evidence}")


# -- solutions that people wrote ---------------------------------------------------------------------------------------


def measure_solutions(solutions: list[str]) -> dict[str, float]:
    """Check whole solutions."""
    started = time.process_time()
    checked = [check_steps(solution) for solution in solutions]
    seconds = time.process_time() - started
    num_claims = sum(map(len, checked))
    decided = sum(check.status is not Status.UNCHECKED for checks in checked for check in checks)
    return {
        "solutions": len(solutions),
        "solutions_flagged": sum(bool(failing(checks)) for checks in checked),
        "claims": num_claims,
        "claims_decided": decided,
        "claims_per_cpu_second": round(share(num_claims, seconds)),
    }


def measure_annotations(solutions: list[str]) -> dict[str, float]:
    """Check the annotations of GSM8K's calculator one by one, each as a text of its own."""
    texts = [held.group()[2:-2] for solution in solutions for held in ANNOTATION.finditer(solution)]
    started = time.process_time()
    checked = [check_steps(text) for text in texts]
    seconds = time.process_time() - started
    return {
        "annotations": len(texts),
        "decided": sum(any(check.status is not Status.UNCHECKED for check in checks) for checks in checked),
        "flagged": sum(bool(failing(checks)) for checks in checked),
        "per_cpu_second": round(len(texts) / seconds),
    }


def measure_changed_digits(solutions: list[str]) -> dict[str, int]:
    """Change one digit of the result of each equation that holds on its own, and check it again."""
    source = random.Random(0)  # noqa: S311 - no secret
    num_changed = num_caught = 0
    for claim in (check.claim for solution in solutions for check in check_steps(solution)):
        result = RESULT.search(claim)
        if result is None or num_changed == MAX_MUTATED or statuses(claim) != [Status.HOLDS]:
            continue
        at = source.randrange(result.start(), result.end())
        digit = source.choice([digit for digit in "123456789" if digit != claim[at]])
        num_changed += 1
        num_caught += statuses(f"{claim[:at]}{digit}{claim[at + 1 :]}") == [Status.FAILS]
    return {"changed": num_changed, "caught": num_caught}


def statuses(claim: str) -> list[Status]:
    """Return what becomes of the claims of a text."""
    return [check.status for check in check_steps(claim)]


# -- the script --------------------------------------------------------------------------------------------------------


def main() -> None:
    """Print a table for each kind of set, and with --json one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one row of eight: under a minute")
    parser.add_argument("--show", action="store_true", help="print what fails in texts that people call right")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    arguments = parser.parse_args()
    if "LIMO_DATA" not in os.environ:
        sys.exit("LIMO_DATA is not set: it names the folder with the shared data sets")
    folder, every = Path(os.environ["LIMO_DATA"]), QUICK_SHARE if arguments.quick else 1

    def sample(name: str) -> list[dict[str, Any]]:
        return [row for at, row in enumerate(read_rows(folder, name)) if at % every == 0]

    print(f"{'chains':32} {HEADER}")
    chains = measure_chains(sample("chains"), show=arguments.show)
    for name, figures in chains.items():
        print(f"{name:32} {figures.line()}", flush=True)
    named = [figures for name, figures in chains.items() if name.startswith("mr_gsm8k")]
    num_named, num_reasons = sum(each.num_named_arithmetic for each in named), sum(each.num_wrong for each in named)
    num_found = sum(each.num_named_arithmetic_found for each in named)
    print(f"MR-GSM8K: {num_named} of {num_reasons} reasons name a calculation; of these {num_found} are found")
    rated = measure_rated_steps(sample("steps"), show=arguments.show)
    print("PRM800K", rated)
    problems = sample("problems")
    ours: dict[str, Any] = {"chains": {name: asdict(figures) for name, figures in chains.items()}, "prm800k": rated}
    for source in ("gsm8k_train", "math_train"):
        solutions = [row["solution"] for row in problems if row["source"] == source and row["solution"]]
        ours[source] = measure_solutions(solutions) | {"changed_digits": measure_changed_digits(solutions)}
        print(source, ours[source], flush=True)
        if source == "gsm8k_train":
            ours["annotations"] = measure_annotations(solutions)
            print("annotations", ours["annotations"])
    if arguments.json:
        print(json.dumps({"machine": {"processor": processor(), "cores": os.cpu_count()}, "ours": ours}))


if __name__ == "__main__":
    main()
