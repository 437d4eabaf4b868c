"""The committed tiny models load offline, speak their chat template and really solve what they should."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import limo_curation.demo
from limo_curation.demo.generator import Problem, draw_problem
from limo_curation.demo.kinds import DOMAINS, KINDS

pytestmark = pytest.mark.models

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

MODELS = Path(limo_curation.demo.__file__).parent / "models"
SOLVERS = ("tiny-weak", "tiny-strong")


@pytest.fixture(scope="module", autouse=True)
def offline() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return transformers.AutoTokenizer.from_pretrained(MODELS / "tiny-strong")


def solve_greedily(solver: str, tokenizer: Any, problems: list[Problem]) -> float:
    """Share of the problems that the solver's greedy chain gets right."""
    model = transformers.AutoModelForCausalLM.from_pretrained(MODELS / solver, dtype=torch.float32)
    messages = [[{"role": "user", "content": problem.text}] for problem in problems]
    prompts = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
    )
    tokens = model.generate(**prompts, do_sample=False, max_new_tokens=160)
    chains = tokenizer.batch_decode(tokens[:, prompts["input_ids"].shape[1] :], skip_special_tokens=True)
    boxed = [re.findall(r"\\boxed\{(.*?)\}\.", chain)[-1:] for chain in chains]
    return sum(box == [problem.answer] for box, problem in zip(boxed, problems, strict=True)) / len(problems)


def draw_level(level: int, num_per_domain: int = 8) -> list[Problem]:
    rng = Random(987)
    return [
        draw_problem(
            rng.choice([kind for kind in KINDS if kind.domain == domain and level in kind.shape.levels]), level, 0, rng
        )
        for domain in DOMAINS
        for _ in range(num_per_domain)
    ]


@pytest.mark.parametrize("solver", SOLVERS)
def test_each_solver_gets_most_easy_problems_right(solver: str, tokenizer: Any) -> None:
    assert solve_greedily(solver, tokenizer, draw_level(1)) >= 0.85


def test_only_the_strong_solver_handles_longer_numbers(tokenizer: Any) -> None:
    problems = draw_level(3)
    assert solve_greedily("tiny-strong", tokenizer, problems) >= 0.7
    assert solve_greedily("tiny-weak", tokenizer, problems) <= 0.3


@given(st.text())
def test_any_text_encodes_and_decodes_unchanged(text: str) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODELS / "tiny-strong")
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_digits_are_tokens_of_their_own(tokenizer: Any) -> None:
    assert tokenizer.tokenize("47 * 38") == ["4", "7", "Ġ*Ġ", "3", "8"]


def test_both_solvers_share_one_tokenizer() -> None:
    weak, strong = ((MODELS / solver / "tokenizer.json").read_bytes() for solver in SOLVERS)
    assert weak == strong


def test_chat_template_marks_the_chain_and_its_end_of_turn_for_training(tokenizer: Any) -> None:
    messages = [{"role": "user", "content": "How many?"}, {"role": "assistant", "content": "It is 12."}]
    rendered = tokenizer.apply_chat_template(messages, return_assistant_tokens_mask=True, return_dict=True)
    marked = [
        token for token, in_chain in zip(rendered["input_ids"], rendered["assistant_masks"], strict=True) if in_chain
    ]
    assert tokenizer.decode(marked) == "It is 12.<|im_end|>"
    assert marked[-1] == tokenizer.eos_token_id


def test_padding_stands_on_the_left_and_is_not_the_end_of_turn(tokenizer: Any) -> None:
    assert tokenizer.padding_side == "left"
    assert tokenizer.pad_token_id != tokenizer.eos_token_id


def test_report_says_how_to_remake_the_models() -> None:
    report = json.loads((MODELS / "training_report.json").read_text("utf-8"))
    assert report["command"].startswith("python -m limo_curation.demo.train_tiny")
    assert set(report["solvers"]) == set(SOLVERS)


@pytest.mark.parametrize("solver", SOLVERS)
def test_weights_stay_small_enough_to_commit(solver: str) -> None:
    assert (MODELS / solver / "model.safetensors").stat().st_size < 4_000_000
