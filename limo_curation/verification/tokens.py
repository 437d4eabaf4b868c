r"""Split a chain into tokens, so that formulas and prose can be told apart in one pass.

    "Ann has $2 \times 3$ = 6 pens"  ->  word "Ann has", edge "$", number 2, times, number 3, edge "$", relation =, ...

LaTeX and plain text give the same tokens: `\times`, `×`, `*` and `\cdot` are all "*". A dollar sign is an edge of a
formula or a currency, which is passed over; a newline ends a statement in prose and is white space in a formula.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


def listed(text: str) -> frozenset[str]:
    """Return the words of a list that is written as one text."""
    return frozenset(text.split())


MAX_CHARACTERS: Final = 300_000  # ours: of a chain; a chain of 32,768 tokens has about 120,000

TOKEN: Final = re.compile(
    r"""
    (?P<space>[ \t\r\u00a0\u3000]+|~|\\[,;:!\ ]
      |\\(?:q?quad|left|right|[bB]igg?[lr]?|displaystyle|textstyle|limits|phantom)(?![A-Za-z]))
  | (?P<number>[0-9]{1,3}(?:(?:,(?:\\!)?|\{,\}|，|\\,)[0-9]{3})+(?![0-9])(?:\.[0-9]+)?
      |[0-9]+(?:\.[0-9]+)?|(?<![0-9.])\.[0-9]+)
  | (?P<word>[A-Za-z]{2,}(?:['’][a-z]{1,2})?(?:[ -][A-Za-z]{2,})*)
  | (?P<equals>=(?![=>/])|＝)
  | (?P<article>(?<![A-Za-z0-9_.)}\\])[aAI](?=[ ][a-z]{2}))
  | (?P<letter>[A-Za-zα-ορ-ωΑ-Ω])
  | (?P<han>[\u4e00-\u9fff]+)
  | (?P<annotation><<[^<>\n]{1,200}>>)
  | (?P<blank>\n[ \t\r]*\n)
  | (?P<newline>\n)
  | (?P<arrow>=?=>|-+>|→|⇒|⟹
      |\\(?:implies|Rightarrow|rightarrow|to|Longrightarrow|iff|Leftrightarrow|therefore|because)(?![A-Za-z]))
  | (?P<other>[<>:/~]=|(?<![0-9)}A-Za-z])!=|=/=|==+|≠|≤|≥|≡|[<>＜＞]|\\not(?:=|(?![A-Za-z]))
      |\\(?:n?eqv?|ne|leq?|geq?|leqslant|geqslant|equiv|cong|sim|propto|in|lt|gt)(?![A-Za-z]))
  | (?P<approx>≈|≒|\\(?:approx|simeq|doteq)(?![A-Za-z]))
  | (?P<edge>\\[\[\]()]|\$\$
      |\\(?:begin|end)\{(?:align|aligned|equation|gather|gathered|split|multline|eqnarray|flalign|alignat)\*?\}(?:\{[0-9]\})?)
  | (?P<row>\\\\(?:\[[^\]\n]{0,10}\])?)
  | (?P<text>\\(?:text|textit|textrm|mathrm|mbox)\s*\{[^{}\n]{0,200}\})
  | (?P<command>\\[A-Za-z]+\*?|\\.)
  | (?P<symbol>.)
    """,
    re.VERBOSE,
)

SAME: Final = {
    **dict.fromkeys(("×", "·", "⋅", "＊", r"\times", r"\cdot"), "*"),
    **dict.fromkeys(("÷", "／", r"\div"), "/"),
    **dict.fromkeys(("−", "–", "－"), "-"),
    **dict.fromkeys(("＋",), "+"),
    **dict.fromkeys(("（", r"\lparen"), "("),
    **dict.fromkeys(("）", r"\rparen"), ")"),
    **dict.fromkeys(("％", r"\%"), "%"),
    **dict.fromkeys((r"\dfrac", r"\tfrac", r"\cfrac"), r"\frac"),
    **dict.fromkeys((r"\dbinom", r"\tbinom"), r"\binom"),
    **dict.fromkeys(("√",), r"\sqrt"),
    **dict.fromkeys(("π",), r"\pi"),
    **dict.fromkeys((r"\lvert", r"\rvert", r"\vert"), "|"),
    **dict.fromkeys((r"\degree", r"\circ", "º"), "°"),
    **dict.fromkeys((r"\lbrack",), "["),
    **dict.fromkeys((r"\rbrack",), "]"),
}
RAISED: Final = {"²": "2", "³": "3", "⁴": "4", "⁵": "5", "⁶": "6", "⁷": "7", "⁸": "8", "⁹": "9"}
FRACTIONS: Final = {"½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅛": (1, 8)}
OPERANDS: Final = frozenset(("number", "letter", "word", "text"))
OPERATORS: Final = frozenset("+-*/^")
CURRENCIES: Final = frozenset("€£¥￥₹")


class Token(NamedTuple):
    """A piece of a chain.

    Kinds: number, letter, word, article (a, A, I as a word), han, text (LaTeX text), operator, command, symbol; equals,
    approx, other (the further relations), and what ends a statement: edge (of a formula), row (of a display), newline,
    blank, arrow.
    """

    kind: str
    text: str
    start: int
    end: int
    is_math: bool = False
    """Whether it stands in a LaTeX formula, where a letter is a name and never a word."""


def tokenize(chain: str) -> list[Token]:
    """Return the tokens of a chain's first MAX_CHARACTERS characters, without white space and currency signs."""
    tokens = list[Token]()
    edges = formula_edges(chain)
    is_math = False
    for match in TOKEN.finditer(chain[:MAX_CHARACTERS]):
        kind, text, start, end = match.lastgroup or "", match.group(), match.start(), match.end()
        if kind == "space":
            if text.endswith("quad") and tokens and (tokens[-1].kind in OPERANDS or tokens[-1].text in (")", "}")):
                tokens.append(Token("arrow", text, start, end, is_math))
            continue
        if kind in ("command", "symbol"):
            if text == "$" and start in edges:
                kind = "edge"
            elif text in ("$", r"\$") or text in CURRENCIES:
                continue
            else:
                text = SAME.get(text, text)
                kind = "operator" if text in OPERATORS else kind
                if kind == "operator" and not is_math and is_mark(chain, text, start, end):
                    kind = "newline"
        if kind == "edge":
            is_math = opens(text, is_math=is_math)
        elif kind == "blank":
            is_math = False
        elif kind == "newline" and is_math:
            continue
        elif kind == "article" and is_math:
            kind = "letter"
        if kind == "word" and (is_math or is_glued(chain, text, start)):
            tokens += [Token("letter", text[at], start + at, start + at + 1, is_math) for at in letters_of(text)]
        elif text in RAISED:
            tokens += [
                Token("operator", "^", start, start, is_math),
                Token("number", RAISED[text], start, end, is_math),
            ]
        else:
            tokens.append(Token(kind, text, start, end, is_math))
    return tokens


UNITS: Final = listed(
    "cm mm km nm kg mg ml cl dl mi ft in lb lbs oz hr hrs min sec mph kph am pm st nd rd th gb mb kb kw kwh yd"
    " pts ha pcs"
)


def is_glued(chain: str, word: str, start: int) -> bool:
    """Return whether letters right behind a digit are names that are multiplied, `2xy`, and no unit, `5cm`."""
    return len(word) <= 3 and chain[max(0, start - 1) : start].isdigit() and word.lower() not in UNITS


def letters_of(word: str) -> list[int]:
    """Return where in a word its letters stand."""
    return [at for at, character in enumerate(word) if character.isalpha()]


def opens(edge: str, *, is_math: bool) -> bool:
    """Return whether a formula goes on behind an edge."""
    if edge in ("$", "$$"):
        return not is_math
    return edge in (r"\[", r"\(") or edge.startswith(r"\begin")


def is_mark(chain: str, text: str, start: int, end: int) -> bool:
    """Return whether a sign outside formulas is a bullet or Markdown's emphasis and no operator."""
    before, after = chain[start - 1 : start], chain[end : end + 1]
    if (text == "-" and chain[start] == "-") or (text == "*" and chain[start] == "*"):
        line = chain.rfind("\n", max(0, start - 10), start) + 1 if "\n" in chain[max(0, start - 10) : start] else -1
        if after == " " and (
            (line > 0 and not chain[line:start].strip()) or (start < 10 and not chain[:start].strip())
        ):
            return True
    if text == "*" and chain[start] == "*":
        doubled = before == "*" or after == "*"
        return doubled and not is_power(chain, start, end)
    return False


def is_power(chain: str, start: int, end: int) -> bool:
    """Return whether a pair of asterisks is Python's power, `2**3`, and not Markdown's emphasis."""
    low = start - 1 if chain[start - 1 : start] == "*" else start
    high = end + 1 if chain[end : end + 1] == "*" else end
    left, right = chain[low - 1 : low], chain[high : high + 1]
    return (left.isalnum() or left == ")") and (right.isalnum() or right == "(")


DOLLAR: Final = re.compile(r"(?<!\\)\$\$?")
PROSE: Final = re.compile(r"[A-Za-z]{3,} [A-Za-z]{2,}|[a-z]{4,}")
MAX_INLINE: Final = 1_000  # ours: characters of an inline formula


def formula_edges(chain: str) -> frozenset[int]:
    """Return where dollar signs begin and end formulas; the others are currency.

    A dollar sign before a digit opens a formula only where one closes it as Pandoc asks: no white space before it and
    no digit behind it, and where no prose stands between the two.
    """
    found = list[int]()
    signs = [match.start() for match in DOLLAR.finditer(chain) if match.group() == "$"]
    at = 0
    while at + 1 < len(signs):
        start, end = signs[at], signs[at + 1]
        held = chain[start + 1 : min(end, start + MAX_INLINE + 2)]
        if len(held) > MAX_INLINE or "\n\n" in held or (held[:1].isdigit() and not closes(chain, held, end)):
            at += 1
            continue
        found += [start, end]
        at += 2
    return frozenset(found)


def closes(chain: str, held: str, end: int) -> bool:
    """Return whether the sign at `end` closes a formula that begins with a digit."""
    return not (held[-1:].isspace() or chain[end + 1 : end + 2].isdigit() or ("\\" not in held and PROSE.search(held)))
