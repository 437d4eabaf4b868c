"""What is asked of an engine, and what comes back. Every engine is a `Sampler`; there is no base class."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from limo_curation.engine_config import Solver
from limo_curation.errors import StageError
from limo_curation.store import json_digest

FinishReason = Literal["stop", "length"]
Keeps = Literal["text", "answer"]


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """One completion to draw: the same fields on the same weights are the same request, with the same key."""

    model: str
    question: str
    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    attempt: int
    system_prompt: str | None = None
    json_schema: str | None = None
    """A JSON schema for the completion, as JSON text. Only the endpoint engine enforces it: whoever asks checks the
    reply anyway."""
    with_logprobs: bool = False
    """Ask for the mean log-probability of the tokens too. Only the endpoint engine gives it."""
    keeps: Keeps = "text"
    """What the request cache keeps of the completion; nothing that an engine sees."""

    def key(self, revision: str) -> str:
        """Return the identity of this request on one revision of the model: 32 hex digits.

        The attempt's number is left out, since the seed follows from it, and what the cache keeps.
        """
        fields = [self.question, self.temperature, self.top_p, self.max_tokens, self.seed, self.system_prompt]
        if self.json_schema is not None:  # a request without one keeps the key that it always had
            fields.append(self.json_schema)
        if self.with_logprobs:  # what was sampled without them can't answer it
            fields.append("with logprobs")
        return json_digest([revision, *fields])[:32]

    def messages(self) -> list[dict[str, str]]:
        """Return the conversation that the model is to continue."""
        system = [] if self.system_prompt is None else [{"role": "system", "content": self.system_prompt}]
        return [*system, {"role": "user", "content": self.question}]


@dataclass(frozen=True, slots=True)
class Completion:
    """What an engine wrote, and its price in tokens."""

    request: SampleRequest
    text: str
    finish_reason: FinishReason
    num_prompt_tokens: int
    num_completion_tokens: int
    mean_logprob: float | None = None
    """Mean natural log-probability of the completion's tokens, where it was asked for and the server told it."""

    @property
    def is_truncated(self) -> bool:
        """Whether the token limit cut it off."""
        return self.finish_reason == "length"

    @property
    def is_overflow(self) -> bool:
        """Whether nothing was written, since the prompt left no room in the server's context."""
        return self.is_truncated and self.num_completion_tokens == 0


Requests = Iterable[SampleRequest | None]
"""None: nothing to ask before another completion is handed out."""


class Sampler(Protocol):
    """An engine, or a layer above one."""

    def sample(self, requests: Requests) -> Iterator[Completion]:
        """Yield one completion for each request, in the order of the requests.

        Requests are taken as they are needed, maybe from another thread. None among them says that the next request
        depends on completions that were not handed out yet: the engine goes on with what it has, and asks again when
        it has handed out another one and its caller has come back for more. Whoever gives None waits for a completion,
        so an engine that has handed out everything never meets it.

        Raises:
            StageError: None, although every completion was handed out: the next request would be held back for ever.
            TransientError: the engine failed for the moment. Retrying may help; what was yielded stays valid.
            BudgetError: the token budget is spent.
        """
        ...

    def revision(self, model: str) -> str:
        """Return what identifies a model's weights and template: part of every key that depends on it."""
        ...


@runtime_checkable
class StreamingSampler(Sampler, Protocol):
    """An engine that answers many requests side by side and can hand out each completion when it is finished."""

    def stream(self, requests: Requests) -> Iterator[Completion]:
        """Yield one completion for each request, in the order in which they are finished.

        Raises:
            TransientError, BudgetError: as `sample`, after the requests under way were finished and handed out.
        """
        ...


def held_back_for_ever() -> StageError:
    """Return the error of an engine that meets None although it has handed out every completion."""
    return StageError(
        "a stage holds its next request back for a completion, but all that it asked for were handed out; this is a "
        "bug of that stage"
    )


def as_they_finish(engine: Sampler, requests: Requests) -> Generator[Completion]:
    """Yield one completion for each request, as early as the engine can."""
    return closable(engine.stream(requests) if isinstance(engine, StreamingSampler) else engine.sample(requests))


def closable(completions: Iterator[Completion]) -> Generator[Completion]:
    """Yield completions; closing this closes the engine's iterator too, which cancels what is under way.

    A layer above an engine that is left by an error would keep it alive as long as the error's traceback lives.
    """
    yield from completions


def model_folder(model: str) -> Path | None:
    """Return the folder of a local model, as written or beside this package; None for a model on the Hub."""
    places = (Path(model), Path(__file__).resolve().parents[2] / model)
    return next((place for place in places if (place / "config.json").is_file()), None)


def solver_name(solver: Solver) -> str:
    """Return a solver's name: that of its model."""
    return model_name(solver.model)


def model_name(model: str) -> str:
    """Return a model's name; of a local folder its last part, since the folders before it differ between machines."""
    folder = model_folder(model)
    return model if folder is None else folder.name


def request_for(
    solver: Solver, *, problem_id: str, question: str, attempt: int, with_logprobs: bool = False
) -> SampleRequest:
    """Return the request of one attempt; its seed follows from solver, problem and attempt, not from their order."""
    seed = int.from_bytes(hashlib.sha256(f"{solver.seed}/{problem_id}/{attempt}".encode()).digest()[:4]) >> 1
    return SampleRequest(
        model=solver.model,
        question=question,
        temperature=solver.temperature,
        top_p=solver.top_p,
        max_tokens=solver.max_tokens,
        seed=seed,
        attempt=attempt,
        system_prompt=solver.system_prompt,
        with_logprobs=with_logprobs,
        keeps=solver.keeps,
    )
