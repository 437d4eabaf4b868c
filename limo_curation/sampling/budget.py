"""The ledger of a run: what sampling has cost so far, by model, and the hard limits at which it stops.

Cached completions cost nothing, since the ledger stands below the cache. With a `SpendingRecord` a run has one budget,
however often it is resumed and however many processes sample for it; what the others spend is looked up every few
seconds.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from limo_curation.errors import BudgetError
from limo_curation.sampling.gpu_meter import GpuMeter
from limo_curation.sampling.protocol import Completion, Requests, Sampler, SampleRequest, as_they_finish, closable
from limo_curation.sampling.spending import Spending, SpendingRecord

EXCHANGE_SECONDS: Final = 5.0
"""Between two looks at what other processes have spent, and two notes of what this one has (ours)."""


class MeteredSampler:
    """Counts what an engine really reads and writes, and how long it holds its GPUs."""

    def __init__(
        self,
        engine: Sampler,
        *,
        max_total_tokens: int | None = None,
        max_gpu_hours: float | None = None,
        num_gpus: int | Callable[[], int] = 0,
        record: SpendingRecord | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Put the ledger above an engine.

        Args:
            engine: who samples.
            max_total_tokens: prompt and completion tokens of all models that the run may cost; None: no limit.
            max_gpu_hours: GPU-hours that the run may cost; None: no limit.
            num_gpus: GPUs that the engine holds, or what tells how many it holds now.
            record: where the run's spending is kept; None: this object's own spending is all that counts.
            clock: tells the time, in seconds.
        """
        self.engine = engine
        self.max_total_tokens = max_total_tokens
        self.max_gpu_hours = max_gpu_hours
        self.record = record
        self.prompt_tokens: Counter[str] = Counter()
        self.completion_tokens: Counter[str] = Counter()
        self.gpus = GpuMeter(num_gpus, clock=clock)
        self._clock = clock
        self._of_others = Spending()
        self._last_exchange: float | None = None
        self._lock = threading.Lock()  # several threads sample, and an engine's thread asks what is left
        self._exchanging = threading.Lock()  # an older account must not be written over a newer one

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens of all models together that this object has counted."""
        with self._lock:
            return self.prompt_tokens.total() + self.completion_tokens.total()

    def own_spending(self) -> Spending:
        """Return what this object has counted."""
        with self._lock:
            prompt_tokens, completion_tokens = dict(self.prompt_tokens), dict(self.completion_tokens)
        return Spending(
            prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, gpu_seconds=self.gpus.seconds()
        )

    def spending(self) -> Spending:
        """Return what the run has spent, as far as this process knows."""
        return self.own_spending() + self._of_others

    def is_spent(self) -> bool:
        """Return whether one of the limits is reached."""
        if self.max_total_tokens is None and self.max_gpu_hours is None:
            return False
        has_tokens = self.max_total_tokens is None or self._tokens_of_run() < self.max_total_tokens
        has_hours = self.max_gpu_hours is None or self._gpu_hours_of_run() < self.max_gpu_hours
        return not (has_tokens and has_hours)

    def revision(self, model: str) -> str:
        """Return the engine's revision of a model."""
        return self.engine.revision(model)

    def sample(self, requests: Requests) -> Iterator[Completion]:
        """Yield one completion for each request, in order; see `Sampler.sample`.

        Raises:
            BudgetError: a limit was reached before the last request was sent. What was under way is finished,
                handed out and counted, so the limit is passed by what fits into the engines at a time, and by what
                other processes spend within a few seconds.
            TableError: the account of another process is damaged.
        """
        return self._metered(self.engine.sample, requests)

    def stream(self, requests: Requests) -> Iterator[Completion]:
        """Yield one completion for each request, as they finish; see `StreamingSampler.stream`.

        Raises:
            BudgetError, TableError: as `sample`.
        """
        return self._metered(functools.partial(as_they_finish, self.engine), requests)

    def _metered(self, draw: Callable[[Requests], Iterator[Completion]], requests: Requests) -> Iterator[Completion]:
        affordable = Affordable(iter(requests), self)
        self._exchange()
        try:
            with contextlib.closing(closable(draw(affordable))) as completions:
                for completion in completions:
                    self._count(completion)
                    affordable.handed_out[completion.request.model] += 1
                    self._exchange()
                    yield completion
        finally:
            self.gpus.end(affordable.taken - affordable.handed_out)
            self._save()
        if affordable.was_cut:
            raise BudgetError(self._shortage())

    def _count(self, completion: Completion) -> None:
        model = completion.request.model
        with self._lock:
            self.prompt_tokens[model] += completion.num_prompt_tokens
            self.completion_tokens[model] += completion.num_completion_tokens
        self.gpus.end(Counter([model]))

    def _exchange(self) -> None:
        """Note what was spent and look up what others spent, if it is time for that."""
        if self.record is None:
            return
        with self._lock:
            now = self._clock()
            if self._last_exchange is not None and now - self._last_exchange < EXCHANGE_SECONDS:
                return
            self._last_exchange = now
        self._save()
        self._of_others = self.record.of_others()

    def _save(self) -> None:
        if self.record is not None:
            with self._exchanging:
                self.record.save(self.own_spending())

    def _tokens_of_run(self) -> int:
        return self.total_tokens + self._of_others.total_tokens

    def _gpu_hours_of_run(self) -> float:
        return sum(self.gpus.seconds().values()) / 3_600 + self._of_others.gpu_hours

    def _shortage(self) -> str:
        spent, limits = self.spending(), list[str]()
        if self.max_total_tokens is not None and spent.total_tokens >= self.max_total_tokens:
            limits.append(f"{spent.total_tokens} tokens are spent of engine.max_total_tokens = {self.max_total_tokens}")
        if self.max_gpu_hours is not None and spent.gpu_hours >= self.max_gpu_hours:
            limits.append(f"{spent.gpu_hours:.3g} GPU-hours are spent of engine.max_gpu_hours = {self.max_gpu_hours:g}")
        by_model = ", ".join(
            f"{model} read {spent.prompt_tokens.get(model, 0)} and wrote {spent.completion_tokens.get(model, 0)}"
            + (f" in {spent.gpu_seconds[model] / 3_600:.3g} GPU-hours" if model in spent.gpu_seconds else "")
            for model in spent.models
        )
        return (
            f"{' and '.join(limits)} ({by_model}); what is finished is kept, "
            "and a run with a larger budget continues from here"
        )


@dataclass(slots=True)
class Affordable:
    """Requests, as long as there is budget for them. The engine's thread takes them; None is handed on."""

    requests: Iterator[SampleRequest | None]
    ledger: MeteredSampler
    was_cut: bool = False
    """Whether a request was left that the budget did not allow."""
    taken: Counter[str] = field(default_factory=Counter[str])
    """Requests that the engine has, by model; counted by the thread that takes them."""
    handed_out: Counter[str] = field(default_factory=Counter[str])
    """Completions of them; counted by the thread that reads them."""

    def __iter__(self) -> Iterator[SampleRequest | None]:
        for request in self.requests:
            if request is not None:
                if self.ledger.is_spent():
                    self.was_cut = True
                    return
                self.taken[request.model] += 1
                self.ledger.gpus.begin(request.model)
            yield request
