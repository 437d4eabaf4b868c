"""Difficulty: drop what a weak solver solves, keep what a strong solver solves rarely.

    weak cascade   each solver in turn, attempt by attempt; the first success drops the problem
    strong band    up to 32 attempts, kept at 1 to 3 successes; the fourth success ends the sampling
    published      a pass rate that the source publishes takes the place of sampling

A gold answer that most strong attempts contradict with one other answer is disputed (`gold_audit.py`).
Problems are tried side by side. The attempts on each are looked at in their order, and what came after the deciding one
is not counted: so neither the order in which they finish nor how many are under way changes a number. "LIMO" numbers
are in `config.DifficultyConfig`.

In the order in which to read them:

    rating.py         the stage
    cascade.py        solver by solver
    interleaving.py   one solver's attempts at many problems, drawn and graded side by side
    tallies.py        what the attempts on a problem have shown
    band.py           the rules by which a problem is dropped
    demand.py         the other stage, which rates only as many problems as are needed, the likeliest first
    prediction.py     how likely a problem is to be kept
    demand_pool.py    which problems a round looks at
    demand_rounds.py  asks the solvers
    demand_result.py  writes what became of every problem
"""

from limo_curation.difficulty.band import DROP_REASONS
from limo_curation.difficulty.rating import DIFFICULTY, rate_problems

__all__ = ["DIFFICULTY", "DROP_REASONS", "rate_problems"]
