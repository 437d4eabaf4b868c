"""Put a sampler together as the run file asks: an engine, the token ledger above it, the cache above both."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from limo_curation.config import RunConfig
from limo_curation.engine_config import EngineConfig
from limo_curation.sampling.budget import MeteredSampler
from limo_curation.sampling.cache import CachedSampler
from limo_curation.sampling.endpoint import EndpointSampler
from limo_curation.sampling.protocol import Sampler
from limo_curation.sampling.recorded import RecordedSampler
from limo_curation.sampling.spending import SpendingRecord
from limo_curation.sampling.transformers_engine import TransformersSampler
from limo_curation.sampling.vllm_fleet import VllmFleet
from limo_curation.store import Store


@contextmanager
def assemble_sampler(
    config: RunConfig, store: Store, *, run: str
) -> Generator[tuple[CachedSampler, MeteredSampler] | tuple[None, None]]:
    """Give the sampler of a run and the ledger inside it; None twice for a run that samples nothing.

    Servers that the run starts itself are gone at the end of the block, however it ends.

    Args:
        config: the run's sections.
        store: where the request cache is, and the account of what the run has spent.
        run: the run's name, by which all its processes share one budget.
    """
    samples = (
        config.generation.teachers,
        config.difficulty.enabled and (config.difficulty.weak or config.difficulty.strong),
        config.decontamination.enabled and config.decontamination.paraphrase,
        config.domains.enabled and config.domains.classifier,
        config.judging.enabled and config.judging.judge,
    )
    if not any(samples):
        yield None, None
        return
    with metered_sampler(config.engine, store, run=run, output=config.execution.output) as both:
        yield both


@contextmanager
def metered_sampler(
    config: EngineConfig, store: Store, *, run: str, output: str
) -> Generator[tuple[CachedSampler, MeteredSampler]]:
    """Give the sampler of a run of any kind, and the ledger inside it; servers are gone at the end of the block.

    Args:
        config: who samples, and the budget.
        store: where the request cache is, and the account of what the run has spent.
        run: the run's name, by which all its processes share one budget.
        output: folder in which the run has one of its own, for the servers' logs.
    """
    with engine_of(config, log_folder=Path(output) / run / "logs") as engine:
        metered = MeteredSampler(
            engine,
            max_total_tokens=config.max_total_tokens,
            max_gpu_hours=config.max_gpu_hours,
            num_gpus=(lambda: engine.num_gpus) if isinstance(engine, VllmFleet) else config.num_gpus or 0,
            record=SpendingRecord(store, run),
        )
        yield CachedSampler(metered, store), metered


@contextmanager
def engine_of(engine: EngineConfig, *, log_folder: Path) -> Generator[Sampler]:
    """Give the engine that a run file names; servers that it starts write below the log folder."""
    if engine.kind == "vllm":
        with VllmFleet(
            engine.vllm,
            models_at_once=engine.models_at_once,
            log_folder=log_folder,
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
