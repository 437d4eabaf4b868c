"""Final answers: finding one in a reasoning text, and deciding whether two of them are equal.

The third verdict, "could not check", is never read as either of the others. Importing this loads no sympy.
"""

from limo_curation.answers.comparison import compare_answers, compare_many
from limo_curation.answers.extraction import extract_answer
from limo_curation.answers.verdicts import Verdict

__all__ = ["Verdict", "compare_answers", "compare_many", "extract_answer"]
