"""What a kept problem costs for real: the demo's tiny models rate generated problems, through the engine in process.

A request cache stands below all ways of rating, so that an attempt which several need is sampled once; tokens are
counted as if each way had sampled its own.
"""

from __future__ import annotations

import tempfile
from typing import Any, Final

import polars as pl

from limo_curation.config import DemandConfig, DifficultyConfig
from limo_curation.demo.generator import draw_problems, seeded
from limo_curation.difficulty import rate_problems
from limo_curation.difficulty.demand import DIFFICULTY_ON_DEMAND
from limo_curation.plan import StageMetrics, TableStage, plan_stage
from limo_curation.presets import load_config
from limo_curation.problem_config import StageConfig
from limo_curation.runner import run_stage
from limo_curation.sampling import Sampler
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling.protocol import request_for
from limo_curation.sampling.transformers_engine import TransformersSampler
from limo_curation.stage import StageWriter
from limo_curation.store import Store, content_ids
from limo_curation.tables import CLASSIFIED, DOMAINS, DROPPED

LEVEL_WEIGHTS: Final = {1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0}
SHARE_NEEDED: Final = 0.25  # of what rating everything keeps: with all of them there would be nothing to choose


def rate_for_real(num_problems: int) -> dict[str, Any]:
    """Rate generated problems by fixed sampling, with early stopping and on demand; print and return the tokens."""
    difficulty, problems = load_config("demo").difficulty, generated(num_problems)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        sampler = CachedSampler(TransformersSampler(batch_size=512), store)
        early = rate_problems(problems, config=difficulty, sampler=sampler)
        fixed_tokens, kept_by_fixed = rate_fixed(problems, difficulty, sampler)
        needed = max(1, round(SHARE_NEEDED * early.kept.height / len(DOMAINS)))
        demand = DemandConfig(problems_per_domain=needed, round_problems=max(len(DOMAINS), num_problems // 10))
        demanded_tokens, kept_on_demand = rate_demanded(
            problems, difficulty.model_copy(update={"demand": demand}), store, sampler
        )
    kept_early = set(early.kept["problem_id"])
    ways = {
        "fixed": (fixed_tokens, kept_by_fixed),
        "early": (early.metrics["num_sampled_tokens"], kept_early),
        "on demand": (demanded_tokens, kept_on_demand),
    }
    print(f"{num_problems} generated problems, {needed} of each domain on demand")
    for name, (tokens, kept) in ways.items():
        print(f"{name:<10} {tokens:>12,.0f} tokens {len(kept):>5} kept {tokens / max(len(kept), 1):>9,.0f} for each")
    print(f"early differs from fixed in {len(kept_early ^ kept_by_fixed)} problems", end="; ")
    print(f"{len(kept_on_demand - kept_by_fixed)} of those on demand are not among them")
    return {name: {"tokens": tokens, "num_kept": len(kept)} for name, (tokens, kept) in ways.items()}


def generated(num_problems: int) -> pl.DataFrame:
    """Return generated problems as CLASSIFIED rows."""
    drawn = draw_problems(num_problems, level_weights=LEVEL_WEIGHTS, wordings=range(2), rng=seeded("difficulty"))
    known = pl.DataFrame(
        {
            "question": [problem.text for problem in drawn],
            "answer": [problem.answer for problem in drawn],
            "source": [problem.kind.name for problem in drawn],
            "domain": [DOMAINS[place % len(DOMAINS)] for place in range(num_problems)],
        }
    ).with_columns(problem_id=content_ids(pl.col("question")))
    unknown = [
        pl.lit(None, dtype).alias(name) for name, dtype in CLASSIFIED.schema.items() if name not in known.columns
    ]
    return known.with_columns(unknown).select(list(CLASSIFIED.columns))


def rate_fixed(problems: pl.DataFrame, config: DifficultyConfig, sampler: Sampler) -> tuple[float, set[str]]:
    """Draw all weak attempts of all problems, and all strong ones of what is left; return tokens and the kept ids."""
    ids = problems.select("problem_id", "question").rows()
    requests = [
        request_for(solver, problem_id=problem_id, question=question, attempt=attempt)
        for solver in config.weak
        for problem_id, question in ids
        for attempt in range(solver.num_attempts)
    ]
    weak_tokens = sum(completion.num_completion_tokens for completion in sampler.sample(requests))
    num_attempts = config.strong.num_attempts if config.strong is not None else 0
    endless = config.model_copy(update={"max_solved": num_attempts - 1})  # only the last attempt can stop it
    rated = rate_problems(problems, config=endless, sampler=sampler)
    in_band = rated.kept.filter(pl.col("strong_num_solved") <= config.max_solved)
    return weak_tokens + rated.metrics["strong_num_completion_tokens"], set(in_band["problem_id"])


def rate_demanded(
    problems: pl.DataFrame, config: DifficultyConfig, store: Store, sampler: Sampler
) -> tuple[float, set[str]]:
    """Run the stage on demand; return its tokens and the kept ids."""

    def write(*, config: StageConfig, store: Store, out: StageWriter) -> StageMetrics:
        del config, store
        out.write_part(0, problems.height, problems, DROPPED.empty())
        return {}

    given = TableStage("generated", None, CLASSIFIED, (), write)
    pool = run_stage(plan_stage(given, {}, config=StageConfig(), store=store))
    plan = plan_stage(DIFFICULTY_ON_DEMAND, {"problems": pool}, config=config, store=store)
    artifact = run_stage(plan, sampler=sampler)
    manifest = store.manifest(artifact.stage, artifact.key)
    tokens = 0.0 if manifest is None else manifest.metrics["num_sampled_tokens"]
    return tokens, set(store.scan(artifact).select("problem_id").collect().to_series())
