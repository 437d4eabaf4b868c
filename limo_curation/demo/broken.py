"""Rows that are broken in themselves: the screening and ingestion stages must drop each with the right reason.

Each function takes a generated problem, of which it uses the text or only the numbers, and the index of the row among
its kind, which picks one of several forms in turn.
"""

from collections.abc import Callable, Mapping

from limo_curation.demo.generator import Problem
from limo_curation.demo.rows import Row

_UNPARSABLE = ("see solution", "See the proof above.", "N/A", "refer to the solution")
_FIGURES = (
    "{text} Use the lengths as shown in the figure below.",
    "[asy] draw((0,0)--(4,0)--(4,3)--cycle); [/asy] {text}",
    "{text} ![](https://example.org/figure.png)",
    "Two of the numbers are shown in the diagram. {text}",
)
_PROOFS = (
    "Prove that the product of any {n} consecutive positive integers is always divisible by {n}.",
    "Show that among any {m} integers there are two whose difference is a multiple of {n}.",
    "Prove that the sum of the angles of a convex polygon grows by 180 degrees with each of {n} new sides.",
)
_CHOICES = (
    "Which of the following numbers is a multiple of {n} and also lies closest to one thousand?",
    "Which one of the following expressions is equivalent to the sum of {n} equal terms of the sequence?",
    "Which of the following statements about a polygon with {n} sides is correct in every case?",
)
_YES_NO = (
    "Is it true that the integer {m} is divisible by {n} without leaving any remainder?",
    "Does the graph of the function y = {n}x + {m} pass through the origin of the plane?",
    "Can the sum of {n} even integers ever be equal to the odd number that follows 2 * {m}?",
)
_RUSSIAN = (
    "В корзине лежало {n} яблок, потом добавили ещё {m} яблок. Сколько яблок стало в корзине?",
    "Длина прямоугольника равна {n} см, а его ширина равна {m} см. Найдите его площадь в квадратных см.",
    "Сколькими способами можно выбрать одну из {n} книг и одну из {m} тетрадей для подарка?",
)
_FILLER = "On page {page} of the notebook the same story is told once more with other words and no new facts. "


def _empty_question(problem: Problem, index: int) -> Row:
    return Row(problem, ("", "   ", "\n")[index % 3], problem.answer)


def _too_short(problem: Problem, index: int) -> Row:
    return Row(problem, f"{('Find', 'Add', 'Solve')[index % 3]} {problem.numbers[0]}.", problem.answer)


def _too_long(problem: Problem, index: int) -> Row:
    filler = "".join(_FILLER.format(page=page) for page in range(index, index + 100))
    return Row(problem, filler + problem.text, problem.answer)


def _no_gold(problem: Problem, index: int) -> Row:
    return Row(problem, problem.text, (None, "", " ")[index % 3])


def _unparsable_gold(problem: Problem, index: int) -> Row:
    return Row(problem, problem.text, _UNPARSABLE[index % len(_UNPARSABLE)])


def _needs_figure(problem: Problem, index: int) -> Row:
    return Row(problem, _FIGURES[index % len(_FIGURES)].replace("{text}", problem.text), problem.answer)


def _multi_part(problem: Problem, index: int) -> Row:
    follow_up = ("Is the result an even number?", "By how much does it exceed 1?")[index % 2]
    return Row(problem, f"(a) {problem.text} (b) {follow_up}", problem.answer)


def _worded(texts: tuple[str, ...], answer: Callable[[int, int], str]) -> Callable[[Problem, int], Row]:
    """Make rows of fixed texts with numbers in them, of which only the numbers come from the problem."""

    def make_row(problem: Problem, index: int) -> Row:
        n = problem.numbers[0] + index
        m = n + 1
        return Row(problem, texts[index % len(texts)].format(n=n, m=m), answer(n, index))

    return make_row


def _unchanged(problem: Problem, index: int) -> Row:
    """A sound row: what breaks it happens when its line is written."""
    del index
    return Row(problem, problem.text, problem.answer)


BREAKERS: Mapping[str, Callable[[Problem, int], Row]] = {
    "empty_question": _empty_question,
    "too_short": _too_short,
    "too_long": _too_long,
    "no_gold": _no_gold,
    "unparsable_gold": _unparsable_gold,
    "needs_figure": _needs_figure,
    "multi_part": _multi_part,
    "proof": _worded(_PROOFS, lambda n, _: str(n)),
    "multiple_choice": _worded(_CHOICES, lambda _, index: "ABCD"[index % 4]),
    "yes_no": _worded(_YES_NO, lambda _, index: ("No", "no")[index % 2]),
    "unsupported_language": _worded(_RUSSIAN, lambda n, index: str((2 * n + 1, n * (n + 1))[index % 3 > 0])),
    "invalid_json": _unchanged,
    "missing_field": _unchanged,
}
