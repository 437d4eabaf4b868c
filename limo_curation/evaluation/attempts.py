"""The stage: one model attempts every item of one benchmark, and each attempt is graded.

The same prompt, decoding and comparison for every model; completions come from the request cache where they were drawn
before, so an evaluation that was killed goes on where it stopped.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from limo_curation.answers import Comparison, Verdict, explain_many, extract_answer
from limo_curation.evaluation.config import AttemptsConfig, GradingConfig
from limo_curation.evaluation.items import with_prompts
from limo_curation.evaluation.tables import ATTEMPTS, ITEMS
from limo_curation.ledger import DropRule, StageResult, apply_rules
from limo_curation.sampling import Completion, Sampler
from limo_curation.sampling.protocol import request_for
from limo_curation.sampling.usage import Usage, usage_metrics
from limo_curation.stage import RowStage

NO_GOLD: Final = DropRule("no_gold_answer", pl.col("answer").fill_null("").str.strip_chars() == "")


def attempt_items(items: pl.DataFrame, *, config: AttemptsConfig, sampler: Sampler) -> StageResult:
    """Let a model attempt each item, and compare its final answers with the gold answers.

    Args:
        items: ITEMS rows of one benchmark.
        config: the model, how it is asked, and how its answers are compared.
        sampler: the engine.

    Returns:
        ATTEMPTS rows, items and attempts in order. Drop reason: `no_gold_answer`. Metrics: what the attempts cost
        (`usage_metrics`), as `model`.

    Raises:
        TransientError, BudgetError: from the sampler.
    """
    gradable, dropped = apply_rules(items, stage="evaluation", rules=[NO_GOLD])
    asked = with_prompts(gradable, benchmark=config.benchmark, seed=config.option_seed)
    solver = config.solver
    rows = [
        (problem_id, gold, request_for(solver, problem_id=problem_id, question=prompt, attempt=attempt))
        for problem_id, gold, prompt in asked.select("problem_id", "gold", "prompt").iter_rows()
        for attempt in range(solver.num_attempts)
    ]
    completions = list(sampler.sample([request for _, _, request in rows]))
    golds = [gold for _, gold, _ in rows]
    predicted = [final_answer(completion) for completion in completions]
    verdicts = grade(predicted, golds, config.grading)
    attempts = pl.DataFrame(
        {
            "problem_id": [problem_id for problem_id, _, _ in rows],
            "attempt": [request.attempt for _, _, request in rows],
            "gold": golds,
            "predicted": predicted,
            "verdict": [one.verdict.value for one in verdicts],
            "verdict_reason": [one.reason.value for one in verdicts],
            "finish_reason": [completion.finish_reason for completion in completions],
            "num_tokens": [counted_tokens(completion) for completion in completions],
        },
        schema_overrides=ATTEMPTS.schema,
    ).with_columns(
        attempt_id=pl.format("{}/{}", "problem_id", "attempt"),
        benchmark=pl.lit(config.benchmark),
        model=pl.lit(config.name),
    )
    usage = Usage(num_problems=asked.height)
    usage.add_attempts(completions)
    return StageResult(ATTEMPTS.check(attempts), dropped, usage_metrics({"model": usage}))


def final_answer(completion: Completion) -> str | None:
    """Return a completion's final answer; None where it has none, or was cut off before its end."""
    return None if completion.is_truncated else extract_answer(completion.text)


def grade(predicted: list[str | None], golds: list[str], config: GradingConfig) -> list[Comparison]:
    """Return a verdict for each attempt. One without an answer has failed: it is different, not undecided."""
    found = explain_many(
        predicted,
        golds,
        num_workers=config.num_workers,
        timeout_seconds=config.timeout_seconds,
        policy=config.policy,
    )
    return [
        one if answer is not None else one._replace(verdict=Verdict.DIFFERENT)
        for one, answer in zip(found, predicted, strict=True)
    ]


def counted_tokens(completion: Completion) -> int | None:
    """Return the tokens of a completion; None where the engine has none, as the recorded one."""
    is_uncounted = completion.num_completion_tokens == 0 and not completion.is_truncated
    return None if is_uncounted else completion.num_completion_tokens


EVALUATION: Final = RowStage("evaluation", ITEMS, ATTEMPTS, ("no_gold_answer",), attempt_items)
