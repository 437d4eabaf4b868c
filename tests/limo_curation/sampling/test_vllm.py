"""The real vLLM, its CPU build, with the demo's tiny model: served, asked, held to a schema, killed in the middle."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from limo_curation.answers import Verdict, compare_answers, extract_answer
from limo_curation.demo.generator import Problem, draw_problem
from limo_curation.demo.kinds import KINDS
from limo_curation.sampling import SampleRequest
from limo_curation.sampling.endpoint import EndpointSampler
from limo_curation.sampling.process_guard import descendants
from limo_curation.sampling.vllm_server import VllmServers
from limo_curation.vllm_config import PROJECT_ENGINE
from tests.processes import command_of, is_running
from tests.tiny_vllm import WEAK, skip_without_cpu_build, tiny_vllm

pytestmark = pytest.mark.vllm

skip_without_cpu_build()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServers]:
    """One replica; afterwards no process of it is left."""
    config = tiny_vllm(WEAK, served_name="weak")
    others = engine_processes().keys()  # of tests that ran before, such as a Prefect server
    with VllmServers(config, log_folder=tmp_path_factory.mktemp("logs")) as running:
        started = engine_processes()
        assert any("api_server" in command for command in started.values())
        yield running
        started |= engine_processes()
    left = {process: command_of(process) for process in started.keys() - others if is_running(process)}
    assert left == {}


@pytest.fixture(scope="module")
def sampler(servers: VllmServers) -> EndpointSampler:
    return EndpointSampler({"weak": servers.urls}, max_concurrency=32, timeout_seconds=300)


def engine_processes() -> dict[int, str]:
    return {process: command_of(process) for process in descendants(os.getpid()) if "python" in command_of(process)}


def draw(number: int) -> list[Problem]:
    rng = Random(20_261_125)
    choices = [(kind, level) for kind in KINDS for level in kind.shape.levels]
    return [draw_problem(kind, level, 0, rng) for kind, level in (rng.choice(choices) for _ in range(number))]


def ask(question: str, **changes: Any) -> SampleRequest:
    asked = SampleRequest("weak", question, temperature=0.0, top_p=1.0, max_tokens=160, seed=0, attempt=0)
    return replace(asked, **changes)


def test_greedy_texts_are_those_of_the_embedded_engine(sampler: EndpointSampler) -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra `local`)")
    from limo_curation.sampling.transformers_engine import TransformersSampler

    asked = [ask(problem.text) for problem in draw(100)]
    served = list(sampler.sample(asked))
    embedded = list(TransformersSampler(batch_size=50).sample([replace(one, model=WEAK) for one in asked]))
    same = [
        (one.text, one.finish_reason, one.num_prompt_tokens, one.num_completion_tokens)
        == (other.text, other.finish_reason, other.num_prompt_tokens, other.num_completion_tokens)
        for one, other in zip(served, embedded, strict=True)
    ]
    assert sum(same) / len(same) == 1.0


def test_weak_filter_tells_solved_from_unsolved_problems(sampler: EndpointSampler) -> None:
    problems = draw(40)
    attempts = [
        (problem, ask(problem.text, temperature=1.0, seed=4 * place + attempt, attempt=attempt))
        for place, problem in enumerate(problems)
        for attempt in range(4)
    ]
    done = list(sampler.sample([asked for _, asked in attempts]))
    solved = {
        problem.text
        for (problem, _), completion in zip(attempts, done, strict=True)
        if (answer := extract_answer(completion.text)) is not None
        and compare_answers(answer, problem.answer) is Verdict.EQUAL
    }
    assert 0 < len(solved) < len(problems)


def test_text_follows_from_the_seed_and_not_from_its_neighbours(sampler: EndpointSampler) -> None:
    asked = [ask(problem.text, temperature=1.0, seed=seed) for problem in draw(5) for seed in range(4)]
    texts = [done.text for done in sampler.sample(asked)]
    assert [done.text for done in sampler.sample(asked[::-1])] == texts[::-1]
    assert len(set(texts)) > 10


def test_reply_under_a_schema_can_be_read(sampler: EndpointSampler) -> None:
    schema = {
        "type": "object",
        "properties": {
            "verdict": {"type": "string", "enum": ["same", "different"]},
            "score": {"type": "integer", "minimum": 0, "maximum": 9},
            "why": {"type": "string", "maxLength": 40},
        },
        "required": ["verdict", "score", "why"],
        "additionalProperties": False,
    }
    asked = [ask(problem.text, json_schema=json.dumps(schema), temperature=0.7) for problem in draw(12)]
    for done in sampler.sample(asked):
        reply = json.loads(done.text)
        assert done.finish_reason == "stop"
        assert set(reply) == {"verdict", "score", "why"}
        assert reply["verdict"] in {"same", "different"}
        assert 0 <= reply["score"] <= 9


def test_nothing_is_lost_when_the_server_is_killed_in_the_middle(
    servers: VllmServers, sampler: EndpointSampler
) -> None:
    asked = [ask(problem.text, seed=place, temperature=1.0) for place, problem in enumerate(draw(300))]
    before = engine_processes()
    [server] = [process for process in before if command_of(process).startswith(f"{PROJECT_ENGINE} -m")]
    done = sampler.sample(asked)
    completions = [next(done) for _ in range(10)]
    os.kill(server, signal.SIGKILL)
    completions += done
    assert [one.request for one in completions] == asked
    assert servers.num_restarts == (1,)
    assert not [process for process in before if "api_server" in command_of(process)]
    # the restarted server draws what the first one drew
    assert [one.text for one in sampler.sample(asked[:10])] == [one.text for one in completions[:10]]
