"""A row of the demo's problem source before it has an id."""

from dataclasses import dataclass

from limo_curation.demo.generator import Problem


@dataclass(eq=False, slots=True)
class Row:
    """One line of `problems.jsonl` to be.

    Attributes:
        problem: The generated problem behind the row.
        text: The question as it stands in the file.
        answer: The gold answer as it stands in the file, None where the row has none.
        planted: What was planted here; empty for an ordinary row.
        source: The row or benchmark row that this one was made from.
    """

    problem: Problem
    text: str
    answer: str | None
    planted: str = ""
    source: "Row | None" = None


def as_row(problem: Problem) -> Row:
    """Make an ordinary row of a problem."""
    return Row(problem, problem.text, problem.answer)
