"""What check_steps says about equations as people and models write them."""

import random
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.verification import StepCheck, check_steps


def statuses(chain: str) -> list[str]:
    return [str(check.status) for check in check_steps(chain)]


@pytest.mark.parametrize(
    "chain",
    [
        "3 + 4 = 7",
        "So 12 / 4 = 3.",
        "5 x 6 = 30",
        "2**5 = 32 and 2^5 = 32",
        r"$3 \times 4 = 12$ and $12 \div 4 = 3$",
        r"\[ \frac{9}{4} + \frac{3}{4} = 3 \]",
        r"\(\dfrac12 + \tfrac{1}{2} = 1\)",
        "**12 - 5 = 7** apples",
        "Ann sold 48/2 = <<48/2=24>>24 clips",
        "She pays $5 + $3 = $8.",
        r"It costs $\$12.50 \times 4 = \$50$.",
        "1,250 + 750 = 2,000",
        r"$12{,}500 + 500 = 13{,}000$ and $97^3 = 912,\!673$",
        "20% of 50 = 10",
        "90/450 * 100 = 20%",
        "50% = 0.5",
        "1 1/2 + 1/2 = 2",
        r"$2\frac{1}{2} \cdot 2 = 5$",
        r"$3\left(4 + 5\right) = 27$",
        r"$\sqrt{16} + \sqrt{2} \cdot \sqrt{8} = 8$",
        r"$\sqrt{12} = 2\sqrt{3}$ and $\sqrt[3]{27} = 3$",
        r"$\sin 30^\circ = \frac{1}{2}$ and $\cos \frac{\pi}{3} = \frac12$",
        "5! = 120",
        r"$\binom{5}{2} = 10$",
        r"$\lfloor 7/2 \rfloor = 3$",
        r"$|3 - 5| = 2$",
        "180° - 90° = 90°",
        "21 marbles - 4 dropped marbles = 17 marbles",
        "60 miles/hour * 3 hours = 180 miles",
        "每天3个×5天=15个",
        "所以一共有 12÷4=3 个。",
        "2.4 hours = 2 hours 24 minutes",
        "24 minutes = 0.4 hours",
        "1/3 = 0.33",
        "2/3 = 0.66 and 2/3 = 0.67",
        r"\begin{align*} x &= 3 + 4 \\ &= 7 \end{align*}".replace("x &= ", "& 1 + 6 = "),
        "0.3 - 0.2 = 0.09999999999999998",
        r"$4.14 \times 10^{3} \times 2.01 = 8.32 \times 10^{3}$",
        "10//3 = 3",
    ],
)
def test_true_arithmetic_holds_in_every_notation(chain: str) -> None:
    assert statuses(chain)
    assert set(statuses(chain)) == {"holds"}, check_steps(chain)


@pytest.mark.parametrize(
    ("chain", "claim"),
    [
        ("3 + 4 = 8", "3 + 4 = 8"),
        ("so 50 + 1440 = 1500.", "50 + 1440 = 1500"),
        (r"Then $\frac{9}{4} + 1 = 4.25$.", r"\frac{9}{4} + 1 = 4.25"),
        (r"$\sqrt{12} = 3\sqrt{2}$", r"\sqrt{12} = 3\sqrt{2}"),
        ("每天3个×5天=16个", "3个×5天=16"),
        ("20% of 50 = 12", "20% of 50 = 12"),
        ("2.4 hours = 2 hours 40 minutes", "2.4 hours = 2"),
        ("1/3 = 0.35", "1/3 = 0.35"),
        ("13 marbles + 4 marbles = 18 marbles", "13 marbles + 4 marbles = 18"),
        (r"$1404 = 2^2 \times 3^2 \times 13$", r"1404 = 2^2 \times 3^2 \times 13"),
    ],
)
def test_false_arithmetic_fails_and_is_named(chain: str, claim: str) -> None:
    failing = [check for check in check_steps(chain) if check.status == "fails"]
    assert [check.claim for check in failing] == [claim]
    assert failing[0].evidence
    assert not failing[0].corrected


def test_chain_of_equalities_gives_one_claim_for_each_neighbouring_pair() -> None:
    checks = check_steps("1 + 5 = 2 * 3 = 7")
    assert [(check.claim, str(check.status)) for check in checks] == [
        ("1 + 5 = 2 * 3", "holds"),
        ("2 * 3 = 7", "fails"),
    ]


def test_row_of_a_display_goes_on_with_the_row_above() -> None:
    assert statuses("\\[ 2 \\cdot 6 \\\\ &= 13 \\]") == ["fails"]
    assert "fails" not in statuses("\\begin{align*} S &= 3 + 4 \\\\ &\\quad + 5 + 6 \\\\ &= 18 \\end{align*}")


@pytest.mark.parametrize(
    "chain",
    [
        "x = 5",
        r"$f(x) = x^2$ and $f(3) = 9$",
        "Let s = 4",
        "100/3 = 33",  # cut to whole boxes
        "0.333 * 3 = 1",  # rounded before
        "1/3 = 0.33, and 0.33 * 3 = 1",
        r"$\pi \cdot 2^2 = 12.56$",
        r"$7 \equiv 1 \pmod 3$",
        "3 + 4 = 2 (mod 5)",
        "3 + 9 = 12 = 0 mod 12",
        r"In base 5, $23 + 14 = 42$.",
        r"$101_2 = 5$",
        r"\[ \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} = 7 \]",
        r"$\sum_{k=1}^{3} k = 6$ and $1 + 2 + \dots + 100 = 5050$",
        "Step 2 = 15",
        "The number of legs in section 2 = x + 200",
        "half of 3 + 5 = 4",
        "5 more than 3 * 4 = 17",
        "7! divided by (2! * 2!) = 5040 / 4",
        "1/2 inch = 20 miles",
        "3 pencils + 1 eraser = 124 cents",
        "4 pounds - 6 ounces = 58 ounces",
        "900 - 100 = $8",
        "5 thousand dollars a day is 5 * 3 = $15,000",
        "25 / 1/3 = 75",
        "50 * 20% = 1000",
        "20 : (80 + 40) = 1 : 6",
        "0900 - 0130 = 0730",
        "Is 3 + 4 = 8?",
        "If 2 + 2 = 5 then everything is true",
        "So 2 + 2 = 5, which is a contradiction.",
        "Then 0 = -44, impossible.",
        "3 + 4 = 8 is wrong",
        "Check n = 1: 3^2 + 19 = 10, which does not hold.",
        "4 + 9 + 15 = 4 + 9 = 13",
        "3 + 4 = 7 + 5 = 12",
        "log10(100) = 2",
        "2 sqrt(5) = 20",
        "2x1x2 + 256 = 2500",
        "AB = 34 and PR = 32",
        "the factors of -14 and -7 + 2 = -5",
        "17 / 5 = 3 with a remainder of 2",
        "13π/4 = 5π/4",
        "5^2 = 25,5",
        "4 = {2, 2}",
        "30² = (-24)² ⇒ 900 = 576? No.",
        "4 + 9 + 15 + 1 = 4 + 15 = 19, 19 + 9 = 28",
        "2 1/10 is 2 * 10 + 1 = 21/10",
        "123 = 1 + 2 + 3 = 6",
        "x = 1: 1 = 3 + 4\n1 = 7",
        "Width = 6.5 mm = 6.5/10 = 0.65 cm",
        "16 = -2 + 3(xy + yz)",
        "7/2 = 3.5! = 3",
        "10\\% = 0.55 of them",
        "\\[x &=& 0&.1213\\ldots\\]",
        "$\\frac{7}{9}\\cdot 10 = 0.\\overline{7} \\cdot 10$",
        "$3*2=3^2+3\\cdot 2-2^2$",
        "$\\frac{\\pi}{2} = \\frac{180^\\circ}{\\pi} \\cdot \\frac{\\pi}{2} = 90^\\circ$",
        "the units digit: 7 * 3 = 1",
        "两位数 3 + 4 = 8 不成立",
        "假设 3 + 4 = 8",
    ],
)
def test_what_is_no_plain_arithmetic_raises_no_alarm(chain: str) -> None:
    assert "fails" not in statuses(chain), check_steps(chain)


def test_correction_in_the_open_is_told_apart() -> None:
    for chain in (
        "3 * 4 = 13. Wait, that's wrong, let me recompute.",
        "3 * 4 = 13\n5 + 5 = 10\n3 * 4 = 12",
        "3 × 4 = 13，不对，重新计算。",
    ):
        failing = [check for check in check_steps(chain) if check.status == "fails"]
        assert [check.corrected for check in failing] == [True], chain


def test_step_is_told_with_its_line_and_place() -> None:
    chain = "First line.\nThen 3 + 4 = 8 apples.\nLast line."
    assert check_steps(chain) == [
        StepCheck(
            text="Then 3 + 4 = 8 apples.",
            claim="3 + 4 = 8",
            status=check_steps(chain)[0].status,
            corrected=False,
            evidence="7 is not 8",
            start=chain.index("3 +"),
        )
    ]


# -- laws --------------------------------------------------------------------------------------------------------------

NUMBERS = st.integers(min_value=2, max_value=999)
OPERATORS = st.sampled_from("+-*/")
NOTATIONS = (
    lambda text: text,
    lambda text: f"So we get {text} in all.",
    lambda text: f"${text.replace('*', chr(92) + 'times')}$",
    lambda text: f"\\[ {text.replace('*', chr(92) + 'cdot')} \\]",
    lambda text: f"<<{text.replace(' ', '')}>>",
    lambda text: f"所以{text.replace('*', '×').replace('/', '÷')}。",
    lambda text: f"- {text}\n",
)


def calculated(numbers: list[int], operators: list[str]) -> tuple[str, Fraction]:
    """Return a sum of products and quotients, without two divisions in a row, and its value."""
    text, total, term = str(numbers[0]), Fraction(0), Fraction(numbers[0])
    last = ""
    for operator, number in zip(operators, numbers[1:], strict=False):
        operator = "*" if operator == "/" == last else operator
        text += f" {operator} {number}"
        if operator in "*/":
            term = term * number if operator == "*" else term / number
        else:
            total, term = total + term, Fraction(number if operator == "+" else -number)
        last = operator
    return text, total + term


def written(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{value.numerator}/{value.denominator}"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(NUMBERS, min_size=2, max_size=5), st.lists(OPERATORS, min_size=4, max_size=4), st.sampled_from(NOTATIONS)
)
def test_true_equation_never_fails(numbers: list[int], operators: list[str], notation) -> None:
    text, value = calculated(numbers, operators)
    assert set(statuses(notation(f"{text} = {written(value)}"))) <= {"holds"}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(NUMBERS, min_size=2, max_size=5),
    st.lists(st.sampled_from("+-*"), min_size=4, max_size=4),
    st.sampled_from(NOTATIONS),
    st.integers(min_value=0),
    st.integers(min_value=1, max_value=9),
)
def test_changed_digit_of_a_result_always_fails(
    numbers: list[int], operators: list[str], notation, place: int, by: int
) -> None:
    text, value = calculated(numbers, operators)
    digits = list(str(abs(value.numerator)))
    at = place % len(digits)
    digits[at] = str((int(digits[at]) + by) % 10)
    if digits[0] == "0" and len(digits) > 1:
        digits[0] = "1" if str(abs(value.numerator))[0] != "1" else "2"
    changed = ("-" if value < 0 else "") + "".join(digits)
    assert statuses(notation(f"{text} = {changed}")) == (["holds"] if int(changed) == value else ["fails"])


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="0123456789+-*/^=().,x $\\{}[]|!%<>&_\n的等于 timesfraco", max_size=200))
def test_no_text_raises(text: str) -> None:
    assert all(check.status in ("holds", "fails", "unchecked") for check in check_steps(text))


@pytest.mark.parametrize(
    "unit",
    ["(", "((((1=", "1=1\n", "9^9^", "\\frac{", "x_{", "$1", "<<1=1", "\0=\0", "a = 1, ", "1/", "hours and 1 = "],
)
def test_ten_megabytes_of_a_hostile_unit_take_seconds(unit: str) -> None:
    check_steps("2 + 2 = 5 " + unit * (10_000_000 // len(unit)))


@pytest.mark.parametrize("chain", ["1 = " + "(" * 10_000 + "1" + ")" * 10_000, "1 = " + "9^" * 10_000 + "9"])
def test_deep_nesting_and_towers_are_left_alone(chain: str) -> None:
    assert set(statuses(chain)) <= {"unchecked"}


@pytest.mark.parametrize(
    "chain",
    [
        "9^{9^{9^9}} = 1",
        "2^{100000} = 1",
        "1000! = 1",
        "1/0 = 1",
        "0^0 = 1",
        "9" * 9_999 + " + 1 = 1",
        "0900 minutes = 15 hours",
    ],
)
def test_numbers_without_a_bound_are_not_computed(chain: str) -> None:
    assert set(statuses(chain)) <= {"unchecked"}


def test_same_chain_gives_the_same_checks() -> None:
    shuffled = random.Random(3)
    chain = "\n".join(f"{a} + {b} = {a + b + shuffled.choice((0, 1))}" for a in range(9) for b in range(9))
    assert check_steps(chain) == check_steps(chain)
