"""What a stage would have done with one number moved, from the run's stored tables: nothing is sampled.

A tightened threshold takes chains away, which is exact. A loosened one before sampling lets in problems that nobody has
rated, or that have no chain: these are counted. Stages up to novelty are run again as they are, and their tables stay
in the store, as entries that no run uses: asked again they are found there, and `limo-curation store gc` deletes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from limo_curation.answers import extract_answer
from limo_curation.config import RunConfig
from limo_curation.decontamination import DECONTAMINATION
from limo_curation.deduplication import DEDUPLICATION
from limo_curation.difficulty.band import band_rules
from limo_curation.ingestion import BENCHMARK_INGESTION, PUBLIC_SET_INGESTION
from limo_curation.judging.rules import score_rules
from limo_curation.ledger import DropRule, apply_rules
from limo_curation.novelty import NOVELTY
from limo_curation.plan import Stage, plan_stage
from limo_curation.runner import run_stage
from limo_curation.screening import SCREENING
from limo_curation.sensitivity.stored_run import COLUMNS, StoredRun
from limo_curation.store import Artifact
from limo_curation.tables import CHAINS, DROPPED, JUDGED_CHAINS
from limo_curation.verification.chains import step_columns, text_rules
from limo_curation.verification.texture import language_share, reasoning_characters, repetition

PROBLEM_STAGES: Final[Sequence[Stage]] = (SCREENING, DEDUPLICATION, DECONTAMINATION, NOVELTY)
SIDE_INPUTS: Final = {
    DECONTAMINATION.name: ("benchmarks", BENCHMARK_INGESTION.name),
    NOVELTY.name: ("references", PUBLIC_SET_INGESTION.name),
}
TEXT_REASONS: Final = ("step_contradiction", "degenerate_repetition", "language_mixed", "no_reasoning")
ROWS_AT_A_TIME: Final = 2_000  # ours: chains whose texts are in memory together


@dataclass(frozen=True, slots=True)
class Effect:
    """What selection would have chosen from."""

    chains: pl.DataFrame
    """The columns of `StoredRun.chains`."""
    lost: pl.DataFrame
    """chain_id and reason of the judged chains that would not have come so far."""
    num_unsampled: int = 0
    """Rows that would have come in, and of which only sampling could tell what becomes of them."""
    note: str = ""
    is_known: bool = True
    """Whether the store can tell which chains would not have come so far."""


# -- problems ----------------------------------------------------------------------------------------------------------


def with_other_problems(run: StoredRun, config: RunConfig, first: str) -> Effect:
    """Run the stages from one of `PROBLEM_STAGES` to novelty again, and keep the chains of the problems they keep."""
    names = [stage.name for stage in PROBLEM_STAGES]
    behind = PROBLEM_STAGES[names.index(first) :]
    if config.decontamination.enabled and config.decontamination.paraphrase is not None and DECONTAMINATION in behind:
        return unknown(run, run.input_of(first), "a judge of paraphrases would be asked")
    problems = run.input_of(first)
    ledgers: list[pl.LazyFrame] = []
    for stage in behind:
        problems = again(run, config, stage, problems)
        ledgers.append(run.store.scan(problems, DROPPED, half="dropped").select("problem_id", reason="drop_reason"))
    left = run.store.scan(problems).select("problem_id")
    sampled = run.store.scan(run.artifact(behind[-1].name)).select("problem_id")
    num_new = left.join(sampled, on="problem_id", how="anti").select(pl.len()).collect(engine="streaming").item()
    lost = run.chains.lazy().join(left, on="problem_id", how="anti").select("chain_id", "problem_id")
    lost = lost.join(pl.concat(ledgers), on="problem_id", how="left").select("chain_id", "reason").collect()
    return Effect(without(run.chains, lost), lost, num_new)


def again(run: StoredRun, config: RunConfig, stage: Stage, problems: Artifact) -> Artifact:
    """Run one stage on problems, with the run's own side table."""
    inputs = {"problems": problems}
    name, side = SIDE_INPUTS.get(stage.name, ("", ""))
    if side in run.record.artifacts:
        inputs[name] = run.artifact(side)
    section = getattr(config, stage.name)
    return run_stage(plan_stage(stage, inputs, config=section, store=run.store, part_rows=config.execution.part_rows))


# -- the band and the limit of tokens ----------------------------------------------------------------------------------


def with_other_band(run: StoredRun, config: RunConfig, name: str) -> Effect:
    """Apply the rules of the band to the recorded counts."""
    if name == "disputed_min_votes" or config.difficulty.disputed_share < run.config.difficulty.disputed_share:
        note = "the votes on problems that were kept are not stored; their completions are in the request cache"
        return unknown(run, run.artifact("difficulty"), note)
    published = pl.lit(config.difficulty.use_published_rates) & pl.col("published_num_attempts").is_not_null()
    solved = pl.col("strong_num_solved").cast(pl.Float64)
    on_scale = solved / pl.col("strong_num_attempts") * config.difficulty.published_band_of
    rated = run.chains.with_columns(
        band_solved=pl.when(published).then(on_scale).otherwise(solved),
        weak_solved_at=pl.lit(None, pl.String),
        is_disputed=pl.lit(False),
        other_share=pl.lit(None, pl.Float64),
        vote=pl.lit(None, pl.String),
    )
    kept, dropped = apply_rules(rated, stage="difficulty", rules=list(band_rules(config.difficulty)))
    num_new = num_in_band(run, config) - num_in_band(run, run.config)
    note = "sampling stopped once a problem had left the band" if name == "max_solved" and num_new else ""
    return Effect(kept.select(run.chains.columns), dropped.select("chain_id", reason="drop_reason"), num_new, note)


def num_in_band(run: StoredRun, config: RunConfig) -> int:
    """Count the dropped problems that a config's band would not have dropped for the reason that is on record."""
    band, reason, value = config.difficulty, pl.col("drop_reason"), pl.col("value")
    is_in = (
        ((reason == "never_solved") & (value >= band.min_solved))
        | ((reason == "solved_too_often") & (value <= band.max_solved))
        | ((reason == "gold_disputed") & (value < band.disputed_share))
    )
    return run.ledger("difficulty").filter(is_in).select(pl.len()).collect().item()


def with_other_length(run: StoredRun, config: RunConfig) -> Effect:
    """Apply the limit of a chain's tokens to the recorded counts."""
    limit = config.generation.max_chain_tokens
    if limit is None:
        return Effect(run.chains, no_loss())
    is_long = pl.coalesce("num_student_tokens", "num_tokens") > limit
    kept, dropped = apply_rules(run.chains, stage="generation", rules=[DropRule("too_long", is_long)])
    ledger = run.ledger("generation").filter((pl.col("drop_reason") == "too_long") & (pl.col("value") <= limit))
    num_new = ledger.select(pl.len()).collect().item()
    note = "their texts are in the request cache or in the recorded chains" if num_new else ""
    return Effect(kept, dropped.select("chain_id", reason="drop_reason"), num_new, note)


# -- verification ------------------------------------------------------------------------------------------------------


def described(run: StoredRun) -> pl.DataFrame:
    """Return all chains with the right answer, kept or dropped for their text, with what the rules look at.

    Returns:
        chain_id, problem_id, num_claims_held, num_claims_failed, contradiction, repetition, language_share and
        reasoning_characters.
    """
    for_text = run.ledger("verification").filter(pl.col("drop_reason").is_in(TEXT_REASONS)).select("chain_id")
    wanted = pl.concat([run.store.scan(run.artifact("verification")).select("chain_id"), for_text]).collect()
    generated = run.store.scan(run.artifact("generation"), CHAINS)
    parts: list[pl.DataFrame] = []
    for start in range(0, max(wanted.height, 1), ROWS_AT_A_TIME):
        ids = wanted["chain_id"].slice(start, ROWS_AT_A_TIME).implode()
        rows = generated.filter(pl.col("chain_id").is_in(ids)).select("chain_id", "problem_id", "chain").collect()
        texts = rows["chain"].to_list()
        rows = rows.with_columns(
            *step_columns(texts),
            predicted_answer=pl.Series([extract_answer(text) for text in texts], dtype=pl.String),
            repetition=pl.Series([repetition(text) for text in texts], dtype=pl.Float64),
            language_share=language_share(pl.col("chain")),
        )
        rows = rows.with_columns(reasoning_characters=reasoning_characters(pl.col("chain"), pl.col("predicted_answer")))
        parts.append(rows.drop("chain", "predicted_answer"))
    return pl.concat(parts)


def with_other_texts(run: StoredRun, config: RunConfig, chains: pl.DataFrame) -> Effect:
    """Apply the rules of a chain's text.

    Args:
        run: the run.
        config: with a limit moved.
        chains: what `described` returns.
    """
    # without value and evidence: the latter quotes the text, which is not here
    rules = [DropRule(rule.reason, rule.when) for rule in text_rules(config.verification)]
    kept, dropped = apply_rules(chains, stage="verification", rules=rules)
    lost = run.chains.join(dropped, on="chain_id", how="inner").select("chain_id", reason="drop_reason")
    new = kept.join(run.chains, on="chain_id", how="anti")["chain_id"]
    if config.judging.enabled and config.judging.judge is not None:
        return Effect(without(run.chains, lost), lost, len(new), "the judges would be asked" if len(new) else "")
    return Effect(pl.concat([without(run.chains, lost), judged(run, config, new)]), lost)


def judged(run: StoredRun, config: RunConfig, chain_ids: pl.Series) -> pl.DataFrame:
    """Return chains that verification had dropped, with the rules' score; they were never judged."""
    generated = run.store.scan(run.artifact("generation"), CHAINS).filter(pl.col("chain_id").is_in(chain_ids.implode()))
    there = [name for name in COLUMNS if name in CHAINS.columns]
    rows = generated.select(*there, "chain").collect(engine="streaming")
    if config.judging.enabled:
        rows = rows.with_columns(score_rules(rows, config=config.judging)["rule_score"])
    added = [pl.lit(None, JUDGED_CHAINS.schema[name]).alias(name) for name in COLUMNS if name not in rows.columns]
    return rows.with_columns(added).select(COLUMNS)


# -- both kinds --------------------------------------------------------------------------------------------------------


def without(chains: pl.DataFrame, lost: pl.DataFrame) -> pl.DataFrame:
    """Return the chains that are not lost."""
    return chains.join(lost, on="chain_id", how="anti", maintain_order="left")


def unknown(run: StoredRun, rows: Artifact, note: str) -> Effect:
    """Return that only sampling could tell what becomes of the rows of a table."""
    return Effect(run.chains, no_loss(), rows.rows, note, is_known=False)


def no_loss() -> pl.DataFrame:
    """Return that no chain is lost."""
    return pl.DataFrame(schema={"chain_id": pl.String, "reason": pl.String})
