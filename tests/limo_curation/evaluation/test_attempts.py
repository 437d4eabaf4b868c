"""Attempts: every model is asked the same, and only an answer that equals the gold answer counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from limo_curation.answers import Verdict, extract_answer
from limo_curation.config import prompt_text
from limo_curation.engine_config import Solver
from limo_curation.evaluation.attempts import EVALUATION, attempt_items, grade
from limo_curation.evaluation.config import AttemptsConfig, DecodingConfig, GradingConfig
from limo_curation.evaluation.items import plain_answer
from limo_curation.evaluation.results import results
from limo_curation.evaluation.tables import ATTEMPTS, ITEMS
from limo_curation.normalisation import stored_text
from limo_curation.runner import run_stage
from limo_curation.sampling import Completion, SampleRequest
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling.protocol import Requests
from limo_curation.sampling.transformers_engine import TransformersSampler
from limo_curation.stage import plan_stage
from limo_curation.store import Store
from limo_curation.tables import DROPPED
from tests.rows import put_in_store, rows_of

TWO_PLUS_TWO = {"problem_id": "sum", "question": "What is 2 + 2?", "answer": "4"}
TINY = "limo_curation/demo/models/tiny-weak"


def config_of(num_attempts: int = 1, *, model: str = "writer", name: str = "base") -> AttemptsConfig:
    solver = Solver(model=model, num_attempts=num_attempts, temperature=0.6, max_tokens=90, system_prompt="Steps.")
    return AttemptsConfig(benchmark="set", name=name, solver=solver)


class Writer:
    """Writes the given texts, attempt by attempt, whatever the question; a text that ends in `|` is cut off."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.asked: list[SampleRequest] = []

    def revision(self, model: str) -> str:
        return model

    def sample(self, requests: Requests) -> Iterator[Completion]:
        for request in requests:
            assert request is not None
            self.asked.append(request)
            text = self.texts[request.attempt]
            yield Completion(request, text.rstrip("|"), "length" if text.endswith("|") else "stop", 10, len(text))


# -- verdicts ----------------------------------------------------------------------------------------------------------


def test_only_an_answer_that_equals_the_gold_answer_is_correct() -> None:
    texts = [
        r"so \boxed{4}",
        r"so \boxed{4.0}",
        r"so \boxed{5}",
        r"so \boxed{\text{four}}",
        "I give up",
        r"\boxed{4} and|",
    ]

    found = attempt_items(rows_of(ITEMS, TWO_PLUS_TWO), config=config_of(len(texts)), sampler=Writer(*texts)).kept

    assert found["verdict"].to_list() == ["equal", "equal", "different", "undecided", "different", "different"]
    assert found["predicted"].to_list() == ["4", "4.0", "5", r"\text{four}", None, None]
    assert found["finish_reason"].to_list() == ["stop"] * 5 + ["length"]
    assert found["attempt_id"].to_list() == [f"sum/{number}" for number in range(6)]


def test_of_multiple_choice_the_letter_is_graded() -> None:
    options = {"answer": "helium", "wrong_option_1": "argon", "wrong_option_2": "neon", "wrong_option_3": "xenon"}
    items = rows_of(ITEMS, {"problem_id": "gas", "question": "Which gas?", **options})
    first = attempt_items(items, config=config_of(), sampler=Writer("A")).kept["gold"].item()
    other = "ABCD".replace(first, "")[0]
    texts = [
        rf"\boxed{{{first}}}",
        rf"\boxed{{\text{{({first})}}}}",
        rf"\boxed{{{first}. helium}}",
        rf"\boxed{{{other}}}",
    ]

    found = attempt_items(items, config=config_of(4), sampler=Writer(*texts)).kept

    assert found["verdict"].to_list() == ["equal", "equal", "equal", "different"]


def test_items_without_a_gold_answer_are_dropped_with_a_reason(tmp_path: Path) -> None:
    without = [{"problem_id": "open", "question": "Prove it."}, TWO_PLUS_TWO | {"problem_id": "blank", "answer": " "}]
    store = Store(str(tmp_path))
    inputs = {"items": put_in_store(rows_of(ITEMS, TWO_PLUS_TWO, *without), ITEMS, store)}

    artifact = run_stage(plan_stage(EVALUATION, inputs, config=config_of(2), store=store), sampler=Writer("4", "5"))

    assert store.scan(artifact).collect()["problem_id"].to_list() == ["sum", "sum"]
    dropped = store.scan(artifact, DROPPED, half="dropped").collect()
    assert dict(dropped.select("problem_id", "drop_reason").iter_rows()) == dict.fromkeys(
        ("open", "blank"), "no_gold_answer"
    )


# -- requests ----------------------------------------------------------------------------------------------------------


def test_every_model_is_asked_the_same_by_the_same_recipe() -> None:
    base, tuned = Writer("1", "1"), Writer("2", "2")
    items = rows_of(ITEMS, TWO_PLUS_TWO, TWO_PLUS_TWO | {"problem_id": "again"})
    attempt_items(items, config=config_of(2, model="a", name="base"), sampler=base)
    attempt_items(items, config=config_of(2, model="b", name="tuned"), sampler=tuned)

    def asked(writer: Writer) -> list[tuple[object, ...]]:
        return [
            (one.messages()[0]["content"], one.question, one.temperature, one.top_p, one.max_tokens, one.seed)
            for one in writer.asked
        ]

    assert asked(base) == asked(tuned)
    assert len({one.seed for one in base.asked}) == 4  # no two attempts draw alike


@pytest.mark.parametrize(
    ("num_items", "num_attempts", "temperature"), [(30, 16, 0.7), (49, 16, 0.7), (50, 1, 0.0), (675, 1, 0.0)]
)
def test_small_sets_are_sampled_and_others_are_greedy_as_in_limo_v1(
    num_items: int, num_attempts: int, temperature: float
) -> None:
    decoding = DecodingConfig(small_set_attempts=16, small_set_temperature=0.7)
    solver = decoding.solver("m", num_items=num_items, system_prompt=prompt_text("step_by_step"))

    assert (solver.num_attempts, solver.temperature, solver.max_tokens) == (num_attempts, temperature, 32_768)
    assert r"\boxed{}" in (solver.system_prompt or "")


def test_what_was_sampled_is_not_sampled_again_after_a_change_of_grading(tmp_path: Path) -> None:
    writer = Writer(r"\boxed{50\%}")
    items = rows_of(ITEMS, TWO_PLUS_TWO | {"answer": "0.5"})
    store = Store(str(tmp_path))
    first = attempt_items(items, config=config_of(), sampler=CachedSampler(writer, store)).kept
    policy = GradingConfig.model_validate({"policy": {"percent": "hundredth"}})
    again = config_of().model_copy(update={"grading": policy})

    second = attempt_items(items, config=again, sampler=CachedSampler(writer, store)).kept

    assert (first["verdict"].item(), second["verdict"].item()) == ("undecided", "equal")
    assert len(writer.asked) == 1


# -- the real engine and real benchmarks -------------------------------------------------------------------------------


@pytest.mark.models
def test_a_tiny_model_solves_some_easy_items_and_ends_by_itself() -> None:
    items = rows_of(
        ITEMS,
        *[
            {
                "problem_id": f"{a}",
                "question": f"Starting with {a} marbles, Pedro collects 5 a day for 2 days. "
                "Determine the final number of marbles.",
                "answer": f"{a + 10}",
            }
            for a in range(2, 12)
        ],
    )

    found = attempt_items(items, config=config_of(2, model=TINY), sampler=TransformersSampler(batch_size=64)).kept

    figures = results(found).row(0, named=True)
    assert ATTEMPTS.check(found).height == 20
    assert figures["finished"] > 0.5
    assert 5 < figures["mean_tokens"] < 90
    assert set(found["verdict"]) <= {"equal", "different"}


@pytest.mark.data
@pytest.mark.parametrize(
    ("published", "least_agreement", "most_undecided"),
    [("aime24", 0.99, 0.01), ("amc23", 0.97, 0.01), ("math500", 0.95, 0.03), ("olympiadbench", 0.95, 0.1)],
)
def test_our_accuracy_on_published_outputs_is_about_that_of_their_own_grader(
    data_folder: Path, published: str, least_agreement: float, most_undecided: float
) -> None:
    outputs = pl.read_ndjson(data_folder / "chains.jsonl.zst", infer_schema_length=None).filter(
        pl.col("source") == f"skythought_{published}"
    )
    golds = pl.read_ndjson(data_folder / "benchmarks.jsonl.zst", infer_schema_length=None)
    graded = outputs.select(
        pl.col("chain").fill_null(""), pl.col("final_correct"), question=stored_text(pl.col("problem"))
    ).join(golds.select("answer", question=stored_text(pl.col("problem"))).unique("question"), on="question")
    assert graded.height == outputs.height > 400

    predicted = [extract_answer(chain) for chain in graded["chain"]]
    found = grade(predicted, [plain_answer(answer) for answer in graded["answer"]], GradingConfig())

    verdicts = pl.Series([one.verdict for one in found])
    is_correct = verdicts == Verdict.EQUAL
    assert (is_correct == graded["final_correct"]).mean() > least_agreement
    assert is_correct.mean() == pytest.approx(graded["final_correct"].mean(), abs=0.02)
    assert (verdicts == Verdict.UNDECIDED).mean() < most_undecided
