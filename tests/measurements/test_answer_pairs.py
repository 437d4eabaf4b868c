"""How pairs are chosen and made for the measurement of answers."""

from __future__ import annotations

from measurements.answer_pairs import in_turn, spread, unboxed
from measurements.answer_rewritings import Pair


def test_kinds_take_turns_so_that_a_frequent_one_does_not_crowd_out_the_others() -> None:
    frequent, rare = [Pair(str(number), "1", False, "frequent") for number in range(5)], [Pair("a", "b", False, "rare")]
    assert [pair.kind for pair in in_turn([frequent, rare])][:3] == ["frequent", "rare", "frequent"]
    assert len(list(in_turn([frequent, rare]))) == 6


def test_sample_is_from_all_over_the_list() -> None:
    pairs = [Pair(str(number), "1", False, "any") for number in range(100)]
    assert [pair.predicted for pair in spread(pairs, 4)] == ["0", "25", "50", "75"]
    assert spread(pairs, 1_000) == pairs


def test_boxes_are_taken_off_and_the_last_is_what_must_be_found() -> None:
    text = r"First $\boxed{2}$, then $x = \boxed{\frac{1}{3}}$."
    assert list(unboxed(text, "any")) == [Pair(r"First $2$, then $x = \frac{1}{3}$.", r"\frac{1}{3}", True, "any")]
    assert list(unboxed("no box", "any")) == []
    assert list(unboxed(r"\boxed{3}, and one that is cut off: \boxed{4", "any")) == []
