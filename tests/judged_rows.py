"""Judged chains from the few columns that selection looks at, and selection on them."""

from __future__ import annotations

from typing import Any

from limo_curation.ledger import StageResult
from limo_curation.selection import SELECTION, select_samples
from limo_curation.selection_config import SelectionConfig
from limo_curation.tables import DOMAINS, JUDGED_CHAINS
from tests.rows import Outcome, rows_of


def chain(number: int, domain: str | None = "algebra", score: float | None = 0.5, **more: Any) -> dict[str, Any]:
    given = {"chain_id": f"c{number:03d}", "problem_id": f"p{number:03d}", "rule_score": score, "domain": domain}
    return {**given, "source": "pool", "template_id": f"t{number}", "chain": f"text {number}"} | more


def each_domain(count: int) -> list[dict[str, Any]]:
    """Rows with falling scores, `count` in each domain."""
    return [
        chain(100 * place + rank, domain, 0.9 - rank / 100)
        for place, domain in enumerate(DOMAINS)
        for rank in range(count)
    ]


def select(*rows: dict[str, Any], **config: Any) -> StageResult:
    frame = rows_of(JUDGED_CHAINS, *rows)
    result = select_samples(frame, config=SelectionConfig(**config))
    assert result.kept.columns == frame.columns
    ids = [*result.kept["chain_id"], *result.dropped["chain_id"]]
    assert sorted(ids) == sorted(frame["chain_id"])
    assert set(result.dropped["drop_reason"]) <= set(SELECTION.drop_reasons)
    return result


def chosen(result: StageResult | Outcome) -> list[str]:
    return sorted(result.kept["chain_id"].to_list())


def reasons(result: StageResult) -> dict[str, str]:
    return dict(result.dropped.select("chain_id", "drop_reason").iter_rows())
