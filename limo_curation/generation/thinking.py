r"""Write every chain in one form, whatever tags its teacher puts around its thoughts.

    <think>                         the form of LIMO v2's published rows
    Okay, so I have ...
    </think>
    \boxed{4}

Known ways to write it, all of which become this form:

    <think> ... </think>                                    DeepSeek-R1 and what was distilled from it, QwQ, Qwen3
    ... </think>                                            the same, where the chat template has written the first tag
    <thinking> ... </thinking>, <thought> ... </thought>    prompts that ask for it
    <|begin_of_thought|> ... <|end_of_thought|>             Sky-T1, OpenThoughts
    <|begin_of_solution|> ... <|end_of_solution|>           the solution behind the thoughts of these two
    <answer> ... </answer>                                  the same behind a `<think>` block: R1-Zero's prompt

Only tags and white space change, never a word. A text without a block of thoughts stays as it is. A block that is begun
and never ended tells that the text was cut off, which is all that can be known of a recorded chain.
"""

from __future__ import annotations

from typing import Final, NamedTuple

THOUGHT_TAGS: Final = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
SOLUTION_TAGS: Final = (("<|begin_of_solution|>", "<|end_of_solution|>"), ("<answer>", "</answer>"))
OPENING, CLOSING = THOUGHT_TAGS[0]


class Reasoning(NamedTuple):
    """A chain in the one form, and whether every block that it begins is ended."""

    text: str
    is_complete: bool


def normalise_reasoning(text: str) -> Reasoning:
    """Return a chain in the one form; a text that has it already comes back unchanged.

    The first closing tag ends the thoughts: what looks like a tag behind it belongs to the solution.
    """
    text = text.strip()
    for opening, closing in THOUGHT_TAGS:
        before, is_closed, behind = text.partition(closing)
        if is_closed:
            # the first tag may be missing, or have words in front of it, which are thoughts as well
            preface, is_opened, thoughts = before.partition(opening)
            thoughts = joined(preface, thoughts) if is_opened else before.strip()
            solution, is_complete = without_solution_tags(behind.strip())
            return Reasoning(f"{OPENING}\n{thoughts}\n{CLOSING}\n{solution}".rstrip(), is_complete)
        if text.startswith(opening):
            return Reasoning(f"{OPENING}\n{text.removeprefix(opening).strip()}".rstrip(), is_complete=False)
    return Reasoning(text, is_complete=True)


def without_solution_tags(text: str) -> tuple[str, bool]:
    """Return a solution without the tags around it, and whether they are both there or both missing.

    Tags within tags are nobody's way to write a solution and stay.
    """
    for opening, closing in SOLUTION_TAGS:
        if text.startswith(opening):
            inner, is_closed, behind = text.removeprefix(opening).partition(closing)
            solution = joined(inner, behind)
            is_nested = any(solution.startswith(tag) for tag, _ in SOLUTION_TAGS)
            return (text if is_nested else solution), bool(is_closed)
    return text, True


def joined(first: str, second: str) -> str:
    """Return two pieces of text as paragraphs; one that is empty leaves no gap."""
    return "\n\n".join(piece for piece in (first.strip(), second.strip()) if piece)
