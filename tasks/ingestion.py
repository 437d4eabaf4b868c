"""Ingestion as a task: of candidate problems, of benchmarks, and of chains that sources carry."""

from __future__ import annotations

from prefect import task

from limo_curation.config import ExecutionConfig
from limo_curation.ingestion import (
    BENCHMARK_INGESTION,
    CHAIN_INGESTION,
    INGESTION,
    PUBLIC_SET_INGESTION,
    content_of_sources,
    pin_sources,
)
from limo_curation.problem_config import IngestionConfig
from limo_curation.source_config import Source
from limo_curation.stage import StagePlan, TableStage, plan_stage
from limo_curation.store import Artifact, Store
from tasks.reuse import STAGE_TASK, find_or_run, in_this_process


@task(name="ingestion", task_run_name="{plan.stage.name}", **STAGE_TASK)
def ingest(plan: StagePlan) -> Artifact:
    """Read the sources."""
    return in_this_process(plan)


def ingestion(*, config: IngestionConfig, execution: ExecutionConfig) -> Artifact:
    """Return the candidate problems."""
    return read(INGESTION, config, execution)


def benchmarks(*, sources: tuple[Source, ...], execution: ExecutionConfig) -> Artifact:
    """Return the evaluation sets that must not leak."""
    return read(BENCHMARK_INGESTION, IngestionConfig(sources=sources), execution)


def public_sets(*, sources: tuple[Source, ...], execution: ExecutionConfig) -> Artifact:
    """Return the problems of public sets, which novelty compares with."""
    return read(PUBLIC_SET_INGESTION, IngestionConfig(sources=sources), execution)


def recorded_chains(*, sources: tuple[Source, ...], execution: ExecutionConfig) -> Artifact:
    """Return the chains that sources carry."""
    return read(CHAIN_INGESTION, IngestionConfig(sources=sources), execution)


def read(stage: TableStage, config: IngestionConfig, execution: ExecutionConfig) -> Artifact:
    """Return the table that the sources become; its key follows the files' content.

    A branch on the Hub is looked up here, once: the files are read at that commit, which stands in the manifest.
    """
    config = pin_sources(config)
    plan = plan_stage(
        stage,
        {},
        config=config,
        store=Store(execution.store),
        part_rows=execution.part_rows,
        extra_inputs=content_of_sources(config),
    )
    return find_or_run(ingest, plan)
