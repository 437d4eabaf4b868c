"""Progress of long work: how much is done, how fast it goes, and how long the rest takes.

The core says what it has done; who runs it decides where that is shown, for the time of a `with` block:

    with shown_in_terminal_or_log():
        run_stage(plan)

Nothing is shown where nobody asked.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

SECONDS_BETWEEN_LINES: Final = 10.0  # ours: often enough to see that work goes on, seldom enough to read the rest
MIN_SECONDS_FOR_A_BAR: Final = 1.0  # ours

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one step of a stage has come."""

    stage: str
    step: str
    """Empty where the stage has but one."""
    done: int
    total: int
    unit: str
    seconds: float
    """Since it began."""

    @property
    def name(self) -> str:
        """The stage and its step."""
        return f"{self.stage}, {self.step}" if self.step else self.stage

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
        """Say it in one line: `screening: 3,000 of 10,000 rows, 1,500 rows/s, 5 s left`."""
        speed = f"{self.units_per_second:,.0f} {self.unit}/s"
        if self.is_finished:
            return f"{self.name}: {self.done:,} {self.unit} in {duration(self.seconds)}, {speed}"
        left = "" if self.seconds_left is None else f", {duration(self.seconds_left)} left"
        return f"{self.name}: {self.done:,} of {self.total:,} {self.unit}, {speed}{left}"


def duration(seconds: float) -> str:
    """Say a duration as people do: `10 s`, `3 min 20 s`, `2 h 5 min`."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


Sink = Callable[[Standing], None]
"""Shows a standing. It is called from any thread, and often: it decides itself which calls to pass over."""

_SINKS: ContextVar[tuple[Sink, ...]] = ContextVar("progress_sinks", default=())


@contextmanager
def shown_by(*sinks: Sink) -> Generator[None]:
    """Show the progress of all work that is begun in this context."""
    token = _SINKS.set(sinks)
    try:
        yield
    finally:
        _SINKS.reset(token)


@contextmanager
def shown_in_terminal_or_log(*others: Sink) -> Generator[None]:
    """Show progress as a bar where standard error is a terminal, else as log lines; and by the other sinks."""
    if sys.stderr.isatty():
        with Bars() as bars, shown_by(bars, *others):
            yield
    else:
        with shown_by(LogLines(), *others):
            yield


class Progress:
    """Counts what is done of a piece of work, from any thread, and tells the sink of the context it was made in."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._sinks = _SINKS.get()
        self._lock = Lock()
        self._step, self._unit = "", "rows"
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
            self._step, self._unit, self._done, self._total = step, unit, 0, total
            self._began = time.perf_counter()
        self._show()

    def advance(self, number: int) -> None:
        """Add to what is done."""
        with self._lock:
            self._done += number
        self._show()

    def _show(self) -> None:
        seconds = time.perf_counter() - self._began
        standing = Standing(self.name, self._step, self._done, self._total, self._unit, seconds)
        for sink in self._sinks if standing.total else ():
            sink(standing)


# -- where it is shown -------------------------------------------------------------------------------------------------


class LogLines:
    """Writes a log line now and then: none for short work, and a last one for work that had others."""

    def __init__(self, *, seconds_between: float = SECONDS_BETWEEN_LINES) -> None:
        self.seconds_between = seconds_between
        self._lock = Lock()
        self._last: dict[str, float] = {}

    def __call__(self, standing: Standing) -> None:
        """Write the standing, if it is time for the next line of this work."""
        with self._lock:
            if not standing.done:  # the step has begun, perhaps not for the first time
                self._last.pop(standing.name, None)
            last = self._last.get(standing.name)
            is_last_of_several = standing.is_finished and last is not None
            if standing.seconds - (last or 0.0) < self.seconds_between and not is_last_of_several:
                return
            self._last[standing.name] = standing.seconds
            if standing.is_finished:
                del self._last[standing.name]
        logger.info("%s", standing)


class Bars:
    """Draws a bar for each step in the terminal, with its speed and the time left.

    Short work gets none, so that a screen does not flicker; the bars go away when work ends.
    """

    def __init__(self, console: Any = None, *, min_seconds: float = MIN_SECONDS_FOR_A_BAR) -> None:
        # imported here, since most who import the core draw no bars
        from rich import progress
        from rich.console import Console

        columns = (progress.TextColumn("{task.description}"), progress.BarColumn(), progress.TaskProgressColumn())
        line = progress.TextColumn("{task.fields[line]}")
        self._bars = progress.Progress(*columns, line, console=console or Console(stderr=True), transient=True)
        self._min_seconds = min_seconds
        self._lock = Lock()
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Bars:
        """Be ready to draw."""
        return self

    def __exit__(self, *error: object) -> None:
        """Draw no more."""
        self._bars.stop()

    def __call__(self, standing: Standing) -> None:
        """Draw how far the work has come."""
        with self._lock:
            if standing.name not in self._tasks:
                if standing.seconds < self._min_seconds:
                    return
                self._bars.start()
                self._tasks[standing.name] = self._bars.add_task(standing.name, total=standing.total, line="")
            line = str(standing).removeprefix(f"{standing.name}: ")
            self._bars.update(self._tasks[standing.name], completed=standing.done, total=standing.total, line=line)
