"""Selection: exactly the number of samples that was asked for, even over the domains, the same ones every time.

The best chain of each problem competes; within a domain the highest rule scores win. Every tie is broken by
`chain_id`, a digest of the content, so neither the order of the rows nor the machine decides.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from limo_curation.config import SelectionConfig
from limo_curation.errors import ShortfallError
from limo_curation.ledger import DropRule, StageResult, apply_rules
from limo_curation.stage import StageMetrics, StageWriter, TableStage
from limo_curation.store import Artifact, Store
from limo_curation.tables import DOMAINS, JUDGED_CHAINS, SAMPLES

DROP_REASONS: Final = ("not_best_chain", "template_cap", "source_cap", "quota_filled")
COMPETING: Final = ("chain_id", "problem_id", "rule_score", "domain", "template_id", "source", "origin")
BY_SCORE: Final = [pl.col("rule_score").fill_null(0.0), pl.col("chain_id")]
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
        chains: `chain_id, problem_id, rule_score, domain, template_id, source`, one row for each chain. Without any
            domain (the stage was off), the quotas are not looked at.
        config: target, quotas, caps, and what to do when a domain runs dry.

    Returns:
        The selected rows and the ledger of the others. Drop reasons: `not_best_chain` (another chain of the problem
        scores higher), `template_cap` and `source_cap` (better ones fill the cap), `quota_filled`.

    Raises:
        ShortfallError: fewer remain than are asked for; the message says where. Retrying does not help.
    """
    config = config or SelectionConfig()
    ranked = rank_chains(chains)
    candidates = ranked.filter(caps_hold(config)).sort(BY_SCORE, descending=BEST_FIRST)
    candidates = candidates.with_columns(domain_rank=pl.int_range(1, pl.len() + 1).over(pl.col("domain").fill_null("")))
    quotas = quotas_of(config, candidates)
    wanted = pl.col("domain_rank") <= pl.col("domain").fill_null("").replace_strict(
        quotas, default=0, return_dtype=pl.Int64
    )
    chosen = candidates.filter(wanted)
    missing = shortfall(candidates, quotas)
    if missing and config.when_short == "redistribute":
        chosen = pl.concat([chosen, candidates.filter(~wanted).head(config.target_size - chosen.height)])
    if chosen.height != config.target_size:
        raise ShortfallError(shortfall_message(candidates, quotas, config=config))
    marked = ranked.join(candidates.select("chain_id", "domain_rank"), on="chain_id", how="left", maintain_order="left")
    marked = marked.with_columns(is_chosen=pl.col("chain_id").is_in(chosen["chain_id"].to_list()))
    others, dropped = apply_rules(marked, stage="selection", rules=selection_rules(config, chosen))
    metrics = {f"num_short_of_{domain}": float(number) for domain, number in missing.items()}
    return StageResult(others.select(chains.columns), dropped, metrics)


def rank_chains(chains: pl.DataFrame) -> pl.DataFrame:
    """Add each chain's rank among the chains of its problem, and each best chain's rank in its template and source."""
    ordered = chains.with_row_index("row").sort(BY_SCORE, descending=BEST_FIRST)
    ordered = ordered.with_columns(
        problem_rank=pl.int_range(1, pl.len() + 1).over("problem_id"),
        best_chain=pl.col("chain_id").first().over("problem_id"),
    )
    best = ordered.filter(pl.col("problem_rank") == 1)
    place = pl.int_range(1, pl.len() + 1)
    ranks = best.select(
        "chain_id",
        template_rank=place.over(pl.coalesce("template_id", "chain_id")),
        source_rank=place.over("source"),
    )
    return ordered.join(ranks, on="chain_id", how="left").sort("row").drop("row")


def caps_hold(config: SelectionConfig) -> pl.Expr:
    """Return whether a chain is its problem's best, and within the caps of its template and source."""
    holds = pl.col("problem_rank") == 1
    if config.max_per_template is not None:
        holds &= pl.col("template_rank") <= config.max_per_template
    if config.max_per_source is not None:
        holds &= pl.col("source_rank") <= config.max_per_source
    return holds


def quotas_of(config: SelectionConfig, candidates: pl.DataFrame) -> dict[str, int]:
    """Return the number of samples wanted of each domain; without any domain all come from one group."""
    if candidates["domain"].null_count() == candidates.height > 0:
        return {"": config.target_size}
    if config.quotas:
        return {domain: config.quotas.get(domain, 0) for domain in DOMAINS}  # pyright: ignore[reportArgumentType, reportCallIssue]
    each, left_over = divmod(config.target_size, len(DOMAINS))
    return {domain: each + (place < left_over) for place, domain in enumerate(DOMAINS)}


def shortfall(candidates: pl.DataFrame, quotas: dict[str, int]) -> dict[str, int]:
    """Return how many samples each domain lacks, for those that lack some."""
    present = dict(candidates.group_by(pl.col("domain").fill_null("")).len().iter_rows())
    return {
        domain: quota - present.get(domain, 0) for domain, quota in quotas.items() if present.get(domain, 0) < quota
    }


def shortfall_message(candidates: pl.DataFrame, quotas: dict[str, int], *, config: SelectionConfig) -> str:
    """Say what is missing where, and what would help."""
    missing = shortfall(candidates, quotas)
    table = ", ".join(
        f"{domain or 'all'}: {quotas[domain] - lack} of {quotas[domain]}" for domain, lack in missing.items()
    )
    enough = candidates.height >= config.target_size
    advice = (
        "set selection.when_short = 'redistribute' or other quotas" if enough else "widen the pool or lower the target"
    )
    return (
        f"{candidates.height} problems have a chain that may be selected, target_size is {config.target_size}; "
        f"short are {table}; {advice}"
    )


def selection_rules(config: SelectionConfig, chosen: pl.DataFrame) -> list[DropRule]:
    """Return the reasons why a chain was not chosen, in the order in which they are tried."""
    score, template_cap, source_cap = pl.col("rule_score"), config.max_per_template, config.max_per_source
    lowest = chosen["rule_score"].min()
    return [
        DropRule(
            "not_best_chain",
            pl.col("problem_rank") > 1,
            score,
            evidence=pl.format("{} scores higher", "best_chain"),
        ),
        DropRule(
            "template_cap",
            pl.lit(template_cap is not None) & (pl.col("template_rank") > (template_cap or 0)),
            pl.col("template_rank"),
            float(template_cap or 0),
            pl.col("template_id"),
        ),
        DropRule(
            "source_cap",
            pl.lit(source_cap is not None) & (pl.col("source_rank") > (source_cap or 0)),
            pl.col("source_rank"),
            float(source_cap or 0),
            pl.col("source"),
        ),
        DropRule(
            "quota_filled",
            ~pl.col("is_chosen"),
            score,
            float(lowest) if isinstance(lowest, float) else None,
            pl.format("number {} of the domain {}", "domain_rank", pl.col("domain").fill_null("(none)")),
        ),
    ]


SELECTION: Final = TableStage("selection", JUDGED_CHAINS, SAMPLES, DROP_REASONS, select_table)
