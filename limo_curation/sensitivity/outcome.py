"""What came of moving a run's knobs, as text for a terminal and as a file beside the run's report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError

from limo_curation.errors import TableError
from limo_curation.sensitivity.redraws import Redraws
from limo_curation.store import Record

SENSITIVITY_FILE: Final = "sensitivity.json"
HEADER: Final = ("knob", "from", "to", "leave", "enter", "need sampling", "why")


class Movement(Record):
    """One number at another place."""

    knob: str
    value: int | float | None = None
    """Where the run has it; None for settings of sampling, which are no single number."""
    moved_to: int | float | None = None
    num_leaving: int | None = None
    """Samples of the run that would not be selected; None where no set comes out, or only sampling could tell."""
    num_entering: int | None = None
    """Samples that the run does not have."""
    reasons: dict[str, int] = Field(default={})
    """Why samples leave: drop reasons."""
    num_unsampled: int = 0
    """Rows that would come in, and of which only sampling anew could tell what becomes of them."""
    note: str = ""


class Sensitivity(Record):
    """A run's set under each movement, and under a second draw of the strong attempts."""

    run: str
    samples_digest: str
    """Of the table of samples that this is about."""
    step: float
    num_samples: int
    movements: tuple[Movement, ...]
    redraws: Redraws | None
    changed_stages: tuple[str, ...] = ()
    """Stages whose code is not the run's any more: what is told of their numbers holds the change of code too."""


def rows_of(sensitivity: Sensitivity) -> list[tuple[str, ...]]:
    """Return each movement as cells below `HEADER`."""
    return [
        (
            one.knob,
            number(one.value),
            number(one.moved_to),
            number(one.num_leaving),
            number(one.num_entering),
            number(one.num_unsampled) if one.num_unsampled else "",
            "; ".join([*(f"{reason} {count}" for reason, count in one.reasons.items()), *filter(None, [one.note])]),
        )
        for one in sensitivity.movements
    ]


def redraws_in_words(redraws: Redraws) -> str:
    """Say what a second draw of the strong attempts would change."""
    return (
        f"redrawn, the strong solver's attempts would take {redraws.expected_leaving:.0f} of {redraws.num_samples} "
        f"samples out of the band ({redraws.low} to {redraws.high} in 90 % of cases): "
        f"{redraws.expected_too_easy:.0f} solved too often, {redraws.expected_never_solved:.0f} too rarely"
    )


def warning(sensitivity: Sensitivity) -> str:
    """Say that some stages would do their work otherwise today, whatever their numbers are."""
    names = ", ".join(sensitivity.changed_stages)
    return f"the code of {names} has changed since the run, which shows in the figures of their knobs too; run it again"


def as_text(sensitivity: Sensitivity) -> str:
    """Return the table and the words below it, for a terminal."""
    size, step = sensitivity.num_samples, sensitivity.step
    heading = f"sensitivity of {sensitivity.run}: {size} samples, each knob moved by {step:g} of its value"
    lines = [heading, *aligned([HEADER, *rows_of(sensitivity)])]
    if sensitivity.redraws is not None:
        lines.append(redraws_in_words(sensitivity.redraws))
    if sensitivity.changed_stages:
        lines.append(warning(sensitivity))
    return "\n".join(lines)


def aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Return rows as lines, columns at the same width, the first and the last to the left."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADER) - 1)]
    for name, *cells, why in rows:
        numbers = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        yield "  ".join([name.ljust(widths[0]), *numbers, why]).rstrip()


def number(value: float | None) -> str:
    """Return a number as short as it is exact enough; a dash where there is none."""
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def save_sensitivity(sensitivity: Sensitivity, folder: Path) -> Path:
    """Write the file beside the report; an earlier one is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    file, temporary = folder / SENSITIVITY_FILE, folder / f"{SENSITIVITY_FILE}.tmp"
    temporary.write_text(sensitivity.model_dump_json(indent=1), encoding="utf-8")
    temporary.replace(file)
    return file


def load_sensitivity(folder: Path, samples_digest: str) -> Sensitivity | None:
    """Read the file beside a report; None where there is none, or it is about other samples.

    Raises:
        TableError: it is damaged; measuring again mends it.
    """
    file = folder / SENSITIVITY_FILE
    if not file.is_file():
        return None
    try:
        found = Sensitivity.model_validate_json(file.read_bytes())
    except ValidationError:
        raise TableError(f"{file} is damaged; run `limo-curation sensitivity` again") from None
    return found if found.samples_digest == samples_digest else None
