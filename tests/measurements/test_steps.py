"""What the measurement of steps counts, on rows written here."""

from pathlib import Path
from typing import Any

import pytest

from limo_curation.verification import check_steps
from measurements.answer_pairs import read_rows
from measurements.steps import (
    ChainFigures,
    count_chain,
    measure_annotations,
    measure_chains,
    measure_changed_digits,
    measure_rated_steps,
    measure_solutions,
)


def row(first_error: int, *steps: str, source: str = "people") -> dict[str, Any]:
    return {"id": "1", "source": source, "steps": list(steps), "first_error_step": first_error, "extra": {"reason": ""}}


def test_false_alarms_and_errors_found_are_counted_by_chain() -> None:
    rows = [
        row(-1, "3 + 4 = 7"),
        row(-1, "3 + 4 = 8"),  # a label that is wrong
        row(1, "3 + 4 = 7", "7 + 1 = 9"),
        row(1, "3 + 4 = 8", "so 9"),
        row(0, "The sum is 9"),
        row(0, "3 * 4 = 13. Wait, that's wrong."),
    ]
    found = measure_chains(rows, show=False)["people"]
    assert (found.num_right, found.num_false_alarms) == (2, 1)
    assert (found.num_wrong, found.num_found, found.num_at_first_error, found.num_too_early) == (4, 2, 1, 1)
    assert found.num_claims == found.num_decided == 6


def test_reasons_that_name_a_calculation_count_for_their_source_alone() -> None:
    figures = ChainFigures()
    wrong = row(0, "3 + 4 = 8", source="mr_gsm8k_original") | {"extra": {"reason": "A calculation error"}}
    count_chain(figures, wrong, check_steps("3 + 4 = 8"))
    assert (figures.num_named_arithmetic, figures.num_named_arithmetic_found) == (1, 1)


def test_step_is_judged_behind_its_earlier_steps_but_not_for_them() -> None:
    rows = [
        {"id": "1", "prefix": ["3 + 4 = 8"], "step": "5 + 5 = 10", "rating": 1},
        {"id": "2", "prefix": ["We have 2x + 1 = 9."], "step": "So x = 5.", "rating": -1},
    ]
    found = measure_rated_steps(rows, show=False)
    assert [found[rating]["flagged"] for rating in ("good", "neutral", "bad")] == [0, 0, 1]


def test_solutions_annotations_and_changed_digits() -> None:
    solutions = ["She has 48/2 = <<48/2=24>>24 clips.", "Then 2 + 2 = <<2+2=5>>5."]
    assert measure_solutions(solutions)["solutions_flagged"] == 1
    annotations = measure_annotations(solutions)
    assert (annotations["annotations"], annotations["decided"], annotations["flagged"]) == (2, 2, 1)
    changed = measure_changed_digits(["48/2 = 24", "3 + 4 = 7", "x = 5"])
    assert changed == {"changed": 2, "caught": 2}


@pytest.mark.data
def test_annotations_of_the_calculator_are_all_decided_and_none_fails(data_folder: Path) -> None:
    rows = [row for row in read_rows(data_folder, "problems") if row["source"] == "gsm8k_train"]
    found = measure_annotations([row["solution"] for row in rows[:1_500]])
    assert found["decided"] >= 0.999 * found["annotations"] > 4_000
    assert found["flagged"] == 0
