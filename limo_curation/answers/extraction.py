r"""Find the final answer of a reasoning text, in time linear in its length.

    <think> ... so \boxed{12}? No, the sign is wrong. </think> The value is \boxed{-12}.      ->  -12
    ... 3 + 4 = 7\n#### 7                                                                      ->  7
    ... 3 + 4 = 7\nA: 7                                                                        ->  7
    ... 所以答案是 $\frac{1}{2}$。                                                              ->  \frac{1}{2}

Which one counts where there are several: the last box that is closed and not empty; a box goes before a `####` line,
that before a last line `A: ...`, and that before a phrase such as "the answer is". Text inside a thinking block counts
only where nothing stands after the block.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

MAX_ANSWER_CHARACTERS: Final = 50_000  # ours: what is longer is no answer but a box that was closed by accident
MAX_PHRASE_CHARACTERS: Final = 200  # ours: a sentence longer than this behind "the answer is" is an explanation

MAX_JOINED_BOXES: Final = 20
MAX_JOIN_CHARACTERS: Final = 60

THINKING_END: Final = "</think>"
FIRST_BOX: Final = re.compile(r"\\boxed|\\fbox")
BRACES: Final = re.compile(r"\\(?:boxed|fbox)\s*\{|\\(?:boxed|fbox)\s*(?P<bare>[0-9A-Za-z])|\\[\s\S]|[{}]")
BOX_JOIN: Final = re.compile(
    r"(?:[\s$,;]|\\[()\[\],;]|\\q?quad|\\(?:text|mathrm)\{[\s,]*(?:and|or)?[\s,]*\}|\b(?:and|or)\b|和|或|、|，)*"
)
MARKED_LINE: Final = re.compile(r"####[ \t]*([^\n]*)")
LAST_LINE: Final = re.compile(r"A:[ \t]*(\S.*)")
PHRASE: Final = re.compile(
    r"\banswer\s{0,3}(?:is|are|:|=)(?=\W)\s{0,3}:?|答案\s{0,3}(?:是|为|：|:)\s{0,3}[:：]?", re.IGNORECASE
)
SENTENCE_END: Final = re.compile(r"[.!?](?=\s|\*|$)|[。！？\n]")
NO_ANSWER: Final = re.compile(
    r"(?:not?|wrong|incorrect|correct|right|unknown|unclear|不|错)(?![A-Za-z])", re.IGNORECASE
)
DELIMITED: Final = re.compile(r"\$\$?([^$]+)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]")


def extract_answer(text: str) -> str | None:
    r"""Return the final answer of a text as it is written there, or None rather than a guess.

    Args:
        text: a chain or a solution, of any length.
    """
    final_part = text.rpartition(THINKING_END)[2]
    searched = final_part if final_part.strip() else text
    return last_box(searched) or marked_line(searched) or phrase(searched)


def last_box(text: str) -> str | None:
    r"""Return what the last closed `\boxed{}` holds; boxes joined by commas or "and" count as one list.

    Of nested boxes, the outermost counts.
    """
    boxes: list[tuple[int, int, str]] = []  # where each stands, and what it holds
    open_braces: list[tuple[int, int]] = []  # where a box and its content start; (-1, -1) for any other brace
    first = FIRST_BOX.search(text)
    for token in BRACES.finditer(text, first.start()) if first else ():
        lexeme = token.group()
        if token["bare"]:
            boxes.append((token.start(), token.end(), token["bare"]))
        elif lexeme == "}" and open_braces:
            start, content = open_braces.pop()
            held = text[content : token.start()].strip() if 0 <= start > token.start() - MAX_ANSWER_CHARACTERS else ""
            while held and boxes and boxes[-1][0] > start:
                boxes.pop()
            if held:
                boxes.append((start, token.end(), held))
        elif lexeme == "{":
            open_braces.append((-1, -1))
        elif lexeme.startswith((r"\b", r"\f")) and lexeme.endswith("{"):
            open_braces.append((token.start(), token.end()))
    return joined_boxes(text, boxes[-MAX_JOINED_BOXES:])


def joined_boxes(text: str, boxes: list[tuple[int, int, str]]) -> str | None:
    """Return what the last box holds, with the boxes before it that belong to the same list."""
    if not boxes:
        return None
    held = [boxes[-1][2]]
    for (_, end, answer), (start, _, _) in reversed(list(pairwise(boxes))):
        if start - end > MAX_JOIN_CHARACTERS or not BOX_JOIN.fullmatch(text, end, start):
            break
        held.insert(0, answer)
    return held[0] if len(set(held)) == 1 else ", ".join(held)


def marked_line(text: str) -> str | None:
    """Return what stands behind the last `####` or in a last line `A: ...` (how GSM8K's texts mark their answers)."""
    lines = MARKED_LINE.findall(text)
    if not lines:
        last = LAST_LINE.fullmatch(text[-MAX_PHRASE_CHARACTERS:].rstrip().rpartition("\n")[2])
        lines = [last[1]] if last else []
    answer = lines[-1].strip() if lines else ""
    return answer if 0 < len(answer) <= MAX_PHRASE_CHARACTERS else None


def phrase(text: str) -> str | None:
    """Return what stands behind the last "the answer is", where it looks like an answer."""
    end = None
    for match in PHRASE.finditer(text):
        end = match.end()
    if end is None:
        return None
    rest = text[end : end + MAX_PHRASE_CHARACTERS + 1].lstrip(" \t\n*:")
    delimited = DELIMITED.match(rest)
    if delimited is not None:
        return next(group for group in delimited.groups() if group is not None).strip() or None
    sentence = SENTENCE_END.search(rest)
    if sentence is None and len(rest) > MAX_PHRASE_CHARACTERS:
        return None
    answer = (rest[: sentence.start()] if sentence else rest).strip(" \t*$")
    is_answer = answer and not NO_ANSWER.match(answer) and (re.search(r"[0-9\\]", answer) or len(answer.split()) <= 3)
    return answer if is_answer else None
