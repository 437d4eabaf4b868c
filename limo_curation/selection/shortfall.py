"""What is missing where, as a table that a terminal and Prefect's UI show alike.

domain    wanted  had  chosen  template cap  source cap  no count  short
algebra        4    4       4             0           0         0      0
geometry       4    3       2             1           0         0      2
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from limo_curation.selection.filling import Filling, reasons_of
from limo_curation.selection_config import SelectionConfig

ALL: Final = "all"
PASSED_OVER: Final = ("template_cap", "source_cap", "no_token_count")


def shortfall_table(candidates: pl.DataFrame, quotas: Mapping[str, int], filling: Filling) -> pl.DataFrame:
    """Count the candidates of each domain.

    Returns:
        One row for each domain with a quota: domain; wanted (its quota); had (problems with a chain); chosen;
        template_cap, source_cap, no_token_count (problems that were passed over for it); short (what is missing of the
        quota); tokens of the chosen, 0 without a budget.
    """
    counted = (
        candidates.select(pl.col("domain").fill_null(""), "tokens", reasons_of(filling.outcome))
        .group_by("domain")
        .agg(
            pl.len().alias("had"),
            pl.col("outcome").is_null().sum().alias("chosen"),
            *((pl.col("outcome") == reason).sum().alias(reason) for reason in PASSED_OVER),
            pl.col("tokens").filter(pl.col("outcome").is_null()).sum(),
        )
    )
    wanted = pl.DataFrame(
        {"domain": list(quotas), "wanted": list(quotas.values()), "short": [filling.room[name] for name in quotas]}
    )
    joined = wanted.join(counted, on="domain", how="left", maintain_order="left").fill_null(0)
    return joined.select("domain", "wanted", "had", "chosen", *PASSED_OVER, "short", "tokens").with_columns(
        domain=pl.when(pl.col("domain") == "").then(pl.lit(ALL)).otherwise("domain")
    )


def shortfall_message(
    candidates: pl.DataFrame, quotas: Mapping[str, int], filling: Filling, *, config: SelectionConfig
) -> str:
    """Say what is missing, what would help, and below it the table."""
    table = shortfall_table(candidates, quotas, filling)
    if filling.num_taken == config.target_size:
        return "\n".join([over_budget(filling, config), *lines_of(table)])
    short = ", ".join(
        f"{row['domain']}: {row['wanted'] - row['short']} of {row['wanted']}"
        for row in table.filter(pl.col("short") > 0).to_dicts()
    )
    passed_over = int(sum(table[reason].sum() for reason in PASSED_OVER))
    capped = f" ({passed_over} of them passed over)" if passed_over else ""
    if config.when_short == "fail" and candidates.height - passed_over >= config.target_size:
        advice = "set selection.when_short = 'redistribute' or other quotas"
    else:
        advice = f"widen the pool{', raise a cap' if passed_over else ''} or lower the target"
    summary = (
        f"{candidates.height} problems have a chain that may be selected{capped}, "
        f"target_size is {config.target_size}; short are {short}; {advice}"
    )
    return "\n".join([summary, *lines_of(table if config.max_total_tokens else table.drop("no_token_count", "tokens"))])


def over_budget(filling: Filling, config: SelectionConfig) -> str:
    """Say that no choice fits the token budget."""
    return (
        f"{config.target_size} samples take {filling.num_tokens:,} tokens where the shortest are chosen, "
        f"max_total_tokens is {config.max_total_tokens:,}; raise it, lower the target or widen the pool"
    )


def lines_of(table: pl.DataFrame) -> list[str]:
    """Return a table as lines of text, columns aligned."""
    rows = [[name.replace("_", " ") for name in table.columns], *([f"{cell}" for cell in row] for row in table.rows())]
    widths = [max(len(row[place]) for row in rows) for place in range(table.width)]
    return ["  ".join(map(aligned, range(table.width), row, widths)) for row in rows]


def aligned(place: int, cell: str, width: int) -> str:
    """Return a cell at the width of its column: the first on the left, numbers on the right."""
    return cell.rjust(width) if place else cell.ljust(width)
