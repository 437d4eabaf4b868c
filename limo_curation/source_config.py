"""A section of the run file that names files, and the base of every section."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from limo_curation.errors import ConfigError
from limo_curation.files import without_credentials

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]


def checked_profile(value: str) -> str:
    """Return a profile's name.

    Raises:
        ValueError: it can't be a folder's name.
    """
    if not value.replace("-", "").replace("_", "").isalnum():
        raise ValueError("profile is used as a folder's name: letters, digits, - and _ only")
    return value


ProfileName = Annotated[str, AfterValidator(checked_profile)]


class Section(BaseModel):
    """A frozen part of the run file that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PublishedRate(Section):
    """Where a source publishes a solver's pass rate."""

    column: str
    scale: Literal["fraction", "percent", "percent_failed", "count"]
    num_attempts: Count
    solver: str
    only_where: dict[str, str] = {}
    """Columns of the source and the text that each must start with; other rows carry no rate."""


class RowFilter(Section):
    """Which rows of a source are candidates at all; the others are dropped as `left_out_by_source`."""

    column: str
    one_of: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """The column's value, as text, is one of these."""
    below: float | None = None
    """The column's value, as a number, is smaller than this."""

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if (self.one_of is None) == (self.below is None):
            raise ValueError(f"the filter of column {self.column!r} needs either one_of or below")
        return self


class Source(Section):
    """Files of one format and the columns in them that we read; `columns` maps our names to the source's."""

    path: str
    """A local path (globs and ${VARIABLES} allowed), any fsspec URL, or `hf://datasets/OWNER/NAME[@REVISION]/FILE`."""
    name: str
    """Written to `source` where the files have no column for it."""
    format: Literal["parquet", "jsonl", "csv"] | None = None
    """None: by the file's ending (.parquet, .jsonl, .json, .ndjson or .csv; also .zst and .gz)."""
    columns: dict[str, str]
    license: str | None = None
    domain_label_kind: Literal["human", "mixed", "llm"] | None = None
    """Licence, and who gave the domain labels, where the files have no column for it."""
    published_rate: PublishedRate | None = None
    answer_from: Literal["boxed"] | None = None
    """boxed: where a row has no answer, it is what the last \\boxed{} of its `source_solution` holds."""
    keep_where: tuple[RowFilter, ...] = ()
    """Rows that do not meet every one of these are left out, on record."""
    teacher: str | None = None
    """Chains: who wrote them, where the files have no column for it."""

    @model_validator(mode="after")
    def _has_the_solution_that_holds_the_answer(self) -> Self:
        if self.answer_from is not None and "source_solution" not in self.columns:
            raise ValueError("answer_from = 'boxed' reads the solution: name its column as columns.source_solution")
        return self

    def location(self) -> str:
        """Return the path with its environment variables filled in.

        Raises:
            ConfigError: a variable is not set.
        """
        expanded = os.path.expandvars(self.path)
        if "$" in expanded:
            raise ConfigError(f"source {self.name!r}: a variable in {self.path!r} is not set; export it")
        return expanded

    def key_fields(self) -> dict[str, Any]:
        """Return what changes the rows beside the files' bytes: where the files stand does not."""
        return self.model_dump(mode="json", exclude={"path"}) | {
            "file": without_credentials(self.path).rsplit("/", 1)[-1]
        }
