"""Equal, different or undecided: each pair stands for one mistake that a grader made."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.answers import Verdict, compare_answers, compare_many
from limo_curation.answers.tiers import exact_tier
from limo_curation.answers.verdicts import Comparison

EXACTLY_EQUAL = [
    ("7", "7.0"),
    ("12,500", "12500"),
    (r"12{,}500", r"\$12,\!500"),
    (r"$\dfrac{3}{4}$.", "0.75"),
    (r"\frac34", "3/4"),
    ("1 1/2", "3/2"),
    (r"1\frac{1}{2}", "1.5"),
    (r"-\frac{2}{4}", "-1/2"),
    ("−5", "-5"),
    ("１２", "12"),
    (r"5\times 10^{3}", "5000"),
    (r"\text{Even}", "even"),
    ("(C)", r"\textbf{C}"),
    (r"40^\circ", "40"),
    (r"6\text{ cm}", "6"),
    ("9 meters", r"9\mathrm{ m}"),
    ("x = 11", "11"),
    (r"x \in [2, 3)", "[2,3)"),
    (r"5 \le x", r"x \geq 5"),
    ("(1, 0.5)", r"\left(1,\frac{1}{2}\right)"),
    (r"\{3, 1\}", "1, 3"),
    (r"6 \text{ and } 8", "8,6"),
    ("(p,q)=(3,2)", "(3,2)"),
    ("x=1,y=2", "1,2"),
    (r"1 \pm \sqrt{5}", r"1-\sqrt{5}, 1+\sqrt{5}"),
    (r"(-\infty,-2)\cup(2,\infty)", r"(2,+\infty)\cup(-\infty,-2)"),
    ("101_2", "101_{2}"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix} 1 & 2 \\ 3 & 4.0 \end{bmatrix}"),
]
SURELY_DIFFERENT = [
    ("1 1/2", "11/2"),
    ("372", "204"),
    ("0.34", "1/3"),
    ("101_2", "101_3"),
    ("5 cm", "5 m"),
    ("5 cm", r"5 cm^2"),
    ("(0,1]", "[0,1]"),
    ("(1,2)", "(2,1)"),
    ("x<3", "x>3"),
    (r"\text{A}", "B"),
    (r"\infty", r"-\infty"),
    ("4", "4, 7"),
    ("1,2,3", "1,2,4"),
    (r"\{x\mid -1<x<1\}", r"\{x\mid -2<x<1\}"),
]
NOT_FOR_US_TO_SAY = [
    ("1", r"1\%"),
    ("0.5", r"50\%"),
    ("1", r"1\text{ million}"),
    ("1", r"\ne 1"),
    ("1", r"\approx 1"),
    ("x = 5", "y = 5"),
    ("(1,2)", "1,2"),
    (r"\{1,2\}", "(2,1)"),
    ("(8,-2)", "[8,-2]"),
    ("-1,-1,1,1", "-1,1"),
    (r"\log_6 216=3", r"\log_6 218=3"),
    ("x=1,y=2", "2,1"),
    ("1/3", "0.333"),
    ("C", "5"),
    ("60 minutes", "1 hour"),
    ("5m", "5"),
    ("100,200", "200,100"),
    ("", "0"),
    ("12_{3", "12"),
]


def settled(predicted: str, gold: str) -> Verdict | None:
    """Return the exact tier's verdict; None where it would ask the symbolic tier."""
    found = exact_tier(predicted, gold)
    return found.verdict if isinstance(found, Comparison) else None


@pytest.mark.parametrize(("predicted", "gold"), EXACTLY_EQUAL)
def test_same_answer_in_other_words_is_equal_without_sympy(predicted: str, gold: str) -> None:
    assert settled(predicted, gold) is Verdict.EQUAL


@pytest.mark.parametrize(("predicted", "gold"), SURELY_DIFFERENT)
def test_other_answers_are_different_without_sympy(predicted: str, gold: str) -> None:
    assert settled(predicted, gold) is Verdict.DIFFERENT


def test_answers_that_graders_wrongly_call_equal_are_undecided() -> None:
    verdicts = compare_many(*zip(*NOT_FOR_US_TO_SAY, strict=True))
    assert dict(zip(NOT_FOR_US_TO_SAY, verdicts, strict=True)) == dict.fromkeys(NOT_FOR_US_TO_SAY, Verdict.UNDECIDED)


def test_order_of_the_two_answers_does_not_matter() -> None:
    pairs = EXACTLY_EQUAL + SURELY_DIFFERENT + NOT_FOR_US_TO_SAY
    left, right = zip(*pairs, strict=True)
    assert compare_many(left, right) == compare_many(right, left)


def test_missing_answer_is_undecided() -> None:
    assert compare_many([None, "5", None], ["5", None, None]) == [Verdict.UNDECIDED] * 3


def test_verdicts_stand_in_the_order_of_the_pairs() -> None:
    predicted = ["1", r"\sqrt{8}", "2", r"\sqrt{9}", r"\sqrt{8}"]
    gold = ["1", r"2\sqrt{2}", "3", "3", r"3\sqrt{2}"]
    assert [verdict.value for verdict in compare_many(predicted, gold)] == [
        "equal",
        "equal",
        "different",
        "equal",
        "different",
    ]


def test_sequences_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        compare_many(["1", "2"], ["1"])


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_an_answer_equals_itself(answer: str) -> None:
    assert compare_answers(answer, answer) is Verdict.EQUAL


@given(
    st.text(alphabet="0123456789.,/-()[]{}\\ ^_xab=<>%√π", max_size=12), st.text(alphabet="012,.-/() x=", max_size=8)
)
@settings(max_examples=300)
def test_exact_tier_is_symmetric(left: str, right: str) -> None:
    assert exact_tier(left, right) == exact_tier(right, left)


@given(st.integers(), st.integers())
def test_integers_are_equal_exactly_when_they_are(left: int, right: int) -> None:
    expected = Verdict.EQUAL if left == right else Verdict.DIFFERENT
    assert compare_answers(f"{left:,}", f"${right}$.") is expected


@given(st.fractions(max_denominator=999), st.integers(min_value=1, max_value=9))
def test_fractions_are_equal_in_any_form(value: Fraction, factor: int) -> None:
    above, below = value.numerator * factor, value.denominator * factor
    sign = "-" if above < 0 else ""
    assert compare_answers(f"{sign}\\frac{{{abs(above)}}}{{{below}}}", f"{above}/{below}") is Verdict.EQUAL
    neighbour = f"{above + 1}/{below}"
    assert compare_answers(f"{above}/{below}", neighbour) is Verdict.DIFFERENT
