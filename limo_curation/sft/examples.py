r"""Rows to train on: the student's token ids, and how many of them are the prompt, on which no loss is taken.

    <|im_start|>user\nHow many ...?<|im_end|>\n<|im_start|>assistant\n     the prompt, by the student's own template
    There are 3 * 4 = 12. The answer is \boxed{12}.<|im_end|>               the chain and the end of its turn: the loss

Prompt and chain are encoded apart, as they are when the student is asked. Every row ends in the token that ends a turn,
or the student would not learn to stop: LIMO's own set loses it in the third of its chains that were cut off.
"""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from limo_curation.errors import ConfigError, StageError, TableError
from limo_curation.sft.config import TrainingConfig

PROBE: Final = "a probe"
NUM_NAMED: Final = 5

EXAMPLES: Final = pl.Schema(
    {
        "row": pl.Int64,  # of the published file, from 0
        "input_ids": pl.List(pl.Int32),
        "num_prompt_tokens": pl.Int64,  # at the beginning of `input_ids`
        "is_held_out": pl.Boolean,  # not trained on
    }
)
UNFIT: Final = pl.Schema(
    {
        "row": pl.Int64,
        "drop_reason": pl.String,  # chat_mark or too_long
        "value": pl.Float64,  # tokens of a row that is too long
        "threshold": pl.Float64,
        "evidence": pl.String,  # the mark, or the beginning of the question
    }
)


class Examples(NamedTuple):
    """The rows of a set, each in one of both tables."""

    rows: pl.DataFrame
    """EXAMPLES."""
    dropped: pl.DataFrame
    """UNFIT."""


def load_tokenizer(folder: Path) -> Any:
    """Load a student's tokenizer with its chat template.

    Raises:
        ConfigError: transformers is absent, or the folder holds no tokenizer or no template.
    """
    try:
        transformers: Any = importlib.import_module("transformers")
    except ImportError:
        raise ConfigError("fine-tuning needs TRL: pip install 'limo-curation[sft]'") from None
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the student {folder} has no readable tokenizer: {' '.join(str(error).split())[:300]}"
        ) from None
    if not tokenizer.chat_template:
        raise ConfigError(f"the student {folder} has no chat template; name one that was taught to chat")
    return tokenizer


def make_examples(
    samples: pl.DataFrame, tokenizer: Any, *, system_prompt: str | None, config: TrainingConfig
) -> Examples:
    """Turn samples into rows to train on.

    Args:
        samples: question, solution.
        tokenizer: the student's, from `load_tokenizer`.
        system_prompt: stands before the question; None: the template's own, if it has one.
        config: the cut-off, what happens to unfit rows, and how many are held out.

    Returns:
        The rows in the order of the samples, and those that were dropped: `chat_mark` (the text holds a mark of the
        template, which would end a turn or begin one) or `too_long`.

    Raises:
        ConfigError: the student's template does not end a turn with the tokenizer's end token, or nothing is left.
        TableError: a row is unfit and `when_unfit` is "fail"; the message names the first of them.
    """
    end = end_of_turn(tokenizer)
    marks = special_marks(tokenizer)
    texts = samples.select("question", "solution").with_row_index("row").cast({"row": pl.Int64})
    texts = texts.with_columns(
        mark=pl.concat_str("question", "solution", separator="\n").str.extract_many(marks).list.first()
    )
    clean = texts.filter(pl.col("mark").is_null())
    encoded = encode(clean, tokenizer, system_prompt=system_prompt, end=end)
    is_long = pl.col("input_ids").list.len() > config.max_tokens
    dropped = pl.concat([with_marks(texts), too_long(encoded.filter(is_long), config.max_tokens)]).sort("row")
    if dropped.height and config.when_unfit == "fail":
        raise TableError(told_unfit(dropped, samples.height))
    rows = encoded.filter(~is_long)
    if rows.height == 0:
        raise ConfigError(f"none of {samples.height} samples is left: {told_unfit(dropped, samples.height)}")
    rows = with_held_out(rows, share=config.held_out_share, seed=config.seed).select(list(EXAMPLES)).cast(EXAMPLES)
    return Examples(checked(rows, end=end, max_tokens=config.max_tokens), dropped)


def end_of_turn(tokenizer: Any) -> int:
    """Return the token that ends an assistant's turn.

    Raises:
        ConfigError: it is not the tokenizer's end token, at which engines stop.
    """
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": PROBE}]
    after: str = tokenizer.apply_chat_template(turns, tokenize=False).rpartition(PROBE)[2].lstrip()
    if not tokenizer.eos_token or not after.startswith(tokenizer.eos_token):
        raise ConfigError(
            f"the student's template ends a turn with {after[:40]!r}, its tokenizer with {tokenizer.eos_token!r}: it "
            "would not learn to stop; name the model that was taught to chat, or mend its eos_token"
        )
    return int(tokenizer.eos_token_id)


def special_marks(tokenizer: Any) -> list[str]:
    """Return the texts that the tokenizer takes for special tokens, wherever they stand."""
    added = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    return sorted(added | set(tokenizer.all_special_tokens))


def encode(texts: pl.DataFrame, tokenizer: Any, *, system_prompt: str | None, end: int) -> pl.DataFrame:
    """Return row, question, num_prompt_tokens, input_ids."""
    system = [] if system_prompt is None else [{"role": "system", "content": system_prompt}]
    chats = [[*system, {"role": "user", "content": question}] for question in texts["question"]]
    if not chats:
        return texts.select("row", "question", num_prompt_tokens=0, input_ids=pl.lit([], pl.List(pl.Int32)))
    prompts: list[str] = tokenizer.apply_chat_template(chats, tokenize=False, add_generation_prompt=True)
    before: list[list[int]] = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    chains: list[list[int]] = tokenizer(texts["solution"].to_list(), add_special_tokens=False)["input_ids"]
    return texts.select("row", "question").with_columns(
        num_prompt_tokens=pl.Series([len(ids) for ids in before], dtype=pl.Int64),
        input_ids=pl.Series(
            [[*prompt, *chain, end] for prompt, chain in zip(before, chains, strict=True)], dtype=pl.List(pl.Int32)
        ),
    )


def with_marks(texts: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that hold a mark, as UNFIT."""
    found = texts.filter(pl.col("mark").is_not_null())
    return found.select("row", drop_reason=pl.lit("chat_mark"), value=None, threshold=None, evidence="mark").cast(UNFIT)


def too_long(encoded: pl.DataFrame, max_tokens: int) -> pl.DataFrame:
    """Return rows that are too long as UNFIT."""
    return encoded.select(
        "row",
        drop_reason=pl.lit("too_long"),
        value=pl.col("input_ids").list.len(),
        threshold=pl.lit(max_tokens),
        evidence=pl.col("question").str.head(80),
    ).cast(UNFIT)


def told_unfit(dropped: pl.DataFrame, num_samples: int) -> str:
    """Say which rows can't be trained on, and what to do."""
    named = "; ".join(
        f"row {row['row']}: {row['drop_reason']}"
        + (f" ({row['value']:,.0f} tokens)" if row["value"] is not None else f" ({row['evidence']})")
        for row in dropped.head(NUM_NAMED).to_dicts()
    )
    return (
        f"{dropped.height} of {num_samples} samples can't be trained on whole ({named}); raise training.max_tokens, "
        'leave such chains out when the set is made, or set training.when_unfit = "drop"'
    )


def with_held_out(rows: pl.DataFrame, *, share: float, seed: int) -> pl.DataFrame:
    """Add is_held_out: a share of the questions, by a digest of their text, so that it does not depend on the others.

    Raises:
        ConfigError: too few questions to hold some out.
    """
    questions = rows["question"].unique().to_list()
    num_held_out = max(1, round(share * len(questions))) if share else 0
    if num_held_out >= len(questions):
        raise ConfigError(f"{len(questions)} questions are too few to hold some out; set training.held_out_share = 0")
    drawn = sorted(questions, key=lambda text: hashlib.sha256(f"{seed}\n{text}".encode()).digest())[:num_held_out]
    return rows.with_columns(is_held_out=pl.col("question").is_in(pl.Series(drawn, dtype=pl.String).implode()))


def checked(rows: pl.DataFrame, *, end: int, max_tokens: int) -> pl.DataFrame:
    """Return the rows, each of which is whole.

    Raises:
        StageError: a row does not end in the end of its turn, holds another one in its chain, has no prompt or is too
            long.
    """
    chain = pl.col("input_ids").list.slice(pl.col("num_prompt_tokens"))
    is_whole = (
        (chain.list.last() == end)
        & (chain.list.count_matches(end) == 1)
        & (pl.col("num_prompt_tokens") > 0)
        & (pl.col("input_ids").list.len() <= max_tokens)
    )
    broken = rows.filter(~is_whole.fill_null(False))
    if broken.height:
        raise StageError(f"{broken.height} rows would not teach the student to stop, such as row {broken['row'][0]}")
    return rows
