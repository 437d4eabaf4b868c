"""Generation: reasoning chains for each problem, in one form, none of them cut off or longer than a student reads."""

from limo_curation.generation.chains import GENERATION, generate_chains
from limo_curation.generation.student import student_revision
from limo_curation.generation.thinking import Reasoning, normalise_reasoning

__all__ = ["GENERATION", "Reasoning", "generate_chains", "normalise_reasoning", "student_revision"]
