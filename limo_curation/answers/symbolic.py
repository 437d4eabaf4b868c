r"""Compare two expressions with Math-Verify's parser and sympy: the loop that a worker process runs.

The only module that imports math_verify, and only inside the worker. Math-Verify alone calls too much equal: text that
does not parse falls back to its last number, floats are rounded, units are cut off as letters. So a text must parse as
a whole, and values at fixed points are compared to 40 digits before its verdict is asked for. Its alarms are off: they
need the main thread, and a bare except inside can swallow them; `workers.py` kills from outside.
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

from limo_curation.answers.verdicts import Verdict

MEMORY_LIMIT_BYTES: Final = 1 << 30  # ours
NUM_DIGITS: Final = 60
NUM_POINTS: Final = 4
TOLERANCE: Final = 1e-40  # of the larger value; two numbers below it are not told apart
MAX_SIZE: Final = 1e20  # above this, 2^2024 pi + 1 and 2^2024 pi would agree


def serve() -> None:
    """Answer questions from standard input until it closes."""
    limit_memory()
    parse("0")  # loads sympy before the first deadline starts
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a library prints must not end up among the answers
    answers.write(b"ready\n")
    for line in sys.stdin.buffer:
        question = json.loads(line)
        # the default action of SIGALRM ends the process, even if the parent is gone and can't kill it any more
        signal.alarm(math.ceil(question["timeout_seconds"]) + 1)
        verdicts = [compare_expressions(left, right) for left, right in question["pairs"]]
        signal.alarm(0)
        answers.write(json.dumps(verdicts).encode() + b"\n")


def limit_memory() -> None:
    """Bound this process's address space, where the system knows such a limit."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))


def compare_expressions(left_text: str, right_text: str) -> Verdict:
    """Compare two expressions: by their values at fixed points, and where these agree, with Math-Verify."""
    from math_verify import verify

    left, right = parse(left_text), parse(right_text)
    if left is None or right is None:
        return Verdict.UNDECIDED
    symbols = [{symbol.name for symbol in side.free_symbols} for side in (left, right)]
    agreement = values_agree(left, right)
    if agreement is False:
        if symbols[0] != symbols[1]:  # other letters for the same thing, a unit that is not known, the imaginary unit
            return Verdict.UNDECIDED
        is_rounding = rounds_to(left_text, right) or rounds_to(right_text, left)
        differs = not is_rounding and values_agree(with_imaginary_unit(left), with_imaginary_unit(right)) is False
        return Verdict.DIFFERENT if differs else Verdict.UNDECIDED
    if agreement is None:
        return Verdict.UNDECIDED
    is_proven = not any(symbols) or verify(left, right, strict=True, timeout_seconds=None)
    return Verdict.EQUAL if is_proven else Verdict.UNDECIDED


DECIMAL: Final = re.compile(r"([0-9]*)\.([0-9]+)")


def exact_decimal(match: re.Match[str]) -> str:
    """Write a decimal as a fraction, which sympy keeps exact."""
    return rf"\frac{{{match[1]}{match[2]}}}{{1{'0' * len(match[2])}}}"


def parse(text: str) -> Any:
    """Return the sympy expression of a LaTeX text that parses as a whole; else None."""
    import sympy.core.function
    from latex2sympy2_extended.math_normalization import NormalizationConfig
    from math_verify import LatexExtractionConfig
    from math_verify import parse as parse_latex

    rules = NormalizationConfig(basic_latex=True, units=False, malformed_operators=False, nits=False, boxed="none")
    parser: Any = parse_latex
    found = parser(
        f"${DECIMAL.sub(exact_decimal, text)}$",
        extraction_config=[LatexExtractionConfig(normalization_config=rules)],
        fallback_mode="no_fallback",
        extraction_mode="first_match",
        parsing_timeout=None,
    )
    expression: Any = found[0] if found else None
    if not isinstance(expression, sympy.Expr):
        return None
    known: Any = expression
    if known.has(sympy.core.function.AppliedUndef):
        return None
    # the parser gives one letter other assumptions in `2i` than in `2 i`, and then they are two symbols
    return known.xreplace({symbol: sympy.Symbol(symbol.name) for symbol in known.free_symbols}).doit()


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
    import sympy

    if left.is_Rational and right.is_Rational:
        return bool(left == right)
    symbols = sorted(left.free_symbols | right.free_symbols, key=str)
    num_checked = 0
    for point in range(NUM_POINTS if symbols else 1):
        # fixed fractions that no textbook identity is special at, the first half positive
        place = {
            symbol: sympy.Rational((-1) ** (2 * point // NUM_POINTS) * (17 + 12 * point + 5 * index), 11 + 2 * index)
            for index, symbol in enumerate(symbols)
        }
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


def complex_value(expression: Any, place: dict[Any, Any]) -> Any:
    """Return an expression's value at a point to many digits; None where it has none."""
    value = expression.subs(place).evalf(NUM_DIGITS)
    real, imaginary = value.as_real_imag()
    is_number = all(part.is_Float or part.is_Integer or part.is_Rational for part in (real, imaginary))
    return value if is_number and value.is_finite else None


def rounds_to(text: str, expression: Any) -> bool:
    """Return whether the text is a decimal that the expression's value rounds to."""
    import sympy

    whole, point, places = text.lstrip("+-").partition(".")
    if not point or not (whole + places).isdigit() or expression.free_symbols:
        return False
    value = complex_value(expression, {})
    return value is not None and abs(value - sympy.Rational(text)) * 10 ** len(places) <= 0.5
