"""Models on benchmarks: the same prompts, decoding and grading for each, and what sets them apart.

    python -m flows.evaluation tiny                                       here and now
    prefect deployment run evaluate/limo-v2 -p models='[...]'             on a worker of the pool `gpu`

An evaluation is found by its config: started again it finds what is finished, and each completion that was drawn.
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
from prefect.states import Failed

from limo_curation.config import ExecutionConfig
from limo_curation.engine_config import EngineConfig
from limo_curation.errors import BudgetError, CurationError
from limo_curation.evaluation.config import DecodingConfig, EvaluatedModel, EvaluationConfig, GradingConfig
from limo_curation.evaluation.presets import load_evaluation
from limo_curation.evaluation.record import evaluation_name, kept_out_of, record_evaluation
from limo_curation.files import without_credentials
from limo_curation.sampling import Sampler
from limo_curation.sampling.assembly import metered_sampler
from limo_curation.source_config import Source
from limo_curation.store import Artifact, Store
from tasks.demo import write_sources
from tasks.evaluation import evaluation, evaluation_items, evaluation_report
from tasks.gpu_workers import BUDGET_SPENT


@flow(name="evaluate", flow_run_name="evaluate-{profile}")
def evaluate(
    profile: str = "tiny",
    models: list[EvaluatedModel] | None = None,
    baseline: str | None = None,
    benchmarks: list[Source | str] | None = None,
    decoding: DecodingConfig | None = None,
    grading: GradingConfig | None = None,
    trained_on: str | None = None,
    engine: EngineConfig | None = None,
    execution: ExecutionConfig | None = None,
) -> str | State[Any]:
    """Evaluate models on benchmarks.

    Args:
        profile: a preset's name (`tiny`, `limo-v1`, `limo-v2`) or the path of a TOML file.
        models: each with a name and a Hub id or folder. This and all that follow take the place of the preset's.
        baseline: name of the model that the others are compared with; the first, where only models are given.
        benchmarks: names of the catalogue (`deployments/benchmarks/`), tables with path and columns, or both.
        decoding: samples, temperatures and token limit.
        grading: what counts as the same answer.
        trained_on: folder of the published set that the tuned models were trained on; the report then says which
            benchmarks were kept out of it.
        engine: who samples; changes no result.
        execution: store, output and parallelism; changes no result.

    Returns:
        The run's name: its report is in a folder of that name. Where the budget is spent, a failed state that says so;
        a run with a larger budget goes on from there.

    Raises:
        ConfigError: no such preset, or an impossible combination.
        TableError: a benchmark can't be read.
    """
    config = load_evaluation(
        profile,
        models=models,
        baseline=baseline,
        benchmarks=benchmarks,
        decoding=decoding,
        grading=grading,
        trained_on=trained_on,
        engine=engine,
        execution=execution,
    )
    name, store = evaluation_name(config), Store(config.execution.store)
    if config.trained_on is not None:
        kept_out_of(config.trained_on)  # a wrong folder is better found now than after the GPU hours
    if config.demo is not None:
        write_sources(config.demo)
    get_run_logger().info("run %s, store %s", name, without_credentials(store.url))
    items = {one.name: evaluation_items(one, execution=config.execution) for one in config.benchmarks}
    with metered_sampler(config.engine, store, run=name, output=config.execution.output) as (sampler, ledger):
        try:
            attempts = attempt_all(config, items, sampler)
        except BudgetError as error:
            return Failed(name=BUDGET_SPENT, message=str(error), data=error)
        get_run_logger().info("tokens sampled anew: %s", f"{ledger.total_tokens:,}")
    page = evaluation_report(record_evaluation(store, config, items=items, attempts=attempts), config=config)
    print(f"evaluation: {page}")  # noqa: T201  what a user of the script looks for
    return name


def attempt_all(
    config: EvaluationConfig, items: dict[str, Artifact], sampler: Sampler
) -> dict[tuple[str, str], Artifact]:
    """Return each model's attempts at each benchmark, by both names; one model after the other."""
    return {
        (model.name, benchmark.name): evaluation(
            items[benchmark.name],
            config=config.attempts_config(model, benchmark, num_items=items[benchmark.name].rows),
            sampler=sampler,
            engine=config.engine,
            execution=config.execution,
        )
        for model in config.models
        for benchmark in config.benchmarks
    }


if __name__ == "__main__":
    run_flow = cast("Any", evaluate)
    try:
        run_flow(profile=sys.argv[1] if len(sys.argv) > 1 else "tiny")
    except CurationError as error:
        sys.exit(f"{type(error).__name__}: {error}")
