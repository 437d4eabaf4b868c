"""The sections of the run file that say who samples: the engine, and each language model that is asked.

    [engine]
    kind = "vllm"                                   # servers of its own, on the GPUs of this machine
    models_at_once = 1                              # one model after the other
    [[engine.vllm]]
    model = "Qwen/Qwen2.5-Math-7B-Instruct"
    replicas = 8

"ours" is a choice of this project.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from limo_curation.source_config import Count, Section, Source
from limo_curation.vllm_config import VllmConfig


class EngineConfig(Section):
    """Who samples. None of it changes what is asked for, so it is in no stage's key."""

    kind: Literal["transformers", "endpoint", "vllm", "recorded"] = "transformers"
    """transformers: in this process, on CPU. endpoint: OpenAI-compatible servers that are there. vllm: servers that the
    run starts itself. recorded: nothing is sampled anew."""
    urls: dict[str, tuple[str, ...]] = Field(default={})
    """endpoint: base URLs of the replicas that serve each model, such as `http://gpu-1:8000/v1`."""
    vllm: tuple[VllmConfig, ...] = ()
    """vllm: one for each model that is asked."""
    models_at_once: Count | None = None
    """vllm: models that are served at the same time; None: all of them. With fewer than a stage asks, it asks them one
    after the other, each for the whole table."""
    batch_size: Count = 256
    """transformers: sequences that are generated together."""
    max_concurrency: Count = 256
    """endpoint, vllm: requests under way at once, over all stages and replicas; vLLM keeps 256 a replica busy."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 3_600.0
    """endpoint, vllm: of one try."""
    completions: tuple[Source, ...] = ()
    """recorded: files of completions with columns `model`, `question` and `completion`, in order of the attempts."""
    max_total_tokens: Count | None = None
    """Hard budget of prompt and completion tokens for one run, whatever it was resumed; None: no limit."""
    max_gpu_hours: Annotated[float, Field(gt=0)] | None = None
    """Hard budget of GPU-hours for one run, whatever it was resumed; None: no limit."""
    num_gpus: Count | None = None
    """endpoint: GPUs behind `urls`, by which GPU-hours are counted while requests are under way. vllm knows its own."""

    @model_validator(mode="after")
    def _kind_has_what_it_needs(self) -> Self:
        if self.kind == "endpoint" and not self.urls:
            raise ValueError("urls is empty: kind = 'endpoint' needs at least one base URL for each model")
        if self.kind == "vllm" and not self.vllm:
            raise ValueError("vllm is empty: kind = 'vllm' needs a table [[engine.vllm]] for each model")
        names = [one.requested_name for one in self.vllm]
        if len(set(names)) < len(names):
            raise ValueError(f"vllm names {max(names, key=names.count)} twice; set replicas instead")
        if self.kind == "endpoint" and self.max_gpu_hours is not None and self.num_gpus is None:
            raise ValueError("max_gpu_hours needs num_gpus: how many GPUs are behind urls?")
        return self

    @property
    def served_models(self) -> frozenset[str] | None:
        """The models that the engine was set up for; None where it loads whatever is asked."""
        if self.kind == "endpoint":
            return frozenset(self.urls)
        return frozenset(one.requested_name for one in self.vllm) if self.kind == "vllm" else None


class Solver(Section):
    """A language model that rates difficulty or writes chains, and how it is sampled."""

    model: str
    """Hub id (pinned as `owner/name@revision`) or local folder."""
    num_attempts: Count
    temperature: Annotated[float, Field(ge=0)] = 0.6
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    max_tokens: Count
    seed: Annotated[int, Field(ge=0)] = 0
    system_prompt: str | None = None
    keeps: Literal["text", "answer"] = "text"
    """What the request cache keeps of an attempt: its text, or of a rating's attempt its final answer alone, which is
    a hundredth of it. It changes no verdict; attempts that shall become chains need their text."""
