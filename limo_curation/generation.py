"""Generation: reasoning chains for each problem, from teachers and from sources that carry some.

Chains of both kinds stand on the same footing behind this stage. Nothing is judged here: a chain that was cut off or
ends in a wrong answer is dropped by verification, with its own reason.
"""

from __future__ import annotations

import logging
from typing import Final

import polars as pl

from limo_curation.config import GenerationConfig
from limo_curation.engine_config import Solver
from limo_curation.ledger import DropRule, StageResult, dropped_rows
from limo_curation.sampling import Sampler
from limo_curation.sampling.protocol import request_for, solver_name
from limo_curation.sampling.usage import Usage, usage_metrics
from limo_curation.stage import RowStage
from limo_curation.store import chain_ids
from limo_curation.tables import CHAINS, RATED

logger = logging.getLogger(__name__)

DROP_REASONS: Final = ("no_chain",)
CHAIN_COLUMNS: Final = ("problem_id", "teacher", "chain", "num_tokens", "finish_reason")


def generate_chains(
    problems: pl.DataFrame,
    recorded: pl.LazyFrame | None = None,
    *,
    config: GenerationConfig,
    sampler: Sampler | None = None,
) -> StageResult:
    """Return all chains of the problems.

    Args:
        problems: RATED rows.
        recorded: RECORDED_CHAINS, or None.
        config: the teachers, and how many chains each writes for a problem.
        sampler: the engine; not needed without teachers.

    Returns:
        CHAINS rows, one for each distinct chain. Drop reason: `no_chain` (a problem that has none at all). Metrics:
        what the chains of each teacher cost (`usage_metrics`), as `teacher_1`, `teacher_2`, ... in the config's order.

    Raises:
        TransientError, BudgetError: from the sampler.
    """
    schema = {name: CHAINS.schema[name] for name in CHAIN_COLUMNS}
    frames = [pl.DataFrame(schema=schema)]
    usages: dict[str, Usage] = {}
    if sampler is not None:
        for place, teacher in enumerate(config.teachers, start=1):
            chains, usages[f"teacher_{place}"] = ask_teacher(problems, teacher, sampler=sampler)
            frames.append(chains)
    if recorded is not None:
        wanted = problems.select("problem_id").lazy()
        found = recorded.join(wanted, on="problem_id", how="semi").select(
            "problem_id",
            "teacher",
            "chain",
            num_tokens=pl.lit(None, pl.Int64),
            finish_reason=pl.lit("recorded"),
        )
        frames.append(found.collect(engine="streaming"))
    written = pl.concat(frames).with_columns(chain_id=chain_ids())
    # of identical chains the one that ended by itself stays: stop, recorded, length
    in_order = written.sort("chain_id", "finish_reason", "num_tokens", descending=[False, True, False])
    chains = in_order.unique("chain_id", keep="first", maintain_order=True)
    kept = problems.join(chains, on="problem_id", how="inner", maintain_order="left_right")
    without = problems.join(chains, on="problem_id", how="anti", maintain_order="left")
    rule = DropRule("no_chain", pl.lit(True), pl.lit(0), 1.0, pl.lit("no teacher wrote one and no source carries one"))
    dropped = dropped_rows(without, stage="generation", rule=rule)
    return StageResult(kept.select(list(CHAINS.columns)), dropped, usage_metrics(usages))


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
        (problem_id, solver_name(teacher), done.text.strip(), done.num_completion_tokens, done.finish_reason)
        for (problem_id, _), done in zip(requests, completions, strict=True)
    ]
    schema = {name: CHAINS.schema[name] for name in CHAIN_COLUMNS}
    usage = Usage(num_problems=problems.height)
    usage.add_attempts(completions)
    return pl.DataFrame(rows, schema=schema, orient="row"), usage


GENERATION: Final = RowStage("generation", RATED, CHAINS, DROP_REASONS, generate_chains)
