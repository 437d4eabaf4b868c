"""The outcome: as text, and as a file that the report finds again."""

from pathlib import Path

import pytest

from limo_curation.errors import TableError
from limo_curation.sensitivity.outcome import (
    SENSITIVITY_FILE,
    Movement,
    Sensitivity,
    as_text,
    load_sensitivity,
    save_sensitivity,
)

FOUND = Sensitivity(
    run="demo-1",
    samples_digest="abc",
    step=0.1,
    num_samples=24,
    movements=(
        Movement(
            knob="difficulty.max_solved", value=3, moved_to=2, num_leaving=7, num_entering=7, reasons={"too_long": 7}
        ),
        Movement(knob="difficulty.strong", num_unsampled=1_260, note="needs sampling"),
    ),
    redraws=None,
)


def test_text_aligns_its_columns_and_marks_what_is_not_known() -> None:
    heading, header, first, second = as_text(FOUND).splitlines()
    assert heading == "sensitivity of demo-1: 24 samples, each knob moved by 0.1 of its value"
    assert first.split() == ["difficulty.max_solved", "3", "2", "7", "7", "too_long", "7"]
    assert second.split() == ["difficulty.strong", "–", "–", "–", "–", "1,260", "needs", "sampling"]
    assert header.index("why") == first.index("too_long") == second.index("needs")


def test_stages_that_have_changed_since_the_run_are_named() -> None:
    changed = FOUND.model_copy(update={"changed_stages": ("screening", "novelty")})
    assert as_text(changed).splitlines()[-1].startswith("the code of screening, novelty has changed since the run")


def test_file_is_read_back_as_it_was_and_never_for_other_samples(tmp_path: Path) -> None:
    assert load_sensitivity(tmp_path, "abc") is None
    save_sensitivity(FOUND, tmp_path / "demo-1")
    assert load_sensitivity(tmp_path / "demo-1", "abc") == FOUND
    assert load_sensitivity(tmp_path / "demo-1", "abd") is None


def test_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / SENSITIVITY_FILE).write_text("{", encoding="utf-8")
    with pytest.raises(TableError, match=r"sensitivity\.json is damaged"):
        load_sensitivity(tmp_path, "abc")
