"""What a chain does: checks that calculate, second ways, corrections."""

import polars as pl
import pytest

from limo_curation.judging import score_rules
from limo_curation.judging.levels import count_verified


def structure(text: str) -> dict[str, int]:
    return score_rules(pl.DataFrame({"chain_id": ["c"], "chain": [text]})).row(0, named=True)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Let me check: 3 + 4 = 7.", 1),
        ("Let me check this. The sum is 3 + 4 = 7.", 0),
        ("验算：3+4=7。", 1),
        ("Let me check this. I am careful. All is well.", 0),
        ("Let me check: 3 + 4 = 7. Let me check: 4 + 5 = 9.", 1),
        ("Let me check: 3 + 4 = 7. I verify the sum: 3 + 4 = 7.", 1),
        ("Let me check: 3 + 4 = 7. I verify the product: 3 * 4 = 12.", 2),
    ],
)
def test_a_check_needs_an_equation_and_new_words_and_a_new_equation(text: str, count: int) -> None:
    assert structure(text)["num_checks"] == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("So s = 8. That is wrong. The sum is s = 3 + 4.", 1),
        ("算错了，应该是3+4=7。", 1),
        ("That is wrong. I am sorry about it.", 0),
    ],
)
def test_a_correction_needs_an_equation(text: str, count: int) -> None:
    assert structure(text)["num_corrections"] == count


NEW_FORMULAS = "Let x = 3. Then y = 4. Hence z = 5."


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (f"Let a = 1. Another way is to name them. {NEW_FORMULAS}", 1),
        (f"Let a = 1. 换一种方法。 {NEW_FORMULAS}", 1),
        ("Let a = 1. Another way is to name them. Alternatively, one could think.", 0),
        (f"{NEW_FORMULAS} Another way is to name them. {NEW_FORMULAS}", 0),
        (f"Let a = 1. Another way is this. {NEW_FORMULAS} Another way is this. p = 1. q = 2. r = 3.", 1),
        (f"Let a = 1. Another way is this. {NEW_FORMULAS} A different approach helps. p = 1. q = 2. r = 3.", 2),
    ],
)
def test_a_second_way_brings_formulas_of_its_own(text: str, count: int) -> None:
    assert structure(text)["num_paths"] == count


def test_a_check_holds_or_fails_by_its_equations() -> None:
    texts = ["Let me check: 3 + 4 = 7, and 4 + 5 = 9.", "Let me check: 3 + 4 = 8.", "So 3 + 4 = 7.", None]
    assert count_verified(pl.Series(texts)).rows() == [(1, 0), (0, 1), (0, 0), (0, 0)]


def test_latex_commands_and_symbols_are_no_prose() -> None:
    assert structure(r"Therefore \frac{1}{2} + x = 7, clearly. I see.")["num_prose_words"] == 2
