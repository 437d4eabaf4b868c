"""Judge a run's chains anew with other weights, scales or another share of the judges; nobody is asked."""

from __future__ import annotations

import polars as pl

from limo_curation.config import RunConfig
from limo_curation.judging.comparison import best_pairs, put_winners_first
from limo_curation.judging.features import count_features
from limo_curation.judging.quality import add_quality
from limo_curation.judging.reference import read_reference
from limo_curation.judging.rules import score_features
from limo_curation.sensitivity.effects import ROWS_AT_A_TIME, Effect, no_loss
from limo_curation.sensitivity.stored_run import StoredRun
from limo_curation.tables import JUDGED_CHAINS


def features_of(run: StoredRun) -> pl.DataFrame:
    """Return what the rules count in each judged chain, in the order of `StoredRun.chains`."""
    texts = run.store.scan(run.artifact("judging"), JUDGED_CHAINS).select("chain")
    num_rows = run.artifact("judging").rows
    starts = range(0, max(num_rows, 1), ROWS_AT_A_TIME)
    return pl.concat(count_features(texts.slice(start, ROWS_AT_A_TIME).collect().to_series()) for start in starts)


def with_other_scores(run: StoredRun, config: RunConfig, features: pl.DataFrame) -> Effect:
    """Score the chains anew.

    Args:
        run: the run.
        config: with a number of judging moved.
        features: what `features_of` returns.
    """
    scored = score_features(features, config=config.judging, reference=read_reference())
    chains = run.chains.with_columns(scored["rule_score"])
    judge = config.judging.judge
    if judge is None:
        return Effect(chains, no_loss())
    is_trusted = run.manifest("judging").metrics.get("is_panel_trusted") == 1
    ranked = add_quality(
        chains.drop("human_decision", "human_note", "quality", "comparison"),
        decisions_of(chains),
        weight=judge.weight if is_trusted else 0.0,
    )
    if not (judge.compares_best and is_trusted):
        return Effect(ranked.with_columns(comparison=pl.lit(None, pl.String)).select(chains.columns), no_loss())
    settled, num_open = settled_again(ranked, run.chains)
    note = "pairs of best chains that the judges have not compared" if num_open else ""
    return Effect(put_winners_first(ranked, settled).select(chains.columns), no_loss(), num_open, note)


def decisions_of(chains: pl.DataFrame) -> pl.DataFrame:
    """Return what people have decided, as `add_quality` reads it."""
    decided = chains.filter(pl.col("human_decision").is_not_null())
    return decided.select(
        "chain_id", decision="human_decision", reviewer="human_note", note=pl.lit(None, pl.String)
    ).unique("chain_id")


def settled_again(ranked: pl.DataFrame, before: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return the outcome of the comparisons that still are of a problem's two best chains, and how many are missing."""
    pairs = best_pairs(ranked.filter(pl.col("human_decision").is_null()))
    outcome = before.unique("chain_id").select("chain_id", "comparison")
    both = pairs.join(outcome, left_on="first_id", right_on="chain_id", how="left").join(
        outcome, left_on="second_id", right_on="chain_id", how="left", suffix="_second"
    )
    were_compared = both.drop_nulls(["comparison", "comparison_second"])
    winner = pl.col("comparison").replace_strict({"won": "first", "lost": "second", "tie": "tie"})
    return were_compared.select("first_id", "second_id", winner=winner), both.height - were_compared.height
