"""Verification: a chain stays only where its final answer equals the gold answer and none of its steps is false.

An answer that could not be compared is dropped under its own reason, since "could not check" is not "wrong". A chain
that reaches the right answer over a false equation is dropped too, unless it corrects itself in the open, which is what
a student should learn, or the equation is one slip among many that hold; and so is one that loops, switches language or
only names an answer. Chains that were cut off have not come this far (`generation/chains.py`).
"""

from __future__ import annotations

from typing import Final

import polars as pl

from limo_curation.answers import Verdict, explain_many, extract_answer
from limo_curation.config import VerificationConfig
from limo_curation.ledger import DropRule, StageResult, apply_rules
from limo_curation.stage import RowStage
from limo_curation.tables import CHAINS, VERIFIED_CHAINS
from limo_curation.verification.claims import Status
from limo_curation.verification.steps import StepCheck, check_steps
from limo_curation.verification.texture import language_share, reasoning_characters, repetition

MAX_SHOWN_CHARACTERS = 120  # of each answer in the evidence: both fit into the ledger's 500

STEP_COLUMNS: Final = {
    "num_claims_held": pl.Int64,
    "num_claims_failed": pl.Int64,
    "num_claims_corrected": pl.Int64,
    "contradiction": pl.String,
}


def verify_chains(chains: pl.DataFrame, *, config: VerificationConfig) -> StageResult:
    """Compare each chain's final answer with the gold answer, and check its steps and its text.

    Args:
        chains: a CHAINS table.
        config: the policy and deadline of a comparison, and the thresholds; each check can be switched off.

    Returns:
        Kept rows as VERIFIED_CHAINS. Drop reasons, in the order in which they are tried: `no_gold_answer`,
        `no_final_answer`, `wrong_answer`, `answer_undecided` (unless config.keep_undecided), `step_contradiction`,
        `degenerate_repetition`, `language_mixed`, `no_reasoning`.
    """
    predicted = [None if chain is None else extract_answer(chain) for chain in chains["chain"]]
    comparisons = explain_many(
        predicted,
        chains["answer"].to_list(),
        num_workers=config.num_workers,
        timeout_seconds=config.timeout_seconds,
        policy=config.policy,
    )
    checked = chains.with_columns(
        predicted_answer=pl.Series(predicted, dtype=pl.String),
        verdict=pl.Series([one.verdict.value for one in comparisons], dtype=pl.String),
        verdict_reason=pl.Series([one.reason.value for one in comparisons], dtype=pl.String),
    )
    answered, dropped = apply_rules(checked, stage="verification", rules=answer_rules(config))
    described = answered.with_columns(
        *step_columns(answered["chain"].to_list()),
        repetition=pl.Series([repetition(chain) for chain in answered["chain"]], dtype=pl.Float64),
        language_share=language_share(pl.col("chain")),
        reasoning_characters=reasoning_characters(pl.col("chain"), pl.col("predicted_answer")),
    )
    kept, further = apply_rules(described, stage="verification", rules=text_rules(config))
    verdicts = [one.verdict for one in comparisons]
    metrics = {f"{verdict.value}_chains": float(verdicts.count(verdict)) for verdict in Verdict}
    return StageResult(VERIFIED_CHAINS.check(kept), pl.concat([dropped, further]), metrics)


def answer_rules(config: VerificationConfig) -> list[DropRule]:
    """Return the reasons to drop a chain for its answer, in the order in which they are tried."""
    both = pl.format("found {}, gold {} ({})", shown("predicted_answer"), shown("answer"), "verdict_reason")
    rules = [
        DropRule("no_gold_answer", pl.col("answer").fill_null("").str.strip_chars() == ""),
        DropRule(
            "no_final_answer", pl.col("predicted_answer").is_null(), evidence=pl.format("gold {}", shown("answer"))
        ),
        DropRule("wrong_answer", pl.col("verdict") == Verdict.DIFFERENT.value, evidence=both),
        DropRule("answer_undecided", pl.col("verdict") == Verdict.UNDECIDED.value, evidence=both),
    ]
    return rules[:-1] if config.keep_undecided else rules


def text_rules(config: VerificationConfig) -> list[DropRule]:
    """Return the reasons to drop a chain for its steps and its text, without those that are switched off."""
    failed = pl.col("num_claims_failed") / (pl.col("num_claims_held") + pl.col("num_claims_failed")).clip(lower_bound=1)
    repeats = pl.col("repetition")
    mixed, written = pl.col("language_share"), pl.col("reasoning_characters")
    most_failed, most_repeated = config.max_failed_share, config.max_repetition
    most_mixed, least_written = config.max_language_share, config.min_reasoning_characters
    rules = list[DropRule]()
    if most_failed is not None:
        first = pl.col("contradiction")
        rules.append(DropRule("step_contradiction", failed > most_failed, failed, most_failed, first))
    if most_repeated is not None:
        tail = pl.format("ends in {}", pl.col("chain").str.tail(MAX_SHOWN_CHARACTERS))
        rules.append(DropRule("degenerate_repetition", repeats > most_repeated, repeats, most_repeated, tail))
    if most_mixed is not None:
        share = pl.format("{} of the words are in the rarer script", mixed.round(3))
        rules.append(DropRule("language_mixed", mixed > most_mixed, mixed, most_mixed, share))
    if least_written:
        start = pl.col("chain").str.slice(0, MAX_SHOWN_CHARACTERS)
        rules.append(DropRule("no_reasoning", written < least_written, written, float(least_written), start))
    return rules


def step_columns(chains: list[str | None]) -> list[pl.Series]:
    """Return the counts of checked claims, and each chain's first contradiction in words."""
    rows = [counts(check_steps(chain or "")) for chain in chains]
    return pl.DataFrame(rows, schema=STEP_COLUMNS, orient="row").get_columns()


def counts(checks: list[StepCheck]) -> tuple[int, int, int, str | None]:
    """Return how many claims hold, fail, and fail but are corrected, and what the first failing one says."""
    failed = [check for check in checks if check.status is Status.FAILS and not check.corrected]
    num_held = sum(check.status is Status.HOLDS for check in checks)
    num_corrected = sum(check.corrected for check in checks)
    return num_held, len(failed), num_corrected, f"{failed[0].claim}: {failed[0].evidence}" if failed else None


def shown(column: str) -> pl.Expr:
    """Return an answer cut to what fits into the evidence."""
    return pl.col(column).str.slice(0, MAX_SHOWN_CHARACTERS)


VERIFICATION = RowStage(
    "verification",
    reads=CHAINS,
    writes=VERIFIED_CHAINS,
    drop_reasons=(
        "no_gold_answer",
        "no_final_answer",
        "wrong_answer",
        "answer_undecided",
        "step_contradiction",
        "degenerate_repetition",
        "language_mixed",
        "no_reasoning",
    ),
    run=verify_chains,
)
