"""Screening: is this a usable problem at all? One part at a time, Polars expressions only.

"Prove that $n^2 + n$ is even."                          -> proof
"As shown in the figure, find the angle ABC."            -> needs_figure
"(a) Find f(2). (b) Hence find f(3)."                    -> multi_part
"Which is the largest? A. 3 B. 5 C. 7", answer "C"       -> multiple_choice
"下列说法中，正确的是（　）", answer "①③"                    -> multiple_choice

The patterns stand in `screening_patterns.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import polars as pl

from limo_curation.ledger import DropRule, StageResult, apply_rules
from limo_curation.plan import RowStage
from limo_curation.problem_config import ALL_SCREENING_RULES, ScreeningConfig, ScreeningRule
from limo_curation.screening_patterns import (
    ASKS_FOR_CHOICE,
    CIRCLED_STATEMENTS,
    DEBRIS,
    ENGLISH_WORDS,
    FIGURE,
    FOREIGN,
    HAN,
    LETTER,
    NO_ANSWER,
    OPTION_LETTERS,
    OPTIONS,
    OTHER_WORDS,
    PARTS,
    PROOF,
    PROSE_WORD,
    YES_OR_NO,
    Pattern,
)
from limo_curation.tables import PROBLEMS, SCREENED

MIN_HAN_SHARE: Final = 0.1  # ours: a Chinese problem is mostly LaTeX and digits, so few Han characters decide
MAX_FOREIGN_SHARE: Final = 0.2  # ours: share of letters in scripts that neither English nor Chinese uses
MIN_OTHER_WORDS: Final = 2  # ours: function words of another Latin language, in a text without an English one
SUSPECT: Final = "holds a word of some pattern"
ALL_WORDS: Final = [word for words, _ in (FIGURE, PARTS, PROOF, ASKS_FOR_CHOICE, OPTIONS, DEBRIS) for word in words]
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
    suspect = pl.col("question").str.contains_any(ALL_WORDS, ascii_case_insensitive=True).fill_null(value=False)
    kept, dropped = apply_rules(problems.with_columns(suspect.alias(SUSPECT)), stage="screening", rules=rules)
    return StageResult(kept.drop(SUSPECT).with_columns(language=language(pl.col("question"))), dropped)


def screening_rules(config: ScreeningConfig) -> dict[ScreeningRule, DropRule]:
    """Return every rule by its reason, in the order in which they are tried."""
    question, answer = pl.col("question"), pl.col("answer")
    length = question.str.len_chars()
    # as long as it reads: a Han character, of three bytes, says as much as two letters, and counts as two
    weight = (question.str.len_bytes() + length) // 2
    foreign = question.map_batches(foreign_shares, return_dtype=pl.Float64, is_elementwise=True)
    prose = answer.str.replace_all(r"\\(text|mathrm|textbf)\{", " ").str.count_matches(PROSE_WORD)
    rules = (
        DropRule("empty_question", length == 0),
        DropRule("too_short", weight < config.min_characters, weight, float(config.min_characters)),
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
        DropRule("needs_figure", matches(question, FIGURE), evidence=found(question, FIGURE)),
        DropRule("multi_part", matches(question, PARTS), evidence=found(question, PARTS)),
        DropRule("proof", matches(question, PROOF), evidence=found(question, PROOF)),
        DropRule("multiple_choice", is_unusable_choice(question, answer), evidence=answer),
        DropRule("yes_no_answer", answer.str.contains(YES_OR_NO), evidence=answer),
        DropRule("unsupported_language", foreign > MAX_FOREIGN_SHARE, foreign, MAX_FOREIGN_SHARE),
        DropRule("markup_debris", matches(question, DEBRIS), evidence=found(question, DEBRIS)),
    )
    return dict(zip(ALL_SCREENING_RULES, rules, strict=True))


def is_unusable_choice(question: pl.Expr, answer: pl.Expr) -> pl.Expr:
    """Return whether a problem asks to choose, and its options are missing or the answer only names one.

    It is usable where the options are in the text and the answer is the chosen one's value, which can be checked
    without them. A value of one character may be an option's number, so it does not show that they are there.
    """
    asks, has_options = matches(question, ASKS_FOR_CHOICE), matches(question, OPTIONS)
    names_statements = answer.str.contains(CIRCLED_STATEMENTS) & question.str.contains("[①②]")
    value = answer.str.strip_chars(" $.")
    is_in_text = (value.str.len_chars() > 1) & question.str.contains(value, literal=True)
    return (
        pl.when(answer.str.contains(OPTION_LETTERS))
        .then(asks | has_options)
        .otherwise(names_statements | (asks & ~has_options & ~is_in_text))
    )


# -- patterns ----------------------------------------------------------------------------------------------------------


def matches(text: pl.Expr, pattern: Pattern) -> pl.Expr:
    """Return whether a pattern is found in a text; the expression runs only where one of its words stands."""
    return pl.map_batches([text, pl.col(SUSPECT)], partial(matching, pattern=pattern), return_dtype=pl.Boolean)


def matching(columns: Sequence[pl.Series], pattern: Pattern) -> pl.Series:
    """Return which texts a pattern is found in; only the suspect ones, which hold a word of some pattern, are read."""
    texts, suspect = columns
    words, expression = pattern
    texts = texts.filter(suspect)
    has_word = texts.str.contains_any(list(words), ascii_case_insensitive=True)
    is_match = has_word.scatter(has_word.arg_true(), texts.filter(has_word).str.contains(expression))
    return suspect.scatter(suspect.arg_true(), is_match)


def found(text: pl.Expr, pattern: Pattern) -> pl.Expr:
    """Return what a pattern finds, for the ledger."""
    return text.str.extract(f"({pattern[1]})", 1)


# -- languages ---------------------------------------------------------------------------------------------------------


def language(text: pl.Expr) -> pl.Expr:
    """Return zh where at least a tenth of the letters are Han characters, else en."""
    return text.map_batches(languages, return_dtype=pl.String, is_elementwise=True)


def languages(texts: pl.Series) -> pl.Series:
    """Return zh or en for each text."""
    wide = is_wide(texts)
    is_zh = wide.scatter(wide.arg_true(), shares(texts.filter(wide), HAN) >= MIN_HAN_SHARE)
    return pl.select(pl.when(is_zh).then(pl.lit("zh")).otherwise(pl.lit("en"))).to_series()


def foreign_shares(texts: pl.Series) -> pl.Series:
    """Return how much of each text is in a language that is neither English nor Chinese, in [0, 1].

    In other scripts that is the share of the letters; a text in another Latin language counts as 1.
    """
    share = pl.zeros(texts.len(), pl.Float64, eager=True)
    places = is_wide(texts).arg_true()
    has_script = texts.gather(places).str.contains(FOREIGN)
    places = places.filter(has_script)
    share = share.scatter(places, shares(texts.gather(places), FOREIGN))
    is_english = texts.str.contains_any(list(ENGLISH_WORDS), ascii_case_insensitive=True).fill_null(value=True)
    rest = texts.filter(~is_english)
    is_other = rest.str.count_matches(OTHER_WORDS) >= MIN_OTHER_WORDS
    return share.scatter((~is_english).arg_true().filter(is_other), 1.0)


def is_wide(texts: pl.Series) -> pl.Series:
    """Return which texts hold a sign beyond ASCII."""
    return (texts.str.len_bytes() != texts.str.len_chars()).fill_null(value=False)


def shares(texts: pl.Series, pattern: str) -> pl.Series:
    """Return the share of each text's letters that a pattern matches, in [0, 1]."""
    return texts.str.count_matches(pattern) / texts.str.count_matches(LETTER).clip(lower_bound=1)


SCREENING: Final = RowStage("screening", PROBLEMS, SCREENED, ALL_SCREENING_RULES, screen_problems)
