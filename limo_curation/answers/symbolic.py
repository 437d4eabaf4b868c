r"""Compare two expressions, or two equations, with sympy: the loop that a worker process runs.

The only module that imports sympy and math_verify, and only inside the worker. Math-Verify alone calls too much equal:
text that does not parse falls back to its last number, floats are rounded, units are cut off as letters. So we parse
with our own parser (`expressions.py`), which knows one reading or none; values at fixed points are compared to 40
digits, and only where these agree is an identity proven, by expansion or by Math-Verify. Its alarms are off: they need
the main thread, and a bare except inside can swallow them; `workers.py` kills from outside.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import signal
import sys
from typing import Any, Final

from limo_curation.answers.bounds import is_within_bounds
from limo_curation.answers.expressions import Expression, parse_expression
from limo_curation.answers.verdicts import Comparison, Reason, different, equal, undecided

MEMORY_LIMIT_BYTES: Final = 1 << 30  # ours
# loads sympy and Math-Verify before the first deadline
WARMING_UP: Final = (("x", "y"), (r"\sin^{2} x+\cos^{2} x", "1"))
NUM_DIGITS: Final = 60
NUM_POINTS: Final = 4
TOLERANCE: Final = 1e-40  # of the larger value; two numbers below it are not told apart
MAX_SIZE: Final = 1e20  # above this, 2^2024 pi + 1 and 2^2024 pi would agree


def serve() -> None:
    """Answer questions from standard input until it closes."""
    limit_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which may survive it
    for deadline in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(deadline, signal.SIG_DFL)  # a parent may have it ignored
    for left, right in WARMING_UP:
        compare_within_bounds(left, right)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a library prints must not end up among the answers
    answers.write(b"ready\n")
    for line in sys.stdin.buffer:
        question = json.loads(line)
        # the default action of both signals ends the process: by its own time, which other processes' load does not
        # change, and by the clock, if the parent is gone and can't kill it any more
        signal.setitimer(signal.ITIMER_PROF, question["cpu_seconds"])
        signal.alarm(math.ceil(question["wall_seconds"]) + 1)
        verdicts = [compare_within_bounds(left, right) for left, right in question["pairs"]]
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(json.dumps(verdicts).encode() + b"\n")


def limit_memory() -> None:
    """Bound this process's address space, where the system knows such a limit."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))


def compare_within_bounds(left_text: str, right_text: str) -> Comparison:
    """Compare two expressions or relations where their cost is bounded, alike on every run."""
    from sympy.core.random import seed  # pyright: ignore[reportUnknownVariableType]

    for side in (*RELATION_SIGN.split(left_text), *RELATION_SIGN.split(right_text)):
        expression = parse_expression(side.strip())
        if expression is not None and not is_within_bounds(expression):
            return undecided(Reason.TOO_LONG)
    seed(0)  # some proofs try random values
    return compare_expressions(left_text, right_text)


def compare_expressions(left_text: str, right_text: str) -> Comparison:
    """Compare two expressions, or two equations or inequalities."""
    if RELATION_SIGN.search(left_text) or RELATION_SIGN.search(right_text):
        return compare_relations(left_text, right_text)
    left_parsed, right_parsed = parse_expression(left_text), parse_expression(right_text)
    if left_parsed is None or right_parsed is None:
        return undecided(Reason.NOT_UNDERSTOOD)
    left, right = as_sympy(left_parsed), as_sympy(right_parsed)
    symbols = {symbol.name for symbol in left.free_symbols}, {symbol.name for symbol in right.free_symbols}
    agreement = values_agree(left, right)
    if agreement is False:
        if symbols[0] | symbols[1] == {"i"}:
            return compare_complex(left, right)
        if symbols[0] != symbols[1] or has_letter_e(left_parsed) != has_letter_e(right_parsed):
            return undecided(Reason.NOT_UNDERSTOOD)  # other letters for the same thing, or a unit that is not known
        if rounds_to(left_text, right) or rounds_to(right_text, left):
            return undecided(Reason.ROUNDED)
        differs = values_agree(with_imaginary_unit(left), with_imaginary_unit(right)) is False
        return different(Reason.SYMBOLIC) if differs else undecided(Reason.NOT_UNDERSTOOD)
    is_proven = agreement is True and (not any(symbols) or are_identical(left, right))
    return equal(Reason.SYMBOLIC) if is_proven else undecided(Reason.NOT_UNDERSTOOD)


def compare_complex(left: Any, right: Any) -> Comparison:
    """Compare two numbers in which the only letter is i, the imaginary unit."""
    agreement = values_agree(with_imaginary_unit(left), with_imaginary_unit(right))
    is_known = agreement or (agreement is False and left.free_symbols and right.free_symbols)
    if not is_known:
        return undecided(Reason.NOT_UNDERSTOOD)
    return equal(Reason.SYMBOLIC) if agreement else different(Reason.SYMBOLIC)


def are_identical(left: Any, right: Any) -> bool:
    """Return whether two expressions that agree at some points are the same, by expansion or by Math-Verify."""
    import sympy
    from math_verify import verify

    algebra: Any = sympy
    prove: Any = verify
    difference = left - right
    is_zero = difference.expand() == 0 or difference.rewrite(algebra.exp).expand() == 0
    return bool(is_zero) or bool(prove(left, right, strict=True, timeout_seconds=None))


def has_letter_e(expression: Expression) -> bool:
    """Return whether an expression has an e other than as a power's base."""
    parts = expression.parts[1:] if expression.operation == "^" else expression.parts
    return expression.letter == "e" or any(map(has_letter_e, parts))


# -- equations and inequalities ----------------------------------------------------------------------------------------

RELATION_SIGN: Final = re.compile(r"=|<|\\le ")


def compare_relations(left_text: str, right_text: str) -> Comparison:
    r"""Compare `a=b`, `a<b` or `a\le b` with another: equal where one is a constant multiple of the other.

    Equations that are no multiples of each other may still have the same solutions, so they are undecided unless both
    are linear.
    """
    left, right = sides_of(left_text), sides_of(right_text)
    if left is None or right is None or left[0] != right[0]:
        return undecided(Reason.RELATION)
    first, second = left[1], right[1]
    if not first.free_symbols or first.free_symbols != second.free_symbols:
        return undecided(Reason.NAME)
    is_multiple = are_multiples(first, second, is_inequality=left[0] != "=")
    if is_multiple is False and is_linear(first) and is_linear(second):
        return different(Reason.SYMBOLIC)
    return equal(Reason.SYMBOLIC) if is_multiple else undecided(Reason.NOT_UNDERSTOOD)


def sides_of(text: str) -> tuple[str, Any] | None:
    """Return a relation's sign and the difference of its sides; None where a side is not understood."""
    sign = RELATION_SIGN.search(text)
    sides = [parse_expression(part.strip()) for part in RELATION_SIGN.split(text)]
    if sign is None or len(sides) != 2 or sides[0] is None or sides[1] is None:
        return None
    return sign.group(), as_sympy(sides[0]) - as_sympy(sides[1])


def are_multiples(left: Any, right: Any, *, is_inequality: bool) -> bool | None:
    """Return whether one expression is a constant, for an inequality a positive one, times the other."""
    ratios = [ratio for place in places(left, right) if (ratio := ratio_at(left, right, place)) is not None]
    if len(ratios) < 2:
        return None
    if any(abs(ratio - ratios[0]) > TOLERANCE * abs(ratios[0]) for ratio in ratios):
        return False
    if is_inequality and not ratios[0].is_positive:
        return False if ratios[0].is_negative else None
    place = places(left, right)[0]
    factor = left.subs(place) / right.subs(place)
    return True if are_identical(left, factor * right) else None


def ratio_at(left: Any, right: Any, place: dict[Any, Any]) -> Any:
    """Return the ratio of two expressions' values at a point; None where there is none."""
    values = [complex_value(side, place) for side in (left, right)]
    if None in values or any(abs(value) < TOLERANCE or abs(value) > MAX_SIZE for value in values):
        return None
    return values[0] / values[1]


def is_linear(expression: Any) -> bool:
    """Return whether an expression is a polynomial of degree one."""
    import sympy

    algebra: Any = sympy
    symbols = sorted(expression.free_symbols, key=str)
    return bool(expression.is_polynomial(*symbols)) and algebra.Poly(expression, *symbols).total_degree() == 1


# -- sympy -------------------------------------------------------------------------------------------------------------

FUNCTIONS: Final = {
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "cot": "cot",
    "sec": "sec",
    "csc": "csc",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arccot": "acot",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "ln": "log",
    "exp": "exp",
    "abs": "Abs",
    "floor": "floor",
    "ceil": "ceiling",
    "!": "factorial",
    "binom": "binomial",
    "^": "Pow",
    "+": "Add",
    "*": "Mul",
}


def as_sympy(expression: Expression) -> Any:
    """Return an expression as sympy's."""
    import sympy

    algebra: Any = sympy
    if expression.value is not None:
        return algebra.Rational(expression.value.numerator, expression.value.denominator)
    if expression.operation == "letter":
        return {r"\pi": algebra.pi, "e": algebra.E}.get(expression.letter) or algebra.Symbol(expression.letter)
    parts = [as_sympy(part) for part in expression.parts]
    match expression.operation:
        case "/":
            return parts[0] / parts[1]
        case "root":
            is_odd = parts[1].is_Integer and parts[1] % 2 == 1
            return algebra.real_root(*parts) if is_odd and parts[0].is_number else algebra.root(*parts)
        case "log" if len(parts) == 1:  # to the base e for some and 10 for others, so it is equal only for any base
            return algebra.log(parts[0]) / algebra.Symbol(r"\log")
        case "log":
            return algebra.log(parts[0]) / algebra.log(parts[1])
        case "lg":
            return algebra.log(parts[0]) / algebra.log(10)
        case operation:
            return getattr(algebra, FUNCTIONS[operation])(*parts)


def with_imaginary_unit(expression: Any) -> Any:
    """Return the expression with the letter i read as the imaginary unit."""
    import sympy

    algebra: Any = sympy
    return expression.subs(algebra.Symbol("i"), algebra.I)


def values_agree(left: Any, right: Any) -> bool | None:
    """Return whether two expressions have the same value at fixed points.

    None where no value can be had, where the values are too large or too small to tell, or where they differ for
    negative variables only, which may not be meant.
    """
    if left.is_Rational and right.is_Rational:
        return bool(left == right)
    num_checked = 0
    for point, place in enumerate(places(left, right)):
        values = [complex_value(side, place) for side in (left, right)]
        if None in values:
            continue
        num_checked += 1
        distance, size = abs(values[0] - values[1]), max(abs(values[0]), abs(values[1]))
        if distance > TOLERANCE * max(1, size):
            return False if point < NUM_POINTS // 2 else None
        if distance > TOLERANCE * size or size > MAX_SIZE:
            return None
    return True if num_checked else None


def places(left: Any, right: Any) -> list[dict[Any, Any]]:
    """Return points for all symbols: fractions that no identity is special at, the first half positive."""
    import sympy

    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    return [
        {
            symbol: sympy.Rational((-1) ** (2 * point // NUM_POINTS) * (17 + 12 * point + 5 * index), 11 + 2 * index)
            for index, symbol in enumerate(symbols)
        }
        for point in range(NUM_POINTS if symbols else 1)
    ]


def complex_value(expression: Any, place: dict[Any, Any]) -> Any:
    """Return an expression's value at a point to many digits; None where it has none."""
    value = expression.subs(place).evalf(NUM_DIGITS)
    real, imaginary = value.as_real_imag()
    is_number = all(part.is_Float or part.is_Integer or part.is_Rational for part in (real, imaginary))
    return value if is_number and value.is_finite else None


def rounds_to(text: str, expression: Any) -> bool:
    """Return whether the text is a decimal that the expression's value rounds to."""
    import sympy

    whole, point, places = (text[1:] if text[:1] in ("+", "-") else text).partition(".")
    if not point or not (whole + places).isdigit() or expression.free_symbols:
        return False
    value = complex_value(expression, {})
    return value is not None and abs(value - sympy.Rational(text)) * 10 ** len(places) <= 0.5
