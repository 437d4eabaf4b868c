"""Put a sampler together as the run file asks: an engine, the token ledger above it, the cache above both."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from limo_curation.config import RunConfig
from limo_curation.run_record import run_name
from limo_curation.sampling.budget import MeteredSampler
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling.endpoint import EndpointSampler
from limo_curation.sampling.protocol import Sampler
from limo_curation.sampling.recorded import RecordedSampler
from limo_curation.sampling.transformers_engine import TransformersSampler
from limo_curation.sampling.vllm_fleet import VllmFleet
from limo_curation.store import Store


@contextmanager
def assemble_sampler(
    config: RunConfig, store: Store
) -> Generator[tuple[CachedSampler, MeteredSampler] | tuple[None, None]]:
    """Give the sampler of a run and the ledger inside it; None twice for a run that samples nothing.

    Servers that the run starts itself are gone at the end of the block, however it ends.
    """
    samples = (
        config.generation.teachers,
        config.difficulty.enabled and (config.difficulty.weak or config.difficulty.strong),
        config.decontamination.enabled and config.decontamination.paraphrase,
    )
    if not any(samples):
        yield None, None
        return
    with engine_of(config) as engine:
        metered = MeteredSampler(engine, max_total_tokens=config.engine.max_total_tokens)
        yield CachedSampler(metered, store), metered


@contextmanager
def engine_of(config: RunConfig) -> Generator[Sampler]:
    """Give the engine that a run file names."""
    engine = config.engine
    if engine.kind == "vllm":
        with VllmFleet(
            engine.vllm,
            models_at_once=engine.models_at_once,
            log_folder=Path(config.execution.output) / run_name(config) / "logs",
            max_concurrency=engine.max_concurrency,
            timeout_seconds=engine.timeout_seconds,
        ) as fleet:
            yield fleet
    elif engine.kind == "endpoint":
        yield EndpointSampler(
            engine.urls, max_concurrency=engine.max_concurrency, timeout_seconds=engine.timeout_seconds
        )
    elif engine.kind == "recorded":
        yield RecordedSampler(engine.completions)
    else:
        yield TransformersSampler(batch_size=engine.batch_size)
