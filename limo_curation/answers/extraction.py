r"""Find the final answer of a reasoning text, in time linear in its length.

    <think> ... so \boxed{12}? No, the sign is wrong. </think> The value is \boxed{-12}.      ->  -12
    ... 3 + 4 = 7\n#### 7                                                                      ->  7
    ... 所以答案是 $\frac{1}{2}$。                                                              ->  \frac{1}{2}
    ... Therefore, Ann has **99** marbles. I hope it is correct.<|im_start|>user ...           ->  99

Which one counts where there are several:

1. Text inside a thinking block counts only where nothing stands after the block; what a chat template or a further
   turn put behind the answer never counts.
2. The last box that is closed and not empty. Boxes that commas part, or a few words that end in "and" or "or", are
   one list; of nested boxes the outermost counts. A "final answer is ..." behind the box comes before it.
3. Else a last `<answer>...</answer>`, else a last `#### ...`, else a last line `A: ...`, else a last sentence that says
   it concludes (`conclusions.py`), else the last phrase such as "the answer is", 答案是 or 故选 (`stated_answers.py`).
   Nothing else is guessed at.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final, NamedTuple

from limo_curation.answers.conclusions import concluded
from limo_curation.answers.stated_answers import final_answer, marked_line, stated, tagged

MAX_ANSWER_CHARACTERS: Final = 50_000  # ours: what is longer is no answer but a box that was closed by accident
LONGEST_CLOSE: Final = len("$$ final answer 1")
MAX_JOINED_BOXES: Final = 20
MAX_JOIN_CHARACTERS: Final = 60


def extract_answer(text: str) -> str | None:
    r"""Return the final answer of a text as it is written there, or None rather than a guess.

    To compare a whole output with a gold answer, extract it first and take the text itself where there is nothing to
    extract, on both sides, since gold answers come as bare answers and as texts with a box:

        compare_answers(extract_answer(output) or output, extract_answer(gold) or gold)

    A stage that must not accept an output without a final answer leaves the first "or" out.

    Args:
        text: a chain, a solution or an answer, of any length.
    """
    searched = final_part(own_turn(text)) if "<" in text else text
    box = last_box(searched)
    if box is not None:
        behind = searched[box.end :]
        return (len(behind) > LONGEST_CLOSE and final_answer(behind)) or box.held
    return tagged(searched) or marked_line(searched) or concluded(searched) or stated(searched)


# -- what belongs to the answer ----------------------------------------------------------------------------------------

THINKING_ENDS: Final = ("</think>", "</thought>", "<|end_of_thought|>")
TURN_START: Final = re.compile(r"<\|im_start\|>\s*assistant|<\|start_header_id\|>assistant<\|end_header_id\|>")
TURN_END: Final = re.compile(
    r"<\|(?:im_end|im_start|eot_id|end_of_text|endoftext|end|eom_id|start_header_id|end_of_solution)\|>"
    r"|</s>|<｜end▁of▁sentence｜>|<end_of_turn>"
)


def own_turn(text: str) -> str:
    """Return the assistant's first turn without the marks of a chat template; a text without marks as it is."""
    start = TURN_START.search(text) if text.lstrip().startswith("<|") else None
    if start is not None:
        text = text[start.end() :]
    for end in TURN_END.finditer(text):
        if text[: end.start()].strip():
            return text[: end.start()]
    return text


def final_part(text: str) -> str:
    """Return what stands behind the thinking block, or the whole text where nothing does."""
    for mark in THINKING_ENDS:
        end = text.rfind(mark)
        if end >= 0 and (behind := text[end + len(mark) :]).strip():
            return behind
    return text


# -- boxes -------------------------------------------------------------------------------------------------------------

FIRST_BOX: Final = re.compile(r"\\f?box")
PLAIN_BOX: Final = re.compile(r"\\boxed\s*\{((?:[^{}\\]++|\\[^{}]|\{(?:[^{}\\]++|\\[^{}])*+\})*+)\}")
BRACES: Final = re.compile(r"\\(?:boxed|fbox)\s*\{|\\(?:boxed|fbox)\s*(?P<bare>[0-9A-Za-z])|\\\\(?!f?box)|\\[{}]|[{}]")
BOX_JOIN: Final = re.compile(
    r"(?:(?:[A-Za-z\s$()]|\\(?:text|mathrm)\{){0,40}\b(?:and|or)(?=[\s$\\}]))?"
    r"(?:[\s$,;}]|\\[()\[\],;]|\\q?quad|\\(?:text|mathrm)\{[\s,]*(?:and|or)?[\s,]*\}|\b(?:and|or)\b|和|或|、|，)*"
)


class Box(NamedTuple):
    """Where a box stands and what it holds."""

    start: int
    end: int
    held: str


def last_box(text: str) -> Box | None:
    r"""Return the last closed box that is not empty, with what its list holds."""
    boxes = plain_boxes(text)
    boxes = (list_boxes(text) if boxes is None else boxes)[-MAX_JOINED_BOXES:]
    if len(boxes) <= 1:
        return boxes[0] if boxes else None
    held = [boxes[-1].held]
    for before, after in reversed(list(pairwise(boxes))):
        if after.start - before.end > MAX_JOIN_CHARACTERS or not BOX_JOIN.fullmatch(text, before.end, after.start):
            break
        held.insert(0, before.held)
    return boxes[-1]._replace(held=held[0] if len(set(held)) == 1 else ", ".join(held))


def plain_boxes(text: str) -> list[Box] | None:
    """Return what `list_boxes` does, but faster; None where a box is not plain (cut off, deep, without braces)."""
    boxes: list[Box] = []
    start = text.find(r"\boxed")
    while start >= 0:
        plain = PLAIN_BOX.match(text, start)
        if plain is None:
            return None
        held = plain[1].strip()
        if held and len(held) < MAX_ANSWER_CHARACTERS:
            boxes.append(Box(start, plain.end(), held))
        start = text.find(r"\boxed", plain.end())
    return boxes if r"\fbox" not in text else None


def list_boxes(text: str) -> list[Box]:
    """Return all closed boxes that are not empty, without those inside others."""
    boxes: list[Box] = []
    open_braces: list[tuple[int, int]] = []  # where a box and its content start; (-1, -1) for any other brace
    first = FIRST_BOX.search(text)
    for token in BRACES.finditer(text, first.start()) if first else ():
        lexeme = token.group()
        if token["bare"]:
            boxes.append(Box(token.start(), token.end(), token["bare"]))
        elif lexeme == "}" and open_braces:
            start, content = open_braces.pop()
            held = text[content : token.start()].strip() if 0 <= start > token.start() - MAX_ANSWER_CHARACTERS else ""
            while held and boxes and boxes[-1].start > start:
                boxes.pop()
            if held:
                boxes.append(Box(start, token.end(), held))
        elif lexeme == "{":
            open_braces.append((-1, -1))
        elif lexeme.startswith((r"\b", r"\f")) and lexeme.endswith("{"):
            open_braces.append((token.start(), token.end()))
    return boxes
