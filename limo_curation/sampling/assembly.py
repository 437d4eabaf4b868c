"""Put a sampler together as the run file asks: an engine, the token ledger above it, the cache above both."""

from __future__ import annotations

from limo_curation.config import RunConfig
from limo_curation.engine_config import EngineConfig
from limo_curation.sampling.budget import MeteredSampler
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling.endpoint import EndpointSampler
from limo_curation.sampling.protocol import Sampler
from limo_curation.sampling.recorded import RecordedSampler
from limo_curation.sampling.transformers_engine import TransformersSampler
from limo_curation.store import Store


def assemble_sampler(config: RunConfig, store: Store) -> tuple[CachedSampler, MeteredSampler] | tuple[None, None]:
    """Return the sampler of a run and the ledger inside it; None twice for a run that samples nothing."""
    samples = (
        config.generation.teachers,
        config.difficulty.enabled and (config.difficulty.weak or config.difficulty.strong),
        config.decontamination.enabled and config.decontamination.paraphrase,
    )
    if not any(samples):
        return None, None
    metered = MeteredSampler(engine_of(config.engine), max_total_tokens=config.engine.max_total_tokens)
    return CachedSampler(metered, store), metered


def engine_of(config: EngineConfig) -> Sampler:
    """Return the engine that a run file names."""
    if config.kind == "endpoint":
        return EndpointSampler(
            config.urls, max_concurrency=config.max_concurrency, timeout_seconds=config.timeout_seconds
        )
    if config.kind == "recorded":
        return RecordedSampler(config.completions)
    return TransformersSampler(batch_size=config.batch_size)
