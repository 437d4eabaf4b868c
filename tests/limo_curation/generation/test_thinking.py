r"""One form of chains: whatever tags stand around the thoughts, no word is lost and nothing changes a second time."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from limo_curation.generation import normalise_reasoning
from limo_curation.generation.thinking import SOLUTION_TAGS, THOUGHT_TAGS

IN_ONE_FORM = "<think>\nLet x = 4.\n</think>\n\\boxed{4}"
TAGS = [tag for pair in (*THOUGHT_TAGS, *SOLUTION_TAGS) for tag in pair]
PIECES = st.lists(st.sampled_from([*TAGS, "so", "x < 4", " ", "\n\n", "\\boxed{4}", "<think", "答"]), max_size=12)


@pytest.mark.parametrize(
    "text",
    [
        IN_ONE_FORM,
        "<think>Let x = 4.</think>\\boxed{4}",
        "  <think>\n\nLet x = 4.\n\n</think>\n\n\\boxed{4}\n",
        "Let x = 4.\n</think>\n\n\\boxed{4}",  # the chat template wrote the first tag
        "<thinking>\nLet x = 4.\n</thinking>\n\\boxed{4}",
        "<thought>Let x = 4.</thought>\\boxed{4}",
        "<|begin_of_thought|>\nLet x = 4.\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\\boxed{4}<|end_of_solution|>",
        "<think> Let x = 4. </think>\n<answer> \\boxed{4} </answer>",
    ],
)
def test_every_known_way_to_mark_thoughts_comes_to_one_form(text: str) -> None:
    assert normalise_reasoning(text) == (IN_ONE_FORM, True)


@pytest.mark.parametrize("text", ["Let x = 4, so \\boxed{4}", "a < b and b > c", "the tag <think> opens a block", ""])
def test_text_without_a_block_of_thoughts_stays_as_it_is(text: str) -> None:
    assert normalise_reasoning(text) == (text, True)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("<think>Let x", "<think>\nLet x"),
        ("<think>", "<think>"),
        ("<|begin_of_thought|>\n\nLet x", "<think>\nLet x"),
        ("<think>so</think><answer>4", "<think>\nso\n</think>\n4"),
    ],
)
def test_block_that_is_never_ended_was_cut_off(text: str, form: str) -> None:
    assert normalise_reasoning(text) == (form, False)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Sure.\n<think>so</think>4", "<think>\nSure.\n\nso\n</think>\n4"),
        ("<think>so</think>4</think>5", "<think>\nso\n</think>\n4</think>5"),
        ("<think></think>4", "<think>\n\n</think>\n4"),
        ("<think>so</think>", "<think>\nso\n</think>"),
        ("<think>so</think><answer>4</answer> Done.", "<think>\nso\n</think>\n4\n\nDone."),
        (
            "<think>so</think><answer><answer>4</answer></answer>",
            "<think>\nso\n</think>\n<answer><answer>4</answer></answer>",
        ),
    ],
)
def test_tags_in_odd_places_lose_no_word(text: str, form: str) -> None:
    assert normalise_reasoning(text) == (form, True)


@pytest.mark.data
def test_rows_that_limo_published_have_the_form_already(data_folder: Path) -> None:
    table = pl.scan_ndjson(data_folder / "chains.jsonl.zst", infer_schema_length=None)
    published = table.filter(pl.col("source") == "limo_v2_sample").select("chain").collect().to_series().to_list()
    assert len(published) == 31
    assert [normalise_reasoning(chain) for chain in published] == [(chain.strip(), True) for chain in published]


@given(PIECES.map("".join))
@example("<think>" * 3 + "</think>" * 3)
@example("<|begin_of_thought|><think>so<|end_of_thought|><answer><|begin_of_solution|>4")
def test_one_form_is_stable_and_no_word_is_lost(text: str) -> None:
    form = normalise_reasoning(text).text
    assert normalise_reasoning(form).text == form
    assert words_of(form) == words_of(text)


def test_a_chain_of_nothing_but_tags_is_read_at_once() -> None:
    hostile = "<think><answer>" * 200_000 + "</think>" * 200_000
    assert normalise_reasoning(hostile).text.startswith("<think>")


def words_of(text: str) -> str:
    """Everything but tags and white space."""
    return "".join(re.sub("|".join(map(re.escape, TAGS)), " ", text).split())
