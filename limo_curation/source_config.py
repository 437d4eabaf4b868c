"""A section of the run file that names files, and the base of every section."""

from __future__ import annotations

import os
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from limo_curation.errors import ConfigError

Count = Annotated[int, Field(ge=1)]


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
        return self.model_dump(mode="json", exclude={"path"}) | {"file": self.path.rsplit("/", 1)[-1]}
