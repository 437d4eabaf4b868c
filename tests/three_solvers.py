"""Difficulty and generation with three models on twelve problems, and an engine that remembers in which order it was
asked for which model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import groupby

from limo_curation.config import DifficultyConfig, GenerationConfig
from limo_curation.difficulty import DIFFICULTY
from limo_curation.engine_config import Solver
from limo_curation.generation import GENERATION
from limo_curation.problem_config import StageConfig
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.protocol import Requests
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Store
from limo_curation.tables import CLASSIFIED, RATED, Table
from tests.rows import put_in_store, rows_of

ADA, BOB = (Solver(model=name, num_attempts=2, max_tokens=50) for name in "ab")
EVE = Solver(model="e", num_attempts=8, max_tokens=50)
RATING = DifficultyConfig(weak=(ADA, BOB), strong=EVE)
WRITING = GenerationConfig(teachers=(ADA, BOB, EVE))
CHUNK_ROWS = 3
NUM_CHUNKS = 4


class OrderedEngine:
    """Solves a problem in a quarter of the attempts, decided by the seed; fails for the question `poison`."""

    def __init__(
        self,
        *,
        poison: str | None = None,
        error: Exception | None = None,
        begins: Callable[[], object] = lambda: None,
    ) -> None:
        self.poison, self.error = poison, error
        self.begins = begins
        """Called at the first request."""
        self.asked: list[SampleRequest] = []
        self._lock = threading.Lock()

    def revision(self, model: str) -> str:
        return f"{model}@1"

    def sample(self, requests: Requests) -> Iterator[Completion]:
        for one in requests:
            assert one is not None
            with self._lock:
                self.asked.append(one)
                is_first = len(self.asked) == 1
            if is_first:
                self.begins()
            if self.error is not None and one.question == self.poison:
                raise self.error
            answer = 7 if one.seed % 4 == 0 else 10 + one.seed % 97
            yield Completion(one, f"Let me see. It is \\boxed{{{answer}}}.", "stop", 10, 12)

    @property
    def models_in_order(self) -> list[str]:
        """The models, each once for each time that its turn came."""
        return [model for model, _ in groupby(one.model for one in self.asked)]


def plan_rating(store: Store, config: DifficultyConfig = RATING) -> StagePlan:
    return plan_on(store, CLASSIFIED, config)


def plan_writing(store: Store, config: GenerationConfig = WRITING) -> StagePlan:
    return plan_on(store, RATED, config)


def plan_on(store: Store, table: Table, config: StageConfig) -> StagePlan:
    rows = [{"problem_id": f"p{n}", "question": f"What is {n}?", "answer": "7"} for n in range(CHUNK_ROWS * NUM_CHUNKS)]
    problems = put_in_store(rows_of(table, *rows), table, store, part_rows=100)
    stage = DIFFICULTY if table is CLASSIFIED else GENERATION
    return plan_stage(stage, {"problems": problems}, config=config, store=store, part_rows=CHUNK_ROWS)
