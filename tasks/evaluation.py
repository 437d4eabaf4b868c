"""Evaluation as tasks: a benchmark's items, a model's attempts at them, and the report."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from limo_curation.config import ExecutionConfig
from limo_curation.engine_config import EngineConfig
from limo_curation.evaluation.attempts import EVALUATION
from limo_curation.evaluation.config import AttemptsConfig, EvaluationConfig
from limo_curation.evaluation.items import ITEM_INGESTION, check_items
from limo_curation.evaluation.record import load_evaluated
from limo_curation.evaluation.report import write_report
from limo_curation.problem_config import IngestionConfig
from limo_curation.run_record import RunRecord
from limo_curation.sampling import Sampler
from limo_curation.source_config import Source
from limo_curation.stage import StagePlan, plan_stage
from limo_curation.store import Artifact, Store
from tasks.ingestion import read
from tasks.reuse import STAGE_TASK, find_or_run, in_passes


def evaluation_items(benchmark: Source, *, execution: ExecutionConfig) -> Artifact:
    """Return the items of a benchmark.

    Raises:
        TableError: none can be read, or two share an id.
    """
    items = read(ITEM_INGESTION, IngestionConfig(sources=(benchmark,)), execution)
    check_items(Store(execution.store), items, benchmark=benchmark.name)
    return items


@task(name="evaluation", task_run_name="{plan.config.name} on {plan.config.benchmark}", **STAGE_TASK)
def attempt(plan: StagePlan, sampler: Sampler, engine: EngineConfig, num_workers: int) -> Artifact:
    """Run the stage, or what is missing of it."""
    return in_passes(plan, sampler=sampler, engine=engine, num_workers=num_workers)


def evaluation(
    items: Artifact, *, config: AttemptsConfig, sampler: Sampler, engine: EngineConfig, execution: ExecutionConfig
) -> Artifact:
    """Return one model's graded attempts at the items of one benchmark.

    Raises:
        BudgetError: the run's budget is spent.
        TransientError: the engine failed, also after retries.
    """
    plan = plan_stage(
        EVALUATION,
        {"items": items},
        config=config,
        store=Store(execution.store),
        part_rows=execution.chunk_rows,
        extra_inputs={config.solver.model: sampler.revision(config.solver.model)},
    )
    return find_or_run(attempt, plan, sampler=sampler, engine=engine, num_workers=execution.parallel_chunks)


@task(name="evaluation-report", cache_policy=NO_CACHE, persist_result=False)
def evaluation_report(record: RunRecord, *, config: EvaluationConfig) -> Path:
    """Write the report into the run's folder, show it in the UI, and return its path."""
    evaluated = load_evaluated(Store(config.execution.store), record, config)
    page = write_report(evaluated, Path(config.execution.output) / record.name).resolve()
    create_markdown_artifact(
        page.read_text(encoding="utf-8"), key="evaluation", description=f"Figures of {record.name}: {page}"
    )
    return page
