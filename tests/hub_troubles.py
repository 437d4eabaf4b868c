"""What may go wrong with one request to the loopback Hub: an error, a cut connection, an answer that takes its time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

PATIENCE_SECONDS = 60.0  # of a test, for a process that starts on a busy machine


class Held:
    """A request that the Hub has got and does not go on with, until it is told to."""

    def __init__(self) -> None:
        self.goes_on = True
        self._arrived, self._told = threading.Event(), threading.Event()

    def wait(self) -> None:
        """Wait until the request is there."""
        assert self._arrived.wait(PATIENCE_SECONDS), "the request never came"

    def let_go(self) -> None:
        """Answer it."""
        self._told.set()

    def drop(self) -> None:
        """Forget it: its connection is cut."""
        self.goes_on = False
        self._told.set()

    def hold(self) -> None:
        self._arrived.set()
        self._told.wait(PATIENCE_SECONDS)


@dataclass
class Trouble:
    request: str
    """Part of `METHOD path` of the requests that it befalls."""
    is_after: bool = False
    """The Hub has done what was asked; only its answer is troubled."""
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    held: Held | None = None
    """With neither status nor this, the connection is cut."""

    @property
    def cuts(self) -> bool:
        return self.status is None and (self.held is None or not self.held.goes_on)
