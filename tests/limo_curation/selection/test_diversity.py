"""The sketches of diversity: as near as the exact similarity says, also for texts that fill few bins."""

import numpy as np
import polars as pl
import pytest

from limo_curation.selection.diversity import nearest_similarities, similarity, sketch_questions

TEXT = "a train leaves the station of the capital at noon and reaches the harbour when the third bell rings"
WORDS = TEXT.split()


def likeness(one: str, other: str) -> float:
    first, second = sketch_questions(pl.Series([one, other]))
    return similarity(first, second)


def exact(one: str, other: str) -> float:
    first, second = ({text[place : place + 5] for place in range(len(text) - 4)} for text in (one, other))
    return len(first & second) / len(first | second)


def test_other_numbers_and_names_leave_a_problem_the_same() -> None:
    assert likeness("Ann has 3 apples and buys 5.", "Bob has 70 apples and buys 41.") == 1.0


@pytest.mark.parametrize("num_other", [2, 6, 12])
def test_estimate_is_near_the_exact_similarity(num_other: int) -> None:
    one, other = " ".join(WORDS), " ".join([*WORDS[:-num_other], *(word[::-1] for word in WORDS[-num_other:])])
    assert likeness(one, other) == pytest.approx(exact(one, other), abs=0.2)


def test_short_texts_are_not_alike_for_the_bins_that_both_leave_empty() -> None:
    assert likeness("Find x.", "Prove it!") == 0.0
    assert likeness("Find x.", "Find x.") == 1.0
    assert likeness("", "Find x.") == 0.0


def test_nearest_is_looked_for_within_the_domain_only() -> None:
    sketches = sketch_questions(pl.Series(["Count the red apples.", "Count the red apples.", "Draw a large circle."]))
    assert nearest_similarities(sketches, np.array([1, 1, 1]))[:2].tolist() == [1.0, 1.0]
    assert nearest_similarities(sketches, np.array([1, 2, 2]))[0] == 0.0
