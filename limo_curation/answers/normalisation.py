r"""Write an answer in one way: the same mathematics in other typography gives the same text.

    `$\dfrac{1}{2}$.`  ->  `\frac{1}{2}`        `１２，５００`  ->  `12,500`        `90^{\circ}`  ->  `90°`

Nothing here changes a value: a space between two digits stays, since `1 1/2` is not `11/2`.
"""

from __future__ import annotations

import re
from typing import Final

DIGIT_ZEROS: Final = (0x0660, 0x06F0, 0x0966, 0x09E6, 0x0E50)  # Arabic, Persian, Devanagari, Bengali, Thai
SUPERSCRIPTS: Final = "⁰¹²³⁴⁵⁶⁷⁸⁹"
SUBSCRIPTS: Final = "₀₁₂₃₄₅₆₇₈₉"
FRACTIONS: Final = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅙": "1/6", "⅛": "1/8"}
COMMANDS: Final = {
    "×": "times",
    "·": "cdot",
    "⋅": "cdot",
    "÷": "div",
    "π": "pi",
    "∞": "infty",
    "≤": "le",
    "⩽": "le",
    "≥": "ge",
    "⩾": "ge",
    "≠": "ne",
    "≈": "approx",
    "±": "pm",
    "∪": "cup",
    "∈": "in",
    "∠": "angle",
    "θ": "theta",
    "α": "alpha",
    "β": "beta",
    "λ": "lambda",
}
LETTERS: Final = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if code != ord("＄")},
    **{zero + digit: str(digit) for zero in DIGIT_ZEROS for digit in range(10)},
    **{ord(mark): "-" for mark in "−–﹣‐‑"},
    **{ord(space): " " for space in "\u00a0\u2002\u2003\u2009\u202f\u3000~\t\n\r"},
    **{ord(invisible): "" for invisible in "\u200b\u200c\u200d\u2060\ufeff"},
    **{ord(sign): rf"\{command} " for sign, command in COMMANDS.items()},
    **{ord(sign): f" {value}" for sign, value in FRACTIONS.items()},
    **{ord(mark): "," for mark in "、"},
    **{ord(mark): "'" for mark in "′’"},
    ord("º"): "°",
    ord("℃"): "°C",
    ord("⟨"): "(",
    ord("⟩"): ")",
    ord("˚"): "°",
    ord("∣"): "|",
}
OPEN_SET, CLOSE_SET = "⦃", "⦄"  # stand for \{ and \}, so that plain braces only group
DOLLAR = "＄"  # stands for a dollar sign that is a currency
ROW_END = "⏎"  # stands for the double backslash that ends a matrix row

COMMAND: Final = re.compile(r"\\(\\\[[0-9.]{1,6}[a-z]{2}\]|left\.|right\.|not=|q?quad|[A-Za-z]+|[\s\S])")
SPELLINGS: Final = {  # how one command is written, by what we write for it
    "": "left right left. right. displaystyle textstyle limits mathopen mathclose bf rm ! big bigg Big Bigg bigl bigr"
    " Bigl Bigr biggl biggr Biggl Biggr",
    " ": "quad qquad , ; : > ( ) [ ]",
    DOLLAR: "$",
    "|": "vert lvert rvert mid |",
    r"\frac": "dfrac tfrac cfrac",
    r"\binom": "dbinom tbinom",
    r"\le ": "le leq leqslant",
    r"\ge ": "ge geq geqslant",
    r"\ne ": "ne neq not=",
    "<": "lt",
    ">": "gt",
    ":": "colon",
    "°": "degree",
    "(": "langle",
    ")": "rangle",
    "%": "%",
    OPEN_SET: "{ lbrace",
    CLOSE_SET: "} rbrace",
}
REWRITTEN: Final = {name: written for written, names in SPELLINGS.items() for name in names.split()} | {" ": " "}
CHOOSE: Final = re.compile(r"\{ ?([0-9A-Za-z+-]{1,20}) ?\\choose ?([0-9A-Za-z+-]{1,20}) ?\}")
DEGREE: Final = re.compile(r"\^ ?(?:\{ ?)?\\circ(?![A-Za-z])(?: ?\})?")
PRIME: Final = re.compile(r"\^ ?(?:\{ ?)?\\prime(?![A-Za-z])(?: ?\})?")
SHORT_ROOT: Final = re.compile(r"(?:\\sqrt|√) ?([0-9A-Za-z])")
PLAIN_ROOT: Final = re.compile(r"(?<![A-Za-z\\])sqrt ?\(([0-9A-Za-z]+)\)")
SHORT_POWER: Final = re.compile(r"\^ ?(?:([+-]?[0-9]+)|\(([0-9A-Za-z/+-]+)\))")
SIGNS: Final = (("<=", r"\le "), (">=", r"\ge "), ("!=", r"\ne "), ("**", "^"), ("$", " "))
USELESS_SPACE: Final = re.compile(r" (?![0-9A-Za-z])|(?<![0-9A-Za-z]) (?!(?<=[0-9 ], )[0-9]{3}(?![0-9]))")
"""All but those around words, and the one in `100, 200`, which tells two numbers from 100,200."""
ESCAPED_TWICE: Final = re.compile(  # before these commands no matrix row ends
    r"(?<!\\)\\\\(?=(?:left|right|[dt]?frac|sqrt|text|leq?|geq?|neq?|pi|cdot|times|cup|in|infty|boxed|pm|begin|end)"
    r"(?![A-Za-z]))"
)
GROUPING_COMMA: Final = re.compile(r"(?<=[0-9]) ?\{ ?, ?\} ?(?=[0-9])")
TEXT_COMMAND: Final = re.compile(
    r"\\(?:text(?:bf|it|rm|normal|tt)?|math(?:rm|bf|it|sf|cal)|mbox|operatorname|boldsymbol|bm)\s*\{([^{}\\]*)\}"
)
REALS: Final = re.compile(r"\\(?:mathbb|mathbf|Bbb) ?(?:\{ ?R ?\}|R(?![A-Za-z]))")
RAISED: Final = re.compile(f"[⁻{SUPERSCRIPTS}]+|[{SUBSCRIPTS}]+")
ABOUT: Final = re.compile(r"^[\s$]*~(?=\s*[0-9])")
PRICE: Final = re.compile(r"(?<!\\)\$(?=[0-9][0-9,.]*\s*$)")
WHOLE_BOX: Final = re.compile(r"\\(?:boxed|fbox)\s*\{")
END_MARKS: Final = " .。,;:\\"
SPECIAL: Final = re.compile(r"[^0-9A-Za-z.,+-]")


def normalise(text: str) -> str:
    """Return the text of an answer in the one way in which the comparison reads it."""
    if not text.isascii():
        text = RAISED.sub(raised, text.translate(LETTERS))
    elif SPECIAL.search(text) is None:
        return text.rstrip(END_MARKS)
    elif "~" in text:  # a space in LaTeX, but "about" in front of a number
        text = ABOUT.sub(r"\\approx ", text).replace("~", " ")
    text = PRICE.sub(DOLLAR, text) if text.count("$") == 1 else text
    text = text.strip(" $\t\n\r").rstrip(END_MARKS).strip("* $")  # bold in Markdown is no product
    if "\\\\" in text:
        text = ESCAPED_TWICE.sub(r"\\", text)
    while (box := WHOLE_BOX.match(text)) and closing_brace(text, box.end() - 1) == len(text) - 1:
        text = text[box.end() : -1].strip(" $")
    if "{" in text:
        text = GROUPING_COMMA.sub(",", text)
    if "\\" in text:
        text = rewrite_commands(text)
    for sign, replacement in SIGNS:
        text = text.replace(sign, replacement)
    if "sqrt" in text or "√" in text:
        text = SHORT_ROOT.sub(r"\\sqrt{\1}", PLAIN_ROOT.sub(r"\\sqrt{\1}", text))
    if "^" in text:
        text = SHORT_POWER.sub(r"^{\1\2}", text)
    text = USELESS_SPACE.sub("", " ".join(text.split()))
    return braced_fractions(text.strip().rstrip(END_MARKS))


def rewrite_commands(text: str) -> str:
    """Write LaTeX commands of the same meaning in one way, and drop those that are only for looks."""
    text = TEXT_COMMAND.sub(r" \1 ", REALS.sub("ℝ", text))
    if "circ" in text:
        text = DEGREE.sub("°", text)
    if "choose" in text:
        text = CHOOSE.sub(r"\\binom{\1}{\2}", text)
    if "prime" in text:
        text = PRIME.sub("'", text)
    return COMMAND.sub(rewritten, text)


def rewritten(command: re.Match[str]) -> str:
    """Return what stands for one command."""
    return ROW_END if command[1][0] == "\\" else REWRITTEN.get(command[1], command[0])


def raised(match: re.Match[str]) -> str:
    """Return a run of small raised or lowered digits as LaTeX."""
    run = match[0]
    if run[0] in SUBSCRIPTS:
        return "_{" + "".join(str(SUBSCRIPTS.index(digit)) for digit in run) + "}"
    return "^{" + "".join("-" if digit == "⁻" else str(SUPERSCRIPTS.index(digit)) for digit in run) + "}"


FRACTION: Final = re.compile(r"\\(?:frac|binom) ?")
SHORT: Final = re.compile(r" ?([0-9A-Za-z])")


def braced_fractions(text: str) -> str:
    r"""Write `\frac12`, `\frac{\pi}4` and `\binom52` with both braces."""
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
