r"""Find what stands outside all brackets of a normalised answer, in one walk through it."""

from __future__ import annotations

from typing import Final

from limo_curation.answers.normalisation import CLOSE_SET, OPEN_SET

OPENING: Final = "([{" + OPEN_SET
CLOSING: Final = ")]}" + CLOSE_SET


def is_balanced(text: str) -> bool:
    """Return whether brackets nest (a half-open interval's do)."""
    depth = 0
    for character in text:
        if character in OPENING:
            depth += 1
        elif character in CLOSING:
            depth -= 1
            if depth < 0:
                return False
    return depth == 0


def split_top(text: str, separators: str) -> list[str]:
    """Split at separators that stand outside all brackets."""
    if not any(separator in text for separator in separators):
        return [text]
    parts, depth, start = list[str](), 0, 0
    for index, character in enumerate(text):
        if character in OPENING:
            depth += 1
        elif character in CLOSING:
            depth -= 1
        elif depth == 0 and character in separators:
            parts.append(text[start:index].strip())
            start = index + 1
    return [*parts, text[start:].strip()]


def side_by_side(text: str) -> list[str]:
    """Return the tuples of `(1,2)(3,4)`; nothing where the text is not made of tuples without a comma between."""
    if ")(" not in text:
        return []
    parts = [f"({part})" for part in text.removeprefix("(").removesuffix(")").split(")(")]
    is_clear = "".join(parts) == text and all("," in part and is_balanced(part) for part in parts)
    return parts if is_clear else []
