r"""The compact step language in which the demo's reference chains are written.

    65 + 64: 5 + 4 = 9, 6 + 6 = 12, so 65 + 64 = 129.

Sums and differences go column by column and a two-digit number times one digit is split, so a tiny model can learn
them. A product of two longer numbers is written down at once: a leap that a tiny model only guesses right sometimes,
which is what makes the demo's hard problems hard. Around the steps stand, in varying amount, a reason, an estimate
and checks, so that chains differ in more than their numbers.
"""

from dataclasses import dataclass
from fractions import Fraction
from random import Random


@dataclass(frozen=True, slots=True)
class Worked:
    """The written steps of one problem, and what they lead to.

    Attributes:
        steps: The calculation, one sentence per step.
        answer: The exact answer.
        estimates: Sentences that may stand before the calculation.
        checks: Sentences that may stand after it.
    """

    steps: tuple[str, ...]
    answer: Fraction
    estimates: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()


def write_answer(answer: Fraction) -> str:
    """Write an exact answer as LaTeX: an integer, or a fraction in lowest terms."""
    if answer.denominator == 1:
        return str(answer.numerator)
    return rf"\frac{{{answer.numerator}}}{{{answer.denominator}}}"


def write_sum(a: int, b: int) -> str:
    """Add two numbers in one sentence, by columns unless one of them has a single digit."""
    if min(a, b) < 10:
        return f"{a} + {b} = {a + b}."
    columns: list[str] = []
    rest_a, rest_b, carry = a, b, 0
    while rest_a or rest_b:
        digits = [rest_a % 10, rest_b % 10, *([carry] if carry else [])]
        columns.append(f"{' + '.join(map(str, digits))} = {sum(digits)}")
        rest_a, rest_b, carry = rest_a // 10, rest_b // 10, sum(digits) // 10
    return f"{a} + {b}: {', '.join(columns)}, so {a} + {b} = {a + b}."


def write_difference(a: int, b: int) -> str:
    """Subtract a smaller number in one sentence, by columns unless it has a single digit."""
    if b < 10:
        return f"{a} - {b} = {a - b}."
    columns: list[str] = []
    rest_a, rest_b, borrowed = a, b, 0
    while rest_a or rest_b:
        top, bottom = rest_a % 10, rest_b % 10 + borrowed
        lent = 10 if top < bottom else 0
        columns.append(f"{top + lent} - {bottom} = {top + lent - bottom}")
        rest_a, rest_b, borrowed = rest_a // 10, rest_b // 10, 1 if lent else 0
    return f"{a} - {b}: {', '.join(columns)}, so {a} - {b} = {a - b}."


def write_product(a: int, b: int) -> str:
    """Multiply in one sentence: split into tens and ones for 2 digits by 1, otherwise at once."""
    long, short = max(a, b), min(a, b)
    if 10 < long < 100 and short < 10 and long % 10:
        tens, ones = long - long % 10, long % 10
        return (
            f"{a} * {b}: {tens} * {short} = {tens * short}, {ones} * {short} = {ones * short}, so {a} * {b} = {a * b}."
        )
    return f"{a} * {b} = {a * b}."


def product_checks(a: int, b: int) -> tuple[str, ...]:
    """Write sentences that look again at a product."""
    swapped = (
        f"Perhaps check another way: {b} * {a} = {a * b}.",
        f"Wait, let me verify: {b} * {a} = {a * b}.",
    )
    if max(a, b) < 10:
        return swapped
    ends = (a % 10) * (b % 10)
    return (f"Let me check: {a % 10} * {b % 10} = {ends}, so it ends in {ends % 10}.", *swapped)


def product_estimates(a: int, b: int) -> tuple[str, ...]:
    """Write a sentence that rounds both factors to tens, where both have two digits."""
    if min(a, b) < 10:
        return ()
    near_a, near_b = (a + 5) // 10 * 10, (b + 5) // 10 * 10
    return (f"It might be near {near_a} * {near_b} = {near_a * near_b}.",)


def write_chain(reason: str, worked: Worked, rng: Random) -> str:
    r"""Write a reference solution around worked steps.

    About half of the chains hold the bare steps; the others add a reason, an estimate, one or two checks.

    Args:
        reason: One sentence that says why these steps are taken.
        worked: The steps and the answer.
        rng: Decides how much is said.

    Returns:
        The chain, which ends in `\boxed{ANSWER}.`
    """
    sentences = list(worked.steps)
    if rng.random() < 0.35:
        sentences.insert(0, rng.choice(worked.estimates) if worked.estimates else "Let me work it out.")
    if rng.random() < 0.5:
        sentences.insert(0, reason)
    num_checks = rng.choices((0, 1, 2), weights=(5, 3, 2))[0]
    sentences += rng.sample(worked.checks, min(num_checks, len(worked.checks)))
    closing = rng.choice(("The answer is", "Therefore, the answer is"))
    return " ".join([*sentences, rf"{closing} \boxed{{{write_answer(worked.answer)}}}."])
