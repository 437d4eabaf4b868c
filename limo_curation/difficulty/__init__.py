"""Difficulty: drop what a weak solver solves, keep what a strong solver solves rarely.

    weak cascade   each solver in turn, attempt by attempt; the first success drops the problem
    strong band    up to 32 attempts, kept at 1 to 3 successes; the fourth success ends the sampling
    published      a pass rate that the source publishes takes the place of sampling

A gold answer that most strong attempts contradict with one other answer is disputed (`gold_audit.py`).
Attempts are looked at in their order, and what came after the deciding one is not counted: so neither the size of a
round nor the batch changes a number. "LIMO" numbers are in `config.DifficultyConfig`.

In the order in which to read them:

    rating.py    the stage
    cascade.py   draws the attempts, solver by solver
    tallies.py   what the attempts on a problem have shown
    band.py      the rules by which a problem is dropped
"""

from limo_curation.difficulty.band import DROP_REASONS
from limo_curation.difficulty.rating import DIFFICULTY, rate_problems

__all__ = ["DIFFICULTY", "DROP_REASONS", "rate_problems"]
