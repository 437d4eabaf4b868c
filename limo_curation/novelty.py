"""Novelty: problems on a common template (the same words with other numbers) teach one solving pattern again and again.

"Ann has 3 apples and buys 5."   "Ann has 70 apples and buys 41."   one template: "ann has # apples and buys #."
"""

from __future__ import annotations

from typing import Final

import polars as pl

from limo_curation.ledger import DropRule, apply_rules
from limo_curation.problem_config import NoveltyConfig
from limo_curation.stage import StageMetrics, StageWriter, TableStage
from limo_curation.store import Artifact, Store, content_ids
from limo_curation.tables import CLUSTERED, TEMPLATED

DROP_REASONS: Final = ("common_template",)
NUMBER: Final = r"\d+(?:[.,]\d+)*"
NUM_SIBLINGS: Final = 3  # named as evidence


def count_templates(problems: Artifact, *, config: NoveltyConfig, store: Store, out: StageWriter) -> StageMetrics:
    """Count the problems on each template over the whole pool, and drop those on a template that is too common.

    Drop reason: `common_template`; value is the template's count, evidence three problems on it.
    """
    rows = store.scan(problems, CLUSTERED)
    counts = (
        rows.select("problem_id", template_id=template_ids(pl.col("question")))
        .group_by("template_id")
        .agg(
            template_count=pl.len().cast(pl.Int64),
            siblings=pl.col("problem_id").bottom_k(NUM_SIBLINGS).sort().str.join(", "),
        )
        .collect(engine="streaming")
    )
    limit = config.max_template_count
    rule = DropRule(
        "common_template",
        pl.col("template_count") > limit,
        pl.col("template_count"),
        float(limit),
        pl.format("on the same template: {}", "siblings"),
    )
    step = out.plan.part_rows
    for start in range(0, problems.rows, step):
        part = rows.slice(start, step).with_columns(template_id=template_ids(pl.col("question"))).collect()
        part = part.join(counts, on="template_id", how="left", maintain_order="left")
        kept, dropped = apply_rules(part, stage="novelty", rules=[rule])
        out.write(kept.select(list(TEMPLATED.columns)), dropped)
    return {"num_templates": float(counts.height)}


def template_ids(question: pl.Expr) -> pl.Expr:
    """Return the identity of a question's template: lower case, white space folded, every number masked."""
    masked = question.str.to_lowercase().str.replace_all(NUMBER, "#").str.replace_all(r"\s+", " ").str.strip_chars()
    return content_ids(masked)


NOVELTY: Final = TableStage("novelty", CLUSTERED, TEMPLATED, DROP_REASONS, count_templates)
