"""The token ledger: what sampling has cost so far, by model, and the hard limit at which it stops."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence

from limo_curation.errors import BudgetError
from limo_curation.sampling.protocol import Completion, Sampler, SampleRequest


class MeteredSampler:
    """Counts the tokens that an engine really reads and writes; stands below the cache, so cached ones are free."""

    def __init__(self, engine: Sampler, *, max_total_tokens: int | None = None) -> None:
        self.engine = engine
        self.max_total_tokens = max_total_tokens
        self.prompt_tokens: Counter[str] = Counter()
        self.completion_tokens: Counter[str] = Counter()
        self._lock = threading.Lock()  # chunks are sampled by several threads

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens of all models together."""
        return self.prompt_tokens.total() + self.completion_tokens.total()

    def revision(self, model: str) -> str:
        """Return the engine's revision of a model."""
        return self.engine.revision(model)

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[Completion]:
        """Yield one completion for each request, in order; see `Sampler.sample`.

        Raises:
            BudgetError: the limit was reached before this call. Chunks that are finished stay in the cache.
        """
        if self.max_total_tokens is not None and self.total_tokens >= self.max_total_tokens:
            raise BudgetError(
                f"{self.total_tokens} tokens are spent of engine.max_total_tokens = {self.max_total_tokens}; "
                "a run with a larger budget continues from here"
            )
        for completion in self.engine.sample(requests):
            model = completion.request.model
            with self._lock:
                self.prompt_tokens[model] += completion.num_prompt_tokens
                self.completion_tokens[model] += completion.num_completion_tokens
            yield completion
