"""Verification: a chain stays only where its final answer is right and nothing that it claims is false.

In the order in which to read them:

    steps.py         check_steps, one verdict for each equation of a chain
    tokens.py        formulas and prose as one stream of tokens
    claims.py        which tokens claim to be equal
    arithmetic.py    reads one side; values.py calculates within bounds
    sides.py         its value, and what about it matters for a comparison
    equality.py      equal, but for rounding; units.py: and but for units
    context.py       is a claim asserted, or taken back
    known_values.py  the values that a chain gives to names
    propagation.py   these, put into the other equations
    texture.py       loops, mixed languages, answers without reasoning
    chains.py        the stage: every reason to drop a chain
"""

from limo_curation.verification.chains import VERIFICATION, verify_chains
from limo_curation.verification.claims import Status
from limo_curation.verification.steps import StepCheck, check_steps

__all__ = ["VERIFICATION", "Status", "StepCheck", "check_steps", "verify_chains"]
