"""The same mathematics in other typography gives the same text, and nothing changes a value."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limo_curation.answers.normalisation import normalise


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (r"$\dfrac{1}{2}$.", r"\frac{1}{2}"),
        (r"\frac12", r"\frac{1}{2}"),
        (r"\boxed{\boxed{5}}", "5"),
        ("１２，５００", "12,500"),
        ("٣٤", "34"),
        (r"90^{\circ}", "90°"),
        (r"90^\circ", "90°"),
        ("−5", "-5"),
        (r"\left( 1 ,\, 2 \right)", "(1,2)"),
        (r"x^10", "x^{10}"),
        ("x¹⁰", "x^{10}"),
        ("x₁₀", "x_{10}"),
        ("2**3", "2^{3}"),
        ("**3页**", "3页"),
        ("1½", "1 1/2"),
        (r"\\frac{1}{2}", r"\frac{1}{2}"),
        (r"x_1=1,\quadx_2=2", r"x_1=1,x_2=2"),
        (r"12{,}500", "12,500"),
        (r"\sqrt2", r"\sqrt{2}"),
        ("√2", r"\sqrt{2}"),
        (r"\text{ cm}", "cm"),
        (r"x\leqslant 3", r"x\le 3"),
    ],
)
def test_typography_makes_no_difference(text: str, same: str) -> None:
    assert normalise(text) == same


@pytest.mark.parametrize(("text", "other"), [("1 1/2", "11/2"), ("5!", "5"), (r"\$5", "5"), ("~5", "5"), ("1,2", "12")])
def test_what_changes_a_value_stays(text: str, other: str) -> None:
    assert normalise(text) != normalise(other)


def test_rows_of_a_matrix_are_not_taken_for_escaped_commands() -> None:
    assert normalise(r"1\\2") != normalise(r"1\2")
    assert normalise(r"1\\\frac12") == normalise(r"1\\ \frac{1}{2}")


@given(st.text(max_size=80))
@settings(deadline=None)
def test_normalising_twice_is_harmless(text: str) -> None:
    normalise(normalise(text))


@given(st.text(alphabet="\\{}$^_ ,.!|frac12sqrtext()[]~*", max_size=200))
@settings(deadline=None)
def test_any_latex_is_survived(text: str) -> None:
    normalise(text)


def test_time_is_bounded() -> None:
    started = time.perf_counter()
    for piece in (r"\frac", "{", "$", r"\boxed{", "^", "~", " ", r"\text{", r"\\", "½"):
        normalise(piece * (2_000 // len(piece)))
    assert time.perf_counter() - started < 2
