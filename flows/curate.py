"""The main job: from candidate problems to a published set, stage by stage. This file is the list of stages.

    python -m flows.curate demo                    here and now, with a server of its own for the time
    prefect deployment run curate/limo-v1          on a worker

A run is found by its config: started again it finds what is finished and does the rest, and after a change of one
stage's section it does that stage and what follows.
"""

from __future__ import annotations

import os
import sys
from typing import Any, cast

# must stand before Prefect is imported; a deployment sets the first two in its job variables
os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "limo_curation")
os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")  # the core also logs outside of runs
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.settings import get_current_settings
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner

from limo_curation.config import DifficultyConfig, ExecutionConfig, GenerationConfig, RunConfig, VerificationConfig
from limo_curation.engine_config import EngineConfig
from limo_curation.errors import BudgetError, CurationError
from limo_curation.files import without_credentials
from limo_curation.judging.calibration import may_decide
from limo_curation.judging_config import JudgingConfig
from limo_curation.presets import load_config, pilot_of
from limo_curation.problem_config import (
    DecontaminationConfig,
    DeduplicationConfig,
    DomainsConfig,
    IngestionConfig,
    NoveltyConfig,
    ScreeningConfig,
)
from limo_curation.publishing.licenses import require_source_licenses
from limo_curation.publishing_config import PublishingConfig
from limo_curation.sampling import Sampler
from limo_curation.sampling.assembly import assemble_sampler
from limo_curation.selection_config import SelectionConfig
from limo_curation.store import Store
from tasks.decontamination import decontamination as decontaminate
from tasks.deduplication import deduplication as deduplicate
from tasks.demo import write_sources
from tasks.difficulty import difficulty as rate
from tasks.domains import domains as classify
from tasks.generation import generation as generate
from tasks.gpu_workers import BUDGET_SPENT, cancel_workers
from tasks.ingestion import benchmarks, public_sets, recorded_chains
from tasks.ingestion import ingestion as ingest
from tasks.judging import judging as judge
from tasks.novelty import novelty as count_templates
from tasks.progress import Progress
from tasks.publishing import check_hub_access
from tasks.publishing import publishing as publish
from tasks.report import report
from tasks.screening import screening as screen
from tasks.selection import selection as select
from tasks.verification import verification as verify

NUM_TABLES = 13  # stages and side tables that a run without public sets puts on record; for the progress bar only
# Prefect's own default is a thread for every part, all at once
NUM_THREADS = get_current_settings().tasks.runner.thread_pool_max_workers or os.cpu_count()
THREADS = cast("Any", ThreadPoolTaskRunner[Any](max_workers=NUM_THREADS))


@flow(
    name="curate",
    flow_run_name="curate-{profile}",
    task_runner=THREADS,
    on_failure=[cancel_workers],
    on_crashed=[cancel_workers],
    on_cancellation=[cancel_workers],
)
def curate(
    profile: str = "demo",
    ingestion: IngestionConfig | None = None,
    screening: ScreeningConfig | None = None,
    deduplication: DeduplicationConfig | None = None,
    decontamination: DecontaminationConfig | None = None,
    novelty: NoveltyConfig | None = None,
    domains: DomainsConfig | None = None,
    difficulty: DifficultyConfig | None = None,
    generation: GenerationConfig | None = None,
    verification: VerificationConfig | None = None,
    judging: JudgingConfig | None = None,
    selection: SelectionConfig | None = None,
    publishing: PublishingConfig | None = None,
    engine: EngineConfig | None = None,
    execution: ExecutionConfig | None = None,
    pilot_share: float | None = None,
) -> str | State[Any]:
    """Curate a set of reasoning samples.

    Args:
        profile: a preset's name (`demo`, `recorded`, `limo-v1`, `limo-v2`, `full`) or the path of a run file:
            a TOML, or the `run.json` of a published set.
        ingestion: sources of problems. This and all that follow take the place of the preset's whole section.
        screening: which problems are usable.
        deduplication: similarity from which two problems are one.
        decontamination: benchmarks that must not leak.
        novelty: how common a template may be, and how near to public sets a problem.
        domains: labels that decide a domain.
        difficulty: weak and strong solvers, and the band.
        generation: teachers, and recorded chains.
        verification: how answers are compared.
        judging: weights and scales of the rule score, and judges beside it.
        selection: target size, quotas and caps.
        publishing: title, licence and repository.
        engine: who samples; changes no result.
        execution: store, output and parallelism; changes no result.
        pilot_share: rate only this share of the problems, drawn at random, and end after judging. From such a pilot
            `limo-curation plan` tells what the whole run will cost, and the whole run finds its work done.

    Returns:
        The run's name: its record, report and data set are found under it. Where the budget is spent, a failed state
        that says what is missing; a run with a larger budget goes on from there.

    Raises:
        ConfigError: no such preset, or an impossible combination of sections.
        ShortfallError: fewer samples survive than were asked for.
    """
    config = load_config(
        profile,
        ingestion=ingestion,
        screening=screening,
        deduplication=deduplication,
        decontamination=decontamination,
        novelty=novelty,
        domains=domains,
        difficulty=difficulty,
        generation=generation,
        verification=verification,
        judging=judging,
        selection=selection,
        publishing=publishing,
        engine=engine,
        execution=execution,
    )
    return run_stages(config if pilot_share is None else pilot_of(config, pilot_share))


def run_stages(config: RunConfig) -> str | State[Any]:
    """Run every stage of one config, in order, and return the run's name."""
    if not config.is_pilot:
        # what stands in the way is better found now than after the GPU hours
        check_hub_access(config.publishing)
        if config.publishing.enabled:
            require_source_licenses([*config.ingestion.sources, *config.generation.recorded], config=config.publishing)
    store = Store(config.execution.store)
    if config.demo is not None:
        write_sources(config.demo)
    run = Progress(config, num_stages=NUM_TABLES + bool(config.novelty.reference))
    get_run_logger().info("run %s, store %s", run.name, without_credentials(store.url))
    with assemble_sampler(config, store, run=run.name) as (sampler, ledger):
        if config.judging.enabled and config.judging.judge is not None and sampler is not None:
            may_decide(config.judging.judge, sampler)  # as above
        try:
            make_samples(config, run, sampler)
        except BudgetError as error:
            told = f"{error}. Finished: {', '.join(run.artifacts)}"
            return Failed(name=BUDGET_SPENT, message=told, data=BudgetError(told))
        if ledger is not None:
            get_run_logger().info("tokens sampled anew: %s", f"{ledger.total_tokens:,}")
    record = run.finish()
    on = {"execution": config.execution}
    has_samples = config.publishing.enabled and not config.is_pilot
    dataset = publish(record, config=config.publishing, **on) if has_samples else None
    page = report(record, **on)
    print(f"report: {page}")  # noqa: T201  the last two lines are what a user of the script looks for
    if dataset is not None:
        print(f"dataset: {dataset}")  # noqa: T201
    if config.is_pilot:
        print(f"pilot: {run.name}")  # noqa: T201
    return run.name


def make_samples(config: RunConfig, run: Progress, sampler: Sampler | None) -> None:
    """Do the stages from the sources to the selected samples, and put each on record. A pilot ends before these."""
    on = {"execution": config.execution}
    sampled: dict[str, Any] = {"sampler": sampler, "engine": config.engine, "run": run.name, **on}
    problems = run.add(ingest(config=config.ingestion, **on))
    problems = run.add(screen(problems, config=config.screening, **on))
    problems = run.add(deduplicate(problems, config=config.deduplication, **on))
    must_not_leak = None
    if config.decontamination.enabled:
        must_not_leak = run.add(benchmarks(sources=config.decontamination.benchmarks, **on))
    problems = run.add(decontaminate(problems, must_not_leak, config=config.decontamination, sampler=sampler, **on))
    public = None
    if config.novelty.enabled and config.novelty.reference:
        public = run.add(public_sets(sources=config.novelty.reference, **on))
    problems = run.add(count_templates(problems, public, config=config.novelty, **on))
    problems = run.add(classify(problems, config=config.domains, sampler=sampler, **on))
    problems = run.add(rate(problems, config=config.difficulty, **sampled))

    recorded = None
    if config.generation.recorded:
        recorded = run.add(recorded_chains(sources=config.generation.recorded, **on))
    chains = run.add(generate(problems, recorded, config=config.generation, **sampled))
    chains = run.add(verify(chains, config=config.verification, **on))
    chains = run.add(judge(chains, config=config.judging, **sampled))
    if not config.is_pilot:
        run.add(select(chains, config=config.selection, **on))


if __name__ == "__main__":
    try:
        curate(profile=sys.argv[1] if len(sys.argv) > 1 else "demo")
    except CurationError as error:
        sys.exit(f"{type(error).__name__}: {error}")
