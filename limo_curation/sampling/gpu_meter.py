"""How long an engine has held its GPUs: the wall time in which requests are under way, times the GPUs."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable


class GpuMeter:
    """Adds up GPU-seconds by model; models that are asked at the same time share them evenly.

    A request is under way from when an engine takes it until its completion is handed out. Time in which servers
    start or stand idle is not counted.
    """

    def __init__(self, num_gpus: int | Callable[[], int], *, clock: Callable[[], float]) -> None:
        """Start at zero.

        Args:
            num_gpus: GPUs that the engine holds, or what tells how many it holds now.
            clock: tells the time, in seconds.
        """
        self._num_gpus = num_gpus
        self._clock = clock
        self._under_way: Counter[str] = Counter()
        self._seconds: dict[str, float] = {}
        self._settled_at = 0.0
        self._lock = threading.Lock()

    def begin(self, model: str) -> None:
        """Count a request as under way."""
        num_gpus = self._gpus_now()
        with self._lock:
            self._settle(num_gpus)
            self._under_way[model] += 1

    def end(self, models: Counter[str]) -> None:
        """Count requests of models as no longer under way."""
        num_gpus = self._gpus_now()
        with self._lock:
            self._settle(num_gpus)
            self._under_way -= models

    def seconds(self) -> dict[str, float]:
        """Return the GPU-seconds of each model until now."""
        num_gpus = self._gpus_now()
        with self._lock:
            self._settle(num_gpus)
            return dict(self._seconds)

    def _gpus_now(self) -> int:
        # asked outside of the lock: who tells may hold one of its own while it asks for requests
        return self._num_gpus() if callable(self._num_gpus) else self._num_gpus

    def _settle(self, num_gpus: int) -> None:
        """Share the time since the last change among the models that were busy in it."""
        now = self._clock()
        passed, self._settled_at = now - self._settled_at, now
        if num_gpus:
            for model in self._under_way:
                share = passed * num_gpus / len(self._under_way)
                self._seconds[model] = self._seconds.get(model, 0.0) + share
