"""Final answers: finding one in a reasoning text, and deciding whether two of them are equal.

The third verdict, "could not check", is never read as either of the others. Importing this loads neither sympy nor
Polars; `limo_curation.answers.column.compare_column` compares whole columns of plain numbers at once.
"""

from limo_curation.answers.extraction import extract_answer
from limo_curation.answers.policy import AnswerPolicy
from limo_curation.answers.tiers import compare_answers, compare_many, explain_answers, explain_many
from limo_curation.answers.verdicts import Comparison, Reason, Verdict

__all__ = [
    "AnswerPolicy",
    "Comparison",
    "Reason",
    "Verdict",
    "compare_answers",
    "compare_many",
    "explain_answers",
    "explain_many",
    "extract_answer",
]
