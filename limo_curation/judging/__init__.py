"""Judging: how well a chain reasons, by rules and by models.

In the order in which to read the rules:

    sentences.py    chains cut into sentences, and what stands in each
    soundness.py    does the text arrive, move on and keep to the matter
    structure.py    checks that calculate, second ways, corrections
    features.py     everything that is counted, in one frame
    reference.py    what good chains have of each axis, as stored percentiles
    rules.py        the rule score (LIMO's four axes), and the stage
    levels.py       L1 to L5 by the rubric
"""

from limo_curation.judging.levels import grade_level
from limo_curation.judging.rules import JUDGING, judge_chains, score_rules

__all__ = ["JUDGING", "grade_level", "judge_chains", "score_rules"]
