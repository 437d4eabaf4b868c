"""The stage: chains of teachers and of sources in one form, without those that were cut off or are too long.

Chains of both kinds stand on the same footing behind this stage. A chain that ends in a wrong answer is dropped by
verification; one that does not end is dropped here, before anything is spent on it.
"""

from __future__ import annotations

import logging
from typing import Final

import polars as pl

from limo_curation.config import GenerationConfig
from limo_curation.engine_config import Solver
from limo_curation.generation.student import count_tokens
from limo_curation.generation.thinking import normalise_reasoning
from limo_curation.ledger import DropRule, StageResult, apply_rules, dropped_rows
from limo_curation.sampling import Sampler
from limo_curation.sampling.protocol import request_for, solver_name
from limo_curation.sampling.usage import Usage, usage_metrics
from limo_curation.stage import RowStage
from limo_curation.store import chain_ids
from limo_curation.tables import CHAINS, RATED

logger = logging.getLogger(__name__)

AS_WRITTEN: Final = ("problem_id", "teacher", "seed", "chain", "num_tokens", "finish_reason")
WRITTEN: Final = {name: CHAINS.schema[name] for name in AS_WRITTEN}
TAIL_CHARACTERS: Final = 120  # ours: enough to see where a chain breaks off


def generate_chains(
    problems: pl.DataFrame,
    recorded: pl.LazyFrame | None = None,
    *,
    config: GenerationConfig,
    sampler: Sampler | None = None,
) -> StageResult:
    """Return all whole chains of the problems.

    Args:
        problems: RATED rows.
        recorded: RECORDED_CHAINS, or None.
        config: the teachers, how many chains each writes for a problem, the student and its cut-off.
        sampler: the engine; not needed without teachers.

    Returns:
        CHAINS rows, one for each distinct chain. Drop reasons of chains: `truncated` (cut off by the token limit, or a
        block of its text is never closed), `too_long` (for the student). Of a problem: `no_chain` (it has none at
        all); one whose chains are all dropped is in the ledger with theirs. Metrics: what the chains of each teacher
        cost (`usage_metrics`), as `teacher_1`, `teacher_2`, ... in the config's order; `num_unmeasured_chains`, those
        whose length nobody has counted.

    Raises:
        ConfigError: the student's tokenizer is not there, or can't be read.
        TransientError, BudgetError: from the sampler; TransientError also where the Hub can't be reached.
    """
    frames: list[pl.DataFrame] = []
    usages: dict[str, Usage] = {}
    if sampler is not None:
        for place, teacher in enumerate(config.teachers, start=1):
            chains, usages[f"teacher_{place}"] = ask_teacher(problems, teacher, sampler=sampler)
            frames.append(chains)
    if recorded is not None:
        frames.append(chains_of_sources(problems, recorded))
    written = distinct_chains(pl.concat([pl.DataFrame(schema=WRITTEN), *frames]))
    ended, cut_off = apply_rules(written, stage="generation", rules=[truncated()])
    measured = ended.with_columns(num_student_tokens=student_tokens(ended["chain"], config.student))
    whole, too_long = apply_rules(measured, stage="generation", rules=length_rules(config))
    kept = problems.join(whole, on="problem_id", how="inner", maintain_order="left_right")
    without = problems.join(written, on="problem_id", how="anti", maintain_order="left")
    rule = DropRule("no_chain", pl.lit(True), pl.lit(0), 1.0, pl.lit("no teacher wrote one and no source carries one"))
    dropped = pl.concat([cut_off, too_long, dropped_rows(without, stage="generation", rule=rule)])
    num_unmeasured = measured.select(length_of_chain().is_null().sum()).item()
    metrics = usage_metrics(usages) | {"num_unmeasured_chains": float(num_unmeasured)}
    return StageResult(kept.select(list(CHAINS.columns)), dropped, metrics)


# -- where chains are from ---------------------------------------------------------------------------------------------


def ask_teacher(problems: pl.DataFrame, teacher: Solver, *, sampler: Sampler) -> tuple[pl.DataFrame, Usage]:
    """Let one teacher write its number of chains for each problem; return them, and what they cost."""
    requests = [
        (problem_id, request_for(teacher, problem_id=problem_id, question=question, attempt=attempt))
        for problem_id, question in problems.select("problem_id", "question").iter_rows()
        for attempt in range(teacher.num_attempts)
    ]
    completions = list(sampler.sample([request for _, request in requests]))
    logger.info("%s wrote %d chains for %d problems", solver_name(teacher), len(completions), problems.height)
    rows = [
        (problem_id, solver_name(teacher), asked.seed, done.text, done.num_completion_tokens, done.finish_reason)
        for (problem_id, asked), done in zip(requests, completions, strict=True)
    ]
    usage = Usage(num_problems=problems.height)
    usage.add_attempts(completions)
    return pl.DataFrame(rows, schema=WRITTEN, orient="row"), usage


def chains_of_sources(problems: pl.DataFrame, recorded: pl.LazyFrame) -> pl.DataFrame:
    """Return the recorded chains of the problems, with the same columns as a teacher's."""
    found = recorded.join(problems.select("problem_id").lazy(), on="problem_id", how="semi").select(
        "problem_id",
        "teacher",
        "chain",
        seed=pl.lit(None, pl.Int64),
        num_tokens=pl.lit(None, pl.Int64),
        finish_reason=pl.lit("recorded"),
    )
    return found.select(AS_WRITTEN).collect(engine="streaming")


# -- what becomes of them ----------------------------------------------------------------------------------------------


def distinct_chains(written: pl.DataFrame) -> pl.DataFrame:
    """Return chains in one form, each once, with their ids and whether every block that they begin is ended.

    What is said of one form holds for all that was written in it: of identical chains the one that ended by itself
    stays.
    """
    reasonings = [normalise_reasoning(text) for text in written["chain"]]
    in_one_form = written.with_columns(
        chain=pl.Series([one.text for one in reasonings], dtype=pl.String),
        is_complete=pl.Series([one.is_complete for one in reasonings], dtype=pl.Boolean),
    ).with_columns(chain_id=chain_ids())
    # complete before broken off, then stop, recorded, length; the seed settles which of two attempts wrote it
    in_order = in_one_form.sort(
        "chain_id", "is_complete", "finish_reason", "num_tokens", "seed", descending=[False, True, True, False, False]
    )
    return in_order.unique("chain_id", keep="first", maintain_order=True)


def truncated() -> DropRule:
    """Return the rule for chains that were cut off."""
    why = pl.when(pl.col("is_complete")).then(pl.lit("the token limit")).otherwise(pl.lit("a block is never closed"))
    tail = pl.format("{}; it breaks off in {}", why, pl.col("chain").str.tail(TAIL_CHARACTERS))
    is_cut = (pl.col("finish_reason") == "length") | ~pl.col("is_complete")
    return DropRule("truncated", is_cut, value=pl.col("num_tokens"), evidence=tail)


def length_rules(config: GenerationConfig) -> list[DropRule]:
    """Return the rule for chains that are too long; none without a limit."""
    if config.max_chain_tokens is None:
        return []
    limit, length = config.max_chain_tokens, length_of_chain()
    counted_by = "its teacher's engine" if config.student is None else f"the tokenizer of {config.student}"
    return [DropRule("too_long", length > limit, length, float(limit), pl.lit(f"counted by {counted_by}"))]


def length_of_chain() -> pl.Expr:
    """Return a chain's tokens: the student's, else those that its teacher's engine counted, else null."""
    return pl.coalesce("num_student_tokens", "num_tokens")


def student_tokens(chains: pl.Series, student: str | None) -> pl.Series:
    """Return the number of the student's tokens in each chain; nulls without a student."""
    if student is None or chains.is_empty():
        return pl.Series([None] * chains.len(), dtype=pl.Int64)
    return pl.Series(count_tokens(chains.to_list(), student=student), dtype=pl.Int64)


GENERATION: Final = RowStage("generation", RATED, CHAINS, ("no_chain", "truncated", "too_long"), generate_chains)
