"""Verification: a chain stays only where its final answer equals the gold answer.

A chain that was cut off is dropped first: what it would have answered is not known, and it has no end-of-turn to learn
from. An answer that could not be compared is dropped under its own reason, since "could not check" is not "wrong".
"""

from __future__ import annotations

import polars as pl

from limo_curation.answers import Verdict, compare_many, extract_answer
from limo_curation.config import VerificationConfig
from limo_curation.ledger import DropRule, StageResult, apply_rules
from limo_curation.stage import RowStage
from limo_curation.tables import CHAINS, VERIFIED_CHAINS

MAX_SHOWN_CHARACTERS = 120  # of each answer in the evidence: both fit into the ledger's 500


def verify_chains(chains: pl.DataFrame, *, config: VerificationConfig) -> StageResult:
    """Compare each chain's final answer with the gold answer.

    Args:
        chains: a CHAINS table.
        config: whether undecided chains stay, and the deadline of one comparison.

    Returns:
        Kept rows as VERIFIED_CHAINS. Drop reasons: `truncated` (finish_reason is length), `no_gold_answer`,
        `no_final_answer`, `wrong_answer`, `answer_undecided` (unless config.keep_undecided).
    """
    predicted = [None if chain is None else extract_answer(chain) for chain in chains["chain"]]
    verdicts = compare_many(
        predicted, chains["answer"].to_list(), num_workers=config.num_workers, timeout_seconds=config.timeout_seconds
    )
    checked = chains.with_columns(
        predicted_answer=pl.Series(predicted, dtype=pl.String),
        verdict=pl.Series([verdict.value for verdict in verdicts], dtype=pl.String),
    )
    kept, dropped = apply_rules(checked, stage="verification", rules=drop_rules(config))
    metrics = {f"{verdict.value}_chains": float(verdicts.count(verdict)) for verdict in Verdict}
    return StageResult(VERIFIED_CHAINS.check(kept), dropped, metrics)


def drop_rules(config: VerificationConfig) -> list[DropRule]:
    """Return the reasons to drop a chain, in the order in which they are tried."""
    both = pl.format("found {}, gold {}", shown("predicted_answer"), shown("answer"))
    rules = [
        DropRule("truncated", pl.col("finish_reason") == "length", value=pl.col("num_tokens")),
        DropRule("no_gold_answer", pl.col("answer").fill_null("").str.strip_chars() == ""),
        DropRule(
            "no_final_answer", pl.col("predicted_answer").is_null(), evidence=pl.format("gold {}", shown("answer"))
        ),
        DropRule("wrong_answer", pl.col("verdict") == Verdict.DIFFERENT.value, evidence=both),
        DropRule("answer_undecided", pl.col("verdict") == Verdict.UNDECIDED.value, evidence=both),
    ]
    return rules[:-1] if config.keep_undecided else rules


def shown(column: str) -> pl.Expr:
    """Return an answer cut to what fits into the evidence."""
    return pl.col(column).str.slice(0, MAX_SHOWN_CHARACTERS)


VERIFICATION = RowStage(
    "verification",
    reads=CHAINS,
    writes=VERIFIED_CHAINS,
    drop_reasons=("truncated", "no_gold_answer", "no_final_answer", "wrong_answer", "answer_undecided"),
    run=verify_chains,
)
