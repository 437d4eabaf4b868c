"""The data set's card: generated from the run, so that no number in it can differ from what was done.

Names of sources, licences and teachers come from strangers' files. In Markdown they are written as character
references, which no parser takes for structure; in the YAML head, as JSON strings.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import polars as pl

from limo_curation.digests import frame_digest
from limo_curation.publishing.folder import DATA_FILE, LEDGER_FILE, PROVENANCE_FILE
from limo_curation.publishing_config import PublishingConfig
from limo_curation.run_record import RunRecord, drop_reasons, funnel, shareable_config
from limo_curation.store import Store

MAX_NAME_CHARACTERS: Final = 120  # ours: a name in a table cell, not a text
LANGUAGES: Final = ("en", "zh")
SIZE_CATEGORIES: Final = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
CONFIGS: Final = (("default", DATA_FILE), ("provenance", PROVENANCE_FILE), ("ledger", LEDGER_FILE))
UNSAFE_IN_MARKDOWN: Final = re.compile(r"[^\w\s./,()…-]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=www)\.", re.IGNORECASE)


def render_card(store: Store, record: RunRecord, samples: pl.DataFrame, *, config: PublishingConfig) -> str:
    """Write the card of a run's data set. It holds no time, so the same run gives the same text.

    Args:
        store: where the run's entries are.
        record: the run.
        samples: its SAMPLES table.
        config: its publishing section.

    Returns:
        README.md: a YAML head as the Hub expects it, and Markdown.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("limo_curation.publishing", "."),
        autoescape=False,  # noqa: S701  Markdown, not HTML: every foreign text passes the filter `md` or `yaml`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = escape_markdown
    environment.filters["yaml"] = yaml_scalar
    run_config = shareable_config(record)
    return environment.get_template("card.md.jinja").render(
        config=config,
        num_samples=samples.height,
        size_category=size_category(samples.height),
        languages=[name for name in LANGUAGES if name in samples["language"].to_list()] or ["en"],
        configs=CONFIGS,
        digest=frame_digest(samples),
        profile=record.profile,
        run_name=record.name,
        funnel=funnel(store, record).to_dicts(),
        reasons=drop_reasons(store, record).to_dicts(),
        sources=counts(samples, "source", "license"),
        domains=counts(samples, "domain"),
        teachers=counts(samples, "teacher"),
        num_undecided=int((samples["verdict"] == "undecided").sum()),
        num_without_license=samples["license"].null_count(),
        verification=run_config.get("verification", {}),
        decontamination=run_config.get("decontamination", {}),
        stages_off=[name for name, section in run_config.items() if is_switched_off(section)],
        run_config=fenced_json(run_config),
    )


def counts(samples: pl.DataFrame, *columns: str) -> list[dict[str, Any]]:
    """Count the samples by the values of some columns, the commonest first."""
    return (
        samples.group_by(*columns)
        .agg(pl.len().alias("rows"))
        .sort("rows", *columns, descending=[True, *[False] * len(columns)])
        .to_dicts()
    )


def is_switched_off(section: Any) -> bool:
    """Return whether a part of a run's config is a stage that the run left out."""
    return isinstance(section, dict) and section.get("enabled") is False  # pyright: ignore[reportUnknownMemberType]


def size_category(rows: int) -> str:
    """Return the Hub's name for a data set of this many rows."""
    return next((name for bound, name in SIZE_CATEGORIES if rows < bound), "n>10M")


def escape_markdown(text: str | None) -> str:
    """Return one line of text that no Markdown reader takes for markup, a link, a table's edge or HTML."""
    if text is None:
        return "not stated"
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    shown = line if len(line) <= MAX_NAME_CHARACTERS else line[: MAX_NAME_CHARACTERS - 1] + "…"
    return UNSAFE_IN_MARKDOWN.sub(lambda match: f"&#{ord(match.group())};", shown)


def yaml_scalar(text: str) -> str:
    """Return text as a double-quoted YAML string."""
    return json.dumps("".join(character if character.isprintable() else " " for character in text), ensure_ascii=False)


def fenced_json(value: Any) -> str:
    """Return a JSON text that cannot end the code fence it stands in."""
    return json.dumps(value, indent=2, ensure_ascii=False).replace("`", "\\u0060")
