"""Generation: every distinct chain of a problem once, from teachers and recordings, and nothing paid for twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from limo_curation.config import DifficultyConfig, GenerationConfig
from limo_curation.difficulty import rate_problems
from limo_curation.engine_config import Solver
from limo_curation.generation import generate_chains
from limo_curation.ledger import StageResult
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.cache import CachedSampler
from limo_curation.source_config import Source
from limo_curation.store import Store
from limo_curation.tables import CHAINS, CLASSIFIED, DROPPED, RATED, RECORDED_CHAINS
from tests.counting_engine import CountingEngine
from tests.rows import rows_of

ADA = Solver(model="ada", num_attempts=3, max_tokens=50)
BOB = Solver(model="bob", num_attempts=2, max_tokens=50)
TOLD = Source(path="told.jsonl", name="told", columns={"question": "q", "chain": "c"})
RECORDED_ONLY = GenerationConfig(recorded=(TOLD,))
PROBLEMS = rows_of(
    RATED, *[{"problem_id": name, "question": f"What is {name}?", "answer": "7"} for name in ("p1", "p2", "p3")]
)


def recorded_chains(*chains: tuple[str, str, str]) -> pl.LazyFrame:
    """Chains as (problem, teacher, text)."""
    rows: list[dict[str, Any]] = [
        {"chain_id": str(index), "problem_id": problem_id, "teacher": teacher, "chain": chain}
        for index, (problem_id, teacher, chain) in enumerate(chains)
    ]
    return rows_of(RECORDED_CHAINS, *rows).lazy()


class WritingSampler:
    """Writes the given texts, attempt by attempt, whatever the question; a text with a `|` at its end is cut off."""

    def __init__(self, **texts: list[str]) -> None:
        self.texts = texts

    def revision(self, model: str) -> str:
        return model

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[Completion]:
        for request in requests:
            text = self.texts[request.model][request.attempt]
            is_cut = text.endswith("|")
            yield Completion(request, text.rstrip("|"), "length" if is_cut else "stop", 10, len(text))


def chains_of(result: StageResult) -> set[tuple[str, str, str, int | None, str]]:
    return set(result.kept.select("problem_id", "teacher", "chain", "num_tokens", "finish_reason").iter_rows())


def test_recorded_chains_join_their_problems() -> None:
    told = recorded_chains(
        ("p2", "Ada", "one way"), ("p1", "Ada", "so"), ("p2", "Bob", "another way"), ("gone", "Ada", "of a dropped one")
    )
    result = generate_chains(PROBLEMS, told, config=RECORDED_ONLY)
    assert chains_of(result) == {
        ("p1", "Ada", "so", None, "recorded"),
        ("p2", "Ada", "one way", None, "recorded"),
        ("p2", "Bob", "another way", None, "recorded"),
    }
    assert result.kept["question"].to_list() == ["What is p1?", "What is p2?", "What is p2?"]  # in the problems' order
    assert result.kept["chain_id"].n_unique() == 3
    assert result.kept.schema == CHAINS.schema


def test_problem_without_any_chain_is_dropped_and_named() -> None:
    result = generate_chains(PROBLEMS, recorded_chains(("p2", "Ada", "so")), config=RECORDED_ONLY)
    assert result.dropped.select("problem_id", "chain_id", "drop_reason", "value", "threshold").rows() == [
        ("p1", None, "no_chain", 0.0, 1.0),
        ("p3", None, "no_chain", 0.0, 1.0),
    ]
    assert result.dropped.schema == DROPPED.schema


def test_each_teacher_writes_its_number_of_chains_beside_the_recorded_ones() -> None:
    result = generate_chains(
        PROBLEMS,
        recorded_chains(("p1", "Ada", "by hand")),
        config=GenerationConfig(teachers=(ADA, BOB), recorded=(TOLD,)),
        sampler=CountingEngine(),
    )
    by_teacher = result.kept.group_by("problem_id", "teacher").len().sort("problem_id", "teacher").rows()
    per_problem = [(name, teacher, num) for name in ("p1", "p2", "p3") for teacher, num in (("ada", 3), ("bob", 2))]
    assert by_teacher == [("p1", "Ada", 1), *per_problem]
    assert result.dropped.height == 0


def test_tokens_of_each_chain_are_the_engines_count() -> None:
    sampler = WritingSampler(ada=["short", "a longer one", "cut off here|"])
    result = generate_chains(PROBLEMS[:1], config=GenerationConfig(teachers=(ADA,)), sampler=sampler)
    assert chains_of(result) == {
        ("p1", "ada", "short", 5, "stop"),
        ("p1", "ada", "a longer one", 12, "stop"),
        ("p1", "ada", "cut off here", 13, "length"),  # dropped by verification, with its own reason
    }
    assert result.metrics == {
        "num_sampled_tokens": 30,
        "teacher_1_num_problems": 1,
        "teacher_1_num_attempts": 3,
        "teacher_1_num_prompt_tokens": 30,
        "teacher_1_num_completion_tokens": 30,
        "teacher_1_num_truncated": 1,
    }


def test_identical_chains_are_kept_once_and_all_paid_for() -> None:
    sampler = WritingSampler(ada=["same", " same\n", "same"], bob=["same", "same"])
    told = recorded_chains(("p1", "Ada", "so"), ("p1", "Ada", "so"), ("p2", "Ada", "so"))
    config = GenerationConfig(teachers=(ADA, BOB), recorded=(TOLD,))
    result = generate_chains(PROBLEMS[:2], told, config=config, sampler=sampler)
    by_problem = result.kept.sort("problem_id", "teacher").select("problem_id", "teacher", "chain").rows()
    assert by_problem == [
        (name, teacher, text)
        for name in ("p1", "p2")
        for teacher, text in (("Ada", "so"), ("ada", "same"), ("bob", "same"))
    ]
    assert result.metrics["num_sampled_tokens"] == 2 * (4 + 6 + 4 + 4 + 4)
    tokens = [result.metrics[f"teacher_{place}_num_completion_tokens"] for place in (1, 2)]
    assert tokens == [2 * (4 + 6 + 4), 2 * (4 + 4)]  # each teacher's own


def test_of_identical_chains_the_one_that_ended_by_itself_stays() -> None:
    sampler = WritingSampler(ada=["same|", "same", "same  |"])
    told = recorded_chains(("p1", "ada", "same"))
    config = GenerationConfig(teachers=(ADA,), recorded=(TOLD,))
    result = generate_chains(PROBLEMS[:1], told, config=config, sampler=sampler)
    assert chains_of(result) == {("p1", "ada", "same", 4, "stop")}


def test_chain_has_the_same_identity_wherever_it_comes_from() -> None:
    written = generate_chains(
        PROBLEMS[:1], config=GenerationConfig(teachers=(BOB,)), sampler=WritingSampler(bob=["x", "y"])
    )
    told = generate_chains(PROBLEMS[:1], recorded_chains(("p1", "bob", "y"), ("p1", "bob", "x")), config=RECORDED_ONLY)
    assert written.kept["chain_id"].to_list() == told.kept["chain_id"].to_list()


def test_order_of_recorded_chains_does_not_matter() -> None:
    chains = [("p2", "Ada", "one"), ("p1", "Ada", "two"), ("p2", "Bob", "three"), ("p2", "Ada", "four")]
    one = generate_chains(PROBLEMS, recorded_chains(*chains), config=RECORDED_ONLY)
    other = generate_chains(PROBLEMS, recorded_chains(*chains[::-1]), config=RECORDED_ONLY)
    assert one.kept.equals(other.kept)


def test_teacher_with_the_strong_solvers_settings_writes_nothing_anew(tmp_path: Path) -> None:
    engine = CountingEngine()
    sampler = CachedSampler(engine, Store(str(tmp_path)), chunk_size=4)
    strong = Solver(model="ada", num_attempts=6, max_tokens=50)
    rows = [{"problem_id": name, "question": f"What is {name}?", "answer": "7"} for name in ("p1", "p2", "p3")]
    config = DifficultyConfig(strong=strong, min_solved=0)
    rated = rate_problems(rows_of(CLASSIFIED, *rows), config=config, sampler=sampler)
    assert (rated.kept.height, len(engine.asked)) == (3, 18)
    teacher = strong.model_copy(update={"num_attempts": 4})
    result = generate_chains(rated.kept, config=GenerationConfig(teachers=(teacher,)), sampler=sampler)
    assert result.kept.height == 12
    assert len(engine.asked) == 18
    warmer = strong.model_copy(update={"temperature": 1.0})
    generate_chains(rated.kept, config=GenerationConfig(teachers=(warmer,)), sampler=sampler)
    assert len(engine.asked) == 36


def test_no_problems_give_two_empty_tables() -> None:
    result = generate_chains(
        RATED.empty(), recorded_chains(("p1", "Ada", "so")), config=RECORDED_ONLY, sampler=CountingEngine()
    )
    assert (result.kept.height, result.dropped.height) == (0, 0)
    assert result.kept.schema == CHAINS.schema
