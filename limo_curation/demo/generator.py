"""Draw math problems: a kind, a level, a wording and the numbers, with the exact answer and a reference chain."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

from limo_curation.demo.kinds import DOMAINS, KINDS, LEVELS, Kind
from limo_curation.demo.shapes import Numbers
from limo_curation.demo.steps import write_answer, write_chain
from limo_curation.demo.wordings import NAMES, THINGS

BENCHMARK_WORDING = 3
"""The index of the wording that each kind keeps for benchmarks."""

MAX_PER_WORDING = 22
"""A wording of the pool is used at most this often, so that no ordinary template is common."""

Identity: TypeAlias = tuple[str, int, Numbers]


def seeded(name: str) -> Random:
    """Make a random generator whose choices depend on this name alone."""
    return Random(name)  # noqa: S311  reproducible choices, nothing secret


@dataclass(frozen=True, slots=True)
class People:
    """Who and what a word problem is about."""

    name: str
    other: str
    thing: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One generated problem.

    Attributes:
        kind: What kind of problem it is; names the domain.
        level: 1 (one easy step) to 4 (a long product at once).
        wording: Which of the kind's wordings it uses.
        numbers: The numbers in it, in the order of the wording's `{a}`, `{b}`, `{c}`.
        people: Fills the wording's other slots.
    """

    kind: Kind
    level: int
    wording: int
    numbers: Numbers
    people: People

    @property
    def text(self) -> str:
        """The question."""
        people = self.people
        return self.kind.wordings[self.wording].format(
            **_slots(self.numbers), name=people.name, other=people.other, thing=people.thing
        )

    @property
    def answer(self) -> str:
        """The exact answer as LaTeX."""
        return write_answer(self.kind.shape.work(*self.numbers).answer)

    @property
    def expression(self) -> str:
        """The question as a sympy expression: a second way to its answer."""
        return self.kind.expression.format(**_slots(self.numbers))

    @property
    def identity(self) -> Identity:
        """Equal for two problems that differ at most in names or in the order of their numbers."""
        return (self.kind.name, self.wording, tuple(sorted(self.numbers)))

    def chain(self, rng: Random) -> str:
        """Write one reference solution; `rng` decides how much it says around the steps."""
        return write_chain(self.kind.reason, self.kind.shape.work(*self.numbers), rng)

    def renumbered(self, rng: Random) -> "Problem":
        """Draw the same words with other numbers and another answer."""
        while True:
            variant = replace(self, numbers=self.kind.shape.levels[self.level](rng))
            if variant.identity != self.identity and variant.answer != self.answer:
                return variant


def draw_problem(kind: Kind, level: int, wording: int, rng: Random) -> Problem:
    """Draw one problem of a kind at a level which the kind has, in one of its wordings."""
    name, other = rng.sample(NAMES, 2)
    people = People(name, other, rng.choice(THINGS))
    return Problem(kind, level, wording, kind.shape.levels[level](rng), people)


def draw_problems(
    num_problems: int, *, level_weights: Mapping[int, float], wordings: Collection[int], rng: Random
) -> list[Problem]:
    """Draw problems spread evenly over the domains, no two with the same numbers in the same wording.

    Args:
        num_problems: How many to draw; at most about 1,800, since a wording is used at most 22 times.
        level_weights: Relative frequency of each level.
        wordings: Which wordings of each kind may be used.
        rng: The source of all choices.

    Returns:
        The problems, one domain after the other in turn.
    """
    seen: set[Identity] = set()
    uses: Counter[tuple[str, int]] = Counter()
    problems: list[Problem] = []
    while len(problems) < num_problems:
        level = rng.choices(LEVELS, weights=[level_weights.get(level, 0.0) for level in LEVELS])[0]
        domain = DOMAINS[len(problems) % len(DOMAINS)]
        kinds = [kind for kind in KINDS if kind.domain == domain and level in kind.shape.levels]
        problem = draw_problem(rng.choice(kinds), level, rng.choice(tuple(wordings)), rng)
        use = (problem.kind.name, problem.wording)
        if problem.identity in seen or uses[use] >= MAX_PER_WORDING:
            continue
        seen.add(problem.identity)
        uses[use] += 1
        problems.append(problem)
    return problems


def _slots(numbers: Numbers) -> dict[str, int]:
    return dict(zip("abc", numbers, strict=False))
