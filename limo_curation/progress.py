"""Progress of long work: how much is done, how fast it goes, and how long the rest takes.

The core says what it has done; who runs it decides where that is shown, for the time of a `with` block:

    with shown_by(LogLines()):
        run_stage(plan)

Nothing is shown where nobody asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one piece of work has come."""

    name: str
    done: int
    total: int
    unit: str
    seconds: float
    """Since it began."""

    @property
    def is_finished(self) -> bool:
        """Whether all of it is done."""
        return self.done >= self.total

    @property
    def percent(self) -> float:
        """The part that is done, 0 to 100."""
        return 100.0 if self.is_finished else 100 * self.done / self.total

    @property
    def units_per_second(self) -> float:
        """The speed so far; 0 while nothing is done."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at the speed so far; None while nothing is done."""
        return (self.total - self.done) / self.units_per_second if self.units_per_second else None

    def __str__(self) -> str:
        left = "" if self.seconds_left is None else f", {duration(self.seconds_left)} left"
        speed = f"{self.units_per_second:,.0f} {self.unit}/s"
        return f"{self.name}: {self.done:,} of {self.total:,} {self.unit}, {speed}{left}"


def duration(seconds: float) -> str:
    """Say a duration as people do: `10 s`, `3 min 20 s`, `2 h 5 min`."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


Sink = Callable[[Standing], None]
"""Shows a standing; it is called often, so it decides itself how often to look."""

_SINK: ContextVar[Sink | None] = ContextVar("progress_sink", default=None)


@contextmanager
def shown_by(sink: Sink) -> Generator[None]:
    """Show the progress of all work that is begun in this context."""
    token = _SINK.set(sink)
    try:
        yield
    finally:
        _SINK.reset(token)


class Progress:
    """Counts what is done of a piece of work, from any thread, and tells the sink of the context it was made in."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._sink = _SINK.get()
        self._lock = Lock()
        self._step, self._unit = name, "rows"
        self._done = self._total = 0
        self._began = time.perf_counter()

    def start(self, total: int, unit: str = "rows", *, step: str = "") -> None:
        """Begin work of a known size; once more, to begin the next step of it.

        Args:
            total: how much there is to do.
            unit: of what.
            step: the step's name, where the work has several.
        """
        with self._lock:
            self._step = f"{self.name}, {step}" if step else self.name
            self._unit, self._done, self._total = unit, 0, total
            self._began = time.perf_counter()

    def advance(self, number: int) -> None:
        """Add to what is done."""
        with self._lock:
            self._done += number
            seconds = time.perf_counter() - self._began
            standing = Standing(self._step, self._done, self._total, self._unit, seconds)
        if self._sink is not None:
            self._sink(standing)
