"""The token ledger: what sampling has cost so far, by model, and the hard limit at which it stops."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from limo_curation.errors import BudgetError
from limo_curation.sampling.protocol import Completion, Sampler, SampleRequest, as_they_finish, closable


class MeteredSampler:
    """Counts the tokens that an engine really reads and writes; stands below the cache, so cached ones are free."""

    def __init__(self, engine: Sampler, *, max_total_tokens: int | None = None) -> None:
        self.engine = engine
        self.max_total_tokens = max_total_tokens
        self.prompt_tokens: Counter[str] = Counter()
        self.completion_tokens: Counter[str] = Counter()
        self._lock = threading.Lock()  # several threads sample, and an engine's thread asks what is left

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens of all models together."""
        with self._lock:
            return self.prompt_tokens.total() + self.completion_tokens.total()

    def revision(self, model: str) -> str:
        """Return the engine's revision of a model."""
        return self.engine.revision(model)

    def sample(self, requests: Iterable[SampleRequest]) -> Iterator[Completion]:
        """Yield one completion for each request, in order; see `Sampler.sample`.

        Raises:
            BudgetError: the limit was reached before the last request was sent. What was under way is finished,
                handed out and counted, so the limit is passed by what fits into the engine at a time.
        """
        return self._metered(self.engine.sample, requests)

    def stream(self, requests: Iterable[SampleRequest]) -> Iterator[Completion]:
        """Yield one completion for each request, as they finish; see `StreamingSampler.stream`.

        Raises:
            BudgetError: as `sample`.
        """
        return self._metered(functools.partial(as_they_finish, self.engine), requests)

    def _metered(
        self, draw: Callable[[Iterable[SampleRequest]], Iterator[Completion]], requests: Iterable[SampleRequest]
    ) -> Iterator[Completion]:
        left = Affordable(iter(requests), self)
        with contextlib.closing(closable(draw(left))) as completions:
            for completion in completions:
                model = completion.request.model
                with self._lock:
                    self.prompt_tokens[model] += completion.num_prompt_tokens
                    self.completion_tokens[model] += completion.num_completion_tokens
                yield completion
        if left.was_cut:
            raise BudgetError(
                f"{self.total_tokens} tokens are spent of engine.max_total_tokens = {self.max_total_tokens}; "
                "a run with a larger budget continues from here"
            )


@dataclass(slots=True)
class Affordable:
    """Requests, as long as there is budget for them."""

    requests: Iterator[SampleRequest]
    ledger: MeteredSampler
    was_cut: bool = False
    """Whether a request was left that the budget did not allow."""

    def __iter__(self) -> Iterator[SampleRequest]:
        for request in self.requests:
            limit = self.ledger.max_total_tokens
            if limit is not None and self.ledger.total_tokens >= limit:
                self.was_cut = True
                return
            yield request
