r"""Normalisation: one spelling for texts that mean the same, as Polars expressions.

Two forms, for two uses:

* `stored_text` is what is kept and published. The words, signs and LaTeX stay as their author wrote them; what goes is
  damage and dirt that nobody sees: decomposed accents, control and zero-width characters, odd spaces and line ends.
* `comparison_text` is what identities are made of, and is never shown. It also folds LaTeX spellings that mean the
  same, white space, and full-width letters and signs, so that the same problem from two sources has one id:

      \(\dfrac12\)   and   $ \frac12 $                ->   $\frac12$
      a \leqslant b,\ \left(c\right)                  ->   a \le b, (c)
      求 ｘ 的值，共 3 个                               ->   求x的值,共3个

Both are idempotent. Case, numbers and signs count in both; a space between two numbers counts too ("1 2/3").
"""

from __future__ import annotations

from typing import Final

import polars as pl

# signs of mathematics and Chinese that are visible, composed and never part of a composition, in ranges
PLAIN: Final = r" -~\nÀ-ÿΑ-ω‐-…′-‴℃√∀-⊿←-⇿①-⑳一-鿿、-〙！-～"
UNCLEAN: Final = rf"[^{PLAIN}]|^\s|\s$| \n|\n\n\n"  # a text without any of it is clean, which most texts are
LINE_ENDS: Final = r"[\x{85}\x{2028}\x{2029}]"
SPACES: Final = r"[\x{A0}\x{1680}\x{2000}-\x{200A}\x{202F}\x{205F}]"
INVISIBLE: Final = r"[\p{Cc}\p{Cf}&&[^\x07-\x0D\x{85}]]"
REMAINING_CONTROLS: Final = r"[\x07\x08\x0B\x0C]"
# "\frac" in JSON that was not escaped is read as a form feed and "rac": give such commands their backslash back
DAMAGED_COMMANDS: Final = {
    r"\x07(lpha|ngle|pprox)": r"\a$1",
    r"\x08(egin|eta|ar|inom|oxed|ullet)": r"\b$1",
    r"\x0B(ec\b|arphi|ert\b)": r"\v$1",
    r"\x0C(rac|orall)": r"\f$1",
    r"\x0D(ight\b|angle)": r"\r$1",
}
DAMAGED_BY_TAB: Final = r"\t(imes|heta|frac|riangle|ext\{)"  # by itself, since a tab may stay

FULL_WIDTH: Final = {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)}
LOOK_ALIKES: Final = FULL_WIDTH | {"\u3000": " ", "−": "-", "‘": "'", "’": "'", "“": '"', "”": '"'}
ROW_BREAK: Final = "\x1e"  # stands for LaTeX's \\, whose second half must not be read as the begin of a command
LATEX_SPELLINGS: Final = {
    r"\\(?:[,;:! ]|q?quad)": " ",
    r"(?:\\(?:left|right)\s*)+([(\[|)\]]|\\[{}|])": "$1",
    r"\\[()\[\]]": "$$",
    r"\\[dt]frac": r"\frac",
    r"\\(le|ge|ne)(?:q|slant)+": r"\$1",
}

MAX_BOX_DEPTH: Final = 6  # ours: braces within braces in a boxed answer; \frac{\sqrt{\frac{1}{2}}}{3} has three


def stored_text(text: pl.Expr) -> pl.Expr:
    """Return text as it is stored: Unicode NFC, plain spaces and line ends, nothing invisible, no outer white space."""
    return text.map_batches(stored_texts, return_dtype=pl.String, is_elementwise=True)


def comparison_text(text: pl.Expr) -> pl.Expr:
    """Return stored text with the spellings folded that do not change what a problem asks."""
    return text.map_batches(comparison_texts, return_dtype=pl.String, is_elementwise=True)


def boxed_answer(solution: pl.Expr) -> pl.Expr:
    r"""Return what the last \boxed{...} of a solution holds, its braces balanced; null where there is none."""
    pieces = solution.str.split(r"\boxed")
    inside = pieces.list.last().str.extract(rf"(?s)^\s*\{{({balanced(MAX_BOX_DEPTH)})\}}", 1)
    return pl.when(pieces.list.len() > 1).then(inside.str.strip_chars())


def balanced(depth: int) -> str:
    """Return a pattern for text whose braces are balanced, up to a depth; escaped braces are no braces."""
    inner = rf"|\{{{balanced(depth - 1)}\}}" if depth else ""
    return rf"(?:[^{{}}\\]|\\.{inner})*"


# -- on whole columns: only the rows that need it are touched ----------------------------------------------------------


def stored_texts(texts: pl.Series) -> pl.Series:
    """Return a column of texts in the form that is stored."""
    unclean = texts.str.contains(UNCLEAN).fill_null(value=False)
    dirty = texts.filter(unclean).str.replace_all(INVISIBLE, "")
    has_controls = dirty.str.contains(r"[\x07\x08\x0B\x0C\x0D]")
    damaged = dirty.filter(has_controls)
    for pattern, command in DAMAGED_COMMANDS.items():
        damaged = damaged.str.replace_all(pattern, command)
    damaged = damaged.str.replace_all("\r\n?", "\n").str.replace_all(REMAINING_CONTROLS, "")
    clean = (
        put_back(dirty, has_controls, damaged)
        .str.replace_all(LINE_ENDS, "\n")
        .str.replace_all(SPACES, " ")
        .str.replace_all(DAMAGED_BY_TAB, r"\t$1")
        .str.normalize("NFC")
        .str.replace_all(r"[ \t]+\n", "\n")
        .str.replace_all(r"\n{3,}", "\n\n")
        .str.strip_chars()
    )
    return put_back(texts, unclean, clean)


def comparison_texts(texts: pl.Series) -> pl.Series:
    """Return a column of stored texts in the form that is compared."""
    is_wide = (texts.str.len_bytes() != texts.str.len_chars()).fill_null(value=False)
    wide = texts.filter(is_wide).str.replace_many(list(LOOK_ALIKES), list(LOOK_ALIKES.values()))
    folded = fold_spaces(put_back(texts, is_wide, wide))
    has_commands = folded.str.contains("\\", literal=True).fill_null(value=False)
    latex = folded.filter(has_commands).str.replace_all(r"\\", ROW_BREAK, literal=True)
    for pattern, spelling in LATEX_SPELLINGS.items():
        latex = latex.str.replace_all(pattern, spelling)
    folded = put_back(folded, has_commands, fold_spaces(latex))
    has_formulas = folded.str.contains("$", literal=True).fill_null(value=False)
    formulas = folded.filter(has_formulas).str.replace_many([" $ ", " $", "$ "], ["$"] * 3, leftmost=True)
    has_runs = formulas.str.contains("$$", literal=True)
    formulas = put_back(formulas, has_runs, formulas.filter(has_runs).str.replace_all(r"\$+", "$$"))
    folded = put_back(folded, has_formulas, formulas)
    unspaced = folded.filter(is_wide).str.replace_all(r" ?(\p{Han}) ?", "$1")
    return put_back(folded, is_wide, unspaced).str.strip_chars()


def fold_spaces(texts: pl.Series) -> pl.Series:
    """Return texts with each run of white space as one space."""
    is_loose = pl.Series(values=[False], dtype=pl.Boolean).new_from_index(0, texts.len())
    for space in ("\n", "\t", "  "):  # looking for each of them is faster than for all in one expression
        is_loose |= texts.str.contains(space, literal=True).fill_null(value=False)
    return put_back(texts, is_loose, texts.filter(is_loose).str.replace_all(r"[ \t\n]{2,}|[\t\n]", " "))


def put_back(texts: pl.Series, mask: pl.Series, changed: pl.Series) -> pl.Series:
    """Return texts with those under a mask replaced, in order."""
    return texts.scatter(mask.arg_true(), changed) if changed.len() else texts
