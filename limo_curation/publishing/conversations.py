r"""Samples as conversations: the form that trainers take as it is.

{"role": "system", "content": "Please reason step by step, and put your final answer within \boxed{}."}
{"role": "user", "content": "How many primes are below 10?"}
{"role": "assistant", "content": "<think>...</think> ... \boxed{4}"}
"""

from __future__ import annotations

import polars as pl

from limo_curation.config import GenerationConfig, prompt_text
from limo_curation.tables import RELEASED


def system_prompt_of(config: GenerationConfig) -> str | None:
    """Return the system prompt that belongs to a run's chains: the named one, else the one that all teachers share."""
    if config.prompt is not None:
        return prompt_text(config.prompt)
    prompts = {teacher.system_prompt for teacher in config.teachers}
    return prompts.pop() if len(prompts) == 1 else None


def with_messages(samples: pl.DataFrame, *, system_prompt: str | None) -> pl.DataFrame:
    """Return a RELEASED table of samples, whose conversations begin with the system prompt if there is one."""
    turns = [("user", pl.col("question")), ("assistant", pl.col("solution"))]
    if system_prompt is not None:
        turns.insert(0, ("system", pl.lit(system_prompt)))
    messages = pl.concat_list([pl.struct(role=pl.lit(role), content=content) for role, content in turns])
    return RELEASED.check(samples.with_columns(messages=messages))
