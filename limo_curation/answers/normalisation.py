r"""Write an answer in one way: the same mathematics in other typography gives the same text.

    `$\dfrac{1}{2}$.`  ->  `\frac{1}{2}`        `１２，５００`  ->  `12,500`        `90^{\circ}`  ->  `90°`

Nothing here changes a value: a space between two digits stays, since `1 1/2` is not `11/2`.
"""

from __future__ import annotations

import re
from typing import Final

WIDE_TO_ASCII: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
LETTERS: Final = {
    **WIDE_TO_ASCII,
    **{ord(mark): "-" for mark in "−–﹣"},
    **{ord(space): " " for space in "\u00a0\u2002\u2003\u2009\u202f\u3000~\t\n\r"},
    **{ord(invisible): "" for invisible in "\u200b\u200c\u200d\u2060\ufeff"},
    ord("×"): r"\times ",
    ord("·"): r"\cdot ",
    ord("π"): r"\pi ",
    ord("∞"): r"\infty ",
    ord("≤"): r"\le ",
    ord("≥"): r"\ge ",
    ord("≠"): r"\ne ",
    ord("≈"): r"\approx ",
    ord("±"): r"\pm ",
    ord("∪"): r"\cup ",
    ord("∈"): r"\in ",
    ord("²"): "^{2}",
    ord("³"): "^{3}",
    ord("、"): ",",
}
OPEN_SET, CLOSE_SET = "⦃", "⦄"  # stand for \{ and \}, so that plain braces only group
ROW_END = "⏎"  # stands for the double backslash that ends a matrix row

REWRITES: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\\\", ROW_END),
        (r"\\\$|\$|\\[()\[\]]", " "),
        (r"\\(?:left|right|[bB]ig+[lr]?|displaystyle)(?![A-Za-z])\.?", ""),
        (r"\\!| *\{ *, *\} *", ""),
        (r"\\[,;:> ]|\\q?quad(?![A-Za-z])", " "),
        (r"\\(?:\{|lbrace(?![A-Za-z]))", OPEN_SET),
        (r"\\(?:\}|rbrace(?![A-Za-z]))", CLOSE_SET),
        (r"\\%", "%"),
        (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
        (r"\^\s*\\circ(?![A-Za-z])|\^\s*\{\s*\\circ\s*\}|\\degree(?![A-Za-z])", "°"),
        (r"\*\*", "^"),
        (r"\\leq(?:slant)?(?![A-Za-z])|<=", r"\\le "),
        (r"\\geq(?:slant)?(?![A-Za-z])|>=", r"\\ge "),
        (r"\\neq(?![A-Za-z])|!=", r"\\ne "),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\sqrt\s*([0-9A-Za-z])", r"\\sqrt{\1}"),
        (r"(?<![A-Za-z\\])sqrt\s*\(([0-9A-Za-z]+)\)", r"\\sqrt{\1}"),
        (r"\^\s*(-?[0-9]+)", r"^{\1}"),
        (r"\^\s*\(([0-9A-Za-z/+-]+)\)", r"^{\1}"),
        (r"\s+", " "),
        (r" (?![0-9A-Za-z])|(?<![0-9A-Za-z]) ", ""),
    )
)
TEXT_COMMAND: Final = re.compile(
    r"\\(?:text(?:bf|it|rm|normal)?|math(?:rm|bf|it|sf)|mbox|operatorname)\s*\{([^{}\\]*)\}"
)
WHOLE_BOX: Final = re.compile(r"\\(?:boxed|fbox)\s*\{")
END_MARKS: Final = " .。,;:\\"


def normalise(text: str) -> str:
    """Return the text of an answer in the one way in which the comparison reads it."""
    text = text.translate(LETTERS).strip(" $")
    while (box := WHOLE_BOX.match(text)) and closing_brace(text, box.end() - 1) == len(text) - 1:
        text = text[box.end() : -1].strip(" $")
    text = TEXT_COMMAND.sub(r" \1 ", text)
    for pattern, replacement in REWRITES:
        text = pattern.sub(replacement, text)
    return braced_fractions(text.strip().rstrip(END_MARKS))


FRACTION: Final = re.compile(r"\\frac ?")
SHORT: Final = re.compile(r" ?([0-9A-Za-z])")


def braced_fractions(text: str) -> str:
    r"""Write `\frac12` and `\frac{\pi}4` with both braces."""
    done = 0
    while (fraction := FRACTION.search(text, done)) is not None:
        done = end = fraction.end()
        for _ in "ab":
            short = SHORT.match(text, end)
            if short is not None:
                text = f"{text[:end]}{{{short[1]}}}{text[short.end() :]}"
            elif text[end : end + 1] != "{":
                break
            end = closing_brace(text, end) + 1
            if end == 0:
                break
    return text


def closing_brace(text: str, opening: int) -> int:
    """Return where the brace at `opening` is closed; -1 where it is not."""
    depth = 0
    for token in re.finditer(r"\\[\s\S]|[{}]", text[opening:]):
        depth += {"{": 1, "}": -1}.get(token.group(), 0)
        if depth == 0 and token.group() == "}":
            return opening + token.start()
    return -1
