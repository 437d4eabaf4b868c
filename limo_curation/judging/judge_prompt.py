"""What a judge is shown: the rubric, and the chain as data from which it can't break out.

A chain is hostile input: it may order a grade, hold a forged reply, or forge the end of its own quotation. So

    every quotation stands between marks        a digest of all that is quoted: no text can hold its own digest
    names of special tokens are broken up       `<|im_end|>` would be one token, and end the user's turn for real
    control characters are made visible         null bytes, marks that turn the direction of writing, escapes
    a chain that is too long is shown in part   40 % of its allowance from its beginning, 20 % middle, 40 % end
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import re
from dataclasses import dataclass
from typing import Final, Literal

# Cc but tab and line feed; what has no shape: joiners, fillers, marks of direction, tags, selectors of variants, in
# which whole texts can be hidden; ends of lines that editors don't show as such; lone surrogates, which can't be sent
UNSEEN: Final = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u061c\\u115f\\u1160\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e"
    "\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff9-\\ufffb\\ud800-\\udfff\\U000e0000-\\U000e0fff]"
)
# <|im_end|>, <｜User｜>, </think>, <start_of_turn>, [/INST]: a space makes them text; "a <b" reads as before
TOKEN_NAME: Final = re.compile(r"<(?=[|｜/A-Za-z])|\[(?=/?[A-Za-z_]{2,}\])")
PLACEHOLDER: Final = re.compile(r"\{(mark|question|chain|first|second)\}")
HEAD_SHARE: Final = 0.4
TAIL_SHARE: Final = 0.4
MAX_QUESTION_CHARACTERS: Final = 8_000  # ours: twice what screening lets through


@dataclass(frozen=True, slots=True)
class Prompt:
    """A filled prompt, and how much of the chain (of both chains) it shows, as a fraction of the characters."""

    text: str
    shown_fraction: float


def grade_prompt(question: str, chain: str, *, max_chain_characters: int) -> Prompt:
    """Return the prompt that asks for the grades of one chain."""
    mark = mark_of(question, chain)
    shown, fraction = excerpt(as_data(chain), max_characters=max_chain_characters, mark=mark)
    return Prompt(fill("grade", mark=mark, question=quoted_question(question, mark), chain=shown), fraction)


def compare_prompt(question: str, first: str, second: str, *, max_chain_characters: int) -> Prompt:
    """Return the prompt that asks which of two chains is better; each may take half of the characters."""
    mark = mark_of(question, first, second)
    half = max_chain_characters // 2
    (shown_first, one), (shown_second, other) = (
        excerpt(as_data(chain), max_characters=half, mark=mark) for chain in (first, second)
    )
    texts = {"question": quoted_question(question, mark), "first": shown_first, "second": shown_second}
    whole = len(first) + len(second)
    fraction = (one * len(first) + other * len(second)) / whole if whole else 1.0
    return Prompt(fill("compare", mark=mark, **texts), fraction)


def mark_of(*texts: str) -> str:
    """Return a mark that stands in none of the texts: a digest of all of them, 16 hex digits."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]


def as_data(text: str) -> str:
    """Return text in which no special token and no invisible character is left."""
    return TOKEN_NAME.sub(lambda found: f"{found[0]} ", UNSEEN.sub("\ufffd", text))


def quoted_question(question: str, mark: str) -> str:
    """Return a problem's text as data, cut like a chain where it is longer than any problem."""
    return excerpt(as_data(question), max_characters=MAX_QUESTION_CHARACTERS, mark=mark)[0]


def excerpt(text: str, *, max_characters: int, mark: str) -> tuple[str, float]:
    """Return a text, or its beginning, middle and end with a line for each passage between, and the fraction shown."""
    if len(text) <= max_characters:
        return text, 1.0
    num_head, num_tail = int(max_characters * HEAD_SHARE), int(max_characters * TAIL_SHARE)
    num_middle = max_characters - num_head - num_tail
    start = (len(text) - num_middle) // 2
    stop, end = start + num_middle, len(text) - num_tail
    gaps = [f"\nLEFT OUT {mark}: {count} characters\n" for count in (start - num_head, end - stop)]
    shown = text[:num_head] + gaps[0] + text[start:stop] + gaps[1] + text[end:]
    return shown, max_characters / len(text)


def fill(name: Literal["grade", "compare"], **values: str) -> str:
    """Return a prompt with its texts, in one pass, so that a chain that holds {question} stays as it is."""
    return PLACEHOLDER.sub(lambda found: values[found[1]], template(name))


def template(name: Literal["grade", "compare"]) -> str:
    """Return a prompt as it is written, with its placeholders."""
    return (importlib.resources.files("limo_curation.judging") / "prompts" / f"{name}.txt").read_text(encoding="utf-8")
