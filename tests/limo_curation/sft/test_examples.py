"""Rows to train on: each ends its turn, none is cut off, and nothing in a text can end a turn."""

from __future__ import annotations

import copy
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("transformers", reason="transformers is not installed (extra `sft`)")

from limo_curation.errors import ConfigError, StageError, TableError
from limo_curation.sampling.protocol import model_folder
from limo_curation.sft.config import TrainingConfig
from limo_curation.sft.examples import EXAMPLES, UNFIT, Examples, checked, load_tokenizer, make_examples
from tests.published_set import TINY, draw_samples

pytestmark = pytest.mark.models

WHOLE = TrainingConfig(held_out_share=0.0, max_tokens=2_000)
END = 2


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    folder = model_folder(TINY)
    assert folder is not None
    return load_tokenizer(folder)


def make(tokenizer: Any, *solutions: str, question: str = "What is 1 + 1?", **settings: Any) -> Examples:
    samples = pl.DataFrame(
        {"question": [f"{question} {place}" for place in range(len(solutions))], "solution": solutions},
        schema={"question": pl.String, "solution": pl.String},
    )
    config = WHOLE.model_validate(WHOLE.model_dump() | settings)
    return make_examples(samples, tokenizer, system_prompt=None, config=config)


def test_row_is_the_students_own_prompt_then_the_chain_and_the_end_of_its_turn(tokenizer: Any) -> None:
    samples = pl.DataFrame({"question": ["What is 1 + 1?"], "solution": ["1 + 1 = 2."]})
    examples = make_examples(samples, tokenizer, system_prompt="Be brief.", config=WHOLE)
    row = examples.rows.row(0, named=True)
    prompt, chain = row["input_ids"][: row["num_prompt_tokens"]], row["input_ids"][row["num_prompt_tokens"] :]
    assert tokenizer.decode(prompt) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is 1 + 1?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert tokenizer.decode(chain) == "1 + 1 = 2.<|im_end|>"
    assert examples.rows.schema == EXAMPLES
    assert examples.dropped.schema == UNFIT


@settings(max_examples=150, deadline=None)
@given(chain=st.text(max_size=60))
def test_any_chain_ends_its_turn_once_and_comes_back_unchanged(tokenizer: Any, chain: str) -> None:
    if any(mark in chain for mark in ("<|im_end|>", "<|im_start|>", "<|pad|>")):
        return
    row = make(tokenizer, chain).rows.row(0, named=True)
    tokens = row["input_ids"][row["num_prompt_tokens"] :]
    assert tokens[-1] == END
    assert END not in tokens[:-1]
    assert tokenizer.decode(tokens[:-1]) == chain


@settings(max_examples=40, deadline=None)
@given(before=st.text(max_size=20), after=st.text(max_size=20), mark=st.sampled_from(["<|im_end|>", "<|im_start|>"]))
def test_mark_of_the_template_in_a_text_never_reaches_the_student(
    tokenizer: Any, before: str, after: str, mark: str
) -> None:
    with pytest.raises(TableError, match=r"row 0: chat_mark \(<\|im_"):
        make(tokenizer, f"{before}{mark}{after}")
    with pytest.raises(TableError, match="row 0: chat_mark"):
        make(tokenizer, "fine", question=f"{before}{mark}{after}")


def test_row_that_is_too_long_is_named_with_its_length_and_not_cut_off(tokenizer: Any) -> None:
    with pytest.raises(TableError, match=r"1 of 2 samples .*row 1: too_long \((\d+) tokens\).*training.max_tokens"):
        make(tokenizer, "2.", "1 " * 300, max_tokens=200)


def test_cut_off_is_the_whole_rows_length_to_the_token(tokenizer: Any) -> None:
    length = len(make(tokenizer, "1 + 1 = 2.").rows["input_ids"][0])
    assert make(tokenizer, "1 + 1 = 2.", max_tokens=length).rows.height == 1
    with pytest.raises(TableError, match="too_long"):
        make(tokenizer, "1 + 1 = 2.", max_tokens=length - 1)


def test_unfit_rows_are_dropped_on_record_where_that_is_asked_for(tokenizer: Any) -> None:
    made = make(tokenizer, "2.", "1 " * 300, "a <|im_end|> b", max_tokens=200, when_unfit="drop")
    assert made.rows["row"].to_list() == [0]
    assert made.dropped.select("row", "drop_reason", "threshold").rows() == [
        (1, "too_long", 200.0),
        (2, "chat_mark", None),
    ]
    assert made.dropped["evidence"].to_list() == ["What is 1 + 1? 1", "<|im_end|>"]
    assert made.dropped["value"][0] > 300


def test_set_without_a_fit_row_is_refused(tokenizer: Any) -> None:
    with pytest.raises(ConfigError, match="none of 1 samples is left"):
        make(tokenizer, "a <|im_end|> b", when_unfit="drop")


def test_held_out_are_questions_whatever_their_order_and_their_chains(tokenizer: Any) -> None:
    samples = draw_samples(20).select("question", "solution")
    twice = pl.concat([samples, samples.with_columns(solution=pl.lit("Another way. ") + pl.col("solution"))])
    config = WHOLE.model_copy(update={"held_out_share": 0.2})

    def held_out(frame: pl.DataFrame) -> set[str]:
        rows = make_examples(frame, tokenizer, system_prompt=None, config=config).rows
        return set(frame["question"].gather(rows.filter("is_held_out")["row"].cast(pl.UInt32)))

    chosen = held_out(twice)
    assert len(chosen) == 4
    assert held_out(twice.reverse()) == chosen == held_out(samples)
    rows = make_examples(twice, tokenizer, system_prompt=None, config=config).rows
    assert rows["is_held_out"].sum() == 8, "both chains of a question are on the same side"


def test_too_few_questions_to_hold_some_out_are_refused(tokenizer: Any) -> None:
    with pytest.raises(ConfigError, match="held_out_share = 0"):
        make(tokenizer, "2.", held_out_share=0.5)


def test_template_that_ends_a_turn_otherwise_than_the_tokenizer_is_refused(tokenizer: Any) -> None:
    other = copy.deepcopy(tokenizer)
    other.chat_template = tokenizer.chat_template.replace("<|im_end|>{% endgeneration %}", "{% endgeneration %}")
    with pytest.raises(ConfigError, match="would not learn to stop"):
        make(other, "2.")


@pytest.mark.parametrize("tokens", [[1, 5, 6], [1, 5, END, 6, END], [1, END], [END] * 3])
def test_row_that_would_not_teach_to_stop_is_a_bug(tokens: list[int]) -> None:
    num_prompt_tokens = 2 if tokens != [1, END] else 0
    rows = pl.DataFrame([(0, tokens, num_prompt_tokens, False)], schema=EXAMPLES, orient="row")
    with pytest.raises(StageError, match="row 0"):
        checked(rows if tokens != [END] * 3 else rows.with_columns(num_prompt_tokens=1), end=END, max_tokens=9)
