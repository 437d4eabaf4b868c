"""Generation: every distinct whole chain of a problem once, from teachers and sources, and nothing paid for twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from limo_curation.config import PROMPTS_FOLDER, DifficultyConfig, GenerationConfig, prompt_text
from limo_curation.difficulty import rate_problems
from limo_curation.engine_config import Solver
from limo_curation.generation import GENERATION, generate_chains, normalise_reasoning
from limo_curation.ledger import StageResult
from limo_curation.runner import run_stage
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling.protocol import request_for
from limo_curation.source_config import Source
from limo_curation.stage import plan_stage
from limo_curation.store import Store
from limo_curation.tables import CHAINS, CLASSIFIED, DROPPED, RATED, RECORDED_CHAINS
from limo_curation.verification import VERIFICATION
from tests.counting_engine import CountingEngine
from tests.rows import put_in_store, rows_of

ADA = Solver(model="ada", num_attempts=3, max_tokens=50)
BOB = Solver(model="bob", num_attempts=2, max_tokens=50)
TOLD = Source(path="told.jsonl", name="told", columns={"question": "q", "chain": "c"})
RECORDED_ONLY = GenerationConfig(recorded=(TOLD,))
TINY = "limo_curation/demo/models/tiny-strong"
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


TEXTS = ("so", "<think>so", "<think>so</think>7", "so</think> 7", "<thinking>so</thinking>7", "123456789")


def run_stage_on(folder: Path, config: GenerationConfig, told: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Run the stage on the problems by the real runner, which checks its promises; parts of two problems."""
    store = Store(str(folder))
    inputs = {
        "problems": put_in_store(PROBLEMS, RATED, store),
        "recorded": put_in_store(told, RECORDED_CHAINS, store),
    }
    artifact = run_stage(plan_stage(GENERATION, inputs, config=config, store=store, part_rows=2))
    return store.scan(artifact).collect(), store.scan(artifact, DROPPED, half="dropped").collect()


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
        sampler=WritingSampler(ada=["a", "b", "c"], bob=["a", "b"]),
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
    }
    assert result.metrics == {
        "num_unmeasured_chains": 0,
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


def test_each_chain_carries_the_seed_of_its_request_and_a_recorded_one_none() -> None:
    sampler = WritingSampler(ada=["one", "two", "one"])  # the first and the third attempt wrote the same
    told = recorded_chains(("p1", "Ada", "by hand"))
    config = GenerationConfig(teachers=(ADA,), recorded=(TOLD,))
    result = generate_chains(PROBLEMS[:1], told, config=config, sampler=sampler)
    seeds = [request_for(ADA, problem_id="p1", question="What is p1?", attempt=attempt).seed for attempt in range(3)]
    by_chain = dict(result.kept.select("chain", "seed").iter_rows())
    assert by_chain == {"one": min(seeds[0], seeds[2]), "two": seeds[1], "by hand": None}


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
    assert result.kept.height + result.dropped.height == 12
    assert len(engine.asked) == 18
    warmer = strong.model_copy(update={"temperature": 1.0})
    generate_chains(rated.kept, config=GenerationConfig(teachers=(warmer,)), sampler=sampler)
    assert len(engine.asked) == 36


# -- chains that do not end, or are too long ---------------------------------------------------------------------------


def why(result: StageResult) -> list[tuple[Any, ...]]:
    return result.dropped.select("problem_id", "drop_reason", "value", "threshold", "evidence").rows()


def test_chain_that_the_token_limit_cut_off_is_dropped_with_what_it_had_come_to() -> None:
    sampler = WritingSampler(ada=["short", "a longer one", "Thus x = |"])
    result = generate_chains(PROBLEMS[:1], config=GenerationConfig(teachers=(ADA,)), sampler=sampler)
    assert why(result) == [("p1", "truncated", 10.0, None, "the token limit; it breaks off in Thus x =")]
    assert result.dropped["chain_id"].null_count() == 0
    assert "truncated" not in VERIFICATION.drop_reasons  # one rule, in one place


def test_thoughts_that_never_end_are_a_chain_that_was_cut_off_whoever_wrote_it() -> None:
    told = recorded_chains(("p1", "Sky", "<|begin_of_thought|> Let me"), ("p2", "Sky", "<think>\nSo.\n</think>\n7"))
    sampler = WritingSampler(bob=["<think> Hmm, \\boxed{7}", "so </think> 7"])
    config = GenerationConfig(teachers=(BOB,), recorded=(TOLD,))
    result = generate_chains(PROBLEMS[:2], told, config=config, sampler=sampler)
    assert set(result.dropped["drop_reason"]) == {"truncated"}
    assert sorted(result.dropped["evidence"]) == [
        "a block is never closed; it breaks off in <think>\nHmm, \\boxed{7}",
        "a block is never closed; it breaks off in <think>\nHmm, \\boxed{7}",
        "a block is never closed; it breaks off in <think>\nLet me",
    ]
    assert set(result.kept["chain"]) == {"<think>\nso\n</think>\n7", "<think>\nSo.\n</think>\n7"}


def test_chains_of_both_kinds_come_to_one_form_and_one_identity() -> None:
    written = generate_chains(
        PROBLEMS[:1],
        recorded_chains(("p1", "bob", "<|begin_of_thought|>\n\nso\n\n<|end_of_thought|>\n\n7")),
        config=GenerationConfig(teachers=(BOB,), recorded=(TOLD,)),
        sampler=WritingSampler(bob=["so</think>7", "<think>so</think>\n7 "]),
    )
    assert chains_of(written) == {("p1", "bob", "<think>\nso\n</think>\n7", 11, "stop")}


def test_whole_recording_outweighs_one_that_broke_off_in_its_solution() -> None:
    solution = "<think>so</think><|begin_of_solution|>7"
    told = recorded_chains(("p1", "Sky", solution), ("p1", "Sky", f"{solution}<|end_of_solution|>"))
    result = generate_chains(PROBLEMS[:1], told, config=RECORDED_ONLY)
    assert (result.kept.height, result.dropped.height) == (1, 0)


def test_student_counts_recorded_and_written_chains_alike() -> None:
    config = GenerationConfig(teachers=(BOB,), recorded=(TOLD,), student=TINY, max_chain_tokens=5)
    sampler = WritingSampler(bob=["12345", "123456"])
    result = generate_chains(PROBLEMS[:1], recorded_chains(("p1", "Ada", "1234567")), config=config, sampler=sampler)
    assert result.kept.select("chain", "num_tokens", "num_student_tokens").rows() == [("12345", 5, 5)]
    counted = f"counted by the tokenizer of {TINY}"  # it keeps every digit alone
    assert sorted(why(result)) == [("p1", "too_long", 6.0, 5.0, counted), ("p1", "too_long", 7.0, 5.0, counted)]
    assert result.metrics["num_unmeasured_chains"] == 0


def test_without_a_student_the_teachers_count_bounds_and_recorded_chains_are_told_as_unmeasured() -> None:
    config = GenerationConfig(teachers=(BOB,), recorded=(TOLD,), max_chain_tokens=5)
    sampler = WritingSampler(bob=["12345", "123456"])
    result = generate_chains(PROBLEMS[:1], recorded_chains(("p1", "Ada", "1" * 99)), config=config, sampler=sampler)
    assert set(result.kept["chain"]) == {"12345", "1" * 99}
    assert result.kept["num_student_tokens"].null_count() == 2
    assert why(result) == [("p1", "too_long", 6.0, 5.0, "counted by its teacher's engine")]
    assert result.metrics["num_unmeasured_chains"] == 1
    unbounded = config.model_copy(update={"max_chain_tokens": None})
    assert generate_chains(PROBLEMS[:1], config=unbounded, sampler=sampler).kept.height == 2


def test_problem_whose_chains_are_all_dropped_is_in_the_ledger_with_their_reasons_alone(tmp_path: Path) -> None:
    told = recorded_chains(("p1", "Ada", "<think> so"), ("p1", "Bob", "123456"), ("p2", "Bob", "1234")).collect()
    config = RECORDED_ONLY.model_copy(update={"student": TINY, "max_chain_tokens": 5})
    kept, dropped = run_stage_on(tmp_path, config, told)
    by_problem = dropped.sort("problem_id", "drop_reason").select("problem_id", "drop_reason").rows()
    assert by_problem == [("p1", "too_long"), ("p1", "truncated"), ("p3", "no_chain")]
    assert kept["problem_id"].to_list() == ["p2"]


@given(st.lists(st.tuples(st.sampled_from(["p1", "p2", "p3"]), st.sampled_from(TEXTS)), max_size=8))
def test_every_distinct_chain_is_kept_or_dropped_once(chains: list[tuple[str, str]]) -> None:
    told = recorded_chains(*((problem_id, "Ada", text) for problem_id, text in chains))
    config = RECORDED_ONLY.model_copy(update={"student": TINY, "max_chain_tokens": 5})
    result = generate_chains(PROBLEMS, told, config=config)
    of_chains = result.dropped.filter(pl.col("drop_reason") != "no_chain")
    ids = [*result.kept["chain_id"], *of_chains["chain_id"]]
    forms = {(problem_id, normalise_reasoning(text).text) for problem_id, text in chains}
    assert len(ids) == len(set(ids)) == len(forms)
    assert {*result.kept["problem_id"], *result.dropped["problem_id"]} == {"p1", "p2", "p3"}


# -- prompts -----------------------------------------------------------------------------------------------------------


def test_named_prompt_is_the_system_prompt_of_teachers_without_one_of_their_own() -> None:
    own = BOB.model_copy(update={"system_prompt": "Be brief."})
    config = GenerationConfig(prompt="step_by_step", teachers=(ADA, own))
    engine = CountingEngine()
    generate_chains(PROBLEMS[:1], config=config, sampler=engine)
    text = r"Please reason step by step, and put your final answer within \boxed{}."
    assert {asked.model: asked.system_prompt for asked in engine.asked} == {"ada": text, "bob": "Be brief."}
    assert GenerationConfig.model_validate(config.model_dump(mode="json")) == config


def test_text_of_a_prompt_is_in_the_keys_and_its_name_is_not() -> None:
    named = GenerationConfig(prompt="step_by_step", teachers=(ADA,))
    other = GenerationConfig(prompt="explain_and_check", teachers=(ADA,))
    written_out = GenerationConfig(teachers=named.teachers)
    assert named.key_fields() == written_out.key_fields() != other.key_fields()
    keys = {
        request_for(config.teachers[0], problem_id="p1", question="Why?", attempt=0).key("ada@1")
        for config in (named, written_out, other)
    }
    assert len(keys) == 2


def test_every_prompt_asks_for_steps_and_a_boxed_answer() -> None:
    names = sorted(file.stem for file in PROMPTS_FOLDER.iterdir())
    assert names == ["explain_and_check", "step_by_step"]
    assert all("step by step" in prompt_text(name) and r"\boxed{}" in prompt_text(name) for name in names)


@pytest.mark.parametrize("name", ["step_by_stride", "", "../prompts/step_by_step", "/etc/passwd"])
def test_unknown_prompt_is_refused_with_those_that_are_there(name: str) -> None:
    with pytest.raises(ValidationError, match=r"no prompt .*; there are explain_and_check, step_by_step"):
        GenerationConfig(prompt=name, teachers=(ADA,))


def test_no_problems_give_two_empty_tables() -> None:
    config = RECORDED_ONLY.model_copy(update={"student": TINY})
    result = generate_chains(
        RATED.empty(), recorded_chains(("p1", "Ada", "so")), config=config, sampler=CountingEngine()
    )
    assert (result.kept.height, result.dropped.height) == (0, 0)
    assert result.kept.schema == CHAINS.schema
