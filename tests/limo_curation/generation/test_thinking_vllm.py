r"""Thoughts that the real vLLM takes out of a text by a parser of its own: they come back in the one form of chains.

The demo's tiny model writes no tags. Here it does: its word for " answer" is called "</think>" in a copy of its
tokenizer, so that "7 + 5 = 12. The answer is \boxed{12}." reads "7 + 5 = 12. The</think> is \boxed{12}.".
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from limo_curation.generation.thinking import normalise_reasoning
from limo_curation.sampling import SampleRequest
from limo_curation.sampling.endpoint import EndpointSampler
from limo_curation.sampling.vllm_server import VllmServers
from tests.tiny_vllm import WEAK, skip_without_cpu_build, tiny_vllm

pytestmark = pytest.mark.vllm

skip_without_cpu_build()

ASKED = SampleRequest("thinking", "", temperature=0.0, top_p=1.0, max_tokens=120, seed=0, attempt=0)
QUESTIONS = (
    "Tom has 7 apples and buys 5 more. How many apples does he have?",
    "Maya owned 9 shells and sold 2 of them to Grace. How many shells does Maya still own?",
    "A prize is either one of 2 books or one of 5 games. How many ways are there to choose a prize?",
)


def thinking_model(folder: Path) -> Path:
    """Write a copy of the tiny model that marks where its thoughts end."""
    shutil.copytree(WEAK, folder)
    path = folder / "tokenizer.json"
    tokenizer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    vocabulary, merges = tokenizer["model"]["vocab"], tokenizer["model"]["merges"]
    rarest = max(vocabulary, key=vocabulary.get)
    for word, tag in (("\u0120answer", "</think>"), (rarest, "<think>")):
        number = vocabulary[tag] = vocabulary.pop(word)
        merges[:] = [pair for pair in merges if word not in (*pair, "".join(pair))]
        tokenizer["added_tokens"].append(
            {**tokenizer["added_tokens"][0], "id": number, "content": tag, "special": False}
        )
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("thinking")
    config = tiny_vllm(
        str(thinking_model(folder / "model")), served_name="thinking", reasoning_parser="deepseek_r1", max_num_seqs=8
    )
    with VllmServers(config, log_folder=folder) as servers:
        yield servers.urls[0]


@pytest.fixture(scope="module")
def sampler(url: str) -> EndpointSampler:
    return EndpointSampler({"thinking": (url,)}, max_concurrency=4, timeout_seconds=300)


def asked(server: str, place: str, **body: Any) -> Any:
    reply = httpx.post(f"{server}/{place}", json={"model": "thinking", **body}, timeout=300)
    return reply.raise_for_status().json()


def as_written(url: str, question: str) -> str:
    """Return what the model writes token by token, before any parser."""
    messages = [{"role": "user", "content": question}]
    tokens = asked(url.removesuffix("/v1"), "tokenize", messages=messages)["tokens"]
    return asked(url, "completions", prompt=tokens, temperature=0.0, max_tokens=ASKED.max_tokens)["choices"][0]["text"]


@pytest.mark.parametrize("question", QUESTIONS)
def test_thoughts_in_a_field_of_their_own_become_the_chain_that_was_written(
    url: str, sampler: EndpointSampler, question: str
) -> None:
    messages = [{"role": "user", "content": question}]
    message = asked(url, "chat/completions", messages=messages, temperature=0.0, max_tokens=120)["choices"][0][
        "message"
    ]
    assert message["reasoning"]
    assert "</think>" not in message["content"]
    [done] = sampler.sample([replace(ASKED, question=question)])
    chain, raw = normalise_reasoning(done.text), normalise_reasoning(as_written(url, question))
    assert chain == raw
    assert chain.is_complete
    assert chain.text.startswith("<think>\n")
    assert chain.text.endswith("}.")
    assert chain.text.count("</think>\n") == 1


def test_a_text_that_is_cut_off_while_it_thinks_is_a_block_that_is_never_ended(sampler: EndpointSampler) -> None:
    [done] = sampler.sample([replace(ASKED, question=QUESTIONS[0], max_tokens=3)])
    chain = normalise_reasoning(done.text)
    assert done.is_truncated
    assert not chain.is_complete
    assert chain.text.startswith("<think>\n")


def test_a_schema_holds_what_stands_behind_the_thoughts_only(sampler: EndpointSampler) -> None:
    schema = {
        "type": "object",
        "properties": {"better": {"type": "string", "enum": ["first", "second", "tie"]}},
        "required": ["better"],
        "additionalProperties": False,
    }
    [done] = sampler.sample([replace(ASKED, question=QUESTIONS[0], json_schema=json.dumps(schema))])
    thoughts, _, reply = done.text.partition("</think>")
    assert "7 + 5 = 12" in thoughts
    assert json.loads(reply)["better"] in {"first", "second", "tie"}
