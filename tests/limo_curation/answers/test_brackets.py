"""What stands outside all brackets."""

import pytest

from limo_curation.answers.brackets import is_balanced, side_by_side, split_top


def test_separators_inside_brackets_do_not_split() -> None:
    assert split_top("1,(2,3),{4,5}", ",") == ["1", "(2,3)", "{4,5}"]
    assert split_top("1", ",") == ["1"]


@pytest.mark.parametrize(("text", "is_so"), [("(1,2]", True), ("(1", False), (")(", False), ("", True)])
def test_half_open_intervals_are_balanced(text: str, is_so: bool) -> None:
    assert is_balanced(text) is is_so


def test_only_tuples_stand_side_by_side() -> None:
    assert side_by_side("(1,2)(3,4)") == ["(1,2)", "(3,4)"]
    assert side_by_side("(x+1)(x-1)") == []
    assert side_by_side("((1,2)(3,4))") == []
