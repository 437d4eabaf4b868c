"""The kinds of problems: a shape of calculation (`shapes.py`) under one domain's wordings (`wordings.py`)."""

from dataclasses import dataclass

from limo_curation.demo import wordings
from limo_curation.demo.shapes import (
    COPRIME_PRODUCT,
    DIFFERENCE,
    DIVISION,
    DOUBLE_PRODUCT,
    INVERSE_PRODUCT,
    ORDERED_PAIRS,
    PRODUCT,
    PRODUCT_PLUS,
    PRODUCT_PLUS_ONE,
    SHARE,
    SUM,
    TRIPLE_PRODUCT,
    WIDTH_PRODUCT,
    Shape,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem.

    Attributes:
        name: Short name, unique.
        domain: One of the six domains.
        shape: The calculation.
        reason: One sentence for the chain: why this calculation answers the question.
        expression: The question as a sympy expression in `{a}`, `{b}`, `{c}`, independent of `shape`.
        wordings: Three wordings for the pool and a fourth for the benchmarks.
    """

    name: str
    domain: str
    shape: Shape
    reason: str
    expression: str
    wordings: tuple[str, str, str, str]


_TABLE: dict[str, tuple[dict[str, tuple[str, str, str, str]], dict[str, tuple[Shape, str, str]]]] = {
    "algebra": (
        wordings.ALGEBRA,
        {
            "shared_total": (SUM, "Since both parts count, we add.", "{a} + {b}"),
            "amount_left": (DIFFERENCE, "Since a part is missing, we subtract.", "solve(y + {b} - {a}, y)[0]"),
            "total_price": (PRODUCT, "Since each one counts the same, we multiply.", "Sum({a}, (k, 1, {b})).doit()"),
            "linear_function": (PRODUCT_PLUS, "We put the value in.", "({a}*x + {c}).subs(x, {b})"),
            "ratio_equation": (PRODUCT, "Since it was divided, we multiply back.", "solve(x/{a} - {b}, x)[0]"),
        },
    ),
    "geometry": (
        wordings.GEOMETRY,
        {
            "rectangle_area": (PRODUCT, "The area is base times height.", "integrate({b}, (x, 0, {a}))"),
            "segment_difference": (DIFFERENCE, "The other part is the rest.", "Point(0, {b}).distance(Point(0, {a}))"),
            "path_length": (SUM, "The parts follow each other, so we add.", "Segment((0, 0), ({a} + {b}, 0)).length"),
            "box_volume": (TRIPLE_PRODUCT, "The volume is the product of the edges.", "prod([{a}, {b}, {c}])"),
            "joined_area": (PRODUCT_PLUS, "We add both areas.", "{c} + integrate({b}, (x, 0, {a}))"),
        },
    ),
    "number_theory": (
        wordings.NUMBER_THEORY,
        {
            "division_identity": (
                DIVISION,
                "Divisor times quotient plus remainder.",
                "solve((x-{c})/{a}-{b}, x)[0]",
            ),
            "coprime_lcm": (COPRIME_PRODUCT, "Since they are coprime, we multiply.", "lcm({a}, {b})"),
            "larger_integer": (SUM, "We count on from the first number.", "{a} + {b}"),
            "integer_multiple": (PRODUCT, "A multiple is a product.", "range({a}, {a}*{b} + 1, {a})[-1]"),
            "next_multiple": (DIFFERENCE, "We fill up to the divisor.", "Mod(-{b}, {a})"),
        },
    ),
    "combinatorics": (
        wordings.COMBINATORICS,
        {
            "outfit_choices": (
                PRODUCT,
                "Since the choices are free, we multiply.",
                "binomial({a}, 1)*binomial({b}, 1)",
            ),
            "either_choice": (SUM, "Since it is one or the other, we add.", "binomial({a}, 1) + binomial({b}, 1)"),
            "ordered_pairs": (ORDERED_PAIRS, "The second choice has one less.", "ff({a}, 2)"),
            "three_stage_routes": (TRIPLE_PRODUCT, "We multiply the stages.", "binomial({a}, 1)*{b}*{c}"),
            "forced_box": (PRODUCT_PLUS_ONE, "We fill every box, then add one.", "{a}*{b} + 1"),
            "allowed_codes": (DIFFERENCE, "We take the rest.", "binomial({a}, 1) - binomial({b}, 1)"),
        },
    ),
    "probability_and_statistics": (
        wordings.PROBABILITY,
        {
            "red_ball": (SHARE, "We need the part and the whole.", "Rational({a}, {a} + {b})"),
            "mean_total": (PRODUCT, "The sum is the mean times the count.", "solve(x/{b} - {a}, x)[0]"),
            "data_range": (DIFFERENCE, "We subtract the smaller one.", "Max({a}, {b}) - Min({a}, {b})"),
            "both_events": (
                INVERSE_PRODUCT,
                "Since they are independent, we multiply.",
                "Rational(1, {a})*Rational(1, {b})",
            ),
            "survey_count": (SUM, "We add the counts.", "{a} + {b}"),
        },
    ),
    "calculus_and_analysis": (
        wordings.CALCULUS,
        {
            "power_rule": (PRODUCT, "The exponent comes down as a factor.", "diff({a}*x**{b}, x).subs(x, 1)"),
            "joined_integrals": (SUM, "Since it is linear, we add.", "limit({a} + x, x, 0) + limit({b} + x, x, 0)"),
            "constant_integral": (WIDTH_PRODUCT, "We take height times width.", "integrate({a}, (x, {b}, {c}))"),
            "linear_limit": (
                PRODUCT_PLUS,
                "Since it is continuous, we put the value in.",
                "limit({a}*x + {c}, x, {b})",
            ),
            "slope_at_point": (DOUBLE_PRODUCT, "The derivative has the factor 2.", "diff({a}*x**2, x).subs(x, {b})"),
            "remaining_integral": (DIFFERENCE, "Since it is linear, we subtract.", "integrate(1, (x, {b}, {a}))"),
        },
    ),
}

KINDS: tuple[Kind, ...] = tuple(
    Kind(name, domain, shape, reason, expression, texts[name])
    for domain, (texts, rows) in _TABLE.items()
    for name, (shape, reason, expression) in rows.items()
)
_COMMON = wordings.COMMON_TEMPLATE
COMMON_KIND = Kind(
    name="farm_field",
    domain="geometry",
    shape=PRODUCT,
    reason="The area is base times height.",
    expression="integrate({b}, (x, 0, {a}))",
    wordings=(_COMMON, _COMMON, _COMMON, _COMMON),
)
"""The one template that the demo uses far too often."""

DOMAINS: tuple[str, ...] = tuple(_TABLE)
LEVELS: tuple[int, ...] = (1, 2, 3, 4)
