"""Names, equations, inequalities: what the signs of an answer say."""

import pytest

from limo_curation.answers.relations import Relation, is_name, split_relation


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "x_{1}",
        "f(x)",
        "f^{-1}(x)",
        "S_{ABC}",
        "|AB|",
        r"\angle ABC",
        r"\frac{AB}{CD}",
        "V_{1}:V_{2}",
        "(x,y)",
        "面积",
    ],
)
def test_quantities_are_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("text", ["a+3z", "2x", "x^{2}", r"\log_{6}216", "5", r"\sin", "not", "a+b"])
def test_what_may_be_an_equation_to_solve_is_no_name(text: str) -> None:
    assert not is_name(text)


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("x=5", Relation("value", "x", ("5",))),
        ("5=x", Relation("value", "x", ("5",))),
        ("x=5+5+1=11", Relation("value", "x", ("11",))),
        ("5+6=11", Relation("value", None, ("11",))),
        ("33=373", Relation("equation", None, ("33", "373"))),
        ("x=2x+1", Relation("equation", None, ("x", "2x+1"))),
        (r"\frac{1}{3}\approx0.33", Relation("value", None, (r"\frac{1}{3}",))),
        (r"x=\frac{1}{3}\approx0.33", Relation("value", "x", (r"\frac{1}{3}",))),
        (r"x\approx0.33", Relation("value", "x", ("0.33",), is_approximate=True)),
        ("2x+4y=3", Relation("equation", None, ("2x+4y", "3"))),
        (r"3\ge x", Relation("interval", "x", ("", "3"), "(]")),
        (r"-2<x\le 7", Relation("interval", "x", ("-2", "7"), "(]")),
        (r"7\ge x>-2", Relation("interval", "x", ("-2", "7"), "(]")),
        ("|x|<3", Relation("interval", "x", ("", "3"), "()", is_absolute=True)),
        ("-x>-1", Relation("<", None, ("-1", "-x"))),
        (r"x\ne 1", Relation("ne", "x", ("1",))),
        (r"x\in[2,3)", Relation("in", "x", ("[2,3)",))),
    ],
)
def test_relations_are_read(text: str, relation: Relation) -> None:
    assert split_relation(text) == relation


@pytest.mark.parametrize(
    "text",
    [
        "f(x)=0f(x)=x-1",
        "x=3with y=1",
        r"\ne 1",
        r"\approx1",
        "1<x>3",
        r"x\equiv1\pmod{3}",
        "2y+1=x=3y",
        "a<b<c<d",
        r"x\to 3",
        "=",
        "x=",
    ],
)
def test_other_relations_are_opaque(text: str) -> None:
    relation = split_relation(text)
    assert relation is not None
    assert relation.kind == "opaque"


def test_signs_inside_brackets_are_not_the_answers_own() -> None:
    assert split_relation("(x=1)") is None
