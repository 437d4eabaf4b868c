"""Equal, different or undecided: each pair stands for one mistake that a grader made."""

from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from limo_curation.answers import Verdict, compare_answers, compare_many, explain_answers
from limo_curation.answers.tiers import exact_tier
from limo_curation.answers.verdicts import Comparison, Reason

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
    ("x = 12,500", "12500"),
    ("x = e", "e"),
    ("20, 200", "200, 20"),
    (r"\begin{cases}x=1\\y=2\end{cases}", "x=1,y=2"),
    (r"\left\{\begin{array}{l}x=1\\y=2\end{array}\right.", "x=1,y=2"),
    (r"\langle 1,2\rangle", "(1,2)"),
    (r"\binom52", r"{5 \choose 2}"),
    (r"\lfloor 3.7 \rfloor", "3"),
    ("{x|x>3}", r"(3,\infty)"),
    (r"10^{\circ}\text{C}", "10"),
    ("①③", "③, ①"),
    (r"v=\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
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
    (r"\begin{bmatrix}1\\2\\\end{bmatrix}", r"\left[\begin{array}{c}1\\2\end{array}\right]"),
    (r"\frac{1}{2}\begin{pmatrix}2\\4\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
    ("3+5", "8"),
    ("2^{2024}+1", "1+2^{2024}"),
    (r"x = 5+5+1 = 11", "11"),
    (r"z=3+3=2", "z=1+1=2"),
    (r"\frac{1}{4}\approx 0.3", "0.25"),
    ("|AB| = 1", "1"),
    (r"S_{MBCN}:S=7:32", "7:32"),
    (r"V_{1}:V_{2}=11:21", "11:21"),
    ("2:4", "1:2"),
    (r"\frac{NO}{BO}=\frac{1}{2}", "0.5"),
    ("p=5,q=2;p=7,q=2", "(7,2),(5,2)"),
    ("x=1,y=2", "(1,2)"),
    ("y=2,x=1", "x=1,y=2"),
    ("(2,1)(3,4)", "(3,4),(2,1)"),
    (r"x=\pm 1,\pm 2", r"\{-2,-1,1,2\}"),
    ("f(x)=1", "f(n)=1"),
    (r"(1, 2 \pm 3)", "(1,5), (1,-1)"),
    (r"x \in [-2,7]", r"-2 \le x \le 7"),
    ("x<3", r"(-\infty,3)"),
    ("x<-2 or x>2", r"(-\infty,-2)\cup(2,\infty)"),
    (r"1\le|z|\le\frac{3}{2}", r"[-1.5,-1]\cup[1,1.5]"),
    ("|x|<3", "-3<x<3"),
    (r"\{x \mid x>3\}", r"(3,\infty)"),
    (r"\mathbb{R}", r"(-\infty,\infty)"),
    (r"\emptyset", r"\varnothing"),
    (r"\\frac{1}{2}", r"\frac{1}{2}"),
    ("1000,99", "1000.99"),
    ("1,000.99 m²", "1000.99"),
    ("€1,000.99", "1000.99"),
    ("5 million", "5000000"),
    ("5万", "50000"),
    ("3.61e-10", r"3.61\times 10^{-10}"),
    ("12 red apples", "12"),
    ("C. 12", "C"),
    ("(C) 12", "12"),
    ("C Cecile", "C"),
    ("ABD", "A, B, D"),
    ("Yes, it is", "yes"),
    (r"\text{the largest } n \text{ is } 34", "34"),
    ("每份应该是(\\frac{2}{5})吨", "2/5"),
    (r"\text{infinite}", "Infinite"),
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
    ("(0,1)", "0<x<2"),
    (r"0<x\le 1", "(0,1)"),
    ("|x|<3", "|x|<4"),
    (r"\$5", "5 cents"),
    ("2:1", "1:2"),
    ("D", "C. 12"),
    ("No, never", "yes"),
    ("1", "37%"),
    ("2^{2024}+1", "2^{2024}-1"),
    ("1:2:3", "1:2"),
    ("1,3", "13"),
    ("①③", "①②"),
    (r"3\pi", r"9\sqrt{2}"),
    (r"\sqrt{8}", r"2\sqrt{3}"),
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
    ("3", r"3\%"),
    ("~5", "5"),
    ("x~5", "5"),
    (r"x \approx 11", "11"),
    ("3-5", "-2"),  # a range or a score
    ("[5]", "5"),
    (r"\{5\}", "5"),
    ("0,5", "0.5"),
    ("1,2", "1.2"),
    ("1,234", "1.234"),
    ("1,00,000", "100000"),
    ("1.87e6", "1870400"),
    (r"\frac{2}{3}", "0.66"),
    ("0.33", "0.333"),
    ("101_2", "101"),
    ("101_2", "5"),
    ("x<4", r"x \le 3"),  # the same whole numbers
    ("0", "a + 3z = 0"),
    ("11a+c", "7 = 11a+c"),
    (r"x \ne 1", "1"),
    ("x=2", "x^2=4"),
    ("5 hundred apples", "5"),
    ("3 tenths", "3"),
    ("5k", "5"),
    ("no", "on"),
    ("n is not 5", "5"),
    ("2e-3", "0.002"),
    ("10:30", "5:15"),
    ("7:32", "7/32"),
    ("1 and a half", "1"),
    ("BC", "B"),
    ("the answer is at least 5", "5"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)"),
    (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
    ("|x|>3", "|x|>4"),
    ("m=n", "n"),
    ("7((1)/(2))", "7/2"),
    ("88(2)/(3)", "176/3"),
    ("1, 234", "1234"),
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


@pytest.mark.parametrize(
    ("predicted", "gold", "reason"),
    [
        (r"$7$", "7", Reason.SAME_TEXT),
        ("7.0", "7", Reason.SAME_NUMBER),
        (r"\{3, 1\}", "1, 3", Reason.SAME_STRUCTURE),
        (r"\sqrt{8}", r"2\sqrt{2}", Reason.SYMBOLIC),
        ("2x", "3x", Reason.SYMBOLIC),
        ("7", "8", Reason.OTHER_NUMBER),
        ("1,2", "1,3", Reason.OTHER_ELEMENT),
        ("(1,2)", "(1,2,3)", Reason.OTHER_LENGTH),
        ("0.5", r"50\%", Reason.PERCENT),
        ("5 cm", "5 m", Reason.UNIT),
        ("1/3", "0.333", Reason.ROUNDED),
        (r"\sqrt{2}", "1.414", Reason.ROUNDED),
        ("101_2", "5", Reason.BASE),
        ("x=1,y=2", "2,1", Reason.ORDER),
        ("1,1,2", "1,2", Reason.MULTIPLICITY),
        ("(0,1]", r"x \in [0,1]", Reason.BRACKET),
        ("x=5", "y=5", Reason.NAME),
        ("A", "B", Reason.CHOICE),
        ("0,5", "0.5", Reason.GROUPING),
        (r"x \ne 1", "1", Reason.RELATION),
        ("x^2=4", "2", Reason.RELATION),
        ("2:3", "5", Reason.OTHER_KIND),
        ("x^2=0", "x=y", Reason.NAME),
        ("whatever this says", "5", Reason.NOT_UNDERSTOOD),
        ("9" * 3_000, "8", Reason.TOO_LONG),
        ("", "5", Reason.NOT_UNDERSTOOD),
    ],
)
def test_every_verdict_says_what_it_rests_on(predicted: str, gold: str, reason: Reason) -> None:
    assert explain_answers(predicted, gold).reason is reason


def test_missing_answer_is_named_as_the_reason() -> None:
    assert explain_answers(None, "5").reason is Reason.NO_ANSWER


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
@settings(max_examples=300, deadline=None)
def test_an_answer_equals_itself(answer: str) -> None:
    assert compare_answers(answer, answer) is Verdict.EQUAL


@given(
    st.text(alphabet="0123456789.,/-()[]{}\\ ^_xab=<>%√π", max_size=12), st.text(alphabet="012,.-/() x=", max_size=8)
)
@settings(max_examples=300, deadline=None)
def test_exact_tier_is_symmetric(left: str, right: str) -> None:
    assert exact_tier(left, right) == exact_tier(right, left)


@given(st.integers(), st.integers())
@settings(deadline=None)
def test_integers_are_equal_exactly_when_they_are(left: int, right: int) -> None:
    expected = Verdict.EQUAL if left == right else Verdict.DIFFERENT
    assert compare_answers(f"{left:,}", f"${right}$.") is expected


NOTATIONS: list[Callable[[Fraction, int], str]] = [
    lambda value, factor: f"{value.numerator * factor}/{value.denominator * factor}",
    lambda value, factor: f"\\dfrac{{{value.numerator * factor}}}{{{value.denominator * factor}}}",
    lambda value, _: f"{'-' if value < 0 else ''}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}",
    lambda value, _: f"$x = {value.numerator}/{value.denominator}$",
    lambda value, _: f"\\left( {value.numerator}/{value.denominator} \\right).",
    lambda value, _: f"\\frac{{{value.numerator}}}{{{value.denominator}}}\\text{{ cm}}",
    lambda value, _: f"\\boxed{{\\frac{{{value.numerator}}} {{{value.denominator}}}}}",
    lambda value, factor: f"{value.numerator - factor * value.denominator}/{value.denominator}+{factor}",
    lambda value, _: f"{'-' if value < 0 else ''}{abs(value) // 1} {abs(value) % 1}" if abs(value) % 1 else str(value),
]
NOTATION = st.sampled_from(NOTATIONS)
FACTOR = st.integers(min_value=1, max_value=9)


@given(st.fractions(max_denominator=99), NOTATION, NOTATION, FACTOR)
@settings(max_examples=400, deadline=None)
def test_a_rational_number_is_equal_in_any_two_notations(
    value: Fraction, first: Callable[[Fraction, int], str], second: Callable[[Fraction, int], str], factor: int
) -> None:
    assert settled(first(value, factor), second(value, factor)) is Verdict.EQUAL


@given(st.fractions(-99, 99, max_denominator=99), st.fractions(-99, 99, max_denominator=99), NOTATION, NOTATION, FACTOR)
@settings(max_examples=400, deadline=None)
def test_two_rational_numbers_are_never_equal_in_any_notations(
    left: Fraction,
    right: Fraction,
    first: Callable[[Fraction, int], str],
    second: Callable[[Fraction, int], str],
    factor: int,
) -> None:
    assume(left != right)
    assert settled(first(left, factor), second(right, factor)) is Verdict.DIFFERENT


NEAR_MISSES: list[Callable[[int], tuple[str, str]]] = [
    lambda n: (f"{n}\\%", f"{n}"),
    lambda n: (f"{n}", f"{n}00\\%"),
    lambda n: (f"{n}", f"{n}00"),
    lambda n: (f"{n}", f"-{n}"),
    lambda n: (f"({n}, {n + 1})", f"[{n}, {n + 1})"),
    lambda n: (f"({n}, {n + 1})", f"({n + 1}, {n})"),
    lambda n: (f"({n}, {n + 1})", f"{n}, {n + 1}"),
    lambda n: (f"\\{{{n}, {n + 1}\\}}", f"({n}, {n + 1})"),
    lambda n: (f"{n}, {n}, {n + 1}", f"{n}, {n + 1}"),
    lambda n: (f"101_{{{n % 8 + 2}}}", f"101_{{{n % 8 + 3}}}"),
    lambda n: (f"{n}_{{12}}", f"{n}"),
    lambda n: (f"{n}\\text{{ million}}", f"{n}"),
    lambda n: (f"x \\ne {n}", f"{n}"),
    lambda n: (f"x \\approx {n}", f"{n}"),
    lambda n: (f"x \\le {n}", f"x < {n}"),
    lambda n: (f"x > {n}", f"x < {n}"),
    lambda n: (f"{n} 1/2", f"{n}1/2"),
    lambda n: (f"{n}\\text{{ cm}}", f"{n}\\text{{ m}}"),
    lambda n: (f"{n}\\text{{ cm}}^2", f"{n}\\text{{ cm}}"),
    lambda n: (f"\\frac{{{n}}}{{7}}", f"{round(n / 7, 3)}"),
    lambda n: (f"\\log_6 {n}=3", f"\\log_6 {n + 2}=3"),
    lambda n: (f"\\{{x \\mid -{n}<x<{n}\\}}", f"\\{{x \\mid -{n + 1}<x<{n}\\}}"),
    lambda n: (f"{n}x", f"{n}y"),
    lambda n: (f"x_{n} = 1", f"x_{n + 1} = 1"),
    lambda n: (f"{n}:{n + 1}", f"{n + 1}:{n}"),
    lambda n: (f"A. {n}", "B"),
    lambda n: (f"{n}x + y = 1", f"{n}x - y = 1"),
    lambda n: (f"{n} > x", f"{n} < x"),
    lambda n: (f"\\sqrt{{{n}}}", f"\\sqrt{{{n}}}\\pi"),
]


@given(st.sampled_from(NEAR_MISSES), st.integers(min_value=1, max_value=999))
@settings(max_examples=400, deadline=None)
def test_near_misses_are_never_equal(make: Callable[[int], tuple[str, str]], number: int) -> None:
    assume(number % 7 != 0)
    assert settled(*make(number)) is not Verdict.EQUAL


@given(st.integers(-999, 999), st.sampled_from(["", " ", "  ", "\\,", "\\ ", "\\;", "\\quad ", "\u00a0", "\t"]))
@settings(deadline=None)
def test_space_around_a_number_changes_nothing(number: int, space: str) -> None:
    assert settled(f"{space}{number}{space}", f"{number}") is Verdict.EQUAL
    assert settled(f"({space}{number}{space},{space}1)", f"({number},1)") is Verdict.EQUAL


ANSWERS = st.sampled_from([answer for pair in EXACTLY_EQUAL + SURELY_DIFFERENT + NOT_FOR_US_TO_SAY for answer in pair])


@given(ANSWERS, ANSWERS)
@settings(max_examples=1_000, deadline=None)
def test_reasons_are_symmetric_too(left: str, right: str) -> None:
    found, other = (exact_tier(*pair) for pair in ((left, right), (right, left)))
    assert found == other
