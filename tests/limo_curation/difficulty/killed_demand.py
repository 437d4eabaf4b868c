"""A stage on demand in a process of its own that kills itself, as `kill -9` does, when it has asked so many requests.

python -m tests.limo_curation.difficulty.killed_demand FOLDER NUM_REQUESTS
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from limo_curation.config import DemandConfig, DifficultyConfig
from limo_curation.difficulty.demand import DIFFICULTY_ON_DEMAND
from limo_curation.engine_config import Solver
from limo_curation.runner import run_stage
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.cache import CachedSampler
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Store
from limo_curation.tables import CLASSIFIED
from tests.limo_curation.difficulty.guessing_solvers import GuessingSolvers, pool_of
from tests.rows import put_in_store

CONFIG = DifficultyConfig(
    weak=(Solver(model="weak", num_attempts=4, max_tokens=50),),
    strong=Solver(model="strong", num_attempts=8, max_tokens=50),
    demand=DemandConfig(problems_per_domain=8, round_problems=16, candidates=2),
)


def plan_in(folder: Path) -> StagePlan:
    """Plan to rate a pool of two hundred problems, in a store below a folder."""
    store = Store(str(folder / "store"))
    inputs = {"problems": put_in_store(pool_of(200), CLASSIFIED, store, part_rows=50)}
    return plan_stage(DIFFICULTY_ON_DEMAND, inputs, config=CONFIG, store=store, part_rows=50)


class MortalSolvers(GuessingSolvers):
    """Notes what they are asked in a file, a line for each request, and die as they are asked once more."""

    def __init__(self, file: Path, num_requests: int | None) -> None:
        super().__init__()
        self.file = file
        self.lifetime = num_requests

    def answer(self, request: SampleRequest) -> Completion:
        """Return one attempt, or kill the process."""
        if self.lifetime is not None and len(self.asked) > self.lifetime:
            os.kill(os.getpid(), signal.SIGKILL)
        with self.file.open("a") as file:
            file.write(f"{request.model}, {request.question}, attempt {request.attempt}\n")
        return super().answer(request)


def rate(folder: Path, *, num_requests: int | None = None) -> StagePlan:
    """Rate the pool and return the plan; with `num_requests` the process dies when so many were answered."""
    plan = plan_in(folder)
    engine = MortalSolvers(folder / "asked", num_requests)
    run_stage(plan, sampler=CachedSampler(engine, plan.store, record_seconds=0))  # what is answered is recorded at once
    return plan


if __name__ == "__main__":
    rate(Path(sys.argv[1]), num_requests=int(sys.argv[2]))
