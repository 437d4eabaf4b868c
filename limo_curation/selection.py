"""Selection: exactly the number of samples that was asked for, even over the domains, the same ones every time.

The best chain of each problem competes; within a domain the highest quality wins, which is the rule score where no
judge has a say. Every tie is broken by `chain_id`, a digest of the content, so neither the order of the rows nor the
machine decides.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import polars as pl

from limo_curation.errors import ShortfallError
from limo_curation.ledger import DropRule, StageResult, apply_rules
from limo_curation.selection_config import SelectionConfig
from limo_curation.stage import StageMetrics, StageWriter, TableStage
from limo_curation.store import Artifact, Store
from limo_curation.tables import DOMAINS, JUDGED_CHAINS, SAMPLES

DROP_REASONS: Final = ("not_best_chain", "template_cap", "source_cap", "quota_filled")
COMPETING: Final = ("chain_id", "problem_id", "rule_score", "quality", "domain", "template_id", "source", "origin")
BY_SCORE: Final = [pl.col("score").fill_null(0.0), pl.col("chain_id")]
BEST_FIRST: Final = [True, False]


def select_table(chains: Artifact, *, config: SelectionConfig, store: Store, out: StageWriter) -> StageMetrics:
    """Select from a table of judged chains; see `select_samples`. Their texts are read part by part."""
    rows = store.scan(chains, JUDGED_CHAINS).with_row_index("position")
    result = select_samples(rows.select("position", *COMPETING).collect(), config=config)
    step = out.plan.part_rows
    for start in range(0, max(chains.rows, 1), step):
        part = rows.slice(start, step).collect()
        # by position, since a pool that was not deduplicated may hold a chain twice
        selected = part.join(result.kept.select("position"), on="position", how="semi", maintain_order="left")
        kept = selected.rename({"chain": "solution"}).select(list(SAMPLES.columns))
        out.write(kept, result.dropped.slice(start, step))
    return result.metrics


def select_samples(chains: pl.DataFrame, *, config: SelectionConfig | None = None) -> StageResult:
    """Select exactly `target_size` chains, at most one for each problem.

    Args:
        chains: `chain_id, problem_id, rule_score, domain, template_id, source`, one row for each chain, and `quality`
            where there is one: a null says that the rule score counts. Without any domain (the stage was off), the
            quotas are not looked at.
        config: target, quotas, caps, and what to do when a domain runs dry.

    Returns:
        The selected rows and the ledger of the others. Drop reasons: `not_best_chain` (another chain of the problem
        scores higher), `template_cap` and `source_cap` (better ones fill the cap), `quota_filled`.

    Raises:
        ShortfallError: fewer remain than are asked for; the message says where. Retrying does not help.
    """
    config = config or SelectionConfig()
    quality = ["quality"] if "quality" in chains.columns else []
    ranked = rank_chains(chains.with_columns(score=pl.coalesce(*quality, "rule_score")))
    candidates = ranked.filter(pl.col("problem_rank") == 1).sort(BY_SCORE, descending=BEST_FIRST)
    quotas = quotas_of(config, candidates)
    outcome, room = fill_quotas(candidates, quotas, config=config)
    candidates = candidates.with_columns(outcome=pl.Series(outcome, dtype=pl.String))
    if sum(reason is None for reason in outcome) != config.target_size:
        raise ShortfallError(shortfall_message(candidates, quotas, room, config=config))
    lowest = candidates.filter(pl.col("outcome").is_null())["score"].min()
    rules = selection_rules(config, lowest_chosen=lowest if isinstance(lowest, float) else None)
    marked = ranked.join(candidates.select("row", "outcome"), on="row", how="left", maintain_order="left")
    kept, dropped = apply_rules(marked, stage="selection", rules=rules)
    metrics = {f"num_short_of_{domain}": float(left) for domain, left in room.items() if left}
    return StageResult(kept.select(chains.columns), dropped, metrics)


def rank_chains(chains: pl.DataFrame) -> pl.DataFrame:
    """Add `row`, each chain's rank among the chains of its problem, and the best of these."""
    ordered = chains.with_row_index("row").sort(BY_SCORE, descending=BEST_FIRST, maintain_order=True)
    ordered = ordered.with_columns(
        problem_rank=pl.int_range(1, pl.len() + 1).over("problem_id"),
        best_chain=pl.col("chain_id").first().over("problem_id"),
    )
    return ordered.sort("row")


def fill_quotas(
    candidates: pl.DataFrame, quotas: dict[str, int], *, config: SelectionConfig
) -> tuple[list[str | None], dict[str, int]]:
    """Go through the problems' best chains, best first, and take each for which there is room.

    A cap counts the samples that were taken, so it passes over a chain only where better ones of its template or
    source were taken. The loop is over some thousand chains that are left at the end, not over the pool.

    Returns:
        For each candidate why it was passed over, or None; and the room that is left in each domain's quota.
    """
    room, taken = dict(quotas), Counter[tuple[str, str]]()
    outcome: list[str | None] = []
    keys = candidates.select(
        pl.col("domain").fill_null(""), pl.coalesce("template_id", "chain_id"), pl.col("source").fill_null("")
    ).rows()
    for domain, template, source in keys:
        reason = None if room.get(domain, 0) else "quota_filled"
        reason = reason or full_cap(taken, template, source, config=config)
        outcome.append(reason)
        if reason is None:
            room[domain] -= 1
            taken.update([("template", template), ("source", source)])
    spare = sum(room.values()) if config.when_short == "redistribute" else 0
    for place, (_, template, source) in enumerate(keys):
        if spare and outcome[place] == "quota_filled":
            outcome[place] = full_cap(taken, template, source, config=config)
            if outcome[place] is None:
                spare -= 1
                taken.update([("template", template), ("source", source)])
    return outcome, room


def full_cap(taken: Counter[tuple[str, str]], template: str, source: str, *, config: SelectionConfig) -> str | None:
    """Return the cap that a chain would exceed, or None."""
    if config.max_per_template is not None and taken["template", template] >= config.max_per_template:
        return "template_cap"
    if config.max_per_source is not None and taken["source", source] >= config.max_per_source:
        return "source_cap"
    return None


def quotas_of(config: SelectionConfig, candidates: pl.DataFrame) -> dict[str, int]:
    """Return the number of samples wanted of each domain; without any domain all come from one group."""
    if candidates["domain"].null_count() == candidates.height > 0:
        return {"": config.target_size}
    if config.quotas:
        return {domain: config.quotas.get(domain, 0) for domain in DOMAINS}  # pyright: ignore[reportArgumentType, reportCallIssue]
    each, left_over = divmod(config.target_size, len(DOMAINS))
    return {domain: each + (place < left_over) for place, domain in enumerate(DOMAINS)}


def shortfall_message(
    candidates: pl.DataFrame, quotas: dict[str, int], room: dict[str, int], *, config: SelectionConfig
) -> str:
    """Say what is missing where, and what would help."""
    short = ", ".join(
        f"{domain or 'all'}: {quotas[domain] - left} of {quotas[domain]}" for domain, left in room.items() if left
    )
    passed_over = candidates.filter(pl.col("outcome").is_in(["template_cap", "source_cap"])).height
    capped = f" ({passed_over} of them passed over by a cap)" if passed_over else ""
    if config.when_short == "fail" and candidates.height - passed_over >= config.target_size:
        advice = "set selection.when_short = 'redistribute' or other quotas"
    else:
        advice = (
            "widen the pool, raise a cap or lower the target" if passed_over else "widen the pool or lower the target"
        )
    return (
        f"{candidates.height} problems have a chain that may be selected{capped}, "
        f"target_size is {config.target_size}; short are {short}; {advice}"
    )


def selection_rules(config: SelectionConfig, *, lowest_chosen: float | None) -> list[DropRule]:
    """Return the reasons why a chain was not chosen."""
    score, outcome = pl.col("score"), pl.col("outcome")
    template_cap, source_cap = config.max_per_template, config.max_per_source
    return [
        DropRule(
            "not_best_chain", pl.col("problem_rank") > 1, score, evidence=pl.format("{} scores higher", "best_chain")
        ),
        DropRule(
            "template_cap",
            outcome == "template_cap",
            score,
            None if template_cap is None else float(template_cap),
            pl.format("better samples on template {} fill the cap", "template_id"),
        ),
        DropRule(
            "source_cap",
            outcome == "source_cap",
            score,
            None if source_cap is None else float(source_cap),
            pl.format("better samples of {} fill the cap", "source"),
        ),
        DropRule(
            "quota_filled",
            outcome == "quota_filled",
            score,
            lowest_chosen,
            pl.format("better samples fill the quota of {}", pl.col("domain").fill_null("(no domain)")),
        ),
    ]


SELECTION: Final = TableStage("selection", JUDGED_CHAINS, SAMPLES, DROP_REASONS, select_table)
