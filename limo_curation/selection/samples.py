"""The stage: the best chain of each problem competes; within a domain the most valuable ones win.

The value is the quality (the rule score where no judge has a say), less what a sample loses by being like others of its
domain and by its length, where diversity and a token budget are asked for; see `filling`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import polars as pl

from limo_curation.errors import ShortfallError
from limo_curation.ledger import DropRule, StageResult, apply_rules
from limo_curation.selection.candidates import best_chains, competing
from limo_curation.selection.diversity import nearest_similarities, sketch_questions
from limo_curation.selection.filling import TAKEN, Filling, fill_quotas, reasons_of
from limo_curation.selection.shortfall import shortfall_message
from limo_curation.selection_config import SelectionConfig
from limo_curation.stage import InputPart, StageMetrics, StageWriter, TableStage
from limo_curation.store import Artifact, Store
from limo_curation.tables import DOMAINS, JUDGED_CHAINS, SAMPLES

DROP_REASONS: Final = (
    "no_token_count", "not_best_chain", "token_budget", "template_cap", "source_cap", "quota_filled",
)  # fmt: skip
PARTS_AT_A_TIME: Final = 10  # ours: each time they are looked up among the best chains of all problems


@dataclass(frozen=True, slots=True)
class Choice:
    """What was decided about every problem."""

    candidates: pl.DataFrame
    """problem_id, and of its best chain best_position and best_chain; outcome (null: chosen)."""
    lowest_chosen: float | None
    """The lowest score among them."""
    price: float
    """Quality for one token."""
    metrics: StageMetrics


def select_table(chains: Artifact, *, config: SelectionConfig, store: Store, out: StageWriter) -> StageMetrics:
    """Select from a table of judged chains; see `select_samples`.

    The table is gone through twice, a few parts at a time: what chains compete by, and then the ledger. In memory are
    the best chains of all problems, and the texts of those that are chosen.
    """
    del chains, store  # read through `out`
    parts = out.input_parts()
    out.progress.start(2 * sum(part.rows for part in parts), step="ranking")

    def read(part: InputPart) -> pl.DataFrame:
        out.progress.advance(part.rows)
        return competing(out.scan_part(part), config=config, start=part.start)

    choice = choose((read(part) for part in parts), config=config)
    for start in range(0, len(parts), PARTS_AT_A_TIME):
        some = parts[start : start + PARTS_AT_A_TIME]
        chosen, dropped = split(pl.concat([read(part) for part in some]), choice, config=config)
        rows = pl.concat([out.scan_part(part) for part in some])
        rows = rows.filter(pl.col("chain_id").is_in(chosen["chain_id"].implode()))
        # a pool that was not deduplicated may hold a chain twice
        rows = rows.unique("chain_id", keep="first", maintain_order=True) if chosen.height else rows.head(0)
        kept = rows.rename({"chain": "solution"}).select(list(SAMPLES.columns)).collect()
        out.write(kept, dropped)
    return choice.metrics


def select_samples(chains: pl.DataFrame, *, config: SelectionConfig | None = None) -> StageResult:
    """Select exactly `target_size` chains, at most one for each problem.

    Args:
        chains: `chain_id, problem_id, rule_score, domain, template_id, source`, one row for each chain, and `quality`
            where there is one: a null says that the rule score counts. `num_student_tokens` or `num_tokens` for a token
            budget, `question` for diversity. Without any domain (the stage was off), the quotas are not looked at.
        config: target, quotas, caps, budget, diversity, and what to do when a domain runs dry.

    Returns:
        The selected rows and the ledger of the others. Drop reasons: `no_token_count` (there is a budget, and nobody
        has counted the chain's tokens), `not_best_chain` (another chain of the problem scores higher), `token_budget`
        (chosen without the budget; shorter samples take its place), `template_cap` and `source_cap` (better ones fill
        the cap), `quota_filled`. Metrics: `num_short_of_<domain>` where others filled a quota, `num_selected_tokens`
        with a budget, `mean_nearest_similarity_fraction` with diversity.

    Raises:
        ShortfallError: fewer remain than are asked for, or no choice fits the token budget; the message says where, in
            a table. Retrying does not help.
    """
    config = config or SelectionConfig()
    rows = competing(chains.lazy(), config=config)
    choice = choose([rows], config=config)
    chosen, dropped = split(rows, choice, config=config)
    return StageResult(chains[chosen["position"]], dropped, choice.metrics)


def choose(parts: Iterable[pl.DataFrame], *, config: SelectionConfig) -> Choice:
    """Decide which problems are chosen, from what `competing` returns of each part.

    Raises:
        ShortfallError: as for `select_samples`.
    """
    candidates = best_chains(parts)
    quotas = quotas_of(config, candidates)
    filling = fill_quotas(candidates, quotas, config=config)
    if not filling.fits(config):
        raise ShortfallError(shortfall_message(candidates, quotas, filling, config=config))
    lowest = candidates.filter(filling.outcome == TAKEN)["score"].min()
    decided = candidates.select("problem_id", best_position="position", best_chain="chain_id")
    return Choice(
        candidates=decided.with_columns(reasons_of(filling.outcome)),
        lowest_chosen=lowest if isinstance(lowest, float) else None,
        price=filling.price,
        metrics=metrics_of(candidates, filling, config=config),
    )


def quotas_of(config: SelectionConfig, candidates: pl.DataFrame) -> dict[str, int]:
    """Return the number of samples wanted of each domain; without any domain all come from one group."""
    if candidates["domain"].null_count() == candidates.height > 0:
        return {"": config.target_size}
    if config.quotas:
        return {domain: config.quotas.get(domain, 0) for domain in DOMAINS}  # pyright: ignore[reportArgumentType, reportCallIssue]
    each, left_over = divmod(config.target_size, len(DOMAINS))
    return {domain: each + (place < left_over) for place, domain in enumerate(DOMAINS)}


def metrics_of(candidates: pl.DataFrame, filling: Filling, *, config: SelectionConfig) -> StageMetrics:
    """Return what was measured on the samples."""
    metrics = {f"num_short_of_{domain}": float(left) for domain, left in filling.room.items() if left}
    if config.max_total_tokens is not None:
        metrics["num_selected_tokens"] = float(filling.num_tokens)
    if config.diversity:
        chosen = candidates.filter(filling.outcome == TAKEN)
        domains = chosen["domain"].fill_null("").rank("dense").to_numpy()
        nearest = nearest_similarities(sketch_questions(chosen["question"]), domains)
        metrics["mean_nearest_similarity_fraction"] = float(nearest.mean())
    return metrics


def split(rows: pl.DataFrame, choice: Choice, *, config: SelectionConfig) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the chosen rows of one part, as `competing` returns it, and the ledger of the others."""
    own = choice.candidates.join(rows.select("problem_id"), on="problem_id", how="semi")
    # in one piece: Polars' `format` panics on a column whose first chunk is empty
    marked = rows.join(own, on="problem_id", how="left", maintain_order="left").rechunk()
    return apply_rules(marked, stage="selection", rules=selection_rules(choice, config=config))


def selection_rules(choice: Choice, *, config: SelectionConfig) -> list[DropRule]:
    """Return the reasons why a chain was not chosen."""
    score, outcome = pl.col("score"), pl.col("outcome")
    template_cap, source_cap, budget = (
        None if cap is None else float(cap)
        for cap in (config.max_per_template, config.max_per_source, config.max_total_tokens)
    )
    return [
        DropRule(
            "no_token_count",
            pl.col("is_countless"),
            threshold=budget,
            evidence=pl.lit("nobody has counted its tokens; name a student in generation.student"),
        ),
        DropRule(
            "not_best_chain",
            pl.col("position") != pl.col("best_position"),
            score,
            evidence=pl.format("{} scores higher", "best_chain"),
        ),
        DropRule(
            "token_budget",
            outcome == "token_budget",
            pl.col("tokens"),
            budget,
            pl.lit(f"shorter samples take its place, at {choice.price:.3g} of quality a token"),
        ),
        DropRule(
            "template_cap",
            outcome == "template_cap",
            score,
            template_cap,
            pl.format("better samples on template {} fill the cap", "template_id"),
        ),
        DropRule(
            "source_cap",
            outcome == "source_cap",
            score,
            source_cap,
            pl.format("better samples of {} fill the cap", pl.col("source").fill_null("(no source)")),
        ),
        DropRule(
            "quota_filled",
            outcome == "quota_filled",
            score,
            choice.lowest_chosen,
            pl.format("better samples fill the quota of {}", pl.col("domain").fill_null("(no domain)")),
        ),
    ]


SELECTION: Final = TableStage("selection", JUDGED_CHAINS, SAMPLES, DROP_REASONS, select_table)
