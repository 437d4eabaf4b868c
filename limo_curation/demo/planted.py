"""Rows planted among the demo's problems, each there to be caught, or to be left alone, by one stage.

Every planted row says what it is and which problem or benchmark item it was made from, so that a test can compare what
a stage did with the truth. Rows that are broken in themselves are made in `broken.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from random import Random

from limo_curation.demo.broken import BREAKERS
from limo_curation.demo.generator import BENCHMARK_WORDING, Identity, Problem, draw_problem
from limo_curation.demo.kinds import COMMON_KIND, KINDS, LEVELS
from limo_curation.demo.rows import Row

SHARES: Mapping[str, float] = {
    "exact_duplicate": 0.03,
    "near_duplicate": 0.03,
    "variant": 0.03,
    "leak_exact": 0.015,
    "leak_edited": 0.015,
    "common_template": 0.06,
    "wrong_gold": 0.02,
    "empty_question": 0.01,
    "too_short": 0.01,
    "too_long": 0.004,
    "no_gold": 0.01,
    "unparsable_gold": 0.01,
    "needs_figure": 0.01,
    "multi_part": 0.01,
    "proof": 0.01,
    "multiple_choice": 0.01,
    "yes_no": 0.01,
    "unsupported_language": 0.01,
    "invalid_json": 0.004,
    "missing_field": 0.004,
}
"""Planted rows per ordinary problem; at least two of each are planted."""

NEAR_JACCARD = 0.82
"""Near duplicates share at least this much of their character 5-grams (0.8 is promised, the rest is margin)."""

_OPENINGS = ("Now, ", "Please answer: ", "Quick task: ", "Exercise. ")
_ENDINGS = (" Show it.", " Explain.", " Think well.", " Be careful.")
_REWORDINGS = (("How many", "So how many"), ("What is", "What then is"), ("Find the", "Now find the"))
_LEAK_FRAMES = (
    "Last year's contest asked this. {text} Write the number only.",
    "As a warm-up for tomorrow: {text} Please show the way to your answer.",
    "{text} Give the answer in a box, as at the competition.",
)


@dataclass(slots=True)
class Planting:
    """What planted rows are made from.

    Attributes:
        rng: The source of all choices.
        originals: Ordinary rows in random order; each is used for one planted row at most.
        benchmarks: Benchmark rows in random order, over and over.
        taken: The identities that a new problem must not have.
    """

    rng: Random
    originals: Iterator[Row]
    benchmarks: Iterator[Row]
    taken: set[Identity]

    def claim(self, draw: Callable[[], Problem]) -> Problem:
        """Draw until the problem is a new one, and take its identity."""
        while (problem := draw()).identity in self.taken:
            pass
        self.taken.add(problem.identity)
        return problem

    def fresh(self, levels: Sequence[int] = LEVELS) -> Problem:
        """Draw a new problem of any kind that has one of these levels."""
        rng = self.rng
        choices = [(kind, level) for kind in KINDS for level in levels if level in kind.shape.levels]
        return self.claim(lambda: draw_problem(*rng.choice(choices), rng.randrange(BENCHMARK_WORDING), rng))


def plant_rows(pool: Sequence[Row], benchmarks: Sequence[Row], rng: Random) -> list[Row]:
    """Make the planted rows for a pool of ordinary rows.

    Args:
        pool: The ordinary rows.
        benchmarks: The benchmark rows that leak.
        rng: The source of all choices.

    Returns:
        The planted rows, `SHARES` of each kind.
    """
    taken = {row.problem.identity for row in pool}
    originals, leaking = iter(rng.sample(pool, len(pool))), cycle(rng.sample(benchmarks, len(benchmarks)))
    planting = Planting(rng, originals, leaking, taken)
    rows: list[Row] = []
    for name in SHARES:
        for index in range(num_planted(name, len(pool))):
            planter = _PLANTERS.get(name)
            row = planter(planting) if planter else BREAKERS[name](planting.fresh(), index)
            row.planted = name
            rows.append(row)
    return rows


def num_planted(name: str, num_problems: int) -> int:
    """How many rows of one kind are planted among so many ordinary problems."""
    return max(2, round(SHARES[name] * num_problems))


def character_jaccard(a: str, b: str) -> float:
    """Jaccard similarity of the character 5-grams of two texts, in lower case and with single spaces."""
    grams_a, grams_b = (
        {text[start : start + 5] for start in range(len(text) - 4)}
        for text in (" ".join(raw.lower().split()) for raw in (a, b))
    )
    return len(grams_a & grams_b) / max(1, len(grams_a | grams_b))


def _exact_duplicate(planting: Planting) -> Row:
    original = next(planting.originals)
    text = original.text
    copy = planting.rng.choice((text, text.upper(), text.replace(" ", "  "), f"\n{text}  "))
    return Row(original.problem, copy, original.answer, source=original)


def _near_duplicate(planting: Planting) -> Row:
    original = next(planting.originals)
    while True:
        text = _reworded(original.text, planting.rng)
        if character_jaccard(text, original.text) >= NEAR_JACCARD:
            return Row(original.problem, text, original.answer, source=original)


def _reworded(text: str, rng: Random) -> str:
    before, after = rng.choice(_REWORDINGS)
    edit = rng.randrange(3)
    if edit == 0 and before in text:
        return text.replace(before, after)
    return rng.choice(_OPENINGS) + text if edit == 1 else text + rng.choice(_ENDINGS)


def _variant(planting: Planting) -> Row:
    original = next(planting.originals)
    problem = planting.claim(lambda: original.problem.renumbered(planting.rng))
    return Row(problem, problem.text, problem.answer, source=original)


def _leak_exact(planting: Planting) -> Row:
    leaked = next(planting.benchmarks)
    return Row(leaked.problem, leaked.text, leaked.answer, source=leaked)


def _leak_edited(planting: Planting) -> Row:
    leaked = next(planting.benchmarks)
    text = planting.rng.choice(_LEAK_FRAMES).format(text=leaked.text)
    return Row(leaked.problem, text, leaked.answer, source=leaked)


def _common_template(planting: Planting) -> Row:
    rng = planting.rng
    problem = planting.claim(lambda: draw_problem(COMMON_KIND, rng.choice((3, 4)), 0, rng))
    return Row(problem, problem.text, problem.answer)


def _wrong_gold(planting: Planting) -> Row:
    problem = planting.fresh(levels=(1, 2))
    return Row(problem, problem.text, problem.renumbered(planting.rng).answer)


_PLANTERS: Mapping[str, Callable[[Planting], Row]] = {
    "exact_duplicate": _exact_duplicate,
    "near_duplicate": _near_duplicate,
    "variant": _variant,
    "leak_exact": _leak_exact,
    "leak_edited": _leak_edited,
    "common_template": _common_template,
    "wrong_gold": _wrong_gold,
}
