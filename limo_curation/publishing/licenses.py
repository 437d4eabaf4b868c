"""Licences: what the sources' licences allow, which obligations a published set takes over, and what may not go out.

    "CC-BY-NC-ND-4.0"                                       forbids: the set is not written, and the rows are named
    "Creative Commons Attribution-ShareAlike 3.0"           CC-BY-SA: obliges the set to the same licence
    "MIT (hendrycks/math)"                                  MIT
    "repo Apache-2.0; text (c) MAA"                         not known to us: listed, for a person to read
    null                                                    not stated: listed, or refused

What is known of which licence stands in `data/licenses.toml`. A text is read as the set of its words, so that
spellings, versions and the order of its parts don't matter; a note in brackets is passed over if it restricts nothing.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

import polars as pl
from pydantic import Field

from limo_curation.errors import ConfigError
from limo_curation.publishing_config import PublishingConfig
from limo_curation.source_config import Section, Source

LICENSES_FILE: Final = Path(__file__).parent / "data" / "licenses.toml"
NUM_NAMED_IDS: Final = 3  # ours: enough to find the rows
NUM_NAMED_LICENSES: Final = 3
MAX_TEXT_CHARACTERS: Final = 120  # ours: of a licence's text in a message

SAME_WORDS: Final = (
    ("creativecommons", "cc"),
    ("creative commons", "cc"),
    ("cc0", "cc zero"),
    ("attribution", "by"),
    ("noncommercial", "nc"),
    ("non commercial", "nc"),
    ("sharealike", "sa"),
    ("share alike", "sa"),
    ("noderivatives", "nd"),
    ("noderivs", "nd"),
    ("no derivatives", "nd"),
    ("no derivs", "nd"),
    ("no derivative works", "nd"),
)
WORDS_WITHOUT_MEANING: Final = frozenset({
    "a", "an", "and", "deed", "en", "generic", "http", "https", "igo", "international", "legalcode", "licence",
    "licences", "license", "licensed", "licenses", "opensource", "org", "terms", "the", "under", "unported", "v",
    "version", "www",
})  # fmt: skip
RESTRICTING_WORDS: Final = frozenset({"except", "nc", "nd", "no", "non", "not", "only", "sa", "unless", "without"})
NOTE: Final = re.compile(r"[(\[][^()\[\]]*[)\]]")


class License(Section):
    """What is known of one licence."""

    name: str
    spellings: Annotated[tuple[str, ...], Field(min_length=1)]
    redistribution: Literal["yes", "conditions", "no"]
    share_alike: bool = False
    non_commercial: bool = False
    reason: str

    @property
    def forbids(self) -> bool:
        """Whether rows under it may not be published."""
        return self.redistribution == "no"


@dataclass(frozen=True, slots=True)
class LicensedRows:
    """Rows of one source under one licence."""

    source: str | None
    license: str | None
    """As the source states it."""
    known: License | None
    """None: not stated, or not known to us."""
    num_samples: int
    num_pool: int
    problem_ids: tuple[str, ...]
    """The first ones of the pool."""


def known_license(text: str | None) -> License | None:
    """Return what is known of a licence as a source states it; None where it states none, or one that is not known."""
    if text is None:
        return None
    words = license_words(text)
    forbidding = next((one for one, spelling in spelled_licenses() if one.forbids and spelling <= words), None)
    if forbidding is not None:
        return forbidding
    readings = [words]
    notes = [license_words(note) for note in NOTE.findall(text)]
    if not any(note & RESTRICTING_WORDS for note in notes):
        readings += [license_words(NOTE.sub(" ", text)), *notes]
    by_words = {spelling: one for one, spelling in spelled_licenses()}
    return next((by_words[reading] for reading in readings if reading in by_words), None)


def license_words(text: str) -> frozenset[str]:
    """Return the words of a licence's text that tell it from others."""
    line = " ".join(re.findall(r"[a-z]+0?", text.lower()))
    for long, short in SAME_WORDS:
        line = line.replace(long, short)
    return frozenset(re.findall("[a-z]+", line)) - WORDS_WITHOUT_MEANING


@functools.cache
def spelled_licenses() -> list[tuple[License, frozenset[str]]]:
    """Return the known licences with the words of each of their spellings."""
    known = tomllib.loads(LICENSES_FILE.read_text(encoding="utf-8"))["license"]
    licenses = [License.model_validate(one) for one in known]
    return [(one, license_words(spelling)) for one in licenses for spelling in one.spellings]


# -- of a set ----------------------------------------------------------------------------------------------------------


def licensed_rows(pool: pl.LazyFrame, samples: pl.DataFrame) -> list[LicensedRows]:
    """Count the rows of a set by source and licence, the commonest first.

    Args:
        pool: `problem_id, source, license` of the pool, read once.
        samples: the same of the samples, whose problems stand in the pool.
    """
    by = ["source", "license"]
    in_pool = pool.group_by(by).agg(num_pool=pl.len(), problem_ids=pl.col("problem_id").bottom_k(NUM_NAMED_IDS))
    in_samples = samples.group_by(by).agg(num_samples=pl.len())
    counted = in_pool.collect(engine="streaming").join(in_samples, on=by, how="full", coalesce=True, nulls_equal=True)
    counted = counted.with_columns(pl.col("num_pool", "num_samples").fill_null(0))
    ordered = counted.sort("num_samples", "num_pool", *by, descending=[True, True, False, False])
    return [
        LicensedRows(
            source=row["source"],
            license=row["license"],
            known=known_license(row["license"]),
            num_samples=row["num_samples"],
            num_pool=row["num_pool"],
            problem_ids=tuple(sorted(row["problem_ids"] or ())),
        )
        for row in ordered.iter_rows(named=True)
    ]


def licensed_chains(sources: Sequence[Source], samples: pl.DataFrame) -> list[LicensedRows]:
    """Return the sources of recorded chains, none where no sample has one.

    A chain does not tell which of the sources it is from, so each stands for all recorded ones.
    """
    recorded = samples.filter(pl.col("finish_reason") == "recorded")["problem_id"]
    first = tuple(recorded.sort().head(NUM_NAMED_IDS))
    return [
        LicensedRows(f"chains of {one.name}", one.license, known_license(one.license), recorded.len(), 0, first)
        for one in sources
        if recorded.len()
    ]


def require_licenses(rows: Sequence[LicensedRows], *, config: PublishingConfig) -> None:
    """Check that a set may be published, and under the licence that it is to have.

    Raises:
        ConfigError: a licence forbids redistribution, or none is stated where that is refused, or one obliges the set
            to a licence that is not its own. The message names sources, licences and rows, and what to do.
    """
    rows = [one for one in rows if not is_allowed(one, config)]
    forbidden = [one for one in rows if one.known is not None and one.known.forbids]
    if forbidden:
        raise ConfigError(
            f"licences of sources forbid to redistribute {named(forbidden)}; take these sources out of "
            "ingestion.sources, or, if you have the right, put the licences' texts into publishing.allow_licenses"
        )
    unstated = [one for one in rows if one.license is None]
    if unstated and config.unstated_licenses == "refuse":
        raise ConfigError(
            f"publishing.unstated_licenses is 'refuse', but no licence is stated of {named(unstated)}; set the "
            "source's license in ingestion.sources, or take it out"
        )
    own = known_license(config.license)
    unmet = [] if own is None else [one for one in rows if one.known is not None and not meets(own, one.known)]
    if own is not None and unmet:
        raise ConfigError(
            f"publishing.license = {config.license!r} does not meet the licences of {named(unmet)}; set it to theirs, "
            "or to 'other' where each row keeps its own, or take these sources out of ingestion.sources"
        )


def require_source_licenses(sources: Sequence[Source], *, config: PublishingConfig) -> None:
    """Check the licences that the run file states of its sources, which is possible before anything is spent.

    Raises:
        ConfigError: one of them forbids redistribution, so that the set could not be published.
    """
    stated = [(one.name, one.license, known_license(one.license)) for one in sources]
    forbidden = [
        f"{shown(name)} under {shown(text)} ({known.reason})"
        for name, text, known in stated
        if known is not None and known.forbids and text not in config.allow_licenses
    ]
    if forbidden:
        raise ConfigError(
            f"the licences of sources forbid to redistribute {'; '.join(forbidden)}; take these sources out, or, if "
            "you have the right, put the licences' texts into publishing.allow_licenses, or set publishing.enabled "
            "to false"
        )


def is_allowed(rows: LicensedRows, config: PublishingConfig) -> bool:
    """Return whether the run file says that rows under this licence may be published."""
    return rows.license is not None and rows.license in config.allow_licenses


def meets(own: License, theirs: License) -> bool:
    """Return whether a set under one licence meets the obligations of rows under another."""
    if theirs.share_alike:
        return own.name == theirs.name
    return own.non_commercial or not theirs.non_commercial


def obligations(rows: Sequence[LicensedRows]) -> list[License]:
    """Return the licences that ask more than attribution of whoever uses the set, by name."""
    known = {one.known.name: one.known for one in rows if one.known is not None}
    return [one for _, one in sorted(known.items()) if one.share_alike or one.non_commercial]


def named(rows: Sequence[LicensedRows]) -> str:
    """Name rows in a message: how many, of which source, under which licence, why that matters, and the first ids."""
    texts = [
        f"{max(one.num_pool, one.num_samples)} rows of {shown(one.source)} under {shown(one.license)}"
        f"{f' ({one.known.reason})' if one.known else ''}, such as {', '.join(one.problem_ids)}"
        for one in rows[:NUM_NAMED_LICENSES]
    ]
    more = len(rows) - len(texts)
    return "; ".join(texts) + (f"; and those of {more} more sources or licences" if more else "")


def shown(text: str | None) -> str:
    """Return a foreign text as one short line."""
    if text is None:
        return "(not stated)"
    return repr(text if len(text) <= MAX_TEXT_CHARACTERS else text[: MAX_TEXT_CHARACTERS - 1] + "…")
