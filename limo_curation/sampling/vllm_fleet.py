"""vLLM's servers for all models of a run: started when first asked, stopped to make room, and when nobody asks.

    models_at_once = 1    asked     ada ada ada ada │ bob bob bob     │ (chains are verified)
                          running   ada ─────────── ╳ bob ─────────── ╳
                                    ada's requests are finished first

A call leases the models that it asks: a leased model is not stopped. Whoever asks for one that has no room waits until
a lease ends; then the least recently used model without a lease makes room. A call gives its leases back before it
waits, so two calls never wait for each other. Requests should come model by model where models have to take turns
(`sampling_passes.py`), since a start takes minutes.

A model that nobody leases for IDLE_SECONDS is stopped too, and started again when it is asked: no GPU is held through
stages that ask nobody, nor while other workers do a stage's last chunks.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from limo_curation.errors import ConfigError, TransientError
from limo_curation.sampling.endpoint import PATIENCE_SECONDS, EndpointSampler
from limo_curation.sampling.model_files import folder_revision
from limo_curation.sampling.protocol import Completion, Requests, SampleRequest, closable, model_folder
from limo_curation.sampling.vllm_command import choose_gpus, visible_gpus
from limo_curation.sampling.vllm_server import VllmServers
from limo_curation.vllm_config import VllmConfig

WAKE_SECONDS: Final = 0.2  # Polars replaces the handler of Ctrl-C: no wait without an end may block
IDLE_SECONDS: Final = 300.0
"""Ours: about what a start takes, so that a pause costs at most twice what it had to, however long it is."""

logger = logging.getLogger(__name__)


class VllmFleet:
    """Starts models as they are asked and samples from their servers, inside of a `with` block."""

    def __init__(
        self,
        configs: Sequence[VllmConfig],
        *,
        models_at_once: int | None,
        log_folder: Path,
        max_concurrency: int,
        timeout_seconds: float,
        patience_seconds: float = PATIENCE_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """Describe the fleet; nothing is started yet.

        Args:
            configs: one for each model.
            models_at_once: how many are served at the same time; None: all.
            log_folder: its folder `<model>` takes the output of that model's servers.
            max_concurrency: requests under way at once, over all models.
            timeout_seconds: deadline of one try.
            patience_seconds: how long a request waits for a server that is started again.
            idle_seconds: how long a model stays up that nobody asks.
        """
        self.log_folder = log_folder
        self.max_running = models_at_once or len(configs)
        self.idle_seconds = idle_seconds
        self._configs = {config.requested_name: config for config in configs}
        self._endpoint = EndpointSampler(
            {}, max_concurrency=max_concurrency, timeout_seconds=timeout_seconds, patience_seconds=patience_seconds
        )
        self._revisions: dict[str, str] = {}
        self._changed = threading.Condition()  # guards all that follows
        self._running: dict[str, VllmServers] = {}
        """The least recently leased first."""
        self._leases: Counter[str] = Counter()
        self._asked_at: dict[str, float] = {}
        """When the last lease of each model ended, or its start."""
        self._moved: VllmServers | None = None
        """What one thread starts at the moment; the others wait, since two servers that measure a GPU's free memory at
        the same time both take it."""
        self._is_moving = False
        self._is_closed = False
        self._idle_thread = threading.Thread(target=self._stop_idle_models, name="idle models", daemon=True)

    def __enter__(self) -> Self:
        self._idle_thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End all servers, also one that is starting. Calls that still sample fail within seconds.

        Raises:
            TransientError: a process can't be killed.
        """
        self._endpoint.patience_seconds = 0.0  # no server comes back that a request could wait for
        with self._changed:
            self._is_closed = True
            servers, self._running = list(self._running.values()), {}
            starting = self._moved
            self._changed.notify_all()
        if starting is not None:
            starting.stop()
        with contextlib.ExitStack() as stack:
            for one in servers:
                stack.push(one)
            stack.callback(self._idle_thread.join)  # it may be stopping one itself

    @property
    def num_gpus(self) -> int:
        """GPUs that servers hold now; 0 on a processor."""
        with self._changed:
            held = [*self._running.values(), *([self._moved] if self._moved else [])]
            return sum(len(servers.gpus or ()) for servers in held)

    def revision(self, model: str) -> str:
        """Return what identifies a model's files, without starting it.

        Of a local folder it is what the transformers engine says too: what one of them sampled answers for the other.
        A model on the Hub is named as the run file does, so pin its revision there.
        """
        if model not in self._revisions:
            name = self._config(model).model
            folder = model_folder(name)
            self._revisions[model] = name if folder is None else folder_revision(folder)
        return self._revisions[model]

    def sample(self, requests: Requests) -> Iterator[Completion]:
        """Yield one completion for each request, in order; see `Sampler.sample`.

        Raises:
            ConfigError: a model's servers can't be started; then their last lines are quoted.
            TransientError: a server has died too often, or the fleet's block was left.
        """
        return self._in_segments(self._endpoint.sample, requests)

    def stream(self, requests: Requests) -> Iterator[Completion]:
        """Yield one completion for each request, as they finish; see `StreamingSampler.stream`.

        Raises:
            ConfigError, TransientError: as `sample`.
        """
        return self._in_segments(self._endpoint.stream, requests)

    def _in_segments(
        self, draw: Callable[[Requests], Iterator[Completion]], requests: Requests
    ) -> Iterator[Completion]:
        source = iter(requests)
        first = next(source, None)
        while first is not None:
            with self._lease(first.model) as leased:
                segment = Segment(first, source, is_covered=lambda model, held=leased: self._extend(held, model))
                try:
                    with contextlib.closing(closable(draw(segment))) as completions:
                        yield from completions
                except TransientError:
                    self._check(leased)
                    raise
            first = segment.held_back

    # -- leases -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _lease(self, model: str) -> Generator[set[str]]:
        """Wait for a model's servers, and keep them and what is added to the lease for the time of the block."""
        self._await_model(model)
        leased = {model}
        try:
            yield leased
        finally:
            with self._changed:
                for one in leased:
                    self._leases[one] -= 1
                    self._asked_at[one] = time.monotonic()
                    if one in self._running:
                        self._running[one] = self._running.pop(one)
                self._changed.notify_all()

    def _extend(self, leased: set[str], model: str) -> bool:
        """Return whether a lease covers a model; it is extended to one that runs."""
        with self._changed:
            if self._is_closed:
                raise TransientError(f"{model}: the fleet of vLLM servers was stopped")
            if model not in leased and self._is_up(model):
                self._leases[model] += 1
                leased.add(model)
            return model in leased

    def _await_model(self, model: str) -> None:
        self._config(model)
        while True:
            with self._changed:
                while not (self._is_closed or self._is_up(model) or self._may_move(model)):
                    self._changed.wait(WAKE_SECONDS)
                if self._is_closed:
                    raise TransientError(f"{model}: the fleet of vLLM servers was stopped")
                if self._is_up(model):
                    self._leases[model] += 1
                    return
                self._is_moving = True
                leaving = self._leaving(model)
                left = self._running.pop(leaving) if leaving is not None else None
            try:
                self._move(left, model)
            finally:
                with self._changed:
                    self._is_moving, self._moved = False, None
                    self._changed.notify_all()

    def _is_up(self, model: str) -> bool:
        return model in self._running and not self._running[model].has_failed

    def _may_move(self, model: str) -> bool:
        if self._is_moving:
            return False
        if model in self._running:  # a replica of it has failed for good: all start anew once nobody uses the others
            return not self._leases[model]
        return len(self._running) < self.max_running or self._leaving(model) is not None

    def _leaving(self, model: str) -> str | None:
        """Return the model that has to be stopped before another one is started, if there is one without a lease."""
        if model in self._running:
            return model
        idle = [one for one in self._running if not self._leases[one]]
        return idle[0] if idle and len(self._running) >= self.max_running else None

    def _move(self, left: VllmServers | None, model: str) -> None:
        """Stop one model's servers and start another's; one thread at a time does."""
        if left is not None:
            left.__exit__()
        config = self._config(model)
        with self._changed:
            claimed: Counter[str] = Counter()
            for one in self._running.values():
                claimed.update(dict.fromkeys(one.gpus or (), one.config.gpu_memory_fraction))
        gpus = choose_gpus(config, visible=visible_gpus(os.environ), claimed=claimed)
        servers = VllmServers(config, log_folder=self.log_folder / file_name(model), gpus=gpus)
        with self._changed:
            if self._is_closed:
                return
            self._moved = servers
        servers.__enter__()
        with self._changed:
            if not self._is_closed:
                self._endpoint.serve(model, servers.urls)
                self._running[model] = servers
                self._asked_at[model] = time.monotonic()
                return
        servers.__exit__()

    def _stop_idle_models(self) -> None:
        while True:
            with self._changed:
                while not self._is_closed and (self._is_moving or self._idle_model() is None):
                    self._changed.wait(WAKE_SECONDS)
                idle = self._idle_model()
                if self._is_closed or idle is None:
                    return
                self._is_moving = True
                servers = self._running.pop(idle)
            logger.info("vLLM: %s is stopped, as nobody has asked it for %g s", idle, self.idle_seconds)
            servers.stop()
            with self._changed:
                self._is_moving = False
                self._changed.notify_all()

    def _idle_model(self) -> str | None:
        before = time.monotonic() - self.idle_seconds
        idle = (one for one in self._running if not self._leases[one] and self._asked_at[one] < before)
        return next(idle, None)

    def _check(self, models: set[str]) -> None:
        """Raise what a server of some models failed with: it tells more than the requests that failed with it."""
        with self._changed:
            servers = [self._running[model] for model in models if model in self._running]
        for one in servers:
            one.check()

    def _config(self, model: str) -> VllmConfig:
        if model not in self._configs:
            raise ConfigError(f"engine.vllm names no server of {model}; add a table [[engine.vllm]] for it")
        return self._configs[model]


@dataclass(slots=True)
class Segment:
    """Requests up to the first one whose model is not covered, which is held back."""

    first: SampleRequest
    source: Iterator[SampleRequest | None]
    is_covered: Callable[[str], bool]
    held_back: SampleRequest | None = None

    def __iter__(self) -> Iterator[SampleRequest | None]:
        yield self.first
        for request in self.source:
            if request is not None and not self.is_covered(request.model):
                self.held_back = request
                return
            yield request


def file_name(model: str) -> str:
    """Return a model's name as that of a folder; Hub ids and paths hold slashes."""
    return re.sub(r"[^\w.@-]+", "_", model).strip("_.")
