"""A pilot rates a random share of the problems: the same ones in every run, and nothing else is asked."""

from __future__ import annotations

import polars as pl
import pytest

from limo_curation.config import DemandConfig, DifficultyConfig
from limo_curation.difficulty import rate_problems
from limo_curation.engine_config import Solver
from limo_curation.ledger import StageResult
from limo_curation.tables import CLASSIFIED
from tests.counting_engine import CountingEngine
from tests.rows import rows_of

STRONG = Solver(model="strong", num_attempts=4, max_tokens=50)
NAMES = [f"problem-{number}" for number in range(400)]


def rate(share: float, engine: CountingEngine) -> StageResult:
    problems = rows_of(CLASSIFIED, *[{"problem_id": name, "question": name, "answer": "7"} for name in NAMES])
    return rate_problems(problems, config=DifficultyConfig(strong=STRONG, sample_share=share), sampler=engine)


def not_sampled(result: StageResult) -> set[str]:
    return set(result.dropped.filter(pl.col("drop_reason") == "not_sampled")["problem_id"])


def test_a_share_of_the_problems_is_asked_and_the_others_are_dropped_with_a_reason() -> None:
    engine = CountingEngine()
    result = rate(0.25, engine)
    left_out = not_sampled(result)
    assert 60 <= len(NAMES) - len(left_out) <= 140  # 100 of 400, and five standard deviations
    assert {request.question for request in engine.asked} == set(NAMES) - left_out
    assert result.kept.height + result.dropped.height == len(NAMES)
    assert set(result.dropped.filter(pl.col("drop_reason") == "not_sampled")["threshold"]) == {0.25}


def test_a_larger_share_holds_the_smaller_one() -> None:
    assert not_sampled(rate(0.5, CountingEngine())) < not_sampled(rate(0.1, CountingEngine()))
    assert not_sampled(rate(1.0, CountingEngine())) == set()


def test_a_pilot_that_rates_on_demand_is_refused() -> None:
    with pytest.raises(ValueError, match="demand and sample_share both choose what is rated"):
        DifficultyConfig(strong=STRONG, sample_share=0.5, demand=DemandConfig(problems_per_domain=3))
