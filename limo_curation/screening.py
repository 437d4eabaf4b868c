"""Screening: is this a usable problem at all? One part at a time, Polars expressions only.

"Prove that $n^2 + n$ is even."                          -> proof
"As shown in the figure, find the angle ABC."            -> needs_figure
"(a) Find f(2). (b) Hence find f(3)."                    -> multi_part
"""

from __future__ import annotations

from typing import Final

import polars as pl

from limo_curation.ledger import DropRule, StageResult, apply_rules
from limo_curation.problem_config import ALL_SCREENING_RULES, ScreeningConfig, ScreeningRule
from limo_curation.stage import RowStage
from limo_curation.tables import PROBLEMS, SCREENED

MIN_HAN_SHARE: Final = 0.1  # ours: a Chinese problem is mostly LaTeX and digits, so few Han characters decide
MAX_FOREIGN_SHARE: Final = 0.2  # ours: share of letters in scripts that neither English nor Chinese uses

LETTER: Final = r"\p{L}"
HAN: Final = r"\p{Han}"
FOREIGN: Final = (
    r"[\p{Cyrillic}\p{Hangul}\p{Hiragana}\p{Katakana}\p{Arabic}\p{Hebrew}\p{Thai}\p{Devanagari}\p{Bengali}\p{Tamil}]"
)
FIGURE: Final = (
    r"(?i)\[asy\]|!\[[^\]]*\]\(|<img\b|\\includegraphics|\\begin\{(tikzpicture|asy)\}"
    r"|\b(as )?(shown|drawn|pictured|depicted) (in|by|on) the (figure|diagram|graph|picture|image)"
    r"|\b(figure|diagram|picture|graph) (is )?(shown|below|above)\b|\bin the (accompanying|adjoining|following) "
    r"(figure|diagram|picture)|如图|下图|图中|图所示"
)
NOT_AN_ARGUMENT: Final = r"(?:^|[^\p{Latin}\p{Greek}\d)}\]'_^])"  # f(1) and f(a) are values, not parts
PARTS: Final = (
    rf"(?s){NOT_AN_ARGUMENT}\(a\).*{NOT_AN_ARGUMENT}\(b\)|{NOT_AN_ARGUMENT}\(i\).*{NOT_AN_ARGUMENT}\(ii\)"
    rf"|{NOT_AN_ARGUMENT}[（(]1[）)].+\p{{Han}}.*{NOT_AN_ARGUMENT}[（(]2[）)]"
)
PROOF: Final = r"(?i)\b(prove|show|demonstrate|verify) that\b|\bprove (the|or disprove)\b|证明|求证"
CHOICE: Final = r"(?i)\bwhich (one )?of the following\b|下列.{0,40}(是|为)"
OPTIONS: Final = r"(?s)(\(A\)|\bA[.:、．)]|\\textbf\{\(A\)).+(\(B\)|\bB[.:、．)]|\\textbf\{\(B\))"
OPTION_LETTER: Final = r"^\s*\(?\\?(text|textbf|mathrm)?\{?\(?[A-F]\)?\}?\)?\.?\s*$"
YES_OR_NO: Final = r"(?i)^\W*(\\text\{)?\s*(yes|no|true|false|是|否|对|错|正确|错误)\s*\}?\W*$"
NO_ANSWER: Final = (
    r"(?i)^\W*$|\b(see|refer to) (the )?(solution|proof|above|below)|^\W*(n/?a|none|unknown|null|proof)\W*$"
)
PROSE_WORD: Final = r"(?:^|[^\\\p{L}])\p{Latin}{3,}"
MAX_PROSE_WORDS: Final = 12  # ours: a gold answer with more words is an explanation, not an answer


def screen_problems(problems: pl.DataFrame, *, config: ScreeningConfig) -> StageResult:
    """Keep the problems that have a usable question and gold answer, and note their language.

    Args:
        problems: PROBLEMS rows.
        config: bounds in characters, and which rules are on.

    Returns:
        SCREENED rows; drop reasons are the names in `ScreeningConfig.rules`, tried in that order.
    """
    rules = [rule for name, rule in screening_rules(config).items() if name in config.rules]
    kept, dropped = apply_rules(problems, stage="screening", rules=rules)
    return StageResult(kept.with_columns(language=language(pl.col("question"))), dropped)


def language(text: pl.Expr) -> pl.Expr:
    """Return zh where at least a tenth of the letters are Han characters, else en."""
    return pl.when(share(text, HAN) >= MIN_HAN_SHARE).then(pl.lit("zh")).otherwise(pl.lit("en"))


def share(text: pl.Expr, pattern: str) -> pl.Expr:
    """Return the share of a text's letters that a pattern matches, in [0, 1]."""
    return text.str.count_matches(pattern) / text.str.count_matches(LETTER).clip(lower_bound=1)


def screening_rules(config: ScreeningConfig) -> dict[ScreeningRule, DropRule]:
    """Return every rule by its reason, in the order in which they are tried."""
    question, answer = pl.col("question"), pl.col("answer")
    length = question.str.len_chars()
    foreign = share(question, FOREIGN)
    has_options = question.str.contains(OPTIONS)
    prose = answer.str.replace_all(r"\\(text|mathrm|textbf)\{", " ").str.count_matches(PROSE_WORD)
    rules = (
        DropRule("empty_question", length == 0),
        DropRule("too_short", length < config.min_characters, length, float(config.min_characters)),
        DropRule("too_long", length > config.max_characters, length, float(config.max_characters)),
        DropRule("no_gold_answer", answer.is_null() | (answer == "")),
        DropRule(
            "unparsable_gold",
            answer.str.contains(NO_ANSWER)
            | (answer.str.len_chars() > config.max_answer_characters)
            | (prose > MAX_PROSE_WORDS),
            answer.str.len_chars(),
            float(config.max_answer_characters),
            answer,
        ),
        DropRule("needs_figure", question.str.contains(FIGURE), evidence=question.str.extract(f"({FIGURE})", 1)),
        DropRule("multi_part", question.str.contains(PARTS)),
        DropRule("proof", question.str.contains(PROOF), evidence=question.str.extract(f"({PROOF})", 1)),
        DropRule(
            "multiple_choice",
            answer.str.contains(OPTION_LETTER) & has_options | question.str.contains(CHOICE) & ~has_options,
            evidence=answer,
        ),
        DropRule("yes_no_answer", answer.str.contains(YES_OR_NO), evidence=answer),
        DropRule("unsupported_language", foreign > MAX_FOREIGN_SHARE, foreign, MAX_FOREIGN_SHARE),
    )
    return dict(zip(ALL_SCREENING_RULES, rules, strict=True))


SCREENING: Final = RowStage("screening", PROBLEMS, SCREENED, ALL_SCREENING_RULES, screen_problems)
